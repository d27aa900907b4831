/**
 * Abuse, 4: what the gateway fetches on behalf of the configuration (sets of keys), from addresses that have turned
 * bad: they lead elsewhere, answer with too much, too slowly, or with something else. Metadata of servers behind, which
 * nobody configured, and addresses within the network: test/e2e/upstream-login*.test.ts and src/lib/private-host.test.ts.
 */
import assert from 'node:assert/strict';
import { createServer, type ServerResponse } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { Abused } from '../../fixtures/abused.ts';
import { AUDIENCE, ecKey, ISSUER, keySetText, token } from '../../fixtures/issuer.ts';
import { closing, listening } from '../http-harness.ts';

const key = ecKey('one');
const keys = keySetText(key);

/** What must never be asked by the gateway: it stands where only the gateway reaches. */
const asked: string[] = [];
const inner = createServer((request, reply) => {
  asked.push(request.url ?? '');
  reply.end(keys);
});

const ANSWERS: Record<string, (reply: ServerResponse, innerUrl: string) => void> = {
  redirect: (reply, to) => reply.writeHead(302, { location: `${to}/latest/meta-data` }).end(),
  moved: (reply, to) => reply.writeHead(308, { location: to }).end(keys),
  huge: (reply) => reply.end(`{"keys":[],"x":"${'x'.repeat(1024 * 1024)}"}`),
  endless: (reply) => {
    const more = (): void => {
      while (reply.write('x'.repeat(64 * 1024)));
      reply.once('drain', more);
    };
    more();
  },
  bomb: (reply) =>
    reply.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(50_000_000, ' '))),
  silent: () => undefined,
  drip: (reply) => {
    const timer = setInterval(() => reply.write(' '), 100);
    reply.on('close', () => clearInterval(timer));
  },
  page: (reply) => reply.writeHead(200, { 'content-type': 'text/html' }).end('<html>root:x:0:0:</html>'),
  deep: (reply) => reply.end(`{"keys":${'['.repeat(100_000)}`),
  many: (reply) => reply.end(JSON.stringify({ keys: Array.from({ length: 200 }, () => key.jwk) })),
  error: (reply) => reply.writeHead(500).end(keys),
};

let abused: Abused;
const issuer = createServer((request, reply) => {
  const name = (request.url ?? '').slice(1);
  if (name === 'good') reply.end(keys);
  else ANSWERS[name]?.(reply, innerUrl);
});
let innerUrl = '';
let valid = '';

before(async () => {
  innerUrl = `http://127.0.0.1:${await listening(inner)}`;
  const issuerUrl = `http://127.0.0.1:${await listening(issuer)}`;
  valid = `Bearer ${await token(key, { claims: { exp: Math.floor(Date.now() / 1000) + 3600 } })}`;
  const route = (name: string, upstream: string): object => ({
    matches: [{ path: { pathPrefix: `/${name}` } }],
    policies: { jwtAuth: { issuer: ISSUER, audiences: [AUDIENCE], jwks: { url: `${issuerUrl}/${name}` } } },
    backends: [{ host: upstream }],
  });
  abused = await Abused.open({
    config: (upstream) => ({
      binds: [
        {
          port: 3000,
          listeners: [{ routes: ['good', ...Object.keys(ANSWERS)].map((name) => route(name, upstream)) }],
        },
      ],
    }),
    good: { path: '/good', headers: { authorization: valid } },
  });
});
after(async () => {
  await abused.close();
  await Promise.all([closing(issuer), closing(inner)]);
});

describe('keys at an address that answers with', { concurrency: true }, () => {
  for (const name of Object.keys(ANSWERS)) {
    test(`${name}: tokens are refused for now, and the log says why without what it said`, async () => {
      const { status, body } = await abused.get(`/${name}`, { authorization: valid });
      assert.deepEqual([status, JSON.parse(body).error.code], [503, 'KEYS_UNAVAILABLE']);
      assert.doesNotMatch(body, /127\.0\.0\.1|root:x|latest/);
      const line = await abused.line(`/${name}"`);
      assert.equal(line['reason'], 'KEYS_UNAVAILABLE');
      assert.doesNotMatch(abused.gateway.log(), /root:x/);
    });
  }
});

test('nobody else was asked, nothing got through, and other issuers serve as before', async () => {
  assert.deepEqual(asked, []);
  abused.nothingReached();
  await abused.unharmed();
});

test('a token does not choose where its keys come from', async () => {
  for (const claims of [{ iss: innerUrl }, { iss: `${innerUrl}/.well-known/openid-configuration` }]) {
    const text = await token(key, { claims, header: { jku: innerUrl, x5u: innerUrl } });
    assert.equal((await abused.get('/good', { authorization: `Bearer ${text}` })).status, 401);
  }
  assert.deepEqual(asked, []);
  await abused.unharmed();
});

import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, test } from 'node:test';
import { FakeClock } from '../../../test/fixtures/test-ports.ts';
import { LIMITS } from '../../core/limits.ts';
import { type Closable, Scope } from '../../core/scope.ts';
import { Cancel } from '../../lib/cancel.ts';
import { OauthHttp, oauthProblem } from './oauth-http.ts';
import { TokenEndpoint, type TokenEndpointOptions } from './token-endpoint.ts';

interface Received {
  readonly path: string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly form: URLSearchParams;
}

const JSON_TYPE = { 'content-type': 'application/json' };
const TOKEN = { access_token: 'granted', token_type: 'Bearer', expires_in: 60 };
const SECRET = 's3cret+/%:';
let open: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
  open = [];
});

/** An authorization server that answers as told. */
async function issuer(answer: (request: Received, reply: ServerResponse, origin: string) => void) {
  const received: Received[] = [];
  let origin = '';
  const server = createServer(async (request, reply) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const one = { path: request.url, headers: request.headers, form: new URLSearchParams(body) };
    received.push(one);
    answer(one, reply, origin);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  open.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return { origin, received };
}

function endpoint(address: TokenEndpointOptions['address'], more: Partial<TokenEndpointOptions> = {}) {
  const scope = new Scope();
  open.push(() => scope.close());
  const clock = new FakeClock();
  const lasting = { hold: <T extends Closable>(owner: Scope, _: string, make: () => T) => owner.own(make()) };
  const made = new TokenEndpoint({
    address,
    clientId: 'the gateway',
    clientSecret: () => SECRET,
    clientAuth: 'basic',
    parameters: {},
    http: new OauthHttp({ lasting, scope, clock }),
    clock,
    ...more,
  });
  return { clock, ask: (cancel = new Cancel()) => made.ask(cancel) };
}

const json = (reply: ServerResponse, body: unknown, status = 200) =>
  reply.writeHead(status, JSON_TYPE).end(JSON.stringify(body));

test('a token is asked for with id and secret in the header, or in the form', async () => {
  const { origin, received } = await issuer((_, reply) => json(reply, TOKEN));
  const address = { tokenUrl: `${origin}/token?tenant=1` };
  const parameters = { scope: 'a b', audience: 'x', resource: 'https://api.test/', further: 'z' };
  assert.deepEqual(await endpoint(address, { parameters }).ask(), { value: 'granted', lifeMs: 60_000 });
  const [first] = received;
  assert.equal(first?.path, '/token?tenant=1');
  assert.deepEqual(Object.fromEntries(first?.form ?? []), {
    grant_type: 'client_credentials',
    ...parameters,
  });
  const pair = Buffer.from(String(first?.headers.authorization).slice('Basic '.length), 'base64').toString();
  // RFC 6749 section 2.3.1: both are form-encoded first.
  assert.deepEqual(new URLSearchParams(pair.replace(':', '=')).get('the gateway'), SECRET);
  await endpoint(address, { clientAuth: 'post' }).ask();
  assert.equal(received[1]?.headers.authorization, undefined);
  assert.equal(received[1]?.form.get('client_id'), 'the gateway');
  assert.equal(received[1]?.form.get('client_secret'), SECRET);
});

test('what forms leave alone is not encoded in the header', async () => {
  const { origin, received } = await issuer((_, reply) => json(reply, TOKEN));
  const clientId = 'a-client_of.ours';
  await endpoint({ tokenUrl: `${origin}/token` }, { clientId, clientSecret: () => 'a-b_c.d:e f' }).ask();
  const pair = Buffer.from('a-client_of.ours:a-b_c.d%3Ae+f').toString('base64');
  assert.equal(received[0]?.headers.authorization, `Basic ${pair}`);
});

test('metadata of the issuer names the endpoint, in either of its two places, and is asked for once', async () => {
  for (const place of ['oauth-authorization-server', 'openid-configuration']) {
    const { origin, received } = await issuer(({ path }, reply, issuer) => {
      if (path === `/.well-known/${place}`) json(reply, { issuer, token_endpoint: `${issuer}/t` });
      else if (path === '/t') json(reply, TOKEN);
      else reply.writeHead(404).end();
    });
    const { ask, clock } = endpoint({ issuer: origin });
    assert.equal((await ask()).value, 'granted');
    const before = received.length;
    await ask();
    assert.deepEqual(
      received.slice(before).map(({ path }) => path),
      ['/t'],
    );
    await clock.advance(LIMITS.keySetAge.value);
    await ask();
    assert.ok(received.length > before + 2, 'asked again after a while');
  }
});

test('metadata of somebody else, or without a proper endpoint, is not used', async () => {
  for (const [metadata, pattern] of [
    [{ issuer: 'https://other.test', token_endpoint: 'https://other.test/t' }, /issuer/],
    [{}, /token_endpoint/],
    [{ token_endpoint: 'ftp://x' }, /token_endpoint/],
    [{ token_endpoint: 'http://ann:pw@x/' }, /token_endpoint/],
    [{ token_endpoint: 5 }, /token_endpoint/],
  ] as const) {
    const { origin } = await issuer((_, reply, issuer) => json(reply, { issuer, ...metadata }));
    await assert.rejects(endpoint({ issuer: origin }).ask(), (error) => {
      assert.match(oauthProblem(error), pattern);
      return true;
    });
  }
});

const QUOTED = 'sk-quoted-by-the-server';

test('an answer that is no token is refused, and what it said is not quoted', async () => {
  const cases: readonly [RegExp, (reply: ServerResponse) => unknown][] = [
    [/^HTTP 401: invalid_client$/, (reply) => json(reply, { error: 'invalid_client' }, 401)],
    [/^HTTP 400: an error of its own$/, (reply) => json(reply, { error: `bad ${QUOTED}` }, 400)],
    [
      /^HTTP 400: invalid_scope$/,
      (reply) => json(reply, { error: 'invalid_scope', error_description: QUOTED }, 400),
    ],
    [/status 500/, (reply) => json(reply, { error: QUOTED }, 500)],
    [/status 302/, (reply) => reply.writeHead(302, { location: 'http://127.0.0.1:1/' }).end()],
    [/status 204/, (reply) => reply.writeHead(204).end()],
    [/JSON/, (reply) => reply.writeHead(200, JSON_TYPE).end(`{${QUOTED}`)],
    [/content-type/, (reply) => reply.writeHead(200, { 'content-type': 'text/html' }).end(`<p>${QUOTED}`)],
    [/object/, (reply) => json(reply, [QUOTED])],
    [/access_token/, (reply) => json(reply, { token_type: 'Bearer', other: QUOTED })],
    [/./, (reply) => json(reply, { ...TOKEN, token_type: QUOTED })],
    [/no bearer/, (reply) => json(reply, { ...TOKEN, token_type: 'DPoP' })],
    [/fit into a header/, (reply) => json(reply, { ...TOKEN, access_token: `${QUOTED}\r\nx-admin: 1` })],
    [/fit into a header/, (reply) => json(reply, { ...TOKEN, access_token: QUOTED.repeat(1000) })],
    [/longer than/, (reply) => reply.writeHead(200, JSON_TYPE).end(Buffer.alloc(10 * 1024 * 1024, QUOTED))],
  ];
  for (const [pattern, answer] of cases) {
    const { origin, received } = await issuer((_, reply) => answer(reply));
    await assert.rejects(endpoint({ tokenUrl: `${origin}/` }).ask(), (error) => {
      const said = oauthProblem(error);
      assert.match(said, pattern);
      assert.ok(!said.includes(QUOTED) && !said.includes(SECRET), said);
      return true;
    });
    assert.equal(received.length, 1, 'nobody else is asked');
  }
});

test('a server that does not answer is given up after a while, one that is not there at once', async () => {
  let heard = (): void => {};
  const arrived = new Promise<void>((resolve) => {
    heard = resolve;
  });
  const { origin } = await issuer(() => heard());
  const { ask, clock } = endpoint({ tokenUrl: origin });
  const failed = assert.rejects(ask(), (error) => /no answer within/.test(oauthProblem(error)));
  await arrived;
  await clock.advance(LIMITS.credentialsTime.value);
  await failed;
  await assert.rejects(endpoint({ tokenUrl: 'http://127.0.0.1:1/' }).ask(), /127\.0\.0\.1:1/);
});

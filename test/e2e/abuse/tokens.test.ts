/**
 * Abuse, 1: tokens. Whole gateway, whole requests: that a bad token is refused whatever is wrong with it, that the log
 * says why without showing it, that nothing of it reaches who is behind. The single faults of tokens, one by one, are
 * in src/auth/jwt-abuse.test.ts; secrets in every output are in test/e2e/redaction.test.ts.
 */
import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { createServer } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { Abused } from '../../fixtures/abused.ts';
import {
  AUDIENCE,
  ecKey,
  forged,
  hmacToken,
  ISSUER,
  keySetText,
  rsaKey,
  token,
} from '../../fixtures/issuer.ts';
import { closing, listening } from '../http-harness.ts';

const ec = ecKey('ec');
const rsa = rsaKey('rsa');
const jwks = keySetText(ec, rsa);
const now = Math.floor(Date.now() / 1000);
const valid = { exp: now + 3600, sub: 'ann' };
const pem = createPublicKey(rsa.privateKey).export({ type: 'spki', format: 'pem' });

let abused: Abused;
let good = '';
/** Whoever is asked for a key that a token points to. */
const asked: string[] = [];
const attacker = createServer((request, reply) => {
  asked.push(request.url ?? '');
  reply.end(keySetText(ecKey('ec')));
});
let attackerUrl = '';

before(async () => {
  attackerUrl = `http://127.0.0.1:${await listening(attacker)}`;
  good = await token(ec, { claims: valid });
  abused = await Abused.open({
    config: (upstream) => ({
      binds: [
        {
          port: 3000,
          listeners: [
            {
              routes: [
                {
                  policies: { jwtAuth: { issuer: ISSUER, audiences: [AUDIENCE], jwks } },
                  backends: [{ host: upstream }],
                },
              ],
            },
          ],
        },
      ],
    }),
    good: { path: '/good', headers: { authorization: `Bearer ${good}` } },
  });
});
after(async () => {
  await abused.close();
  await closing(attacker);
});

describe('a request with a token', () => {
  const foreign = ecKey('ec');
  const cases: Record<string, () => string | Promise<string>> = {
    'of algorithm none': () => forged({ alg: 'none' }, { iss: ISSUER, aud: AUDIENCE, ...valid }),
    'of algorithm None with a signature': () =>
      forged({ alg: 'None' }, { iss: ISSUER, aud: AUDIENCE, ...valid }, 'AA'),
    'signed with the public key as a secret (PEM)': () => hmacToken(pem, { kid: 'rsa' }),
    'signed with the public key as a secret (JWK)': () => hmacToken(JSON.stringify(rsa.jwk), { kid: 'rsa' }),
    'signed with the set of keys as a secret': () => hmacToken(jwks, { kid: 'rsa' }),
    'signed with an empty secret': () => hmacToken('', { kid: 'rsa' }),
    'of another issuer': () => token(ec, { claims: { ...valid, iss: 'https://issuer.test.evil' } }),
    'of no issuer': () => token(ec, { claims: { ...valid, iss: undefined } }),
    'for another audience': () => token(ec, { claims: { ...valid, aud: 'other.test' } }),
    'that has expired': () => token(ec, { claims: { ...valid, exp: now - 3600 } }),
    'that is not valid yet': () => token(ec, { claims: { ...valid, nbf: now + 3600 } }),
    'without an end': () => token(ec, { claims: { ...valid, exp: undefined } }),
    'signed by somebody else': () => token(foreign, { claims: valid }),
    'whose key is a path': () => token(foreign, { claims: valid, header: { kid: '../../../../dev/null' } }),
    'whose key is a query': () => token(foreign, { claims: valid, header: { kid: "x' UNION SELECT 'k" } }),
    'whose key is a property of every object': () =>
      token(foreign, { claims: valid, header: { kid: '__proto__' } }),
    'that brings its key along': () => token(foreign, { claims: valid, header: { jwk: foreign.jwk } }),
    'that says where its key is (jku)': () =>
      token(foreign, { claims: valid, header: { jku: `${attackerUrl}/jku` } }),
    'that says where its key is (x5u)': () =>
      token(foreign, { claims: valid, header: { x5u: `${attackerUrl}/x5u` } }),
    'whose claims were changed': async () => {
      const [head, , signature] = (await token(ec, { claims: valid })).split('.');
      const claims = Buffer.from(JSON.stringify({ iss: ISSUER, aud: AUDIENCE, ...valid, sub: 'root' }));
      return `${head}.${claims.toString('base64url')}.${signature}`;
    },
    'of half a mebibyte': () => 'x'.repeat(20_000),
    'that is none': () => 'x.y.z',
    'in five parts (encrypted)': () => 'a.b.c.d.e',
  };
  for (const [what, make] of Object.entries(cases)) {
    test(`${what} is refused`, async () => {
      const text = await make();
      const mark = abused.mark();
      const { status, headers, body } = await abused.get(`/${mark}`, { authorization: `Bearer ${text}` });
      assert.equal(status, 401);
      assert.match(headers['www-authenticate'] ?? '', /^Bearer error="invalid_token"/);
      assert.equal(JSON.parse(body).error.code, 'UNAUTHENTICATED');
      const line = await abused.line(mark);
      assert.deepEqual([line['http.status'], line['reason']], [401, 'UNAUTHENTICATED']);
      assert.ok(!abused.gateway.log().includes(text.slice(-40)), 'the log shows the token');
      abused.nothingReached();
      await abused.unharmed();
    });
  }

  test('never has the gateway fetch what it points to', () => assert.deepEqual(asked, []));
});

describe('two credentials', () => {
  const ask = async (lines: readonly string[], query = ''): Promise<[string, string]> => {
    const mark = abused.mark();
    const head = [`GET /${mark}${query} HTTP/1.1`, 'Host: localhost', 'Connection: close', ...lines, '', ''];
    return [await abused.raw(head.join('\r\n'), 'open'), mark];
  };

  test('in two Authorization headers are none, in either order and however they are spelled', async () => {
    const pairs = [
      [`Authorization: Bearer ${good}`, 'Authorization: Bearer x'],
      ['Authorization: Bearer x', `Authorization: Bearer ${good}`],
      ['authorization: Basic YTpi', `Authorization: Bearer ${good}`],
      [`Authorization: Bearer ${good}, Bearer x`],
      [`Authorization: Bearer ${good} x`],
    ];
    for (const pair of pairs) {
      const [text, mark] = await ask(pair);
      assert.match(text, /^HTTP\/1\.1 40[01] /, pair.join(' | ').slice(0, 60));
      assert.ok(Number((await abused.line(mark))['http.status']) >= 400);
    }
    abused.nothingReached();
    await abused.unharmed();
  });

  test('in a header and elsewhere: the place that was configured counts, and nothing else reaches who is behind', async () => {
    const [text] = await ask([`Cookie: token=${good}`], `?access_token=${good}&token=${good}`);
    assert.match(text, /^HTTP\/1\.1 401 /);
    abused.nothingReached();
    const [served] = await ask([`Authorization: Bearer ${good}`, 'Cookie: token=x'], '?access_token=x');
    assert.match(served, /^HTTP\/1\.1 200 /);
    const [through] = abused.reached.splice(0);
    assert.ok(through);
    assert.equal(through.headers.authorization, undefined);
  });

  test('hidden from the next hop by Connection are refused as if they were not', async () => {
    const [text] = await ask(['Connection: close, Authorization', 'Authorization: Bearer x']);
    assert.match(text, /^HTTP\/1\.1 401 /);
    abused.nothingReached();
    await abused.unharmed();
  });
});

/** Tokens that somebody made to get in: each is refused, says why, and shows nothing of itself. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  AUDIENCE,
  claimsOf,
  ecKey,
  forged,
  hmacToken,
  ISSUER,
  keySetText,
  rsaKey,
  START,
  token,
} from '../../test/fixtures/issuer.ts';
import { FakeClock } from '../../test/fixtures/test-ports.ts';
import { GatewayError } from '../core/errors.ts';
import { JwtVerifier } from './jwt.ts';
import { inlineKeys } from './key-source.ts';

const key = ecKey('one');
const rsa = rsaKey('rsa');
const set = keySetText(key, rsa);
const verifier = new JwtVerifier(
  [{ issuer: ISSUER, audiences: [AUDIENCE], requiredClaims: ['exp', 'sub'], keys: inlineKeys(set) }],
  new FakeClock(),
);

async function refuses(text: string, reason: RegExp): Promise<void> {
  await assert.rejects(verifier.verify(text), (error: unknown) => {
    assert.ok(error instanceof GatewayError);
    assert.equal(error.code, 'UNAUTHENTICATED');
    assert.match(error.message, reason);
    for (const part of text.split('.'))
      assert.ok(part.length < 6 || !error.message.includes(part), error.message);
    assert.match(error.message, /^[\x20-\x7e]{1,120}$/);
    return true;
  });
  assert.equal(verifier.known, 0);
}

/** The signature of a valid token on other parts. */
async function transplanted(header: object, payload: object): Promise<string> {
  const [, , signature] = (await token(key)).split('.');
  return forged(header, payload, signature);
}

describe('algorithms', () => {
  test('none at all, in any spelling, with or without a signature', async () => {
    for (const alg of ['none', 'None', 'NONE', 'nOnE', '']) {
      await assert.rejects(verifier.verify(forged({ alg, kid: 'one' }, claimsOf())), {
        message: 'not a token (JWT)',
      });
      await refuses(forged({ alg, kid: 'one' }, claimsOf(), 'AAAA'), /not accepted/);
      await refuses(await transplanted({ alg, kid: 'one' }, claimsOf()), /not accepted/);
    }
    await refuses(forged({ kid: 'one' }, claimsOf(), 'AAAA'), /not accepted/);
  });

  test('HMAC with the public key as the secret, in every form the key is known in', async () => {
    const publicKey = key.jwk;
    const forms = [
      JSON.stringify(publicKey),
      set,
      Buffer.from(String(publicKey.x), 'base64url'),
      rsa.privateKey.export({ type: 'pkcs1', format: 'pem' }).toString().slice(0, 10),
      Buffer.from(String(rsa.jwk.n), 'base64url'),
      '',
    ];
    for (const secret of forms) await refuses(hmacToken(secret, { kid: 'one' }), /HS256 are not accepted/);
  });

  test('one that belongs to another kind of key', async () => {
    await refuses(await transplanted({ alg: 'RS256', kid: 'one' }, claimsOf()), /does not publish/);
    await refuses(await transplanted({ alg: 'ES384', kid: 'one' }, claimsOf()), /does not publish/);
    await refuses(await transplanted({ alg: 'ES256', kid: 'rsa' }, claimsOf()), /does not publish/);
  });

  test('something that is no algorithm is not repeated in the answer', async () => {
    for (const alg of ['<script>', 'x'.repeat(200), { toString: 1 }, ['ES256'], 1, null])
      await refuses(
        await transplanted({ alg, kid: 'one' }, claimsOf()),
        /^tokens signed with that algorithm/,
      );
  });
});

describe('keys', () => {
  test('of somebody else, under the name of ours', async () => {
    await refuses(await token(ecKey('one')), /signature/);
  });

  test('that the token brings along or points to are not used', async () => {
    const mine = ecKey('one');
    for (const header of [
      { jwk: mine.jwk },
      { jku: 'https://evil.test/jwks' },
      { x5u: 'https://evil.test/cert' },
      { x5c: ['MIIB'] },
    ])
      await refuses(await token(mine, { header }), /signature/);
  });

  test('with names that try to be paths, queries or properties', async () => {
    for (const kid of [
      '../../dev/null',
      "' OR 1=1 --",
      '__proto__',
      'constructor',
      '\u0000',
      'x'.repeat(5000),
      '',
    ])
      await refuses(await token(key, { header: { kid } }), /does not publish/);
    for (const kid of [1, null, ['one'], { one: 1 }])
      await refuses(await transplanted({ alg: 'ES256', kid }, claimsOf()), /malformed/);
  });
});

describe('claims', () => {
  test('of another issuer, or of several', async () => {
    for (const iss of [
      'https://evil.test',
      `${ISSUER}/`,
      ISSUER.toUpperCase(),
      `${ISSUER}.evil.test`,
      undefined,
    ])
      await refuses(await token(key, { claims: { iss } }), /issuer/);
    await refuses(await token(key, { claims: { iss: [ISSUER] } }), /issuer/);
  });

  test('for another audience, or for nobody', async () => {
    for (const aud of ['other', `${AUDIENCE} `, [], ['a', 'b']])
      await refuses(await token(key, { claims: { aud } }), /audience/);
    await refuses(await token(key, { claims: { aud: undefined } }), /no claim "aud"/);
  });

  test('that are over, not yet begun, or no times', async () => {
    await refuses(await token(key, { claims: { exp: START - 60 } }), /expired/);
    await refuses(await token(key, { claims: { exp: 0 } }), /expired/);
    await refuses(await token(key, { claims: { nbf: START + 61 } }), /not valid yet/);
    for (const exp of ['9999999999', null, {}])
      await refuses(await token(key, { claims: { exp } }), /wrong claim "exp"/);
    await refuses(await token(key, { claims: { nbf: 'soon' } }), /wrong claim "nbf"/);
  });

  test('that are required and missing', async () => {
    await refuses(await token(key, { claims: { exp: undefined } }), /no claim "exp"/);
    await refuses(await token(key, { claims: { sub: undefined } }), /no claim "sub"/);
  });

  test('with a subject that is no text, which could be anybody', async () => {
    for (const sub of [1, {}, ['ann'], true, null])
      await refuses(await token(key, { claims: { sub } }), /claim "sub"/);
  });

  test('that were changed after signing', async () => {
    const [header, , signature] = (await token(key)).split('.');
    const payload = Buffer.from(JSON.stringify(claimsOf({ sub: 'admin' }))).toString('base64url');
    await refuses(`${header}.${payload}.${signature}`, /signature/);
  });
});

describe('texts', () => {
  test('that are no tokens', async () => {
    const valid = await token(key);
    const [header, payload, signature] = valid.split('.');
    for (const text of [
      '',
      '.',
      '..',
      'a.b.c',
      'null.null.null',
      `${header}.${payload}`,
      `${valid}.x`,
      `${valid}.x.y`,
      `.${payload}.${signature}`,
      `${header}..${signature}`,
      '{"payload":"","signatures":[]}',
      Buffer.alloc(500, 0xff).toString('latin1'),
    ])
      await assert.rejects(verifier.verify(text), { code: 'UNAUTHENTICATED' }, text.slice(0, 40));
    assert.equal(verifier.known, 0);
  });

  test('that say they are valid in another way than other readers would read them', async () => {
    const valid = await token(key);
    const [header, payload, signature] = valid.split('.');
    for (const text of [
      ` ${valid}`,
      `${valid} `,
      `${valid}\n`,
      `${valid}=`,
      `${header}.${payload}.${signature}AA`,
    ])
      await assert.rejects(
        verifier.verify(text),
        { code: 'UNAUTHENTICATED' },
        JSON.stringify(text.slice(-4)),
      );
  });

  test('with extensions that we do not know and must understand', async () => {
    await refuses(
      await transplanted({ alg: 'ES256', kid: 'one', crit: ['exp'], exp: 1 }, claimsOf()),
      /malformed/,
    );
    await refuses(
      await transplanted({ alg: 'ES256', kid: 'one', crit: ['b64'], b64: false }, claimsOf()),
      /signature/,
    );
  });

  test('that were issued for other purposes', async () => {
    for (const typ of ['logout+jwt', 'application/secevent+jwt', 'DPOP+JWT'])
      await refuses(await token(key, { header: { typ } }), /another purpose/);
  });

  test('that are huge are refused before anything of them is read', async () => {
    await refuses(await token(key, { claims: { fill: 'x'.repeat(20_000) } }), /longer than 16384 bytes/);
    await refuses('.'.repeat(16_385), /longer than/);
    await refuses('.'.repeat(16_384), /not a token/);
    await refuses(
      forged({ alg: 'ES256', kid: 'one' }, { iss: ISSUER, deep: nested(3000) }, 'AAAA'),
      /malformed|signature/,
    );
  });
});

function nested(depth: number): unknown {
  let value: unknown = [];
  for (let level = 0; level < depth; level += 1) value = [value];
  return value;
}

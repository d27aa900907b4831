import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  AUDIENCE,
  ecKey,
  edKey,
  ISSUER,
  keySetText,
  rsaKey,
  START,
  token,
} from '../../test/fixtures/issuer.ts';
import { FakeClock } from '../../test/fixtures/test-ports.ts';
import { type JwtProvider, JwtVerifier } from './jwt.ts';
import { parseKeySet } from './key-set.ts';
import { inlineKeys, type KeySource } from './key-source.ts';

const key = ecKey('one');
const keys = inlineKeys(keySetText(key));

function verifier(provider: Partial<JwtProvider> = {}, clock = new FakeClock()): JwtVerifier {
  const usual = { issuer: ISSUER, audiences: [AUDIENCE], requiredClaims: ['exp'], keys };
  return new JwtVerifier([{ ...usual, ...provider }], clock);
}

const refused = (message: RegExp | string) => ({ code: 'UNAUTHENTICATED', message });

/** Keys that a test exchanges; `renewed` brings the next ones. */
class Rotating implements KeySource {
  #now;
  #next;
  renewals = 0;

  constructor(now: string, next = now) {
    this.#now = parseKeySet(now);
    this.#next = next === now ? this.#now : parseKeySet(next);
  }

  current() {
    return this.#now;
  }

  renewed() {
    this.renewals += 1;
    this.#now = this.#next;
    return this.#now;
  }

  close(): void {}
}

describe('a valid token', () => {
  test('says who the client is: issuer and subject, and the claims', async () => {
    const { principal, jwt } = await verifier().verify(await token(key, { claims: { team: 'a' } }));
    assert.equal(principal, `jwt:${ISSUER}|ann`);
    assert.deepEqual([jwt?.['sub'], jwt?.['team']], ['ann', 'a']);
  });

  test('may be signed with any kind of key the issuer publishes', async () => {
    const all = [ecKey('ec'), edKey('ed'), rsaKey('rsa')];
    const many = verifier({ keys: inlineKeys(keySetText(...all)) });
    for (const one of all) assert.ok(await many.verify(await token(one)), one.alg);
    const pss = { ...rsaKey('pss'), alg: 'PS256' };
    const set = inlineKeys(JSON.stringify({ keys: [{ ...pss.jwk, alg: 'PS256' }] }));
    assert.ok(await verifier({ keys: set }).verify(await token(pss)));
  });

  test('may be for several audiences, and ours may be several', async () => {
    const both = verifier({ audiences: ['x', AUDIENCE] });
    assert.ok(await both.verify(await token(key, { claims: { aud: ['y', AUDIENCE] } })));
    assert.ok(await verifier({ audiences: [] }).verify(await token(key, { claims: { aud: 'anybody' } })));
  });

  test('needs no key id where only one key fits', async () => {
    assert.ok(await verifier().verify(await token(key, { header: { kid: undefined } })));
  });

  test('of one of several issuers is verified with the keys of that one', async () => {
    const other = ecKey('one');
    const providers = [
      {
        issuer: 'https://other.test',
        audiences: [],
        requiredClaims: [],
        keys: inlineKeys(keySetText(other)),
      },
      { issuer: ISSUER, audiences: ['nobody'], requiredClaims: [], keys },
      { issuer: ISSUER, audiences: [AUDIENCE], requiredClaims: [], keys },
    ];
    const several = new JwtVerifier(providers, new FakeClock());
    assert.ok(await several.verify(await token(key)));
    assert.ok(await several.verify(await token(other, { claims: { iss: 'https://other.test' } })));
    await assert.rejects(several.verify(await token(other)), refused('the signature of the token is wrong'));
    await assert.rejects(
      several.verify(await token(key, { claims: { iss: 'https://other.test' } })),
      /signature/,
    );
  });

  test('is valid a minute longer and a minute sooner than it says', async () => {
    for (const claims of [{ exp: START - 59 }, { nbf: START + 60 }])
      assert.ok(await verifier().verify(await token(key, { claims })));
  });
});

describe('a name', () => {
  const name = async (claims: Record<string, unknown>, issuer = ISSUER) =>
    (await verifier({ issuer }).verify(await token(key, { claims: { ...claims, iss: issuer } }))).principal;

  test('is shared by no two clients, whatever issuers and subjects are called', async () => {
    const names = [
      await name({ sub: 'a' }),
      await name({ sub: 'b|a' }, 'https://x'),
      await name({ sub: 'a' }, 'https://x|b'),
      await name({ sub: 'a' }, 'https://x%7Cb'),
      await name({ sub: undefined, client_id: 'a' }),
      await name({ sub: '', client_id: 'b' }),
      await name({ sub: undefined, jti: '1' }),
      await name({ sub: undefined, jti: '2' }),
    ];
    assert.equal(new Set(names).size, names.length, names.join('\n'));
  });

  test('of a token without a subject is that of the client it was given to, else its own', async () => {
    assert.equal(await name({ sub: undefined, client_id: 'cli' }), `jwt-client:${ISSUER}|cli`);
    assert.match(await name({ sub: undefined }), /^jwt-token:/);
  });
});

describe('a token seen before', () => {
  test('is the same identity without another look at it, until it expires', async () => {
    const clock = new FakeClock();
    const source = new Rotating(keySetText(key));
    const one = verifier({ keys: source }, clock);
    const text = await token(key, { claims: { exp: START + 100 } });
    const first = await one.verify(text);
    await clock.advance(159_999);
    assert.equal(await one.verify(text), first);
    await clock.advance(1);
    await assert.rejects(one.verify(text), refused('the token has expired'));
    assert.equal(one.known, 0);
  });

  test('is verified anew when the keys have changed, and refused when its key is gone', async () => {
    const source = new Rotating(keySetText(key), keySetText(ecKey('two')));
    const one = verifier({ keys: source });
    const text = await token(key);
    await one.verify(text);
    source.renewed();
    await assert.rejects(one.verify(text), refused(/a key that its issuer does not publish/));
  });

  test('is kept only among so many', async () => {
    const clock = new FakeClock();
    const one = verifier({}, clock);
    const text = await token(key);
    await one.verify(text);
    await one.verify(text);
    assert.equal(one.known, 1);
    await assert.rejects(one.verify('not.a.token'));
    assert.equal(one.known, 1);
  });
});

describe('keys that change', () => {
  test('are asked for when a token names one that nobody knows', async () => {
    const next = ecKey('two');
    const source = new Rotating(keySetText(key), keySetText(key, next));
    const one = verifier({ keys: source });
    assert.ok(await one.verify(await token(next)));
    assert.ok(await one.verify(await token(key)));
    assert.equal(source.renewals, 1);
  });

  test('under the same name are asked for when the signature is wrong', async () => {
    const next = ecKey('one');
    const source = new Rotating(keySetText(key), keySetText(next));
    assert.ok(await verifier({ keys: source }).verify(await token(next)));
  });
});

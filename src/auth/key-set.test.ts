import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ecKey, edKey, keySetText, rsaKey } from '../../test/fixtures/issuer.ts';
import { isSignatureAlgorithm, parseKeySet } from './key-set.ts';

const ec = ecKey('ec');
const ed = edKey('ed');
const rsa = rsaKey('rsa');

const setOf = (...keys: readonly unknown[]) => parseKeySet(JSON.stringify({ keys }));
const count = (set: ReturnType<typeof parseKeySet>, alg: string, kid?: string) =>
  set.candidates({ alg, kid }).length;

describe('the keys for a token', () => {
  test('are those of its key id that are for its algorithm', () => {
    const set = parseKeySet(keySetText(ec, ed, rsa));
    assert.deepEqual(
      [count(set, 'ES256', 'ec'), count(set, 'EdDSA', 'ed'), count(set, 'RS256', 'rsa')],
      [1, 1, 1],
    );
    assert.deepEqual(
      [count(set, 'RS256', 'ec'), count(set, 'ES256', 'rsa'), count(set, 'ES256', 'x')],
      [0, 0, 0],
    );
  });

  test('follow from the kind of the key where the set names no algorithm', () => {
    const { alg: _alg, ...any } = rsa.jwk as Record<string, unknown>;
    const set = setOf(any);
    for (const alg of ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'])
      assert.equal(count(set, alg, 'rsa'), 1);
    for (const alg of ['HS256', 'none', 'ES256', 'RSA-OAEP']) assert.equal(count(set, alg, 'rsa'), 0, alg);
  });

  test('without a key id are the only one that fits, and none where there are several', () => {
    assert.equal(count(parseKeySet(keySetText(ec, rsa)), 'ES256'), 1);
    assert.equal(count(parseKeySet(keySetText(ec, ecKey('other'))), 'ES256'), 0);
  });

  test('with an id that means something to JavaScript are none', () => {
    const set = parseKeySet(keySetText(ec));
    for (const kid of ['__proto__', 'constructor', 'toString', ''])
      assert.equal(count(set, 'ES256', kid), 0, kid);
  });
});

describe('a key set', () => {
  test('passes over what cannot verify tokens, and says why', () => {
    const { d: _none, ...pub } = ec.jwk as Record<string, unknown>;
    const others = [
      { kty: 'oct', k: 'c2VjcmV0', kid: 'shared', alg: 'HS256' },
      { ...rsa.jwk, use: 'enc' },
      { ...pub, key_ops: ['sign'] },
      { ...pub, alg: 'HS256' },
      { ...pub, alg: 'none' },
      { ...pub, d: 'AAAA' },
      { ...pub, x: 'AAAA' },
      { ...pub, kid: 7 },
      { ...pub, crv: '__proto__' },
      rsaKey('short', 1024).jwk,
      'text',
      null,
    ];
    const set = setOf(pub, ...others);
    assert.equal(set.size, 1);
    assert.equal(set.ignored.length, others.length);
    const reasons = set.ignored.join('\n');
    for (const reason of [
      /shared secret/,
      /private key/,
      /not for signatures/,
      /make no key/,
      /1024 bits/,
      /`kid`/,
    ])
      assert.match(reasons, reason);
    assert.doesNotMatch(reasons, /is not a function|undefined/);
  });

  test('without any usable key is refused', () => {
    for (const [text, problem] of [
      ['{"keys":[]}', /no key can verify/],
      ['{"keys":[{"kty":"oct","k":"AA"}]}', /shared secret/],
      ['{"keys":{}}', /list `keys`/],
      ['[]', /list `keys`/],
      ['null', /list `keys`/],
      ['-----BEGIN PUBLIC KEY-----', /not JSON/],
      ['', /not JSON/],
    ] as const)
      assert.throws(() => parseKeySet(text), problem, text);
  });

  test('is bounded in keys and in size', () => {
    const keys = new Array(101).fill(ec.jwk);
    assert.throws(() => setOf(...keys), /more than 100 keys/);
    const padded = JSON.stringify({ keys: [ec.jwk], padding: 'x'.repeat(256 * 1024) });
    assert.throws(() => parseKeySet(padded), /longer than/);
  });

  test('quotes nothing of a text that may hold secrets', () => {
    assert.throws(
      () => setOf({ kty: 'oct', k: 'very-secret' }),
      ({ message }: Error) => !message.includes('very-secret'),
    );
    assert.throws(
      () => parseKeySet('{"keys": very-secret'),
      ({ message }: Error) => !message.includes('very-secret'),
    );
  });
});

test('algorithms of shared secrets and of encryption are none that sign', () => {
  for (const alg of [
    'none',
    'None',
    'NONE',
    'HS256',
    'hs256',
    'RSA-OAEP',
    'dir',
    '',
    undefined,
    1,
    ['ES256'],
  ])
    assert.equal(isSignatureAlgorithm(alg), false, String(alg));
  assert.equal(isSignatureAlgorithm('ES256'), true);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ecKey, keySetText } from '../../../test/fixtures/issuer.ts';
import { jwtAuthSchema } from './schema.ts';

const jwks = keySetText(ecKey('one'));
const single = { issuer: 'https://issuer.test', jwks };
const BEARER = { kind: 'header', name: 'authorization', prefix: 'Bearer ' };

const messages = (value: unknown): string[] => {
  const { error } = jwtAuthSchema.safeParse(value);
  return (error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`);
};

test('is strict, about the Authorization header, and wants tokens to expire, unless it says otherwise', () => {
  const provider = { ...single, audiences: [], requiredClaims: ['exp'] };
  const expected = { mode: 'strict', location: BEARER, providers: [provider] };
  assert.deepEqual(jwtAuthSchema.parse(single), expected);
  assert.deepEqual(jwtAuthSchema.parse({ providers: [{ ...single, audiences: null }] }), expected);
});

test('takes keys as text, from a file and from an address', () => {
  for (const keys of [
    jwks,
    { file: '/keys' },
    { url: 'https://issuer.test/jwks' },
    { url: 'http://localhost/jwks' },
  ])
    assert.deepEqual(jwtAuthSchema.parse({ ...single, jwks: keys }).providers[0]?.jwks, keys);
});

test('has its place in a header, the query or a cookie', () => {
  const place = (location: object) => jwtAuthSchema.parse({ ...single, location }).location;
  assert.deepEqual(place({ header: { name: 'X-Token' } }), { kind: 'header', name: 'x-token', prefix: '' });
  assert.deepEqual(place({ header: { name: 'x', prefix: null } }), { kind: 'header', name: 'x', prefix: '' });
  assert.deepEqual(place({ queryParameter: { name: 't' } }), { kind: 'query', name: 't' });
  assert.deepEqual(place({ cookie: { name: 't' } }), { kind: 'cookie', name: 't' });
});

test('says what is wrong, and where', () => {
  const cases: readonly [object, RegExp][] = [
    [{}, /^: `issuer` is missing \(or `providers`\)$/],
    [{ issuer: 'x' }, /^: `jwks` is missing$/],
    [{ ...single, providers: [single] }, /^issuer: belongs to one of the `providers`$/],
    [{ providers: [] }, /^providers: /],
    [{ ...single, mode: 'lax' }, /^mode: /],
    [{ ...single, location: {} }, /^location: give one of/],
    [{ ...single, location: { header: { name: 'a' }, cookie: { name: 'b' } } }, /^location: give one of/],
    [{ ...single, audiences: [''] }, /^audiences.0: /],
    [{ ...single, audience: 'x' }, /^: .*audience/],
  ];
  for (const [value, expected] of cases) assert.match(messages(value)[0] ?? 'accepted', expected);
  for (const name of ['Host', 'content-length', 'Transfer-Encoding', 'connection', 'cookie', 'a b', ''])
    assert.equal(messages({ ...single, location: { header: { name } } }).length, 1, name);
});

test('takes keys from nowhere it should not', () => {
  for (const url of [
    'ftp://x/jwks',
    'file:///etc/passwd',
    'jwks',
    'https://user:pw@x/',
    'https://x/#a',
    'javascript:1',
  ])
    assert.throws(() => jwtAuthSchema.parse({ ...single, jwks: { url } }), url);
  for (const keys of [
    '',
    'keys',
    '{"keys":[]}',
    '{"keys":[{"kty":"oct","k":"AA"}]}',
    {},
    { url: 'https://x', file: 'y' },
  ])
    assert.throws(() => jwtAuthSchema.parse({ ...single, jwks: keys }), JSON.stringify(keys));
});

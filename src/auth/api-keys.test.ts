import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiKeys, digestOf } from './api-keys.ts';

const keys = new ApiKeys([
  { digest: digestOf('key-one'), metadata: { owner: 'a' } },
  { digest: digestOf('key-two'), metadata: {} },
]);

test('a key says whose it is; its name is the beginning of its hash', () => {
  const { principal, apiKey } = keys.verify('key-one');
  assert.equal(principal, `key:${digestOf('key-one').slice(0, 16)}`);
  assert.deepEqual(apiKey, { metadata: { owner: 'a' } });
  assert.notEqual(keys.verify('key-two').principal, principal);
});

test('anything else is refused without being repeated', () => {
  for (const key of [
    'key-On',
    'key-one ',
    '',
    digestOf('key-one'),
    `sha256:${digestOf('key-one')}`,
    'x'.repeat(30_000),
  ])
    assert.throws(() => keys.verify(key), { code: 'UNAUTHENTICATED', message: 'unknown API key' });
});

test('a key that changes is the one in force, and each has a name of its own', () => {
  let now = 'one';
  const changing = new ApiKeys([{ digest: () => digestOf(now), metadata: { owner: 'a' } }]);
  const { principal } = changing.verify('one');
  now = 'two';
  assert.throws(() => changing.verify('one'), { code: 'UNAUTHENTICATED' });
  const identity = changing.verify('two');
  assert.deepEqual(identity.apiKey, { metadata: { owner: 'a' } });
  assert.notEqual(identity.principal, principal);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from '../../auth/api-keys.ts';
import { apiKeySchema } from './schema.ts';

test('is strict, about the Authorization header, unless it says otherwise', () => {
  const { mode, location } = apiKeySchema.parse({ keys: [{ key: 'k' }] });
  assert.deepEqual(
    [mode, location],
    ['strict', { kind: 'header', name: 'authorization', prefix: 'Bearer ' }],
  );
});

test('keeps no key, however it was written', () => {
  const digest = digestOf('agw-key');
  const plain = apiKeySchema.parse({ keys: [{ key: 'agw-key', metadata: { owner: 'a' } }] });
  assert.deepEqual(plain.keys, [{ key: { digest }, metadata: { owner: 'a' } }]);
  assert.ok(!JSON.stringify(plain).includes('agw-key'));
  const hashed = apiKeySchema.parse({ keys: [{ keyHash: `sha256:${digest.toUpperCase()}` }] });
  assert.deepEqual(hashed.keys, [{ key: { digest }, metadata: {} }]);
});

test('refuses keys that are none, twice there, or half written', () => {
  const digest = digestOf('k');
  for (const keys of [
    [],
    [{}],
    ['k'],
    [{ key: '' }],
    [{ key: 'k', keyHash: `sha256:${digest}` }],
    [{ keyHash: digest }],
    [{ keyHash: 'sha256:abc' }],
    [{ keyHash: `md5:${digest}` }],
    [{ key: 'k' }, { key: 'k' }],
    [{ key: 'k' }, { keyHash: `sha256:${digest}` }],
    [{ key: 'k', metadata: 'text' }],
    [{ key: { file: '' } }],
    [{ key: { file: '/k' } }, { key: { file: '/k' } }],
  ])
    assert.throws(() => apiKeySchema.parse({ keys }), JSON.stringify(keys));
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { policyBench } from '../../../test/fixtures/policy-parts.ts';
import { testExchange } from '../../../test/fixtures/test-exchange.ts';
import { requestHeaderModifierSchema } from './schema.ts';

test('headers are the same for every request', () => {
  const { mapping } = policyBench('requestHeaderModifier').build({
    set: { 'X-Env': 'prod' },
    add: { via: '1.1 gateway' },
    remove: ['Authorization'],
  });
  assert.deepEqual(mapping?.names, ['x-env', 'authorization']);
  assert.deepEqual(mapping?.map(testExchange({})), ['x-env', 'prod', 'via', '1.1 gateway']);
  assert.ok(!mapping?.key.includes('prod'), 'people write keys of upstreams here');
});

test('values that do not fit into a header are refused', () => {
  for (const value of ['', 'a\r\nb', 'ä', ' a', 5])
    assert.throws(() => requestHeaderModifierSchema.parse({ set: { a: value } }), JSON.stringify(value));
  assert.throws(() => requestHeaderModifierSchema.parse({ set: { host: 'a' } }));
});

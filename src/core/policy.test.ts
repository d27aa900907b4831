import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { definePolicy, mergePolicies } from './policy.ts';

const parts = { phase: 'edge', attach: ['route'], schema: z.string(), build: () => ({}) } as const;
const policies = [
  definePolicy<string>({ ...parts, key: 'joined', merge: (wider, narrower) => `${wider}+${narrower}` }),
  definePolicy<string>({ ...parts, key: 'single' }),
];

test('the narrower place counts, unless the policy joins what both say', () => {
  const wider = { joined: 'a', single: 'a', other: 'a' };
  assert.deepEqual(mergePolicies(policies, wider, { joined: 'b', single: 'b' }), {
    joined: 'a+b',
    single: 'b',
    other: 'a',
  });
  assert.deepEqual(mergePolicies(policies, wider, {}), wider);
  assert.deepEqual(mergePolicies(policies, {}, wider), wider);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { definePolicy, type Phase } from '../core/policy.ts';
import { checkRules } from './rules.ts';

const schema = z.any();
const answering = (key: string, phase: Phase) =>
  definePolicy({ key, phase, attach: ['route'], schema, answers: true, build: () => ({}) });
const definitions = {
  policies: [answering('later', 'resilience'), answering('sooner', 'transform')],
  backends: [],
};

function messages(route: object): string[] {
  const found = checkRules({ binds: [{ port: 1, listeners: [{ routes: [route] }] }] }, definitions);
  return found.map(({ path, message }) => `${path.slice(6).join('.')}: ${message}`);
}

test('a route needs something that answers', () => {
  assert.deepEqual(messages({ backends: [] }), [': nothing answers here: `backends` are missing']);
  for (const key of ['later', 'sooner']) assert.deepEqual(messages({ policies: { [key]: {} } }), []);
});

test('what answers every request leaves nothing to what comes after it', () => {
  const policies = { later: {}, sooner: {} };
  assert.deepEqual(messages({ policies }), [
    'policies.later: `later` is never reached: `sooner` answers every request',
  ]);
  assert.deepEqual(messages({ policies: { ...policies, sooner: { conditional: [] } } }), []);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { testPlan } from '../../test/fixtures/test-plan.ts';
import { testPorts } from '../../test/fixtures/test-ports.ts';
import { definePolicy, type PolicySet } from '../core/policy.ts';
import { loadedFor, loadedForText } from './loading.ts';

const loads: string[] = [];
const policy = (key: string) =>
  definePolicy({ key, phase: 'edge', attach: ['route'], schema: z.unknown(), build: () => ({}) });
const loading = (key: string) => ({
  ...policy(key),
  load: async () => {
    loads.push(key);
    return `what ${key} needs`;
  },
});

const definitions = { policies: [policy('plain'), loading('one'), loading('two')], backends: [] };
const deps = { definitions, ports: testPorts() };

const planWith = (policies: PolicySet, config: unknown = 'x') =>
  testPlan([{ port: 0, routes: [{ path: '/', policies, backends: [{ kind: 'x', config }] }] }]);

test('policies load what they need only where a plan has them, be it inside a backend', async () => {
  assert.deepEqual([...(await loadedFor(planWith({ plain: {} }), deps))], []);
  assert.deepEqual(loads.splice(0), []);
  assert.deepEqual([...(await loadedFor(planWith({ one: {} }), deps))], [['one', 'what one needs']]);
  const inside = await loadedFor(planWith({}, { targets: [{ policies: { two: {} } }] }), deps);
  assert.deepEqual([...inside.keys()], ['two']);
  assert.deepEqual(loads.splice(0), ['one', 'two']);
});

test('for a text it is enough that it mentions them', async () => {
  assert.deepEqual([...(await loadedForText('policies: { plain: {} }', deps)).keys()], []);
  assert.deepEqual([...(await loadedForText('policies: { two: {} }', deps)).keys()], ['two']);
});

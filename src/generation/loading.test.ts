import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { testPlan } from '../../test/fixtures/test-plan.ts';
import { testPorts } from '../../test/fixtures/test-ports.ts';
import { definePolicy } from '../core/policy.ts';
import { Loading } from './loading.ts';

let loads = 0;
const load = async () => {
  loads += 1;
  return { loads };
};
const policy = (key: string, more: object = {}) =>
  definePolicy({ key, phase: 'edge', attach: ['route'], schema: z.unknown(), build: () => ({}), ...more });

test('policies load once what they need, and only where a plan has one of them', async () => {
  const policies = [
    policy('plain'),
    policy('one', { load }),
    policy('two', { load }),
    policy('three', { load }),
  ];
  const loading = new Loading({ definitions: { policies, backends: [] }, ports: testPorts() });
  const planWith = (config: unknown, set: object) =>
    testPlan([
      { port: 0, routes: [{ path: '/', policies: set as never, backends: [{ kind: 'x', config }] }] },
    ]);
  assert.deepEqual([...(await loading.of(planWith('x', { plain: {} })))], []);
  assert.equal(loads, 0);
  const first = await loading.of(planWith('x', { one: {} }));
  const inside = await loading.of(planWith({ targets: [{ policies: { two: {} } }] }, { one: {} }));
  assert.deepEqual([[...first.keys()], [...inside.keys()], loads], [['one'], ['one', 'two'], 1]);
  assert.equal(first.get('one'), inside.get('two'));
});

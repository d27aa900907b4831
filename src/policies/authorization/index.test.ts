import assert from 'node:assert/strict';
import { test } from 'node:test';
import { policyBench } from '../../../test/fixtures/policy-parts.ts';

function warnings(rule: string, agent: boolean): number {
  const bench = policyBench('authorization');
  bench.build({ rules: [rule] }, { route: { backends: ['host'], agent } });
  return bench.ports.logged.filter(({ level }) => level === 'warn').length;
}

test('rules about agents where none is said to be are warned of', () => {
  assert.equal(warnings('a2a.method == "SendMessage"', false), 1);
  assert.equal(warnings('a2a.method == "SendMessage"', true), 0);
  assert.equal(warnings('request.path == "/a2a"', false), 0);
});

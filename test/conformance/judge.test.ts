import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judge } from './judge.ts';
import type { Verdict } from './suite.ts';

function verdict(passed: string[], failed: string[] = [], warned: string[] = []): Verdict {
  const because = (checks: string[]) => new Map(checks.map((check) => [check, 'because']));
  return { passed: new Set(passed), failures: because(failed), warnings: because(warned) };
}

const all = { direct: undefined, known: [], required: undefined };

test('what nobody expected counts, what was expected does not', () => {
  const known = [{ check: 'a:2', reason: 'impossible' }];
  const { counted, lines, cell } = judge({ ...all, verdict: verdict(['a:1'], ['a:2', 'b:1']), known });
  assert.equal(counted, 1);
  assert.deepEqual(lines, ['known  a:2: impossible', 'FAILED b:1: because']);
  assert.equal(cell, '1/2');
});

test('an expectation that no longer holds counts', () => {
  const known = [{ check: 'a:1', reason: 'impossible' }];
  const { counted, lines } = judge({ ...all, verdict: verdict(['a:1']), known });
  assert.equal(counted, 1);
  assert.match(lines[0] ?? '', /^STALE {2}a:1/);
});

test('a check that passes directly and is not reached here counts', () => {
  const direct = verdict(['a:1', 'a:2']);
  assert.equal(judge({ ...all, verdict: verdict(['a:1']), direct }).counted, 1);
  const known = [{ check: 'a:2', reason: 'impossible' }];
  assert.equal(judge({ ...all, verdict: verdict(['a:1']), direct, known }).counted, 0);
});

test('a warning counts for nothing, but where the check passes directly', () => {
  const warned = verdict(['a:1'], [], ['a:2']);
  assert.equal(judge({ ...all, verdict: warned }).counted, 0);
  assert.equal(judge({ ...all, verdict: warned, direct: verdict(['a:1', 'a:2']) }).counted, 1);
});

test('of requirements the scenarios are counted, and others not at all', () => {
  const required = ['a', 'b', 'c'];
  const { counted, cell } = judge({ ...all, verdict: verdict(['a:1', 'b:1'], ['b:2', 'extra:1']), required });
  assert.equal(counted, 1);
  assert.equal(cell, '1 of 3', 'b fails, c was not run');
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Backoff } from './backoff.ts';

function delays(random: number, count: number): number[] {
  const backoff = new Backoff({ firstMs: 100, maxMs: 1000, factor: 3, random: () => random });
  return Array.from({ length: count }, () => backoff.next());
}

describe('Backoff', () => {
  it('grows by its factor up to its maximum, between half of the step and all of it', () => {
    assert.deepEqual(delays(0, 5), [50, 150, 450, 500, 500]);
    assert.deepEqual(delays(0.999_999, 5), [100, 300, 900, 1000, 1000]);
    assert.deepEqual(delays(0.5, 3), [75, 225, 675]);
  });

  it('starts again after a success', () => {
    const backoff = new Backoff({ firstMs: 100, maxMs: 1000, factor: 2, random: () => 0 });
    assert.deepEqual([backoff.next(), backoff.next()], [50, 100]);
    backoff.reset();
    assert.equal(backoff.next(), 50);
  });

  it('never waits longer than the maximum, even the first time', () => {
    const backoff = new Backoff({ firstMs: 5000, maxMs: 1000, factor: 2, random: () => 0.999_999 });
    assert.deepEqual([backoff.next(), backoff.next()], [1000, 1000]);
  });
});

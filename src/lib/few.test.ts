import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Few } from './few.ts';

describe('Few', () => {
  it('finds, replaces and forgets entries', () => {
    const few = new Few<string, number>();
    few.set('a', 1).set('b', 2).set('a', 3);
    assert.equal(few.size, 2);
    assert.equal(few.get('a'), 3);
    assert.equal(few.delete('a'), true);
    assert.equal(few.delete('a'), false);
    assert.equal(few.has('a'), false);
    assert.deepEqual(few.values(), [2]);
  });

  it('gives values that entries may leave while they are walked', () => {
    const few = new Few<number, number>();
    for (let n = 0; n < 5; n++) few.set(n, n);
    for (const value of few.values()) few.delete(value);
    assert.equal(few.size, 0);
  });

  it('does what a Map does, with few entries and with many', () => {
    const key = fc.integer({ min: 0, max: 150 });
    const step = fc.oneof(
      fc.record({ kind: fc.constant('set' as const), key, value: fc.integer() }),
      fc.record({ kind: fc.constant('delete' as const), key }),
    );
    const property = fc.property(fc.array(step, { maxLength: 600, size: 'max' }), (steps) => {
      const few = new Few<number, number>();
      const map = new Map<number, number>();
      for (const each of steps) {
        if (each.kind === 'set') {
          few.set(each.key, each.value);
          map.set(each.key, each.value);
        } else assert.equal(few.delete(each.key), map.delete(each.key));
        assert.equal(few.size, map.size);
        assert.equal(few.get(each.key), map.get(each.key));
        assert.equal(few.has(each.key), map.has(each.key));
      }
      assert.deepEqual(few.values().sort(), [...map.values()].sort());
    });
    fc.assert(property, { seed: 20261120, numRuns: 300 });
  });
});

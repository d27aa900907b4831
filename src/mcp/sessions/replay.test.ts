import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SEED } from '../../../test/fixtures/json-samples.ts';
import { ReplayBudget, ReplayRing } from './replay.ts';

/** What a message costs beside its bytes. */
const OVERHEAD = 64;
const budgetOf = (session: number, total: number): ReplayBudget =>
  new ReplayBudget({ sessionBytes: session, totalBytes: total });
const message = (bytes: number): Buffer => Buffer.alloc(bytes - OVERHEAD, 'x');
const seqs = (ring: ReplayRing, stream = 's', after = 0): number[] =>
  ring.after(stream, after).map(({ seq }) => seq);

test('what came after a number is given back, of that stream alone and in order', () => {
  const ring = new ReplayRing(budgetOf(1000, 1000));
  ring.add('a', 1, Buffer.from('a1'));
  ring.add('b', 1, Buffer.from('b1'));
  ring.add('a', 2, Buffer.from('a2'));
  assert.deepEqual(
    ring.after('a', 0).map(({ seq, message: kept }) => `${seq} ${kept}`),
    ['1 a1', '2 a2'],
  );
  assert.deepEqual(seqs(ring, 'a', 1), [2]);
  assert.deepEqual(seqs(ring, 'a', 2), []);
  assert.deepEqual(seqs(ring, 'c', 0), []);
});

test('a session keeps its newest messages within its bound', () => {
  const budget = budgetOf(300, 1000);
  const ring = new ReplayRing(budget);
  for (let seq = 1; seq <= 5; seq += 1) ring.add('s', seq, message(100));
  assert.deepEqual(seqs(ring), [3, 4, 5]);
  assert.equal(budget.used, 300);
});

test('a message larger than the bound is kept alone: somebody waits for that result', () => {
  const ring = new ReplayRing(budgetOf(300, 1000));
  ring.add('s', 1, message(100));
  ring.add('s', 2, message(500));
  assert.deepEqual(seqs(ring), [2]);
  ring.add('s', 3, message(100));
  assert.deepEqual(seqs(ring), [3]);
});

test('a message larger than all rings together is not kept, and drives nothing out', () => {
  const narrow = new ReplayRing(budgetOf(300, 200));
  narrow.add('s', 1, message(100));
  narrow.add('s', 2, message(201));
  assert.deepEqual(seqs(narrow), [1]);
});

test('empty messages count too', () => {
  const budget = budgetOf(OVERHEAD * 3, 1000);
  const ring = new ReplayRing(budget);
  for (let seq = 1; seq <= 100; seq += 1) ring.add('s', seq, Buffer.alloc(0));
  assert.deepEqual(seqs(ring), [98, 99, 100]);
});

test('where all sessions together keep too much, the one that wrote last longest ago loses first', () => {
  const budget = budgetOf(300, 400);
  const [old, busy, fresh] = [new ReplayRing(budget), new ReplayRing(budget), new ReplayRing(budget)];
  busy.add('s', 1, message(100));
  old.add('s', 1, message(100));
  old.add('s', 2, message(100));
  busy.add('s', 2, message(100));
  fresh.add('s', 1, message(100));
  assert.deepEqual([seqs(old), seqs(busy), seqs(fresh)], [[2], [1, 2], [1]]);
  fresh.add('s', 2, message(200));
  assert.deepEqual([seqs(old), seqs(busy), seqs(fresh)], [[], [2], [1, 2]]);
  assert.equal(budget.used, 400);
});

test('a session that ends gives everything back', () => {
  const budget = budgetOf(300, 1000);
  const ring = new ReplayRing(budget);
  ring.add('s', 1, message(100));
  ring.clear();
  assert.deepEqual([budget.used, seqs(ring)], [0, []]);
  ring.add('s', 2, message(100));
  assert.deepEqual([budget.used, seqs(ring)], [100, [2]]);
});

test('however sessions write and end, the bounds hold, nothing leaks, and each keeps a run of its newest', () => {
  const write = fc.record({
    ring: fc.nat(4),
    bytes: fc.integer({ min: OVERHEAD, max: 400 }),
    clear: fc.nat(20),
  });
  fc.assert(
    fc.property(fc.array(write, { maxLength: 200 }), (writes) => {
      const budget = budgetOf(600, 1500);
      const rings = Array.from({ length: 5 }, () => new ReplayRing(budget));
      const written = rings.map(() => [] as { seq: number; bytes: number }[]);
      for (const [seq, { ring: at, bytes, clear }] of writes.entries()) {
        const ring = rings[at] as ReplayRing;
        if (clear === 0) {
          ring.clear();
          written[at] = [];
        } else {
          ring.add('s', seq, message(bytes));
          written[at]?.push({ seq, bytes });
          assert.ok(seqs(ring, 's', -1).includes(seq), 'the newest message is always kept');
        }
        let held = 0;
        rings.forEach((each, index) => {
          const kept = seqs(each, 's', -1);
          const newest = (written[index] ?? []).slice((written[index] ?? []).length - kept.length);
          assert.deepEqual(
            kept,
            newest.map((one) => one.seq),
          );
          const own = newest.reduce((sum, one) => sum + one.bytes, 0);
          assert.ok(own <= 600);
          held += own;
        });
        assert.equal(budget.used, held);
        assert.ok(held <= 1500);
      }
    }),
    { seed: SEED, numRuns: 200 },
  );
});

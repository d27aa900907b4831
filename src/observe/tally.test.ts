import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Cell, Series } from './tally.ts';

function counts(series: Series): Record<string, number> {
  return Object.fromEntries([...series.cells()].map((cell) => [cell.values.join('|'), cell.count]));
}

test('a counter counts per label set', () => {
  const series = new Series({ labels: ['a', 'b'] });
  series.add(['x', 'y']);
  series.add(['x', 'y']);
  series.add(['x', 'z'], 3);
  assert.deepEqual(counts(series), { 'x|y': 2, 'x|z': 3 });
});

test('a value on a bucket bound belongs to that bucket, one above all bounds to the last', () => {
  const series = new Series({ labels: [], bounds: [1, 2] });
  for (const value of [0, 1, 1.5, 2, 3]) series.observe([], value);
  const [cell] = [...series.cells()] as [Cell];
  assert.deepEqual([...cell.buckets], [2, 2, 1]);
  assert.equal(cell.count, 5);
  assert.equal(cell.sum, 7.5);
});

test('past the limit the open label falls together, known sets keep counting', () => {
  const series = new Series({ labels: ['server', 'tool'], open: 'tool', limit: 2 });
  for (const tool of ['a', 'b', 'c', 'd', 'a']) series.add(['s', tool]);
  assert.deepEqual(counts(series), { 's|a': 2, 's|b': 1, 's|_other': 2 });
});

test('past twice the limit everything falls together', () => {
  const series = new Series({ labels: ['server', 'tool'], open: 'tool', limit: 1 });
  for (const server of ['s', 't', 'u', 'v']) series.add([server, 'a']);
  assert.deepEqual(counts(series), { 's|a': 1, 't|_other': 1, '_other|_other': 2 });
});

test('without an open label the limit holds too', () => {
  const series = new Series({ labels: ['a'], limit: 1 });
  for (const value of ['x', 'y', 'z']) series.add([value]);
  assert.deepEqual(counts(series), { x: 1, _other: 2 });
});

test('the caller may reuse its array of values', () => {
  const series = new Series({ labels: ['a'] });
  const values = ['x'];
  series.add(values);
  values[0] = 'y';
  assert.deepEqual(counts(series), { x: 1 });
});

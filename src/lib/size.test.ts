import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatSize, parseSize } from './size.ts';

test('a size is a number of bytes, or an amount and a unit', () => {
  const sizes: [string | number, number][] = [
    [0, 0],
    [4096, 4096],
    ['12B', 12],
    ['4MiB', 4 * 1024 ** 2],
    ['0.5KiB', 512],
    ['1GiB', 1024 ** 3],
  ];
  for (const [text, bytes] of sizes) assert.equal(parseSize(text), bytes, String(text));
});

test('anything else is none', () => {
  for (const text of ['', '4', '4MB', '4 MiB', '-1KiB', '1e3B', 'MiB', '0.3B', -1, 1.5, Number.NaN])
    assert.equal(parseSize(text), undefined, String(text));
});

test('a size is written in the largest unit that divides it', () => {
  const texts = [0, 1, 1024, 1536, 3 * 1024 ** 2, 1024 ** 3].map(formatSize);
  assert.deepEqual(texts, ['0B', '1B', '1KiB', '1536B', '3MiB', '1GiB']);
});

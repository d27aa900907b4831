import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SEED } from '../../test/fixtures/json-samples.ts';
import { formatDuration, parseDuration } from './duration.ts';

test('durations are read in every unit, alone and combined', () => {
  for (const [text, ms] of [
    ['0s', 0],
    ['500ms', 500],
    ['30s', 30_000],
    ['5m', 300_000],
    ['1h', 3_600_000],
    ['2d', 172_800_000],
    ['1m30s', 90_000],
    ['1h1m1s1ms', 3_661_001],
    ['1.5s', 1500],
    ['0.25m', 15_000],
  ] as const)
    assert.equal(parseDuration(text), ms, text);
});

test('a number is milliseconds', () => {
  assert.equal(parseDuration(0), 0);
  assert.equal(parseDuration(1500), 1500);
  for (const bad of [-1, Number.NaN, Number.POSITIVE_INFINITY]) assert.equal(parseDuration(bad), undefined);
});

test('anything else is no duration', () => {
  for (const text of [
    '',
    's',
    '5',
    '5 s',
    '-5s',
    '+5s',
    '5S',
    '5w',
    '.5s',
    '5.s',
    '1e3s',
    '5s!',
    ' 5s',
    '5s\n',
    '5sm',
    '1:30',
    `${'9'.repeat(400)}s`,
  ])
    assert.equal(parseDuration(text), undefined, JSON.stringify(text));
});

test('what is written as a sum of parts is read as their sum', () => {
  const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
  const part = fc.tuple(fc.nat(10_000), fc.constantFrom(...(Object.keys(units) as (keyof typeof units)[])));
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 6 }), (parts) => {
      const text = parts.map(([amount, unit]) => `${amount}${unit}`).join('');
      const sum = parts.reduce((total, [amount, unit]) => total + amount * units[unit], 0);
      assert.equal(parseDuration(text), sum);
    }),
    { seed: SEED },
  );
});

test('a duration is written in the largest unit that divides it', () => {
  const texts = [0, 1500, 15_000, 65_000, 600_000, 3_600_000, 172_800_000].map(formatDuration);
  assert.deepEqual(texts, ['0ms', '1500ms', '15s', '65s', '10m', '1h', '2d']);
});

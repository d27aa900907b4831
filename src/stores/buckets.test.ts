import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FakeClock } from '../testing/fake-clock.ts';
import { type BucketSettings, Buckets } from './buckets.ts';

const settings: BucketSettings = { maxTokens: 3, tokensPerFill: 2, fillMs: 1000 };

function bucketsOf(given: Partial<BucketSettings> = {}, maxKeys = 100) {
  const clock = new FakeClock();
  return { clock, buckets: new Buckets({ settings: { ...settings, ...given }, maxKeys, clock }) };
}

test('a bucket begins full, is filled in whole intervals from its beginning, and never beyond what it holds', async () => {
  const { clock, buckets } = bucketsOf();
  await clock.advance(300);
  const takes = () => [1, 2, 3, 4].map(() => buckets.take('a', 1).allowed);
  assert.deepEqual(takes(), [true, true, true, false]);
  await clock.advance(999);
  assert.equal(buckets.take('a', 1).allowed, false, 'an interval that is not whole fills nothing');
  await clock.advance(1);
  assert.deepEqual(takes(), [true, true, false, false]);
  await clock.advance(60_000);
  assert.deepEqual(takes(), [true, true, true, false]);
});

test('a refusal says when there will be enough, and takes nothing', async () => {
  const { clock, buckets } = bucketsOf({ maxTokens: 10 });
  assert.deepEqual(buckets.take('a', 9), {
    allowed: true,
    limit: 10,
    remaining: 1,
    resetMs: 1000,
    retryMs: 0,
  });
  await clock.advance(400);
  assert.deepEqual(buckets.take('a', 6), {
    allowed: false,
    limit: 10,
    remaining: 1,
    resetMs: 600,
    retryMs: 2600,
  });
  await clock.advance(2599);
  assert.equal(buckets.take('a', 6).allowed, false);
  await clock.advance(1);
  assert.deepEqual(buckets.take('a', 6), {
    allowed: true,
    limit: 10,
    remaining: 1,
    resetMs: 1000,
    retryMs: 0,
  });
  assert.equal(buckets.take('a', 11).retryMs, undefined, 'more than the bucket holds');
});

test('keys count for themselves, and what is free takes nothing', () => {
  const { buckets } = bucketsOf({ maxTokens: 1, tokensPerFill: 1 });
  assert.equal(buckets.take('a', 1).allowed, true);
  assert.equal(buckets.take('b', 1).allowed, true);
  assert.equal(buckets.take('a', 1).allowed, false);
  assert.equal(buckets.take('a', 0).allowed, true);
});

test('what is given back can be taken again, and fills no bucket beyond what it holds', () => {
  const { buckets } = bucketsOf();
  buckets.take('a', 2);
  buckets.giveBack('a', 2);
  buckets.giveBack('a', 2);
  assert.equal(buckets.take('a', 3).allowed, true);
  assert.equal(buckets.take('a', 1).allowed, false);
});

test('with too many keys one that is full again is forgotten before one that still counts', async () => {
  const { clock, buckets } = bucketsOf({ fillMs: 10_000 }, 3);
  buckets.take('spent', 3);
  await clock.advance(1);
  buckets.take('full', 0);
  buckets.take('half', 1);
  buckets.take('next', 1);
  assert.equal(buckets.size, 3);
  assert.equal(buckets.take('spent', 1).allowed, false);
});

test('where every key still counts the one that was quiet longest is forgotten', () => {
  const { buckets } = bucketsOf({}, 3);
  for (const key of ['a', 'b', 'c', 'a']) buckets.take(key, 1);
  buckets.take('d', 1);
  assert.equal(buckets.size, 3);
  assert.equal(buckets.take('a', 1).remaining, 0, 'still known');
  assert.equal(buckets.take('b', 1).remaining, 2, 'a new bucket');
});

test('keys of any length are told apart', () => {
  const { buckets } = bucketsOf({ maxTokens: 1, tokensPerFill: 1 });
  const long = 'x'.repeat(10_000);
  assert.equal(buckets.take(`${long}1`, 1).allowed, true);
  assert.equal(buckets.take(`${long}2`, 1).allowed, true);
  assert.equal(buckets.take(`${long}1`, 1).allowed, false);
});

test('whatever is asked when, nobody gets more than was there and what the fills have added', async () => {
  const steps = fc.array(
    fc.record({ wait: fc.integer({ min: 0, max: 5000 }), cost: fc.integer({ min: 0, max: 6 }) }),
    {
      maxLength: 50,
    },
  );
  await fc.assert(
    fc.asyncProperty(steps, async (script) => {
      const { clock, buckets } = bucketsOf({ maxTokens: 5 });
      let given = 0;
      buckets.take('a', 0);
      for (const { wait, cost } of script) {
        await clock.advance(wait);
        const { allowed, remaining } = buckets.take('a', cost);
        if (allowed) given += cost;
        assert.ok(remaining >= 0 && remaining <= 5);
        assert.ok(given <= 5 + Math.floor(clock.monotonic() / 1000) * 2);
      }
    }),
    { numRuns: 50 },
  );
});

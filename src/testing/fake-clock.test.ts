import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from './fake-clock.ts';

test('time stands still until it is moved', async () => {
  const clock = new FakeClock(1000);
  assert.deepEqual([clock.now(), clock.monotonic()], [1000, 0]);
  await clock.advance(250);
  assert.deepEqual([clock.now(), clock.monotonic()], [1250, 250]);
});

test('timers run in the order they fall due, each at its own time', async () => {
  const clock = new FakeClock();
  const ran: string[] = [];
  clock.after(30, () => ran.push(`late at ${clock.monotonic()}`));
  clock.after(10, () => ran.push(`early at ${clock.monotonic()}`));
  clock.every(20, () => ran.push(`every at ${clock.monotonic()}`));
  await clock.advance(29);
  assert.deepEqual(ran, ['early at 10', 'every at 20']);
  await clock.advance(11);
  assert.deepEqual(ran.slice(2), ['late at 30', 'every at 40']);
});

test('a cancelled timer does not run', async () => {
  const clock = new FakeClock();
  const timers = [clock.after(5, () => assert.fail('ran')), clock.every(5, () => assert.fail('ran'))];
  for (const timer of timers) timer.cancel();
  await clock.advance(100);
  assert.equal(clock.waiting, 0);
});

test('a timer that is planned after an await of another one is found in the same advance', async () => {
  const clock = new FakeClock();
  const ran: number[] = [];
  const again = async (): Promise<void> => {
    await Promise.resolve();
    ran.push(clock.monotonic());
    if (ran.length < 3) clock.after(10, () => void again());
  };
  clock.after(10, () => void again());
  await clock.advance(30);
  assert.deepEqual(ran, [10, 20, 30]);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cancel } from '../lib/cancel.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { pause } from './pause.ts';

test('a pause is over when its time is, and cancellation after that is no matter', async () => {
  const [clock, cancel] = [new FakeClock(), new Cancel()];
  const over = pause(clock, 100, cancel);
  await clock.advance(100);
  await over;
  cancel.cancel(new Error('gone'));
});

test('a pause that nobody waits for ends at once, with the reason and without a timer', async () => {
  const [clock, cancel] = [new FakeClock(), new Cancel()];
  const over = pause(clock, 100, cancel);
  cancel.cancel(new Error('gone'));
  await assert.rejects(over, /gone/);
  await assert.rejects(pause(clock, 100, cancel), /gone/);
  assert.equal(clock.waiting, 0);
});

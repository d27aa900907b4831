import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settled } from '../../../test/fixtures/test-ports.ts';
import { Cancel } from '../../lib/cancel.ts';
import { FakeClock } from '../../testing/fake-clock.ts';
import { type Leave, type SlotSettings, Slots } from './slots.ts';

const settings: SlotSettings = { max: 2, maxWaiting: 3, waitMs: 1000 };

function arranged(given: Partial<SlotSettings> = {}) {
  const clock = new FakeClock();
  const slots = new Slots(clock);
  const said: string[] = [];
  const leaves = new Map<string, Leave>();
  /** Comes under a name; what became of it is noted. */
  const come = (
    name: string,
    { key = '', ...more }: Partial<SlotSettings> & { key?: string } = {},
  ): Cancel => {
    const cancel = new Cancel();
    const enter = async () => slots.take(key, { ...settings, ...given, ...more }, cancel);
    enter().then(
      (leave) => {
        leaves.set(name, leave);
        said.push(`${name} in`);
      },
      (error: { code?: string; message: string }) => said.push(`${name} ${error.code ?? error.message}`),
    );
    return cancel;
  };
  const leave = (name: string) => leaves.get(name)?.();
  return { clock, slots, said, come, leave };
}

test('who finds no slot waits in line and is let in one after the other', async () => {
  const { said, come, leave, slots } = arranged();
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) come(name);
  await settled();
  assert.deepEqual(said.splice(0), ['a in', 'b in', 'f OVERLOADED']);
  leave('b');
  leave('b');
  await settled();
  assert.deepEqual(said.splice(0), ['c in'], 'a slot is given back once');
  leave('a');
  leave('c');
  await settled();
  assert.deepEqual(said.splice(0), ['d in', 'e in']);
  leave('d');
  leave('e');
  assert.equal(slots.size, 0);
});

test('nobody overtakes who waits', async () => {
  const { said, come, leave } = arranged({ max: 1 });
  come('a');
  come('b');
  await settled();
  leave('a');
  come('c');
  await settled();
  assert.deepEqual(said, ['a in', 'b in']);
  leave('b');
  await settled();
  assert.deepEqual(said, ['a in', 'b in', 'c in']);
});

test('without room to wait the refusal says to come again soon', () => {
  const slots = new Slots(new FakeClock());
  const only = { ...settings, max: 1, maxWaiting: 0 };
  slots.take('', only, new Cancel());
  assert.throws(() => slots.take('', only, new Cancel()), {
    code: 'OVERLOADED',
    detail: { headers: ['retry-after', '1'], data: { retryAfterMs: 1000 } },
  });
});

test('who is cancelled or has waited long enough leaves the line, with its timer', async () => {
  const { clock, said, come, leave, slots } = arranged({ max: 1 });
  come('a');
  const gone = come('b');
  await clock.advance(500);
  come('c');
  gone.cancel(new Error('went away'));
  await clock.advance(999);
  assert.deepEqual(said, ['a in', 'b went away']);
  await clock.advance(1);
  assert.deepEqual(said, ['a in', 'b went away', 'c OVERLOADED']);
  come('d');
  await settled();
  leave('a');
  await settled();
  assert.deepEqual(said.at(-1), 'd in');
  leave('d');
  assert.equal(clock.waiting, 0);
  assert.equal(slots.size, 0);
});

test('who is cancelled already does not get into the line', async () => {
  const { slots } = arranged();
  const cancel = new Cancel();
  cancel.cancel(new Error('went away'));
  const one = { ...settings, max: 1 };
  slots.take('', one, new Cancel());
  await assert.rejects(async () => slots.take('', one, cancel), /went away/);
});

test('keys have slots of their own', async () => {
  const { said, come } = arranged({ max: 1, maxWaiting: 0 });
  come('a', { key: 'x' });
  come('b', { key: 'y' });
  come('c', { key: 'x' });
  await settled();
  assert.deepEqual(said, ['a in', 'b in', 'c OVERLOADED']);
});

test('with other numbers those who are in still count', async () => {
  const { said, come, leave } = arranged({ max: 3 });
  for (const name of ['a', 'b', 'c']) come(name);
  come('d', { max: 1 });
  await settled();
  leave('a');
  leave('b');
  await settled();
  assert.deepEqual(said, ['a in', 'b in', 'c in']);
  leave('c');
  await settled();
  assert.equal(said.at(-1), 'd in');
});

test('at the end who waits is told so', async () => {
  const { said, come, slots, clock } = arranged({ max: 1 });
  come('a');
  come('b');
  await settled();
  slots.close();
  await settled();
  assert.deepEqual(said, ['a in', 'b SHUTTING_DOWN']);
  assert.equal(clock.waiting, 0);
});

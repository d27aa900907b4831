import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settled, testPorts } from '../../../test/fixtures/test-ports.ts';
import { GatewayError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import { Cancel } from '../../lib/cancel.ts';
import type { Target } from '../target/target.ts';
import type { Links } from './links.ts';
import { Seats } from './seats.ts';

const named = (name: string): Target => ({ name }) as Target;
const one = named('one');
const two = named('two');

function world() {
  const ports = testPorts();
  let made = 0;
  const links = (): Links => ({ number: made++, close: () => Promise.resolve() }) as unknown as Links;
  const first = links();
  return {
    ports,
    first,
    seats: new Seats(first, { make: links, clock: ports.clock, strangers: false }),
    made: () => made,
  };
}

const MOST = LIMITS.visitorLinks.value;
const NEVER = new Cancel();

test('a call needs a link to itself where nothing says which call a question belongs to', () => {
  const needed = (era: string, connector: object, asksOutside = false): boolean =>
    Seats.needed({ era, connector, asksOutside } as Target);
  const [http, stdio] = [
    { relates: true, lifecycle: 'session' },
    { relates: false, lifecycle: 'session' },
  ];
  assert.deepEqual([needed('legacy', http), needed('legacy', http, true)], [false, true]);
  assert.deepEqual([needed('legacy', stdio), needed('modern', stdio)], [true, false]);
  assert.equal(needed('legacy', { ...stdio, lifecycle: 'shared' }), false);
});

test('calls to different targets share links; calls to the same one have each its own', async () => {
  const { seats, first, made } = world();
  assert.equal(await seats.take(one, NEVER), first);
  assert.equal(await seats.take(two, NEVER), first);
  assert.notEqual(await seats.take(one, NEVER), first);
  assert.equal(made(), 2);
});

test('a call that has no link left waits for one that ends', async () => {
  const { seats, made } = world();
  const taken = await Promise.all(Array.from({ length: MOST }, () => seats.take(one, NEVER)));
  assert.equal(new Set(taken).size, MOST);
  const waiting = seats.take(one, NEVER);
  seats.free(taken[3] as Links, one);
  assert.equal(await waiting, taken[3]);
  seats.free(taken[3] as Links, one);
  assert.equal(await seats.take(one, NEVER), taken[3]);
  assert.equal(made(), MOST);
});

test('a wait ends with its call, and after a while', async () => {
  const { seats, ports } = world();
  for (let n = 0; n < MOST; n += 1) await seats.take(one, NEVER);
  const cancel = new Cancel();
  const cancelled = seats.take(one, cancel);
  const late = seats.take(one, NEVER);
  cancel.cancel(new GatewayError('CANCELLED', 'gone'));
  await assert.rejects(cancelled, { code: 'CANCELLED' });
  const refused = assert.rejects(late, { code: 'OVERLOADED' });
  await ports.clock.advance(LIMITS.connect.value);
  await refused;
  await settled();
});

test('a link whose call was given up is not used again by strangers', async () => {
  const renewed: string[] = [];
  const links = { renew: ({ name }: Target) => renewed.push(name) } as unknown as Links;
  for (const strangers of [true, false]) {
    const seats = new Seats(links, { make: () => links, clock: testPorts().clock, strangers });
    await seats.take(one, NEVER);
    seats.free(links, one, false);
    await seats.take(two, NEVER);
    seats.free(links, two, true);
  }
  assert.deepEqual(renewed, ['one']);
});

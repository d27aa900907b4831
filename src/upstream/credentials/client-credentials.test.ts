import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settled, testPorts } from '../../../test/fixtures/test-ports.ts';
import { GatewayError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import { Cancel } from '../../lib/cancel.ts';
import { ClientCredentials, type IssuedToken } from './client-credentials.ts';

class World {
  readonly ports = testPorts();
  readonly asked: { resolve(token: IssuedToken): void; reject(error: Error): void; cancel: Cancel }[] = [];
  closed = 0;
  readonly credentials = new ClientCredentials({
    key: 'own',
    ports: this.ports,
    issuer: 'https://issuer.test',
    ask: (cancel) => new Promise((resolve, reject) => this.asked.push({ resolve, reject, cancel })),
    problem: () => 'no such client',
    scope: {
      close: () => {
        this.closed += 1;
      },
    },
  });

  fetch(cancel = new Cancel()): Promise<readonly string[]> {
    return this.credentials.fetch(undefined, cancel);
  }

  async issue(value: string, lifeMs?: number): Promise<void> {
    this.asked.at(-1)?.resolve({ value, lifeMs });
    await settled();
  }

  async fail(): Promise<void> {
    this.asked.at(-1)?.reject(new Error('down'));
    await settled();
  }

  /** With a token in force that lasts for `lifeMs`. */
  static async holding(lifeMs?: number): Promise<World> {
    const world = new World();
    const fetched = world.fetch();
    await world.issue('first', lifeMs);
    await fetched;
    return world;
  }
}

const bearer = (token: string) => ['authorization', `Bearer ${token}`];
const unavailable = (error: unknown) => {
  assert.ok(error instanceof GatewayError);
  assert.equal(error.code, 'CREDENTIALS_UNAVAILABLE');
  assert.equal(error.detail.headers?.[0], 'retry-after');
  return true;
};

test('nobody is asked before the first request, and once for all that wait', async () => {
  const world = new World();
  assert.equal(world.credentials.ready(), undefined);
  assert.equal(world.asked.length, 0);
  const waiting = Array.from({ length: 50 }, () => world.fetch());
  await settled();
  assert.equal(world.asked.length, 1);
  await world.issue('t');
  for (const headers of await Promise.all(waiting)) assert.deepEqual(headers, bearer('t'));
  assert.deepEqual(world.credentials.ready(), bearer('t'));
  assert.deepEqual(await world.fetch(), bearer('t'));
  assert.equal(world.asked.length, 1);
});

test('one of those who wait can go away without the others', async () => {
  const world = new World();
  const cancel = new Cancel();
  const gone = assert.rejects(world.fetch(cancel), /left/);
  const other = world.fetch();
  cancel.cancel(new GatewayError('CANCELLED', 'left'));
  await gone;
  assert.equal(world.asked[0]?.cancel.cancelled, false);
  await world.issue('t');
  assert.deepEqual(await other, bearer('t'));
});

test('a token is renewed before its end, while it still serves', async () => {
  for (const [life, early, due] of [
    [3_600_000, 3_569_999, 3_570_000],
    [60_000, 53_999, 54_000],
  ] as const) {
    const world = await World.holding(life);
    await world.ports.clock.advance(early);
    world.credentials.ready();
    assert.equal(world.asked.length, 1);
    await world.ports.clock.advance(due - early);
    for (let turn = 0; turn < 3; turn += 1) assert.deepEqual(world.credentials.ready(), bearer('first'));
    assert.equal(world.asked.length, 2, 'once');
    await world.issue('second', life);
    assert.deepEqual(world.credentials.ready(), bearer('second'));
  }
});

test('a token that has expired is not given to anybody', async () => {
  const world = await World.holding(60_000);
  await world.ports.clock.advance(60_000);
  assert.equal(world.credentials.ready(), undefined);
  const fetched = world.fetch();
  await world.issue('second');
  assert.deepEqual(await fetched, bearer('second'));
});

test('without a life of its own a token serves until it is refused', async () => {
  const world = await World.holding();
  await world.ports.clock.advance(1e9);
  assert.deepEqual(world.credentials.ready(), bearer('first'));
});

test('a token without any life is not asked for with each request', async () => {
  for (const life of [0, -5]) {
    const world = await World.holding(life);
    for (let turn = 0; turn < 10; turn += 1) assert.deepEqual(await world.fetch(), bearer('first'));
    assert.equal(world.asked.length, 1);
  }
});

test('an issuer that fails is asked again after a pause that grows, and said once each time', async () => {
  const world = new World();
  const pauses: number[] = [];
  for (let failures = 1; failures <= 4; failures += 1) {
    const waiting = [assert.rejects(world.fetch(), unavailable), assert.rejects(world.fetch(), unavailable)];
    await settled();
    assert.equal(world.asked.length, failures);
    await world.fail();
    await Promise.all(waiting);
    for (let more = 0; more < 20; more += 1) await assert.rejects(world.fetch(), unavailable);
    assert.equal(world.asked.length, failures, 'nobody asks meanwhile');
    const error = (await world.fetch().catch((cause: unknown) => cause)) as GatewayError;
    pauses.push(Number(error.detail.headers?.[1]));
    await world.ports.clock.advance(Number(error.detail.headers?.[1]) * 1000);
  }
  assert.deepEqual(
    pauses,
    [...pauses].sort((one, other) => one - other),
  );
  assert.ok((pauses.at(-1) ?? 0) > 1);
  const said = world.ports.logged.filter(({ level }) => level === 'warn');
  assert.equal(said.length, 4);
  const fetched = world.fetch();
  await world.issue('t');
  assert.deepEqual(await fetched, bearer('t'));
});

test('a renewal that fails costs nobody anything as long as the token lasts', async () => {
  const world = await World.holding(60_000);
  await world.ports.clock.advance(54_000);
  assert.deepEqual(world.credentials.ready(), bearer('first'));
  await world.fail();
  assert.deepEqual(await world.fetch(), bearer('first'));
  assert.equal(world.asked.length, 2, 'not at once again');
  await world.ports.clock.advance(2_000);
  assert.deepEqual(world.credentials.ready(), bearer('first'));
  assert.equal(world.asked.length, 3);
});

test('a refused token makes place for one other, not for one with each request', async () => {
  const world = await World.holding();
  assert.equal(world.credentials.refused(undefined, bearer('first')), true);
  assert.equal(world.credentials.ready(), undefined);
  const fetched = world.fetch();
  await world.issue('second');
  await fetched;
  assert.equal(world.credentials.refused(undefined, bearer('first')), true, 'another one is there already');
  assert.equal(world.credentials.refused(undefined, bearer('second')), false);
  assert.deepEqual(world.credentials.ready(), bearer('second'));
  await world.ports.clock.advance(LIMITS.credentialsPause.value);
  assert.equal(world.credentials.refused(undefined, bearer('second')), true);
  assert.equal(world.credentials.ready(), undefined);
});

test('what is closed asks no more and closes its connections', async () => {
  const world = new World();
  const waiting = assert.rejects(world.fetch(), unavailable);
  world.asked[0]?.cancel.onCancel((reason) => world.asked[0]?.reject(reason));
  await world.credentials.close();
  await waiting;
  assert.equal(world.closed, 1);
  assert.equal(world.ports.logged.length, 0);
});

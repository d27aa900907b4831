import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { settled, type TestPorts, testPorts } from '../../../test/fixtures/test-ports.ts';
import { GatewayError } from '../../core/errors.ts';
import type { ProbeAnswer, ProbeQuestion } from '../../core/probe.ts';
import type { Cancel } from '../../lib/cancel.ts';
import { checkSchema } from './check-schema.ts';
import { Checker } from './checker.ts';

type Outcome = number | 'refused' | 'silent';

class World {
  readonly ports: TestPorts = testPorts();
  readonly asked: (ProbeQuestion | undefined)[] = [];
  readonly cancelled: string[] = [];
  outcome: Outcome = 200;
  grpc: Partial<ProbeAnswer> = {};

  checker(check: object): Checker {
    const probe = {
      key: 'k',
      place: 'http://up',
      ask: (question: ProbeQuestion, cancel: Cancel) => this.#answer(question, cancel),
      reach: async (cancel: Cancel) => void (await this.#answer(undefined, cancel)),
    };
    return new Checker({ probe, check: checkSchema.parse(check), ports: this.ports });
  }

  get log(): string[] {
    return this.ports.logged.map(({ level, fields }) => `${level} ${JSON.stringify(fields)}`);
  }

  /** So many checks: no two of them are further apart. */
  async checks(count: number): Promise<void> {
    const end = this.asked.length + count;
    while (this.asked.length < end) await this.ports.clock.advance(100);
    await settled();
  }

  async #answer(question: ProbeQuestion | undefined, cancel: Cancel): Promise<ProbeAnswer> {
    this.asked.push(question);
    if (this.outcome === 'refused') throw new GatewayError('UPSTREAM_CONNECT', 'connect ECONNREFUSED');
    if (this.outcome === 'silent')
      return new Promise((_resolve, reject) => {
        cancel.onCancel((reason) => {
          this.cancelled.push(reason.message);
          reject(reason);
        });
      });
    return { status: this.outcome, headers: [], trailers: undefined, body: undefined, ...this.grpc };
  }
}

describe('a backend', () => {
  test('is neither up nor down before it has been asked, which is at once', async () => {
    const world = new World();
    const checker = world.checker({ path: '/' });
    assert.equal(checker.state, 'unknown');
    assert.equal(world.ports.clock.waiting, 0);
    checker.start();
    checker.start();
    await settled();
    assert.deepEqual([checker.state, world.asked.length, world.log], ['up', 1, []]);
  });

  test('that fails its very first check is down', async () => {
    const world = new World();
    world.outcome = 'refused';
    const checker = world.checker({});
    checker.start();
    await settled();
    assert.equal(checker.state, 'down');
    assert.deepEqual(world.log, ['warn {"upstream":"http://up","reason":"connect ECONNREFUSED"}']);
  });

  test('is down after failures in a row, up after successes in a row, and each is said once', async () => {
    const world = new World();
    const returns: string[] = [];
    const checker = world.checker({ path: '/', unhealthyThreshold: 3, healthyThreshold: 2 });
    const forget = checker.onReturn(() => returns.push('back'));
    checker.start();
    await settled();
    const states: string[] = [];
    for (const outcome of [500, 500, 200, 500, 'refused', 404, 404, 200, 500, 200, 200, 200] as const) {
      world.outcome = outcome;
      await world.checks(1);
      states.push(checker.state);
    }
    assert.equal(states.join(' '), 'up up up up up down down down down down up up');
    assert.deepEqual(returns, ['back']);
    assert.deepEqual(world.log, [
      'warn {"upstream":"http://up","reason":"it answers 404"}',
      'info {"upstream":"http://up"}',
    ]);
    assert.equal(checker.reason, undefined);
    forget();
  });

  test('that does not answer in time has failed, and is not waited for', async () => {
    const world = new World();
    world.outcome = 'silent';
    const checker = world.checker({ path: '/', timeout: '300ms', interval: '1s' });
    checker.start();
    await world.ports.clock.advance(299);
    assert.equal(checker.state, 'unknown');
    await world.ports.clock.advance(1);
    await settled();
    assert.deepEqual([checker.state, checker.reason], ['down', 'no answer within 300 ms']);
    assert.deepEqual(world.cancelled, ['no answer within 300 ms']);
    // One at a time: the next is counted from the end of this one.
    await world.ports.clock.advance(899);
    assert.equal(world.asked.length, 1);
    await world.ports.clock.advance(202);
    assert.equal(world.asked.length, 2);
  });

  test('is asked at intervals that differ a little', async () => {
    const world = new World();
    const checker = world.checker({ path: '/', interval: '10s' });
    checker.start();
    await settled();
    const pauses = new Set<number>();
    for (let at = 0; at < 10; at += 1) {
      const before = world.ports.clock.monotonic();
      await world.checks(1);
      pauses.add(world.ports.clock.monotonic() - before);
    }
    assert.ok(pauses.size > 3, `${[...pauses]}`);
    assert.ok(
      [...pauses].every((ms) => ms >= 9_000 && ms <= 11_100),
      `${[...pauses]}`,
    );
    checker.close();
    assert.equal(world.ports.clock.waiting, 0);
  });

  test('that is no longer checked is asked nothing, and what is under way ends', async () => {
    const world = new World();
    world.outcome = 'silent';
    const checker = world.checker({ path: '/' });
    checker.start();
    await settled();
    checker.close();
    await settled();
    assert.deepEqual([world.cancelled.length, world.ports.clock.waiting, checker.state], [1, 0, 'unknown']);
  });
});

describe('a check', () => {
  const stateAfter = async (check: object, prepare: (world: World) => void): Promise<string | undefined> => {
    const world = new World();
    prepare(world);
    const checker = world.checker(check);
    checker.start();
    await settled();
    return checker.reason ?? checker.state;
  };

  test('expects a status below 400 unless others are written', async () => {
    for (const [status, expected, result] of [
      [399, undefined, 'up'],
      [400, undefined, 'it answers 400'],
      [199, undefined, 'it answers 199'],
      [404, [200, '404-410'], 'up'],
      [201, [200, '404-410'], 'it answers 201'],
    ] as const) {
      const check = { path: '/', ...(expected && { expectedStatuses: expected }) };
      assert.equal(
        await stateAfter(check, (world) => {
          world.outcome = status;
        }),
        result,
      );
    }
  });

  test('of gRPC expects that it serves', async () => {
    const ok = ['grpc-status', '0'];
    const saying = (state: number) => Buffer.from([0, 0, 0, 0, 2, 8, state]);
    for (const [grpc, result] of [
      [{ trailers: ok, body: saying(1) }, 'up'],
      [{ trailers: ok, body: saying(2) }, 'it says NOT_SERVING'],
      [{ trailers: ok, body: Buffer.alloc(5) }, 'it says UNKNOWN'],
      [{ trailers: ok }, 'it says UNKNOWN'],
      [{ headers: ['grpc-status', '12'] }, 'it has no health service of gRPC'],
      [{ headers: ['grpc-status', '5'] }, 'it answers grpc-status 5'],
      [{ body: saying(1) }, 'it answers grpc-status missing'],
      [{ status: 404 }, 'it answers 404'],
    ] as const)
      assert.equal(
        await stateAfter({ grpc: {} }, (world) => {
          world.grpc = grpc as Partial<ProbeAnswer>;
        }),
        result,
      );
  });

  test('says who asks, unless something else is written', async () => {
    const headersOf = async (headers: object): Promise<string> => {
      const world = new World();
      world.checker({ path: '/', headers }).start();
      await settled();
      return String(world.asked[0]?.headers);
    };
    assert.equal(await headersOf({}), 'user-agent,agentgateway-health');
    assert.equal(await headersOf({ 'User-Agent': 'me' }), 'User-Agent,me');
  });

  for (const [what, check] of [
    ['a path that is none', { path: 'healthz' }],
    ['a status without a path', { expectedStatuses: [200] }],
    ['an empty range', { path: '/', expectedStatuses: ['300-200'] }],
    ['a path beside grpc', { path: '/', grpc: {} }],
    ['a header of the connection', { path: '/', headers: { connection: 'close' } }],
    ['a line break in a header', { path: '/', headers: { a: 'b\nc' } }],
    ['no pause', { interval: 0 }],
    ['no time', { timeout: '0s' }],
    ['an unknown key', { uri: '/' }],
  ] as const)
    test(`with ${what} is refused`, () => {
      assert.equal(checkSchema.safeParse(check).success, false);
    });
});

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { testExchange } from '../../../test/fixtures/test-exchange.ts';
import { type TestPorts, testPorts } from '../../../test/fixtures/test-ports.ts';
import { GatewayError } from '../../core/errors.ts';
import type { Answer } from '../../core/exchange.ts';
import { LIMITS } from '../../core/limits.ts';
import type { PolicyDeps, PolicyParts } from '../../core/policy.ts';
import { type Closable, Scope, SharedPool } from '../../core/scope.ts';
import { loadExpr } from '../../expr/load.ts';
import { Flow } from '../../lib/flow.ts';
import { health } from './index.ts';

type Outcome = number | GatewayError;

class World {
  readonly ports: TestPorts = testPorts();
  readonly #pool = new SharedPool<Closable>();

  /** One generation's build of the policy at a place. */
  async build(config: object, { place = 'backend a', scope = new Scope() } = {}): Promise<Watched> {
    const lasting = {
      hold: <T extends Closable>(owner: Scope, key: string, make: () => T): T => {
        const { value, release } = this.#pool.acquire(key, make);
        owner.defer(release);
        return value as T;
      },
    };
    const deps = { ports: this.ports, lasting, scope, place } as unknown as PolicyDeps;
    return new Watched(health.build(health.schema.parse(config), deps, await loadExpr(this.ports)));
  }
}

class Watched {
  readonly #parts: PolicyParts;

  constructor(parts: PolicyParts) {
    this.#parts = parts;
  }

  get evicted(): boolean | undefined {
    return this.#parts.health?.evicted;
  }

  async sees(...outcomes: readonly Outcome[]): Promise<void> {
    for (const outcome of outcomes) {
      const serve = this.#parts.exchange?.(async (): Promise<Answer> => {
        if (typeof outcome !== 'number') throw outcome;
        return { status: outcome, headers: ['x-sick', 'yes'], body: Flow.empty() };
      });
      await serve?.(testExchange({})).catch(() => undefined);
    }
  }
}

const DEAD = new GatewayError('UPSTREAM_CONNECT', 'nobody there');

describe('a backend is evicted', () => {
  for (const [what, outcome] of [
    ['a status from 500', 503],
    ['an upstream that cannot be reached', DEAD],
    ['one that is too slow', new GatewayError('UPSTREAM_TIMEOUT', 'slow')],
  ] as const)
    test(`by ${what}, for as long as is said`, async () => {
      const world = new World();
      const watched = await world.build({ eviction: { duration: '10s' } });
      await watched.sees(200, 404);
      assert.equal(watched.evicted, false);
      await watched.sees(outcome);
      assert.equal(watched.evicted, true);
      await world.ports.clock.advance(9999);
      assert.equal(watched.evicted, true);
      await world.ports.clock.advance(1);
      assert.equal(watched.evicted, false);
      assert.equal(world.ports.clock.waiting, 0, 'no timer waits for it');
    });

  test('only by failures in a row where they are counted', async () => {
    const watched = await new World().build({ eviction: { consecutiveFailures: 3 } });
    await watched.sees(500, 500, 200, 500, 500);
    assert.equal(watched.evicted, false);
    await watched.sees(500);
    assert.equal(watched.evicted, true);
  });

  test('when its health is below the threshold, a moving average of 30 %', async () => {
    const watched = await new World().build({ eviction: { healthThreshold: 0.5 } });
    // 1, 0.7, 0.49 before the third failure.
    await watched.sees(500, 500);
    assert.equal(watched.evicted, false);
    await watched.sees(500);
    assert.equal(watched.evicted, true);
  });

  test('longer each time until it has answered well, within a limit', async () => {
    const world = new World();
    const watched = await world.build({ eviction: { duration: '2m' } });
    const evictedFor = async (): Promise<number> => {
      await watched.sees(500);
      let minutes = 0;
      for (; watched.evicted; minutes += 1) await world.ports.clock.advance(60_000);
      return minutes;
    };
    assert.deepEqual([await evictedFor(), await evictedFor(), await evictedFor()], [2, 4, 5]);
    assert.equal(LIMITS.eviction.value, 5 * 60_000);
    await watched.sees(200);
    assert.equal(await evictedFor(), 2);
  });

  test('again at once when it comes back and still fails', async () => {
    const world = new World();
    const watched = await world.build({ eviction: { duration: 1000, consecutiveFailures: 3 } });
    await watched.sees(500, 500, 500);
    await world.ports.clock.advance(1000);
    assert.equal(watched.evicted, false);
    await watched.sees(500);
    assert.equal(watched.evicted, true);
  });

  test('not earlier than before because failures of what was on its way come in', async () => {
    const world = new World();
    const watched = await world.build({ eviction: { duration: 1000 } });
    await watched.sees(500, 500, 500);
    await world.ports.clock.advance(1000);
    assert.equal(watched.evicted, false);
  });
});

describe('no failure of a backend is', () => {
  test('what the client did', async () => {
    const watched = await new World().build({ eviction: {} });
    await watched.sees(new GatewayError('CANCELLED', 'gone'), new GatewayError('BAD_REQUEST', 'odd'), 400);
    assert.equal(watched.evicted, false);
  });

  test('what the expression does not hold for; one that cannot be evaluated leaves it to the status', async () => {
    const world = new World();
    const one = await world.build({ unhealthyExpression: 'response.code == 429', eviction: {} });
    await one.sees(500);
    assert.equal(one.evicted, false);
    await one.sees(429);
    assert.equal(one.evicted, true);
    const expression = 'int(response.headers["x-sick"]) > 1';
    const broken = await world.build(
      { unhealthyExpression: expression, eviction: {} },
      { place: 'backend b' },
    );
    await broken.sees(200);
    assert.equal(broken.evicted, false);
    await broken.sees(500);
    assert.equal(broken.evicted, true);
  });
});

test('without eviction failures only count', async () => {
  const watched = await new World().build({});
  await watched.sees(500, DEAD);
  assert.equal(watched.evicted, false);
});

test('health is what is said when it comes back', async () => {
  const world = new World();
  const watched = await world.build({ eviction: { duration: 1000, healthThreshold: 0.9, restoreHealth: 1 } });
  await watched.sees(500, 500);
  assert.equal(watched.evicted, true);
  await world.ports.clock.advance(1000);
  await watched.sees(500);
  assert.equal(watched.evicted, false, 'restored to 1, so one failure is not below the threshold');
});

test('what is known of a backend outlives a reload, and is its own', async () => {
  const world = new World();
  const [before, after] = [new Scope(), new Scope()];
  const first = await world.build({ eviction: {} }, { scope: before });
  await first.sees(500);
  const second = await world.build({ eviction: { duration: '9s' } }, { scope: after });
  await before.close();
  assert.equal(second.evicted, true);
  assert.equal((await world.build({ eviction: {} }, { place: 'backend b' })).evicted, false);
});

test('an expression that reads a body is refused with its place', async () => {
  const config = health.schema.parse({ unhealthyExpression: 'size(response.body) == 0' });
  const [problem] = health.problems?.(config, await loadExpr(testPorts())) ?? [];
  assert.deepEqual(problem?.path, ['unhealthyExpression']);
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { z } from 'zod';
import { type ExchangeScript, replyOf, testExchange, textOf } from '../../test/fixtures/test-exchange.ts';
import { type PlanRoute, testPlan } from '../../test/fixtures/test-plan.ts';
import { testPorts } from '../../test/fixtures/test-ports.ts';
import type { Definitions } from '../config/definitions.ts';
import { type BackendDeps, defineBackend } from '../core/backend.ts';
import { GatewayError } from '../core/errors.ts';
import type { Answer, Exchange } from '../core/exchange.ts';
import type { Plan } from '../core/plan.ts';
import { definePolicy, type Phase } from '../core/policy.ts';
import { Flow } from '../lib/flow.ts';
import { buildGeneration, type Generation } from './build.ts';

/** A policy that writes its name and what it is configured with into the path it is passed. */
const marking = (key: string, phase: Phase) =>
  definePolicy<string>({
    key,
    phase,
    attach: ['listener', 'route', 'backend'],
    schema: z.string(),
    build: (config, { route }) => {
      if (config === 'broken') throw new GatewayError('CONFIG_INVALID', `${key}: broken`);
      return {
        exchange: (next) => (exchange) => {
          marks(exchange).push(`${key} ${config}${route ? ` for ${route.backends}` : ''}`);
          return next(exchange);
        },
      };
    },
  });

const trails = new WeakMap<Exchange, string[]>();

function marks(exchange: Exchange): string[] {
  let trail = trails.get(exchange);
  if (!trail) {
    trail = [];
    trails.set(exchange, trail);
  }
  return trail;
}

class World {
  readonly built: BackendDeps[] = [];
  readonly closed: string[] = [];
  /** Levels, and whether an agent was said to be there. */
  readonly agents: string[] = [];
  readonly definitions: Definitions;

  constructor() {
    const echo = defineBackend<string>({
      key: 'echo',
      schema: z.string(),
      build: (config, deps) => {
        if (config === 'broken') throw new GatewayError('CONFIG_INVALID', 'this backend cannot be built');
        this.built.push(deps);
        deps.scope.defer(() => void this.closed.push(`scope of ${config}`));
        deps.current.defer(() => void this.closed.push(`current of ${config}`));
        const handle = async (): Promise<Answer> => ({ status: 200, headers: [], body: Flow.of(config) });
        return { handle };
      },
    });
    const policies = [
      marking('last', 'resilience'),
      marking('second', 'edge'),
      marking('first', 'edge'),
      marking('middle', 'authorize'),
      definePolicy<string>({
        key: 'aboutCalls',
        phase: 'authorize',
        attach: ['route', 'backend'],
        altitudes: ['mcp'],
        schema: z.string(),
        build: () => ({}),
      }),
      definePolicy<string>({
        key: 'agents',
        phase: 'authorize',
        attach: ['route', 'backend'],
        schema: z.string(),
        build: (_config, { level, route }) => {
          this.agents.push(`${level} ${route?.agent}`);
          return {};
        },
      }),
    ];
    this.definitions = { policies, backends: [echo] };
  }

  build(plan: Plan): Generation {
    const lasting = { hold: <T>(_scope: unknown, _key: string, make: () => T): T => make() };
    return buildGeneration(plan, { definitions: this.definitions, ports: testPorts(), lasting });
  }
}

const echo = (config: string, more: object = {}) => ({ kind: 'echo', config, ...more });
const one = (...routes: PlanRoute[]): Plan => testPlan([{ port: 3000, routes }]);

async function ask(
  generation: Generation,
  script: ExchangeScript = {},
): Promise<{ body: string; exchange: Exchange }> {
  const exchange = testExchange({ path: '/', ...script });
  const serve = generation.binds.get(script.port ?? 3000);
  assert.ok(serve);
  return { body: await textOf(replyOf(await serve(exchange))), exchange };
}

const code =
  (wanted: string) =>
  (error: unknown): boolean =>
    error instanceof GatewayError && error.code === wanted;

describe('an exchange', () => {
  it('goes through the layers of its listener, its route and its backend, each in the order of the phases', async () => {
    const policies = { last: 'r', first: 'r', second: 'r', middle: 'r' };
    const generation = new World().build(
      testPlan([
        {
          port: 3000,
          policies: { middle: 'l', first: 'l' },
          routes: [{ path: '/', policies, backends: [echo('a', { policies: { last: 'b', second: 'b' } })] }],
        },
      ]),
    );
    const { exchange } = await ask(generation);
    assert.deepEqual(marks(exchange), [
      'first l',
      'middle l',
      'second r for echo',
      'first r for echo',
      'middle r for echo',
      'last r for echo',
      'second b for echo',
      'last b for echo',
    ]);
  });

  it('is known to be for an agent by its route, or by its backend', () => {
    for (const [ofRoute, ofBackend, expected] of [
      [{}, {}, ['backend false', 'route false']],
      [{ a2a: {} }, {}, ['backend true', 'route true']],
      [{}, { a2a: {} }, ['backend true', 'route true']],
    ] as const) {
      const world = new World();
      const policies = { agents: '', ...ofRoute };
      const backends = [echo('a', { policies: { agents: '', ...ofBackend } })];
      world.build(one({ path: '/', policies, backends }));
      assert.deepEqual(world.agents, expected);
    }
  });

  it('reaches the route that fits best, by port, host and path, and notes the way', async () => {
    const generation = new World().build(
      testPlan([
        {
          port: 3000,
          routes: [
            { path: '/', backends: [echo('root')] },
            { path: '/deep', name: 'deep', backends: [echo('deep')] },
          ],
        },
        { port: 4000, hostname: 'a.example', name: 'of a', routes: [{ path: '/', backends: [echo('a')] }] },
      ]),
    );
    const { body, exchange } = await ask(generation, { path: '/deep/er' });
    assert.equal(body, 'deep');
    const { listener, route, backend } = exchange.record;
    assert.deepEqual([listener, route, backend], ['default', 'deep', 'route-1[0]']);
    assert.equal((await ask(generation, { path: '/else' })).body, 'root');
    assert.equal((await ask(generation, { port: 4000, authority: 'a.example' })).body, 'a');
  });

  it('that nothing fits is refused, and says why', async () => {
    const generation = new World().build(
      testPlan([{ port: 3000, hostname: 'a.example', routes: [{ path: '/mcp', backends: [echo('a')] }] }]),
    );
    await assert.rejects(ask(generation, { authority: 'b.example' }), code('MISDIRECTED'));
    await assert.rejects(ask(generation, { authority: 'a.example', path: '/x' }), code('ROUTE_NOT_FOUND'));
  });

  it('can tell whether another path would lead to the same route', async () => {
    const generation = new World().build(
      one({ path: '/mcp', backends: [echo('a')] }, { path: '/mcp/x', backends: [echo('b')] }),
    );
    const { exchange } = await ask(generation, { path: '/mcp/sse' });
    assert.deepEqual(
      ['/mcp/message', '/mcp/x', '/message'].map((path) => exchange.serves(exchange, path)),
      [true, false, false],
    );
  });

  it('from a web page of elsewhere is refused before any policy of a route on loopback', async () => {
    const generation = new World().build(one({ path: '/', policies: { first: 'r' }, backends: [echo('a')] }));
    const foreign = { headers: { origin: 'https://evil.example' } };
    await assert.rejects(ask(generation, foreign), code('FORBIDDEN_ORIGIN'));
    await assert.rejects(ask(generation, { authority: 'evil.example' }), code('FORBIDDEN_HOST'));
  });

  it('is checked in the same way on a loopback address that is written out, and not on others', async () => {
    const routes = [{ path: '/', backends: [echo('a')] }];
    const evil = { authority: 'evil.example', headers: { origin: 'https://evil.example' } };
    for (const address of ['127.0.0.1', '::1'])
      await assert.rejects(
        ask(new World().build(testPlan([{ port: 3000, address, routes }])), evil),
        code('FORBIDDEN_HOST'),
      );
    const open = new World().build(testPlan([{ port: 3000, address: '0.0.0.0', routes }]));
    assert.equal((await ask(open, evil)).body, 'a');
  });
});

describe('a generation', () => {
  it('lists its backends and routes', () => {
    const generation = new World().build(
      one(
        { path: '/', name: 'main', backends: [echo('a', { weight: 3 }), echo('b')] },
        { path: '/x', backends: [] },
      ),
    );
    assert.equal(generation.backends.length, 2);
    assert.deepEqual(
      generation.routes.map(({ name, backends }) => [name, backends.map(({ weight }) => weight)]),
      [
        ['main', [3, 1]],
        ['route-1', []],
      ],
    );
  });

  it('gives a backend what it needs to know of its place', () => {
    const world = new World();
    world.build(
      one({
        path: '/',
        name: 'main',
        policies: { last: 'r', first: 'r' },
        backends: [echo('a', { policies: { last: 'b' } })],
      }),
    );
    const [deps] = world.built;
    assert.deepEqual([deps?.key, deps?.label], ['route-0[0]', 'main > echo']);
    assert.equal(deps?.policies['last'], 'b');
  });

  it('that cannot be built closes what it has begun, and nothing of it serves', async () => {
    const world = new World();
    const plan = one({ path: '/', backends: [echo('a'), echo('broken')] });
    assert.throws(() => world.build(plan), /cannot be built/);
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(world.closed.sort(), ['current of a', 'scope of a']);
    const unknown = one({ path: '/', backends: [{ kind: 'nothing', config: '' }] });
    assert.throws(() => world.build(unknown), code('CONFIG_INVALID'));
  });

  it('is refused with rules about MCP calls where none can pass: nobody would be held back by them', () => {
    const policies = { aboutCalls: 'x' };
    for (const [place, route] of [
      ['route route-0', { path: '/', policies, backends: [echo('a')] }],
      ['backend route-0[0]', { path: '/', backends: [echo('a', { policies })] }],
    ] as const)
      assert.throws(() => new World().build(one(route)), {
        code: 'CONFIG_INVALID',
        message: `${place}: aboutCalls: it is about MCP, and no \`mcp\` backend lies behind`,
      });
  });

  it('gives a backend that several routes name a key in each of them: what is kept there follows their rules', () => {
    const world = new World();
    const shared = echo('a', { key: 'backend/shared' });
    const generation = world.build(
      one({ path: '/a', backends: [shared, shared] }, { path: '/b', backends: [shared] }),
    );
    const keys = ['backend/shared', 'route-0 backend/shared#2', 'route-1 backend/shared'];
    assert.deepEqual(
      world.built.map(({ key }) => key),
      keys,
    );
    assert.deepEqual(
      generation.backends.map(({ key }) => key),
      keys,
    );
  });

  it('names the place of a policy that cannot be built', () => {
    const world = new World();
    const plan = one({ path: '/', policies: { first: 'broken' }, backends: [echo('a')] });
    assert.throws(() => world.build(plan), {
      code: 'CONFIG_INVALID',
      message: 'route route-0: first: broken',
    });
  });

  it('has two lifetimes: what ends at the swap, and what ends with the last exchange', async () => {
    const world = new World();
    const generation = world.build(one({ path: '/', backends: [echo('a')] }));
    await generation.current.close();
    assert.deepEqual(world.closed, ['current of a']);
    await generation.scope.close();
    assert.deepEqual(world.closed, ['current of a', 'scope of a']);
  });
});

import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { z } from 'zod';
import { raw } from '../test/e2e/http-harness.ts';
import { testPlan } from '../test/fixtures/test-plan.ts';
import { settled, type TestPorts, testPorts } from '../test/fixtures/test-ports.ts';
import { defineBackend } from './core/backend.ts';
import { GatewayError } from './core/errors.ts';
import type { Answer } from './core/exchange.ts';
import type { Plan } from './core/plan.ts';
import { Gateway, type GatewayOptions } from './gateway.ts';
import { Flow } from './lib/flow.ts';

/** A gateway whose one kind of backend notes what happens to it and answers when it is let. */
class World {
  readonly ports: TestPorts = testPorts();
  readonly notes: string[] = [];
  readonly gateway: Gateway;
  /** Exchanges that wait for their answer, by the backend that serves them. */
  readonly waiting = new Map<string, (() => void)[]>();
  #wake: (() => void)[] = [];

  constructor(t: TestContext, options: Partial<GatewayOptions> = {}) {
    const backend = defineBackend<string>({
      key: 'noting',
      schema: z.string(),
      build: (config, { lasting, scope, current }) => {
        if (config === 'broken') throw new GatewayError('CONFIG_INVALID', 'cannot be built');
        const [shared] = config.split(' ');
        lasting.hold(scope, `shared ${shared}`, () => this.#resource(`shared ${shared}`));
        lasting.hold(current, `child ${shared}`, () => this.#resource(`child ${shared}`));
        return {
          handle: () => this.#serve(config),
          activate: () => void this.notes.push(`activate ${config}`),
          start: () => void this.notes.push(`start ${config}`),
          drain: () => void this.notes.push(`drain ${config}`),
        };
      },
    });
    this.gateway = new Gateway({
      definitions: { policies: [], backends: [backend] },
      ports: this.ports,
      address: undefined,
      listen: true,
      drainMs: 1000,
      ...options,
    });
    t.after(() => this.gateway.close());
  }

  #resource(name: string): { close(): void } {
    this.notes.push(`open ${name}`);
    return { close: () => void this.notes.push(`close ${name}`) };
  }

  async #serve(config: string): Promise<Answer> {
    if (config.endsWith('slow')) {
      await new Promise<void>((answer) => {
        this.waiting.set(config, [...(this.waiting.get(config) ?? []), answer]);
        for (const wake of this.#wake.splice(0)) wake();
      });
    }
    return { status: 200, headers: [], body: Flow.of(config) };
  }

  /** Notes since the last look. */
  news(): string[] {
    return this.notes.splice(0);
  }

  async served(config: string): Promise<void> {
    while (!this.waiting.has(config)) await new Promise<void>((wake) => this.#wake.push(wake));
  }

  answer(config: string): void {
    for (const answer of this.waiting.get(config) ?? []) answer();
  }

  get port(): number {
    return this.gateway.listening()[0]?.port ?? 0;
  }

  get(port = this.port): Promise<string> {
    return fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } }).then((reply) =>
      reply.text(),
    );
  }
}

const plan = (...configs: string[]): Plan => planOn(0, ...configs);

function planOn(port: number, ...configs: string[]): Plan {
  const routes = configs.map((config, at) => ({
    path: at === 0 ? '/' : `/${at}`,
    backends: [{ kind: 'noting', config }],
  }));
  return testPlan([{ port, routes }]);
}

async function freePort(): Promise<number> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function occupied(t: TestContext): Promise<number> {
  const server: Server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

test('a plan in force serves: backends are activated with the swap and start after it', async (t) => {
  const world = new World(t);
  await world.gateway.apply(plan('a'));
  assert.deepEqual(world.news(), ['open shared a', 'open child a', 'activate a', 'start a']);
  assert.equal(await world.get(), 'a');
  assert.equal(world.gateway.generationsAlive, 1);
});

test('what both plans need is kept; what only the old one needed stops before the new one starts', async (t) => {
  const world = new World(t);
  await world.gateway.apply(plan('a', 'b'));
  world.news();
  const before = world.port;
  await world.gateway.apply(plan('a', 'c'));
  assert.deepEqual(world.news(), [
    'open shared c',
    'open child c',
    'activate a',
    'activate c',
    'close child b',
    'close shared b',
    'start a',
    'start c',
  ]);
  assert.deepEqual([world.port, world.gateway.generationsAlive], [before, 1]);
  assert.equal(world.gateway.lasting().length, 4);
});

test('a plan that cannot be built changes nothing', async (t) => {
  const world = new World(t);
  const good = plan('a');
  await world.gateway.apply(good);
  world.news();
  await assert.rejects(world.gateway.apply(plan('b', 'broken')), /cannot be built/);
  await settled();
  assert.deepEqual(world.news().sort(), ['close child b', 'close shared b', 'open child b', 'open shared b']);
  assert.equal(world.gateway.plan, good);
  assert.equal(await world.get(), 'a');
  await world.gateway.apply(plan('c'));
  assert.equal(await world.get(), 'c');
});

test('a port that is taken changes nothing, and ports opened for it are closed again', async (t) => {
  const world = new World(t);
  const [mine, fresh, taken] = [await freePort(), await freePort(), await occupied(t)];
  await world.gateway.apply(planOn(mine, 'a'));
  world.news();
  const binds = [planOn(fresh, 'b'), planOn(taken, 'c')].flatMap((each) => each.binds);
  await assert.rejects(
    world.gateway.apply({ ...planOn(mine, 'x'), binds }),
    (error) => error instanceof GatewayError && error.code === 'LISTEN_FAILED',
  );
  assert.deepEqual(
    world.gateway.listening().map(({ port }) => port),
    [mine],
  );
  assert.equal(await world.get(mine), 'a');
  await assert.rejects(world.get(fresh));
  assert.deepEqual(world.gateway.lasting().length, 2);
});

test('a port that moves to another address keeps serving, and goes back when the rest of its plan fails', async (t) => {
  const world = new World(t);
  const [mine, taken] = [await freePort(), await occupied(t)];
  await world.gateway.apply(planOn(mine, 'a'));
  const [moved] = planOn(mine, 'b').binds;
  assert.ok(moved);
  const everywhere = { ...moved, address: '0.0.0.0' };
  const [blocked] = planOn(taken, 'c').binds;
  assert.ok(blocked);
  const base = plan('x');
  await assert.rejects(world.gateway.apply({ ...base, binds: [everywhere, blocked] }));
  assert.equal(await world.get(mine), 'a');
  await world.gateway.apply({ ...base, binds: [everywhere] });
  assert.equal(await world.get(mine), 'b');
  assert.deepEqual(
    world.gateway.listening().map(({ bind }) => bind.address),
    ['0.0.0.0'],
  );
});

test('a port that is no longer wanted is closed', async (t) => {
  const world = new World(t);
  const [first, second] = [await freePort(), await freePort()];
  await world.gateway.apply(planOn(first, 'a'));
  await world.gateway.apply(planOn(second, 'a'));
  assert.equal(await world.get(second), 'a');
  await assert.rejects(world.get(first));
});

test('an exchange goes on in the generation it began in, which ends with it', async (t) => {
  const world = new World(t);
  await world.gateway.apply(plan('a slow'));
  const reply = world.get();
  await world.served('a slow');
  await world.gateway.apply(plan('b'));
  assert.equal(world.gateway.generationsAlive, 2);
  world.news();
  assert.equal(await world.get(), 'b');
  world.answer('a slow');
  assert.equal(await reply, 'a slow');
  await settled();
  assert.equal(world.gateway.generationsAlive, 1);
  assert.deepEqual(world.news(), ['close shared a']);
});

test('an exchange that never ends holds its generation only so long', async (t) => {
  const world = new World(t);
  await world.gateway.apply(plan('a slow'));
  const reply = world.get();
  await world.served('a slow');
  await world.gateway.apply(plan('b'));
  await world.ports.clock.advance(999);
  assert.equal(world.gateway.generationsAlive, 2);
  await world.ports.clock.advance(1);
  assert.equal(world.gateway.generationsAlive, 1);
  assert.ok(world.news().includes('close shared a'));
  world.answer('a slow');
  assert.equal(await reply, 'a slow');
});

test('plans that come together are carried out one after the other, also past one that fails', async (t) => {
  const world = new World(t);
  const applied = ['a', 'broken', 'b', 'c'].map((config) => world.gateway.apply(plan(config)));
  const outcomes = await Promise.allSettled(applied);
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled', 'fulfilled'],
  );
  assert.deepEqual(
    world.news().filter((note) => note.startsWith('start')),
    ['start a', 'start b', 'start c'],
  );
  assert.equal(await world.get(), 'c');
});

test('closing drains, then ends everything, and no plan is taken any more', async (t) => {
  const world = new World(t);
  await world.gateway.apply(plan('a slow'));
  const { port } = world;
  const reply = world.get();
  await world.served('a slow');
  world.news();
  const closed = world.gateway.close();
  await settled();
  assert.deepEqual(world.news(), ['drain a slow']);
  world.answer('a slow');
  assert.equal(await reply, 'a slow');
  await closed;
  assert.deepEqual(world.news(), ['close child a', 'close shared a']);
  assert.deepEqual([world.gateway.lasting(), world.gateway.listening()], [[], []]);
  await assert.rejects(world.get(port));
  await assert.rejects(
    world.gateway.apply(plan('b')),
    (error) => error instanceof GatewayError && error.code === 'SHUTTING_DOWN',
  );
});

test('without listening there are no ports, and an address is for binds without one of their own', async (t) => {
  const silent = new World(t, { listen: false });
  await silent.gateway.apply(plan('a'));
  assert.deepEqual(silent.gateway.listening(), []);
  const placed = new World(t, { listen: false, address: '0.0.0.0' });
  const routes = [{ path: '/', backends: [{ kind: 'noting', config: 'a' }] }];
  await placed.gateway.apply(
    testPlan([
      { port: 1, routes },
      { port: 2, address: '127.0.0.1', routes },
    ]),
  );
  assert.deepEqual(
    placed.gateway.plan?.binds.map(({ address }) => address),
    ['0.0.0.0', '127.0.0.1'],
  );
});

test('a tunnel leads to internal binds, and to ports that its clients could have connected to themselves', async (t) => {
  const [local, open, far] = [await freePort(), await freePort(), await freePort()];
  const routes = (config: string) => [{ path: '/', backends: [{ kind: 'noting', config }] }];
  const world = new World(t);
  await world.gateway.apply(
    testPlan([
      { port: local, connect: 'tunnel', routes: [] },
      { port: open, address: '0.0.0.0', connect: 'tunnel', routes: routes('open') },
      { port: far, routes: routes('loopback') },
      { port: 7, mode: 'internal', routes: routes('internal') },
    ]),
  );
  const ask = async (from: number, to: number): Promise<string> => {
    const request = 'GET / HTTP/1.0\r\nHost: localhost\r\n\r\n';
    const answer = await raw(from, `CONNECT a.test:${to} HTTP/1.1\r\nHost: x\r\n\r\n${request}`);
    return /^HTTP\/1.1 200 [\s\S]*\r\n\r\n(\w+)$/.exec(answer)?.[1] ?? answer.slice(9, 12);
  };
  assert.equal(await ask(local, 7), 'internal');
  assert.equal(await ask(open, 7), 'internal');
  assert.equal(await ask(local, far), 'loopback');
  assert.equal(await ask(local, open), 'open');
  assert.equal(await ask(open, far), '404');
  assert.equal(await ask(local, 8), '404');
});

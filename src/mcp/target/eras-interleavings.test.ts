/** Whatever a server does, and whenever it changes its mind: everyone gets an answer in time, and nothing stays open. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { handshake } from '../../../test/fixtures/scripted-link.ts';
import { type Handler, RpcFailure, ScriptedConnector } from '../../../test/fixtures/scripted-wire.ts';
import { settled, testPorts } from '../../../test/fixtures/test-ports.ts';
import { type ErrorCode, GatewayError } from '../../core/errors.ts';
import { Cancel } from '../../lib/cancel.ts';
import type { LinkWithInfo } from '../link/opened.ts';
import type { Era } from '../revisions.ts';
import { Eras } from './eras.ts';

const CONNECT_MS = 1000;

const broken = (code: ErrorCode, upstreamStatus?: number): Handler => {
  return ({ wire, id }) => {
    const error = new GatewayError(code, 'as told', { data: { upstreamStatus } });
    if (wire.relates) wire.end(Number(id), error);
    else wire.lose(error);
    return undefined;
  };
};
const refused: Handler = () => {
  throw new RpcFailure(-32600, 'no');
};

/** How a server may answer a greeting. `sound`: as one of its era does. */
const MOODS = {
  sound: undefined,
  refused,
  silent: () => undefined,
  nonsense: () => ({}),
  gone: broken('UPSTREAM_CLOSED'),
  unknown: broken('UPSTREAM_STATUS', 404),
  trouble: broken('UPSTREAM_STATUS', 503),
  login: broken('UPSTREAM_CHALLENGE'),
} satisfies Record<string, Handler | undefined>;

const mood = fc.constantFrom(...(Object.keys(MOODS) as (keyof typeof MOODS)[]));
const era = fc.constantFrom<Era>('legacy', 'modern');
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('session' as const), era }) },
  fc.record({ do: fc.constant('probe' as const) }),
  fc.record({ do: fc.constant('info' as const) }),
  fc.record({ do: fc.constant('behave' as const), discover: mood, initialize: mood }),
  fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 400 }) }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

class World {
  readonly ports = testPorts();
  readonly ended = new Cancel();
  readonly connector: ScriptedConnector;
  readonly eras: Eras;
  readonly opened: LinkWithInfo[] = [];
  readonly faults: unknown[] = [];
  waiting = 0;
  #probed: LinkWithInfo | undefined;
  #probing: Promise<void> | undefined;

  constructor(wires: 'apart' | 'together') {
    this.connector = new ScriptedConnector({
      eras: wires,
      relates: wires === 'apart',
      cancelsByClosing: wires === 'apart',
      speaks: ['legacy', 'modern'],
      tools: [],
    });
    const { connector, ports, ended } = this;
    const options = { connector, ports, ended, connectMs: CONNECT_MS, name: 'one', version: '1' };
    this.eras = new Eras({ ...options, suspect() {} });
  }

  async run(done: Step): Promise<void> {
    if (done.do === 'wait') return this.ports.clock.advance(done.ms);
    if (done.do === 'behave') {
      const of = { 'server/discover': MOODS[done.discover], initialize: MOODS[done.initialize] };
      const entries = Object.entries(of).flatMap(([method, handler]) => (handler ? [[method, handler]] : []));
      this.connector.script.on = Object.fromEntries(entries) as Record<string, Handler>;
      return;
    }
    const { identity, events, headers, maxQuestions } = handshake(this.connector, this.ports);
    if (done.do === 'session') {
      const opening = { identity, events, headers, maxQuestions, purpose: 'session' } as const;
      this.#expect(this.eras.session(opening, done.era), done.era);
    } else if (done.do === 'info' && this.#probed) {
      const { info } = this.#probed;
      this.#expect(this.eras.infoAs('legacy', info), undefined);
    } else if (done.do === 'probe' && !this.#probing) {
      // A target has one probe at a time.
      this.#probing = this.#expect(this.eras.probe(events), undefined).finally(() => {
        this.#probing = undefined;
      });
    }
  }

  async #expect(work: Promise<unknown>, wanted: Era | undefined): Promise<void> {
    this.waiting += 1;
    try {
      const open = (await work) as Partial<LinkWithInfo>;
      if (!open.link) return;
      const { era } = open.link;
      if (open.info?.era !== era || (open.envelope !== undefined) !== (era === 'modern'))
        this.faults.push(`a link of the ${era} era that says otherwise of itself`);
      if (wanted === undefined) this.#probed = open as LinkWithInfo;
      this.opened.push(open as LinkWithInfo);
    } catch (error) {
      if (!(error instanceof GatewayError)) this.faults.push(error);
    } finally {
      this.waiting -= 1;
    }
  }
}

test('everyone gets an answer in time, and what nobody has is closed', async () => {
  const property = fc.asyncProperty(
    fc.constantFrom('apart' as const, 'together' as const),
    fc.array(step, { minLength: 1, maxLength: 25 }),
    async (wires, steps) => {
      const world = new World(wires);
      for (const each of steps) {
        await world.run(each);
        await settled(1);
      }
      // A verdict that is waited for, then both eras: each at most as long as connecting may take.
      for (let passed = 0; passed < 4 * CONNECT_MS; passed += 100) {
        await world.ports.clock.advance(100);
        await settled(1);
      }
      assert.deepEqual([world.faults, world.waiting], [[], 0]);
      const held = world.opened.filter(({ link }) => !link.closed);
      const open = world.connector.wires.filter(({ closed }) => !closed);
      assert.equal(open.length, held.length, 'a wire is open that nobody has');
      await Promise.all(world.opened.map(({ link }) => link.close()));
      await settled();
      assert.ok(world.connector.wires.every(({ closed }) => closed));
      assert.equal(world.ports.clock.waiting, 0);
    },
  );
  await fc.assert(property, { seed: 20260728, numRuns: 150 });
});

test('when the target ends, so does everything that is being opened', async () => {
  const property = fc.asyncProperty(
    fc.constantFrom('apart' as const, 'together' as const),
    fc.array(step, { minLength: 1, maxLength: 10 }),
    async (wires, steps) => {
      const world = new World(wires);
      for (const each of steps) await world.run(each);
      world.ended.cancel(new GatewayError('TARGET_REMOVED', 'gone'));
      await settled(10);
      assert.deepEqual([world.faults, world.waiting], [[], 0]);
      await Promise.all(world.opened.map(({ link }) => link.close()));
      assert.ok(world.connector.wires.every(({ closed }) => closed));
      assert.equal(world.ports.clock.waiting, 0);
    },
  );
  await fc.assert(property, { seed: 20260728, numRuns: 150 });
});

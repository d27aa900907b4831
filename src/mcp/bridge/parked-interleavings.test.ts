/**
 * Random interleavings of questions, answers, retries, departures, outcomes, withdrawals and deadlines: no exchange
 * waits for ever, no answer reaches another call's question, nothing is left.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SEED } from '../../../test/fixtures/json-samples.ts';
import {
  type AskedQuestion,
  type Attendance,
  codeOf,
  ParkedWorld,
  type TestParked,
} from '../../../test/fixtures/parked-world.ts';
import { settled } from '../../../test/fixtures/test-ports.ts';
import { GatewayError } from '../../core/errors.ts';

const TTL = 1000;
const EACH = 3;
const CLIENTS = ['alice', 'bob'];

const at = fc.nat(40);
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('begin' as const), client: fc.nat(1) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('ask' as const), at }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('retry' as const),
      at,
      answers: fc.constantFrom('all', 'all', 'first', 'none', 'malformed'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('steal' as const),
      at,
      how: fc.constantFrom('client', 'request'),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('leave' as const), at, turn: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('finish' as const), at }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('withdraw' as const), at }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('cancel' as const), at }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('barge' as const), at }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('end' as const), client: fc.nat(1) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat(TTL) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('turn' as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

interface Played {
  readonly nonce: string;
  readonly client: string;
  readonly parked: TestParked;
  readonly questions: Map<string, AskedQuestion>;
  /** Its newest exchange. */
  newest: Attendance | undefined;
  /** When that left with questions. */
  since: number | undefined;
}

interface Attended {
  readonly of: Played;
  readonly id: string;
  readonly attendance: Attendance;
}

class Play {
  readonly world = new ParkedWorld({ ttlMs: TTL, maxEach: EACH, maxTotal: 5 });
  readonly visitors: readonly object[] = [{}, {}];
  readonly calls: Played[] = [];
  readonly attended: Attended[] = [];
  readonly rounds: { of: Played; input: Attendance['input'] }[] = [];
  /** Questions in rounds where they do not belong. */
  readonly wrong: string[] = [];
  #ids = 0;
  #questions = 0;

  async run(each: Step): Promise<void> {
    switch (each.do) {
      case 'begin':
        return this.#begin(CLIENTS[each.client] as string);
      case 'ask':
        return this.#with(this.calls, each.at, (call) => this.#ask(call));
      case 'retry':
        return this.#with(this.rounds, each.at, (round) => this.#retry(round, each.answers));
      case 'steal':
        return this.#with(this.rounds, each.at, (round) => this.#steal(round, each.how));
      case 'leave':
        if (each.turn) await settled(1);
        return this.#with(this.attended, each.at, (attended) => this.#leave(attended, each.turn));
      case 'finish':
        return this.#with(this.calls, each.at, ({ parked, nonce }) => parked.finish({ nonce }));
      case 'withdraw':
        return this.#with(this.calls, each.at, ({ questions }) => {
          const question = pick([...questions.values()], each.at);
          question?.withdraw();
        });
      case 'cancel':
        return this.#with(this.calls, each.at, ({ parked }) => parked.cancel.cancel(over()));
      case 'barge':
        return this.#with(this.calls, each.at, (call) =>
          this.#attend(call, call.nonce, call.parked.attend()),
        );
      case 'end':
        return this.world.calls.endOf(this.visitors[each.client] as object, over());
      case 'wait':
        return this.world.ports.clock.advance(each.ms);
      case 'turn':
        return settled(1);
    }
  }

  /** What must hold after each step. */
  check(): void {
    const now = this.world.ports.clock.monotonic();
    for (const { parked, since, nonce } of this.calls)
      if (since !== undefined && now - since >= TTL)
        assert.ok(parked.cancel.cancelled, `${nonce} is parked beyond its deadline`);
    assert.ok(this.world.calls.size <= 5);
  }

  /** Servers come to an end, as they do when they are cancelled or late. */
  async end(): Promise<void> {
    for (const { parked, nonce } of this.calls) parked.finish({ nonce });
    await this.world.ports.clock.advance(TTL);
    await settled();
  }

  #begin(client: string): void {
    const nonce = `call-${this.calls.length}`;
    const visitor = this.visitors[CLIENTS.indexOf(client)] as object;
    const parked = this.world.begin({ id: nonce, principal: client, visitor, params: { nonce } });
    const call: Played = { nonce, client, parked, questions: new Map(), newest: undefined, since: undefined };
    // As a cancelled call ends: a little later, and with an outcome nobody wants.
    parked.cancel.onCancel(() => queueMicrotask(() => parked.finish({ nonce, cancelled: true })));
    this.calls.push(call);
    this.#attend(call, nonce, parked.attend());
  }

  #attend(of: Played, id: string, attendance: Attendance): void {
    this.attended.push({ of, id, attendance });
    Object.assign(of, { newest: attendance, since: undefined });
    const before = [...of.questions].filter(([, { heard }]) => heard !== 'waiting').map(([nonce]) => nonce);
    void attendance.settled.then(() => {
      if (attendance.state !== 'input') return;
      const { input } = attendance;
      for (const { params } of Object.values(input.inputRequests)) {
        const { nonce } = params as { nonce: string };
        if (!of.questions.has(nonce) || before.includes(nonce)) this.wrong.push(`${id} is asked ${nonce}`);
      }
      this.rounds.push({ of, input });
      if (of.newest === attendance) of.since = this.world.ports.clock.monotonic();
    });
  }

  #ask(call: Played): void {
    this.#questions += 1;
    const nonce = `${call.nonce}-question-${this.#questions}`;
    call.questions.set(nonce, call.parked.ask('elicitation/create', { nonce }));
  }

  #retry({ of, input }: Play['rounds'][number], answers: string): void {
    this.#ids += 1;
    const id = `retry-${this.#ids}`;
    const all = Object.entries(input.inputRequests).map(([key, { params }]) => [key, params] as const);
    const given = answers === 'all' ? all : answers === 'first' ? all.slice(0, 1) : [];
    const responses = answers === 'malformed' ? { q1: 1, q2: 2, q3: 3 } : Object.fromEntries(given);
    const request = { id, principal: of.client, params: { nonce: of.nonce } };
    try {
      const attendance = this.world.retry(input.requestState, responses, request);
      this.#attend(of, id, attendance);
    } catch (error) {
      assert.ok(['STATE_INVALID', 'INVALID_PARAMS'].includes(codeOf(error)), String(error));
    }
  }

  #steal({ of, input }: Play['rounds'][number], how: string): void {
    const other = CLIENTS.find((client) => client !== of.client) as string;
    const request =
      how === 'client'
        ? { principal: other, params: { nonce: of.nonce } }
        : { principal: of.client, params: { nonce: 'another' } };
    const responses = Object.fromEntries(
      Object.keys(input.inputRequests).map((key) => [key, { nonce: 'stolen' }]),
    );
    assert.throws(() => this.world.retry(input.requestState, responses, request), { code: 'STATE_INVALID' });
  }

  #leave({ of, attendance }: Attended, certain: boolean): void {
    const { cancel, call } = of.parked;
    const before = cancel.cancelled;
    const waits = attendance.state === 'waiting';
    call.leave(attendance, over());
    if (certain) assert.equal(cancel.cancelled, before || waits);
  }

  #with<T>(all: readonly T[], index: number, act: (one: T) => void): void {
    const one = pick(all, index);
    if (one) act(one);
  }
}

/** Any of them, one of the newest as often as not: what is long over is seldom of interest. */
function pick<T>(all: readonly T[], index: number): T | undefined {
  return index % 2 === 0
    ? all.at(-1 - ((index / 2) % Math.max(1, Math.min(all.length, 3))))
    : all[index % all.length];
}

const over = (): GatewayError => new GatewayError('CANCELLED', 'nobody wants it any more');

function checkEnd({ calls, attended, world, wrong }: Play): void {
  assert.deepEqual(wrong, []);
  for (const { of, id, attendance } of attended) {
    assert.notEqual(attendance.state, 'waiting', `${id} waits for ever`);
    if (attendance.state !== 'answered') continue;
    const { response } = attendance;
    // Whoever barged in has no request of his own.
    if (id !== of.nonce) assert.equal(response.id, id);
    assert.deepEqual(response.result, { nonce: of.nonce });
  }
  for (const { questions } of calls) {
    for (const [nonce, { heard }] of questions) {
      assert.notEqual(heard, 'waiting', `${nonce} waits for ever`);
      if (heard.startsWith('{')) assert.equal(heard, JSON.stringify({ nonce }));
    }
  }
  const left = { calls: world.calls.size, bytes: world.calls.bytes, timers: world.ports.clock.waiting };
  assert.deepEqual(left, { calls: 0, bytes: 0, timers: 0 });
}

async function play(steps: readonly Step[]): Promise<Play> {
  const play = new Play();
  for (const each of steps) {
    await play.run(each);
    play.check();
  }
  return play;
}

const steps = fc.array(step, { minLength: 5, maxLength: 80, size: 'max' });

test('every exchange gets its own answer or an error, every question its own answer or none, and nothing is left', async () => {
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(steps, async (each) => {
      const played = await play(each);
      await played.end();
      checkEnd(played);
      for (const { attendance } of played.attended) seen.add(attendance.state);
      for (const { questions } of played.calls)
        for (const { heard } of questions.values()) seen.add(heard[0] === '{' ? 'told' : heard);
      // No place is lost: each client can park as many calls as at the beginning.
      for (const visitor of played.visitors) {
        const parked = Array.from({ length: EACH }, () => played.world.begin({ visitor }).ask());
        await settled(1);
        assert.deepEqual(new Set(parked.map(({ heard }) => heard)), new Set(['waiting']));
        played.world.calls.endOf(visitor, over());
      }
    }),
    { seed: SEED, numRuns: 400 },
  );
  // The property says nothing when what it is about does not happen.
  for (const state of ['answered', 'input', 'CANCELLED', 'STATE_INVALID', 'told', 'OVERLOADED'])
    assert.ok(seen.has(state), `${state} never happened: ${[...seen]}`);
});

test('closed in the middle of anything: whoever waits for a client is told so, and nothing is left', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (each) => {
      const played = await play(each);
      played.world.calls.close();
      assert.equal(played.world.calls.size, 0);
      for (const { parked, nonce } of played.calls) parked.finish({ nonce });
      await settled();
      checkEnd(played);
    }),
    { seed: SEED, numRuns: 200 },
  );
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { SEED } from '../../../test/fixtures/json-samples.ts';
import { FakeClock } from '../../../test/fixtures/test-ports.ts';
import { GatewayError } from '../../core/errors.ts';
import { Cancel } from '../../lib/cancel.ts';
import type { Question } from '../call.ts';
import { readMessage } from '../message.ts';
import { ASK_DEADLINE_MS, Asks, MAX_PENDING_ASKS } from './asks.ts';

const SAMPLING = 'sampling/createMessage';

interface Posed {
  readonly question: Question;
  /** Progress the server was told. */
  readonly progress: string[];
  /** `result ...`, `error ...` or the code of the error, once it is known. */
  state: string;
}

class World {
  readonly clock = new FakeClock();
  readonly asks: Asks;
  /** What the client was sent. */
  readonly sent: { id?: number; method?: string; params?: Record<string, unknown> }[] = [];
  listening = true;

  constructor(capabilities: readonly string[] = ['sampling', 'elicitation', 'roots']) {
    this.asks = new Asks(this.clock, new Set(capabilities));
  }

  /** A server asks with its own id. */
  pose(id: number | string, more: object = {}, method = SAMPLING): Posed {
    const text = JSON.stringify({ jsonrpc: '2.0', id, method, params: { n: 1, ...more } });
    const progress: string[] = [];
    const question: Question = {
      message: readMessage(Buffer.from(text)),
      cancel: new Cancel(),
      progress: (message) => void progress.push(message.toString()),
    };
    const posed: Posed = { question, progress, state: 'waiting' };
    const deliver = (message: Buffer): boolean => {
      if (this.listening) this.sent.push(JSON.parse(message.toString()) as (typeof this.sent)[number]);
      return this.listening;
    };
    this.asks.ask(question, deliver).then(
      ({ kind, body }) => {
        posed.state = `${kind} ${body}`;
      },
      (error: unknown) => {
        posed.state = error instanceof GatewayError ? error.code : String(error);
      },
    );
    return posed;
  }

  /** The client answers. */
  answer(id: unknown, rest: object = { result: {} }): boolean {
    return this.asks.answered(readMessage(Buffer.from(JSON.stringify({ jsonrpc: '2.0', id, ...rest }))));
  }

  say(method: string, params: object): void {
    this.asks.progressed(readMessage(Buffer.from(JSON.stringify({ jsonrpc: '2.0', method, params }))));
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('questions', () => {
  it('of two servers that both ask with id 0 have ids of their own, and each gets its answer', async () => {
    const world = new World();
    const [one, other] = [world.pose(0), world.pose(0)];
    const [first, second] = world.sent;
    assert.notEqual(first?.id, second?.id);
    assert.equal(world.answer(second?.id, { result: { for: 'other' } }), true);
    assert.equal(world.answer(first?.id, { error: { code: -1, message: 'User rejected' } }), true);
    await turn();
    assert.deepEqual(
      [one.state, other.state],
      ['error {"code":-1,"message":"User rejected"}', 'result {"for":"other"}'],
    );
    assert.equal(world.asks.size, 0);
  });

  it('reach the client as they were asked, with our id and our progress token', () => {
    const world = new World();
    world.pose('server id', { _meta: { progressToken: 'server token', x: 1.5 }, list: [1] });
    const [sent] = world.sent;
    assert.deepEqual(sent, {
      jsonrpc: '2.0',
      id: sent?.id,
      method: SAMPLING,
      params: { n: 1, _meta: { progressToken: sent?.id, x: 1.5 }, list: [1] },
    });
  });

  it('are answered once: what comes again, or was never asked, is nobody’s', async () => {
    const world = new World();
    const posed = world.pose(1);
    const id = world.sent[0]?.id;
    for (const other of [String(id), 999]) assert.equal(world.answer(other), false);
    assert.equal(world.answer(id, { result: { n: 1 } }), true);
    assert.equal(world.answer(id, { result: { n: 2 } }), false);
    await turn();
    assert.equal(posed.state, 'result {"n":1}');
  });

  it('that need a capability the client has not declared are refused', async () => {
    const world = new World(['roots']);
    const refused = [world.pose(1), world.pose(2, {}, 'elicitation/create')];
    const asked = [
      world.pose(3, {}, 'roots/list'),
      world.pose(4, {}, 'vendor/ask'),
      world.pose(5, {}, 'constructor'),
    ];
    await turn();
    assert.deepEqual(
      refused.map(({ state }) => state),
      ['METHOD_NOT_FOUND', 'METHOD_NOT_FOUND'],
    );
    assert.deepEqual(
      asked.map(({ state }) => state),
      ['waiting', 'waiting', 'waiting'],
    );
    assert.equal(world.sent.length, 3);
  });

  it('are refused when the client is not listening, and when too many wait already', async () => {
    const world = new World();
    world.listening = false;
    const unheard = world.pose(1);
    await turn();
    assert.deepEqual([unheard.state, world.asks.size], ['CANCELLED', 0]);
    world.listening = true;
    for (let id = 0; id < MAX_PENDING_ASKS; id += 1) world.pose(id);
    const beyond = world.pose(1000);
    await turn();
    assert.equal(beyond.state, 'OVERLOADED');
    world.answer(world.sent[0]?.id);
    world.pose(1001);
    assert.equal(world.asks.size, MAX_PENDING_ASKS);
  });

  it('that are withdrawn are withdrawn at the client too', async () => {
    const world = new World();
    const posed = world.pose(1);
    const id = world.sent[0]?.id;
    posed.question.cancel.cancel(new GatewayError('CANCELLED', 'the server withdrew its request'));
    await turn();
    assert.equal(posed.state, 'CANCELLED');
    const cancelled = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: id } };
    assert.deepEqual(world.sent.slice(1), [cancelled]);
    assert.equal(world.answer(id), false);
    const late = new World();
    const never = late.pose(1);
    never.question.cancel.cancel(new GatewayError('CANCELLED', 'x'));
    const again = late.pose(2);
    again.question.cancel.cancel(new GatewayError('CANCELLED', 'x'));
    assert.equal(late.asks.size, 0);
  });

  it('withdrawn before they are asked are not asked', async () => {
    const world = new World();
    const cancel = new Cancel();
    cancel.cancel(new GatewayError('CANCELLED', 'over'));
    const message = readMessage(Buffer.from(`{"jsonrpc":"2.0","id":1,"method":"${SAMPLING}"}`));
    await assert.rejects(
      world.asks.ask({ message, cancel, progress() {} }, () => assert.fail('was asked')),
      /over/,
    );
  });

  it('wait for a person, but not for ever', async () => {
    const world = new World();
    const posed = world.pose(1);
    await world.clock.advance(ASK_DEADLINE_MS - 1);
    assert.equal(posed.state, 'waiting');
    await world.clock.advance(1);
    assert.equal(posed.state, 'UPSTREAM_TIMEOUT');
    assert.equal(world.answer(world.sent[0]?.id), false);
  });

  it('all fail when the session ends, and no timer stays', async () => {
    const world = new World();
    const all = [world.pose(1), world.pose(2)];
    world.asks.failAll(new GatewayError('SESSION_UNKNOWN', 'ended'));
    await turn();
    assert.deepEqual(
      all.map(({ state }) => state),
      ['SESSION_UNKNOWN', 'SESSION_UNKNOWN'],
    );
    assert.deepEqual([world.clock.waiting, world.asks.size], [0, 0]);
  });
});

describe("the client's progress on a question", () => {
  it("goes to the server that asked, under the server's own token", () => {
    const world = new World();
    const one = world.pose(0, { _meta: { progressToken: 'a' } });
    const other = world.pose(0, { _meta: { progressToken: 7 } });
    world.say('notifications/progress', { progressToken: world.sent[1]?.id, progress: 0.5 });
    world.say('notifications/progress', { progressToken: world.sent[0]?.id, progress: 1 });
    const told = (token: string, progress: number): string =>
      `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":${token},"progress":${progress}}}`;
    assert.deepEqual([one.progress, other.progress], [[told('"a"', 1)], [told('7', 0.5)]]);
  });

  it('goes nowhere when the server asked for none, or the question is over', () => {
    const world = new World();
    const silent = world.pose(1);
    const over = world.pose(2, { _meta: { progressToken: 'a' } });
    world.answer(world.sent[1]?.id);
    for (const progressToken of [world.sent[0]?.id, world.sent[1]?.id, 'a', 999])
      world.say('notifications/progress', { progressToken, progress: 1 });
    world.say('notifications/progress', { progress: 1 });
    assert.deepEqual([silent.progress, over.progress], [[], []]);
  });
});

it('however servers ask and clients answer, each question ends exactly once and with its own answer', async () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('ask' as const), id: fc.nat(2) }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('answer' as const), at: fc.nat(30) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('withdraw' as const), at: fc.nat(30) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat(ASK_DEADLINE_MS) }) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const world = new World();
      const posed: Posed[] = [];
      const ids: unknown[] = [];
      for (const each of steps) {
        if (each.do === 'ask') {
          posed.push(world.pose(each.id));
          ids.push(world.sent.at(-1)?.id);
        } else if (each.do === 'answer') {
          world.answer(ids[each.at] ?? 9999, { result: { n: each.at } });
        } else if (each.do === 'withdraw') {
          posed[each.at]?.question.cancel.cancel(new GatewayError('CANCELLED', 'x'));
        } else await world.clock.advance(each.ms);
      }
      await world.clock.advance(ASK_DEADLINE_MS);
      assert.deepEqual([world.asks.size, world.clock.waiting], [0, 0]);
      for (const [at, { state }] of posed.entries())
        assert.ok(['CANCELLED', 'UPSTREAM_TIMEOUT', `result {"n":${at}}`].includes(state), state);
    }),
    { seed: SEED, numRuns: 100 },
  );
});

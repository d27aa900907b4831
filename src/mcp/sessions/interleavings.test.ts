/** Random interleavings of calls, answers, cancellations, questions and losses: nobody is left waiting, nobody gets another's answer. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SEED } from '../../../test/fixtures/json-samples.ts';
import { TestPeer } from '../../../test/fixtures/scripted-link.ts';
import { type Response, type SessionWorld, sessionOver } from '../../../test/fixtures/scripted-session.ts';
import type { ConnectorScript, Received } from '../../../test/fixtures/scripted-wire.ts';
import { settled } from '../../../test/fixtures/test-ports.ts';

const NAMES = ['http', 'stdio', 'shared'];
const TOOLS = [{ name: 'write' }, { name: 'read', annotations: { readOnlyHint: true } }];

const at = fc.nat(40);
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('call' as const), target: fc.nat(2), tool: fc.nat(1) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('answer' as const),
      at,
      how: fc.constantFrom('result', 'error', 'twice'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('ask' as const), at }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('reply' as const), at }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('cancel' as const), at }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('progress' as const), at }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('garbage' as const), at }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('lose' as const), target: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat(1500) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('turn' as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

interface Call {
  readonly nonce: string;
  readonly peer: TestPeer;
  readonly answers: Response[];
}

class Play {
  readonly world: SessionWorld;
  readonly calls: Call[] = [];
  /** Requests as the servers got them, oldest first. */
  readonly upstream: Received[] = [];
  /** Questions a server asked, by its own id, and what it heard. */
  readonly asked = new Map<string, unknown[]>();
  #questions = 0;

  constructor(world: SessionWorld, upstream: Received[]) {
    this.world = world;
    this.upstream = upstream;
  }

  async run(each: Step): Promise<void> {
    switch (each.do) {
      case 'call':
        return this.#call(NAMES[each.target] as string, TOOLS[each.tool]?.name as string);
      case 'answer':
        return this.#with(each.at, (received) => this.#answer(received, each.how));
      case 'ask':
        return this.#with(each.at, (received) => this.#ask(received));
      case 'reply':
        return this.#reply(each.at);
      case 'cancel':
        return this.world.say({
          method: 'notifications/cancelled',
          params: { requestId: `c${each.at % this.calls.length}` },
        });
      case 'progress':
        return this.#with(each.at, ({ wire, id, params }) =>
          wire.say(
            {
              method: 'notifications/progress',
              params: { progressToken: id, progress: 1, message: nonceOf(params) },
            },
            Number(id),
          ),
        );
      case 'garbage':
        return this.#with(each.at, ({ wire, id }) => wire.say('not json', Number(id)));
      case 'lose':
        return this.world.targets[NAMES[each.target] as string]?.connector.wire.lose();
      case 'wait':
        return this.world.ports.clock.advance(each.ms);
      case 'turn':
        return settled(1);
    }
  }

  #call(target: string, tool: string): void {
    const nonce = `${target}-${this.calls.length}`;
    const call: Call = { nonce, peer: new TestPeer(), answers: [] };
    const id = `c${this.calls.length}`;
    this.calls.push(call);
    const params = { name: `${target}_${tool}`, arguments: { nonce }, _meta: { progressToken: nonce } };
    void this.world
      .call('tools/call', params, { id, peer: call.peer })
      .then((answer) => void call.answers.push(answer));
  }

  #with(index: number, act: (received: Received) => void): void {
    const received = pick(this.upstream, index);
    if (received) act(received);
  }

  #answer({ wire, id, params }: Received, how: string): void {
    if (how === 'error') return wire.error(id, -1, nonceOf(params));
    wire.result(id, { nonce: nonceOf(params) });
    if (how === 'twice') wire.result(id, { nonce: 'a second answer' });
  }

  #ask({ wire, id, params }: Received): void {
    const own = `q${this.#questions++}`;
    this.asked.set(own, []);
    const question = { id: own, method: 'roots/list', params: { own, nonce: nonceOf(params) } };
    wire.say(question, Number(id));
  }

  /** A client answers a question on one of its streams with what the question said. */
  #reply(index: number): void {
    const open = this.calls.flatMap(({ peer }) => peer.asked);
    const asked = pick(open, index);
    if (!asked) return;
    const { own } = (JSON.parse(asked.question.message.text.bytes.toString()) as { params: { own: string } })
      .params;
    asked.result({ own });
  }
}

/** Any of them, the newest as often as not: what is long over is seldom of interest. */
function pick<T>(all: readonly T[], index: number): T | undefined {
  return index % 2 === 0
    ? all.at(-1 - ((index / 2) % Math.max(1, Math.min(all.length, 4))))
    : all[index % all.length];
}

const nonceOf = (params: Received['params']): string => (params['arguments'] as { nonce: string }).nonce;

async function play(steps: readonly Step[]): Promise<Play> {
  const upstream: Received[] = [];
  const on = { 'tools/call': (received: Received) => void upstream.push(received) } as unknown as NonNullable<
    ConnectorScript['on']
  >;
  const scripts: Record<string, ConnectorScript> = {
    http: { tools: TOOLS, on },
    stdio: { tools: TOOLS, on, relates: false },
    shared: { tools: TOOLS, on, relates: false, lifecycle: 'shared' },
  };
  const world = await sessionOver(scripts, { options: { capabilities: new Set(['roots']) } });
  const played = new Play(world, upstream);
  for (const each of steps) await played.run(each);
  return played;
}

function check({ calls, upstream }: Play): void {
  for (const { nonce, answers, peer } of calls) {
    assert.equal(answers.length, 1, `${nonce} has ${answers.length} answers`);
    const [{ id, result, error }] = answers as [Response];
    assert.equal(id, `c${nonce.split('-')[1]}`);
    if (result) assert.deepEqual(result, { nonce });
    else if (error?.code === -1) assert.equal(error.message, nonce);
    else assert.ok(error?.data?.code, JSON.stringify(error));
    for (const told of peer.told)
      assert.ok(told.includes(`"progressToken":"${nonce}"`) && told.includes(`"message":"${nonce}"`), told);
    for (const { question } of peer.asked) {
      const { params } = JSON.parse(question.message.text.bytes.toString()) as { params: { nonce: string } };
      // Without relation between question and call, a question in between two calls may find the only one left.
      if (nonce.startsWith('http')) assert.equal(params.nonce, nonce);
    }
  }
  for (const wire of new Set(upstream.map((received) => received.wire))) {
    for (const { message } of wire.of('')) {
      const { id, result } = message as { id: string; result?: { own: string } };
      if (result) assert.equal(result.own, id, 'a server heard the answer to another question');
    }
    const cancelled = wire.of('notifications/cancelled').map(({ params }) => params['requestId']);
    assert.equal(new Set(cancelled).size, cancelled.length, 'a call was cancelled twice');
  }
}

test('every call ends exactly once and with its own answer, whatever happens in between', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 80, size: 'max' }), async (steps) => {
      const played = await play(steps);
      const { world } = played;
      // The longest a call may take, and a second link with all of its deadlines.
      await world.ports.clock.advance(15_000);
      check(played);
      assert.deepEqual([world.session.calls.size, world.session.asks.size], [0, 0]);
    }),
    { seed: SEED, numRuns: 150 },
  );
});

test('a session that is closed in the middle of anything answers every call and leaves nothing behind', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40, size: 'max' }), async (steps) => {
      const played = await play(steps);
      const { world } = played;
      const closed = world.session.close();
      await world.ports.clock.advance(1001);
      await closed;
      await settled();
      check(played);
      await Promise.all(Object.values(world.targets).map(({ target }) => target.close()));
      assert.equal(world.ports.clock.waiting, 0, 'timers are left');
      for (const { connector } of Object.values(world.targets))
        assert.ok(
          connector.wires.every((wire) => wire.closed),
          'a wire is left open',
        );
    }),
    { seed: SEED, numRuns: 150 },
  );
});

/** Random wishes against a server that does what it likes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SEED } from '../../../test/fixtures/json-samples.ts';
import { type ListeningWorld, listening, NOTHING, TOOLS, wanted } from '../../../test/fixtures/listening.ts';
import type { Received } from '../../../test/fixtures/scripted-wire.ts';
import { settled } from '../../../test/fixtures/test-ports.ts';
import { GatewayError } from '../../core/errors.ts';
import type { Wanted } from './subscription.ts';

const WISHES = [NOTHING, TOOLS, wanted('tools', 'file:a'), wanted('file:a', 'file:b'), wanted('prompts')];
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('want' as const), at: fc.nat(WISHES.length - 1) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('acknowledge' as const), at: fc.nat(5) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('result', 'refuse', 'fail', 'break', 'withdraw'),
      at: fc.nat(5),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat(40_000) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('turn' as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** The server's side: which requests it has neither answered nor been told to forget, and which it acknowledged. */
class Server {
  readonly play: ListeningWorld;
  readonly over = new Set<Received>();
  readonly acknowledged = new Set<Received>();
  wished = NOTHING;

  constructor(play: ListeningWorld) {
    this.play = play;
  }

  get streams(): Received[] {
    return this.play.open.filter((each) => !this.over.has(each));
  }

  async run(each: Step): Promise<void> {
    const { wire, ports } = this.play.opened;
    if (each.do === 'want') {
      this.wished = WISHES[each.at] as Wanted;
      return this.play.subscription.want(this.wished);
    }
    if (each.do === 'wait') return ports.clock.advance(each.ms);
    if (each.do === 'turn') return settled();
    const stream = this.streams[each.at % Math.max(1, this.streams.length)];
    if (!stream) return;
    if (each.do === 'acknowledge') return this.#acknowledge(stream);
    this.over.add(stream);
    if (each.do === 'result') wire.result(stream.id, {});
    if (each.do === 'refuse') wire.error(stream.id, -32602, 'no');
    if (each.do === 'fail') wire.error(stream.id, -32603, 'no');
    if (each.do === 'break') wire.end(Number(stream.id), new GatewayError('UPSTREAM_CLOSED', 'reset'));
    if (each.do === 'withdraw')
      wire.say({ method: 'notifications/cancelled', params: { requestId: stream.id } }, Number(stream.id));
  }

  #acknowledge(stream: Received): void {
    this.acknowledged.add(stream);
    this.play.acknowledge(stream);
  }

  /** Acknowledges whatever it is asked, and time passes. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 4; turn += 1) {
      await this.play.opened.ports.clock.advance(60_001);
      for (const stream of this.streams) this.#acknowledge(stream);
      await settled();
    }
  }
}

test('whatever wishes and servers do: at most two streams, no gap of our making, in the end one for all wishes', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.boolean(),
      fc.array(step, { minLength: 5, maxLength: 40, size: 'max' }),
      async (relates, steps) => {
        const play = await listening(relates);
        const server = new Server(play);
        for (const each of steps) {
          const told = server.streams.some((stream) => server.acknowledged.has(stream));
          await server.run(each);
          await settled();
          assert.ok(server.streams.length <= 2, 'more than two streams at a time');
          if (told && (each.do === 'want' || each.do === 'acknowledge') && server.wished !== NOTHING)
            assert.ok(
              server.streams.some((stream) => server.acknowledged.has(stream)),
              'a stream was given up before its successor was open',
            );
        }
        play.subscription.want(NOTHING);
        await settled();
        assert.deepEqual(server.streams, []);
        play.subscription.want(wanted('resources', 'file:z'));
        await server.settle();
        assert.deepEqual(
          server.streams.map(({ params }) => params['notifications']),
          [{ resourcesListChanged: true, resourceSubscriptions: ['file:z'] }],
        );
        assert.equal(await play.ready(), true);
        await play.nothingLeft();
        assert.deepEqual(server.streams, []);
      },
    ),
    { seed: SEED, numRuns: 200 },
  );
});

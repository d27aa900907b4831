import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TestPeer } from '../../../test/fixtures/scripted-link.ts';
import { type Response, type SessionWorld, sessionOver } from '../../../test/fixtures/scripted-session.ts';
import type { Handler, Received } from '../../../test/fixtures/scripted-wire.ts';
import { settled } from '../../../test/fixtures/test-ports.ts';
import { type ErrorCode, GatewayError } from '../../core/errors.ts';
import type { CallRetry } from '../../core/resilience.ts';
import { Backoff } from '../../lib/backoff.ts';
import type { ViewPlan } from '../view/view.ts';

const PAUSE_MS = 10;
const IDEMPOTENT = { name: 'a', annotations: { idempotentHint: true } };
const READ_ONLY = { name: 'a', annotations: { readOnlyHint: true } };
const CAREFUL = { name: 'a', annotations: { readOnlyHint: false } };

const backoff = (ms: number) => new Backoff({ firstMs: ms, maxMs: ms, factor: 1, random: () => 0.999 });

function planOf(plan: Partial<CallRetry> = {}): CallRetry {
  return {
    attempts: 2,
    codes: new Set([503]),
    backoff: () => backoff(PAUSE_MS),
    allows: () => true,
    ...plan,
  };
}

interface Asked {
  readonly tool?: object;
  readonly method?: string;
  readonly params?: object;
  readonly plan?: Partial<ViewPlan>;
  readonly peer?: TestPeer;
  /** Done before time passes. */
  meanwhile?(world: SessionWorld): void;
}

interface Outcome {
  readonly answer: Response;
  readonly world: SessionWorld;
  /** What the server saw of the call. */
  readonly seen: readonly Received[];
}

/** A call whose server does `deed` each time, until it is answered; pauses pass by themselves. */
async function afterwards(
  deed: (received: Received, number: number) => object | undefined,
  asked: Asked = {},
): Promise<Outcome> {
  const { tool = IDEMPOTENT, method = 'tools/call', params = {}, plan, peer, meanwhile } = asked;
  const seen: Received[] = [];
  const handler: Handler = (received) => {
    seen.push(received);
    return deed(received, seen.length);
  };
  const world = await sessionOver(
    {
      one: {
        tools: [tool],
        prompts: [{ name: 'a' }],
        resources: [{ uri: 'x:a' }],
        on: { [method]: handler },
      },
    },
    { plan: { retry: planOf(), ...plan } },
  );
  const answered = world.call(method, { name: 'a', uri: 'x:a', ...params }, peer ? { peer } : {});
  await settled();
  meanwhile?.(world);
  await Promise.race([answered, world.ports.clock.advance(60_000)]);
  return { answer: await answered, world, seen };
}

/** The answer is lost; from the given time on it is not. */
const failing =
  (code: ErrorCode, times = Number.POSITIVE_INFINITY, data = {}) =>
  ({ wire, id }: Received, number: number): object | undefined => {
    if (number > times) return { number };
    wire.end(Number(id), new GatewayError(code, 'lost', { data }));
    return undefined;
  };

const codeOf = ({ error }: Response): unknown => error?.data?.code;

describe('a call is sent again', () => {
  for (const code of ['UPSTREAM_CLOSED', 'PROCESS_EXIT', 'UPSTREAM_CONNECT', 'UPSTREAM_TIMEOUT'] as const)
    it(`when it is lost and does no harm twice: ${code}`, async () => {
      const { answer, seen, world } = await afterwards(failing(code, 2));
      assert.deepEqual([answer.result, seen.length], [{ number: 3 }, 3]);
      assert.deepEqual(world.ports.counted, ['mcp_retries_total', 'mcp_retries_total']);
    });

  it('when its server answers with one of the statuses', async () => {
    const listed = await afterwards(failing('UPSTREAM_STATUS', 1, { upstreamStatus: 503 }));
    assert.deepEqual([listed.answer.result, listed.seen.length], [{ number: 2 }, 2]);
    const other = await afterwards(failing('UPSTREAM_STATUS', 1, { upstreamStatus: 500 }));
    assert.deepEqual([codeOf(other.answer), other.seen.length], ['UPSTREAM_STATUS', 1]);
  });

  it('as often as the route says, neither more nor less', async () => {
    for (const attempts of [1, 3]) {
      const plan = { retry: planOf({ attempts }) };
      const { answer, seen } = await afterwards(failing('UPSTREAM_CLOSED'), { plan });
      assert.deepEqual([codeOf(answer), seen.length], ['UPSTREAM_CLOSED', attempts + 1]);
    }
  });

  it('whichever method it is, if it only reads', async () => {
    for (const [method, tool] of [
      ['tools/call', READ_ONLY],
      ['prompts/get', CAREFUL],
      ['resources/read', CAREFUL],
    ] as const) {
      const { answer } = await afterwards(failing('UPSTREAM_CLOSED', 1), { method, tool });
      assert.deepEqual(answer.result, { number: 2 }, method);
    }
  });

  it('within the time for all tries, and the last of them gets what is left of it', async () => {
    const silent = (): undefined => undefined;
    const plan = { retry: planOf({ attempts: 5 }), requestMs: 1500 };
    const { answer, seen, world } = await afterwards(silent, { plan });
    // A call may take a second: one whole try, one of what is left after it and the pause.
    assert.deepEqual([codeOf(answer), seen.length], ['UPSTREAM_TIMEOUT', 2]);
    assert.equal(world.ports.calls[0]?.ms, 1500);
  });
});

describe('a call is sent once', () => {
  it('when its tool does not say that twice does no harm, even where its answer is lost', async () => {
    for (const tool of [CAREFUL, { name: 'a' }]) {
      const { answer, seen } = await afterwards(failing('UPSTREAM_CLOSED'), { tool });
      assert.deepEqual([codeOf(answer), seen.length], ['UPSTREAM_CLOSED', 1]);
    }
  });

  it('when the precondition does not hold, which also takes away what is done without the policy', async () => {
    const plan = { retry: planOf({ allows: () => false }) };
    const { seen } = await afterwards(failing('UPSTREAM_CLOSED'), { plan });
    assert.equal(seen.length, 1);
  });

  it('when it would fail in the same way', async () => {
    for (const code of ['UPSTREAM_PROTOCOL', 'UPSTREAM_CHALLENGE', 'INVALID_PARAMS'] as const) {
      const { answer, seen } = await afterwards(failing(code));
      assert.deepEqual([codeOf(answer), seen.length], [code, 1]);
    }
  });

  it('when its server has answered, be it with an error', async () => {
    const { answer, seen } = await afterwards(({ wire, id }) => void wire.error(id, -32603, 'busy'));
    assert.deepEqual([answer.error?.code, seen.length], [-32603, 1]);
  });

  it('when the client has been asked something: it would be asked again', async () => {
    const peer = new TestPeer();
    const { answer, seen } = await afterwards(
      ({ wire, id }) => {
        wire.say({ id: 'q', method: 'elicitation/create', params: {} }, Number(id));
        void settled().then(() => wire.end(Number(id), new GatewayError('UPSTREAM_CLOSED', 'lost')));
        return undefined;
      },
      { peer },
    );
    assert.equal(peer.asked.length, 1);
    assert.deepEqual([codeOf(answer), seen.length], ['UPSTREAM_CLOSED', 1]);
  });

  it('when it is cancelled meanwhile', async () => {
    const { seen, world } = await afterwards(failing('UPSTREAM_CLOSED'), {
      plan: { retry: planOf({ attempts: 50 }) },
      meanwhile: (session) => session.say({ method: 'notifications/cancelled', params: { requestId: 1 } }),
    });
    assert.equal(seen.length, 1);
    assert.equal(world.ports.calls[0]?.outcome, 'cancelled');
    assert.equal(world.ports.counted.length, 1, 'it was to be sent again');
  });

  it('when it brings answers to questions of an earlier round', async () => {
    const params = { requestState: 'sealed' };
    const { seen } = await afterwards(failing('UPSTREAM_CLOSED'), { params });
    assert.equal(seen.length, 1);
  });
});

it('a list that cannot be had is asked for again, until its server is up once more', async () => {
  let lists = 0;
  const script = {
    capabilities: { tools: {} },
    on: {
      'tools/list': ({ wire, id }: Received) => {
        lists += 1;
        if (lists > 1) return { tools: [{ name: 'a' }] };
        wire.end(Number(id), new GatewayError('UPSTREAM_CLOSED', 'lost'));
        return undefined;
      },
    },
  };
  const world = await sessionOver(
    { one: script },
    { plan: { retry: planOf({ attempts: 3, backoff: () => backoff(5000) }) } },
  );
  const answered = world.call('tools/list');
  await Promise.race([answered, world.ports.clock.advance(60_000)]);
  assert.deepEqual((await answered).result?.['tools'], [{ name: 'a' }]);
});

import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import fc from 'fast-check';
import { SEED } from '../../../test/fixtures/json-samples.ts';
import { type Asked, TestPeer } from '../../../test/fixtures/scripted-link.ts';
import { settled, type TestPorts, testPorts } from '../../../test/fixtures/test-ports.ts';
import { GatewayError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import { Cancel } from '../../lib/cancel.ts';
import type { McpOutcome } from '../call.ts';
import { wholeMessage } from '../message.ts';
import { Asks } from '../sessions/asks.ts';
import type { Retry } from './requests.ts';
import { withRounds } from './rounds.ts';

const ROUNDS = LIMITS.inputRounds.value;
const ALL = { roots: {}, sampling: { tools: {} }, elicitation: { form: {}, url: {} } };
const ROOTS = { method: 'roots/list' };
const FORM = {
  method: 'elicitation/create',
  params: { mode: 'form', message: 'Who?', requestedSchema: { type: 'object', properties: {} } },
};
const URL = {
  method: 'elicitation/create',
  params: { mode: 'url', message: 'Log in', url: 'https://x.test/' },
};
const SAMPLE = { method: 'sampling/createMessage', params: { messages: [], maxTokens: 1 } };
const DONE: McpOutcome = { kind: 'result', body: Buffer.from('{"resultType":"complete","content":[]}') };

const result = (value: unknown): McpOutcome => ({ kind: 'result', body: Buffer.from(JSON.stringify(value)) });
const input = (inputRequests?: object, requestState?: string): McpOutcome =>
  result({ resultType: 'input_required', inputRequests, requestState });

interface Settings {
  readonly method?: string;
  readonly capabilities?: object;
  readonly version?: string;
  readonly peer?: TestPeer;
}

/** Knows who still listens to it. */
class CountedCancel extends Cancel {
  listeners = 0;

  override onCancel(listener: (reason: Error) => void): () => void {
    this.listeners += 1;
    const forget = super.onCancel(listener);
    return () => {
      this.listeners -= 1;
      forget();
    };
  }
}

interface Run {
  readonly peer: TestPeer;
  readonly cancel: CountedCancel;
  readonly ports: TestPorts;
  /** What the server was sent again, parsed. */
  readonly retries: { responses: unknown; state: string | undefined }[];
  readonly ended: Promise<McpOutcome>;
  /** `result {...}`, `error {...}`, or code and message of what was thrown. */
  state: string;
}

/** The server gives these outcomes, one for each time it is called; then it is done. */
function run(outcomes: readonly (McpOutcome | Error)[], settings: Settings = {}): Run {
  const { method = 'tools/call', capabilities = ALL, version = '2025-11-25' } = settings;
  const peer = settings.peer ?? new TestPeer();
  const cancel = new CountedCancel();
  const ports = testPorts();
  const retries: Run['retries'] = [];
  const [first = DONE, ...later] = outcomes as McpOutcome[];
  const again = async ({ responses, state }: Retry): Promise<McpOutcome> => {
    retries.push({ responses: responses && JSON.parse(responses.toString()), state });
    const next: McpOutcome | Error = later.shift() ?? DONE;
    if (next instanceof Error) throw next;
    return next;
  };
  const ended = withRounds(first, again, {
    call: { method, peer, cancel },
    capabilities: Buffer.from(JSON.stringify(capabilities)),
    version,
    ports,
  });
  const started: Run = { peer, cancel, ports, retries, ended, state: 'waiting' };
  ended.then(
    ({ kind, body }) => {
      started.state = `${kind} ${body}`;
    },
    (error: unknown) => {
      started.state = error instanceof GatewayError ? `${error.code} ${error.message}` : String(error);
    },
  );
  return started;
}

const asked = ({ peer }: Run, at = 0): Asked => {
  const found = peer.asked[at];
  assert.ok(found, `question ${at} was not asked`);
  return found;
};
const questions = ({ peer }: Run): unknown[] =>
  peer.asked.map(({ question }) => JSON.parse(wholeMessage(question.message).toString()));

/** The text a model reads when a tool could not go on. */
function toolError({ state }: Run): string {
  assert.match(state, /^result /);
  const value = JSON.parse(state.slice('result '.length));
  assert.deepEqual(Object.keys(value), ['content', 'isError']);
  assert.equal(value.isError, true);
  return value.content[0].text;
}

describe('a server that needs something of a legacy client', () => {
  it('and one that needs nothing is left alone', async () => {
    const complete = result({ resultType: 'complete', content: [{ type: 'text', text: 'input_required' }] });
    const error: McpOutcome = { kind: 'error', body: Buffer.from('{"code":-1,"message":"input_required"}') };
    for (const outcome of [complete, error]) {
      const { ended, retries, peer } = run([outcome]);
      assert.equal(await ended, outcome);
      assert.deepEqual([retries, peer.asked], [[], []]);
    }
  });

  it('asks everything at once, and gets the answers under its keys with its state as it was', async () => {
    const state = 'opaque "\u00e9\n\ud83d';
    const started = run([input({ 'a "b"': FORM, 2: ROOTS, __proto__x: SAMPLE }, state)]);
    await settled();
    assert.deepEqual(
      questions(started),
      [ROOTS, FORM, SAMPLE].map((each, at) => ({
        jsonrpc: '2.0',
        id: at + 1,
        params: {},
        ...each,
      })),
    );
    asked(started, 2).result({ role: 'assistant' });
    asked(started, 0).result({ roots: [] });
    await settled();
    assert.deepEqual([started.state, started.retries], ['waiting', []]);
    asked(started, 1).result({ action: 'decline' });
    assert.equal(await started.ended, DONE);
    const responses = { 2: { roots: [] }, 'a "b"': { action: 'decline' }, __proto__x: { role: 'assistant' } };
    assert.deepEqual(started.retries, [{ responses, state }]);
  });

  it('may ask again: each round has its own answers and the newest state', async () => {
    const rounds = [input({ a: ROOTS }, 'one'), input({ a: SAMPLE, b: ROOTS }), input({ c: ROOTS }, 'three')];
    const started = run(rounds);
    for (let at = 0; at < 4; at += 1) {
      await settled();
      asked(started, at).result({ n: at });
      if (at === 1) asked(started, ++at).result({ n: at });
    }
    assert.equal(await started.ended, DONE);
    assert.deepEqual(started.retries, [
      { responses: { a: { n: 0 } }, state: 'one' },
      { responses: { a: { n: 1 }, b: { n: 2 } }, state: undefined },
      { responses: { c: { n: 3 } }, state: 'three' },
    ]);
  });

  it('that asks nothing is called again with its state after a pause', async () => {
    const started = run([input(undefined, 'busy'), input({}, 'still busy')]);
    await started.ports.clock.advance(249);
    assert.deepEqual(started.retries, []);
    await started.ports.clock.advance(1);
    await started.ports.clock.advance(250);
    assert.equal(await started.ended, DONE);
    assert.deepEqual(started.retries, [
      { responses: undefined, state: 'busy' },
      { responses: undefined, state: 'still busy' },
    ]);
    assert.equal(started.ports.clock.waiting, 0);
  });

  it('that never is content is given up after so many rounds', async () => {
    const asking = run(Array.from({ length: 50 }, () => input({ a: ROOTS })));
    for (let at = 0; at < ROUNDS; at += 1) {
      await settled();
      asked(asking, at).result({ roots: [] });
    }
    await settled();
    assert.equal(
      asking.state,
      `UPSTREAM_PROTOCOL the server asked for input again after ${ROUNDS} rounds of tools/call`,
    );
    assert.deepEqual([asking.peer.asked.length, asking.retries.length], [ROUNDS, ROUNDS]);
    const stalling = run(Array.from({ length: 50 }, () => input(undefined, 's')));
    await stalling.ports.clock.advance(60_000);
    assert.match(stalling.state, /^UPSTREAM_PROTOCOL/);
    assert.deepEqual([stalling.retries.length, stalling.ports.clock.waiting], [ROUNDS, 0]);
  });

  it('and fails when it is called again fails the call', async () => {
    const started = run([input({ a: ROOTS }), new GatewayError('UPSTREAM_TIMEOUT', 'too slow')]);
    await settled();
    asked(started).result({ roots: [] });
    await settled();
    assert.equal(started.state, 'UPSTREAM_TIMEOUT too slow');
  });

  it('or talks nonsense fails the call without a word to the client', async () => {
    const nonsense = [
      '{"resultType":"input_required","inputRequests":{"a":{"method":"elicitation/create","params":{"mode":"url","mode":"form"}}}}',
      '{"resultType":"input_required","inputRequests":{"a":{"method":"roots/list","params":{"_META":{}}}}}',
      '{"resultType":"input_required","inputRequests":[]}',
      '{"resultType":"input_required","inputRequests":{"a":{"method":7}}}',
      '{"resultType":"input_required"}',
    ];
    for (const text of nonsense) {
      const started = run([{ kind: 'result', body: Buffer.from(text) }]);
      await settled();
      assert.match(started.state, /^UPSTREAM_PROTOCOL/, text);
      assert.deepEqual([started.peer.asked, started.retries], [[], []]);
    }
  });
});

describe('a legacy client', () => {
  it('is asked only what it declared and its revision knows', async () => {
    const tools = { ...SAMPLE, params: { ...SAMPLE.params, tools: [] } };
    const choice = { ...SAMPLE, params: { ...SAMPLE.params, toolChoice: {} } };
    const plain = { ...FORM, params: { message: 'Who?', requestedSchema: {} } };
    const table: [object, object, string, string | undefined][] = [
      [ROOTS, { roots: {} }, '2024-11-05', undefined],
      [ROOTS, {}, '2025-11-25', 'the client does not support roots'],
      [ROOTS, { roots: null }, '2025-11-25', 'the client does not support roots'],
      [SAMPLE, { sampling: {} }, '2024-11-05', undefined],
      [SAMPLE, { elicitation: {} }, '2025-06-18', 'the client does not support sampling'],
      [tools, { sampling: { tools: {} } }, '2025-11-25', undefined],
      [tools, { sampling: {} }, '2025-11-25', 'the client does not support sampling.tools'],
      [choice, { sampling: {} }, '2025-11-25', 'the client does not support sampling.tools'],
      [FORM, { elicitation: {} }, '2025-06-18', undefined],
      [plain, { elicitation: { form: {} } }, '2025-11-25', undefined],
      [plain, { elicitation: { url: {} } }, '2025-11-25', 'the client does not support elicitation.form'],
      [plain, { sampling: {} }, '2025-11-25', 'the client does not support elicitation'],
      [URL, { elicitation: { url: {} } }, '2025-11-25', undefined],
      [URL, { elicitation: {} }, '2025-11-25', 'the client does not support elicitation.url'],
      [
        URL,
        { elicitation: { url: {} } },
        '2025-06-18',
        'revision 2025-06-18 of the client knows no elicitation by URL',
      ],
      [{ method: 'secrets/list' }, ALL, '2025-11-25', 'a client cannot be asked that'],
      [{ method: 'ping' }, ALL, '2025-11-25', 'a client cannot be asked that'],
    ];
    for (const [question, capabilities, version, reason] of table) {
      const started = run([input({ ok: ROOTS, q: question })], {
        capabilities: { roots: {}, ...capabilities },
        version,
      });
      const alone = run([input({ q: question })], { capabilities, version });
      await settled();
      const what = JSON.stringify([question, capabilities, version]);
      if (reason === undefined) {
        assert.equal(alone.peer.asked.length, 1, what);
        continue;
      }
      const { method } = question as { method: string };
      const text = `The server asked the client for ${method}, and got no answer: ${reason}.`;
      assert.equal(toolError(alone), text, what);
      assert.deepEqual(alone.peer.asked, []);
      if (method !== 'roots/list') assert.deepEqual([toolError(started), started.peer.asked], [text, []]);
    }
  });

  it('that is sent to a URL is given an id for it, each time another, unless the server gave one', async () => {
    const named = { ...URL, params: { elicitationId: 'mine', ...URL.params } };
    const started = run([input({ a: URL, b: URL, c: named })]);
    await settled();
    const params = questions(started).map((each) => (each as { params: Record<string, unknown> }).params);
    const [a, b, c] = params.map(({ elicitationId }) => elicitationId);
    assert.match(String(a), /^[0-9a-f]{32}$/);
    assert.match(String(b), /^[0-9a-f]{32}$/);
    assert.notEqual(a, b);
    assert.equal(c, 'mine');
    for (const each of params) assert.deepEqual({ ...each, elicitationId: 'mine' }, named.params);
    const text = wholeMessage(asked(started, 2).question.message).toString();
    assert.equal(text.split('elicitationId').length, 2, 'the member stands there once');
  });

  it('gets the parameters byte for byte', async () => {
    const params =
      '{ "message":"\\u00e9","requestedSchema":{"x":1.50e3,"y":12345678901234567890}, "_meta":{"k":[1 ]} }';
    const body = `{"resultType":"input_required","inputRequests":{"a":{"method":"elicitation/create","params":${params}}}}`;
    const started = run([{ kind: 'result', body: Buffer.from(body) }]);
    await settled();
    assert.ok(wholeMessage(asked(started).question.message).includes(params));
  });

  it('that answers with an error ends the round: a tool says why, anything else is an error', async () => {
    for (const method of ['tools/call', 'prompts/get', 'resources/read']) {
      const started = run([input({ a: FORM, b: ROOTS, c: SAMPLE })], { method });
      await settled();
      asked(started, 0).result({ action: 'accept' });
      asked(started, 1).resolve({
        kind: 'error',
        body: Buffer.from('{"code":-1,"message":"User rejected"}'),
      });
      await settled();
      const text =
        'The server asked the client for roots/list, and got no answer: the client answered: User rejected.';
      if (method === 'tools/call') assert.equal(toolError(started), text);
      else assert.equal(started.state, `error ${JSON.stringify({ code: -32603, message: text })}`);
      assert.equal(asked(started, 2).question.cancel.cancelled, true, 'what is still asked is withdrawn');
      assert.deepEqual(started.retries, []);
    }
  });

  it('that cannot be reached, or answers no object, ends the round likewise', async () => {
    const answers: [(asked: Asked) => void, RegExp][] = [
      [
        (each) => each.reject(new GatewayError('UPSTREAM_TIMEOUT', 'the client did not answer in time')),
        /in time\.$/,
      ],
      [(each) => each.reject(new Error('secret detail')), /the client could not be asked\.$/],
      [(each) => each.resolve(result([1])), /answered something that is no object\.$/],
      [(each) => each.resolve(result(null)), /answered something that is no object\.$/],
      [
        (each) => each.resolve({ kind: 'error', body: Buffer.from('{"code":1}') }),
        /the client answered: an error\.$/,
      ],
    ];
    for (const [answer, pattern] of answers) {
      const started = run([input({ a: ROOTS })]);
      await settled();
      answer(asked(started));
      await settled();
      assert.match(toolError(started), pattern);
      assert.deepEqual(started.retries, []);
    }
  });

  it('is not asked more at once than it may have to answer', async () => {
    const many = (count: number): object =>
      Object.fromEntries(Array.from({ length: count }, (_, at) => [`k${at}`, ROOTS]));
    const most = LIMITS.pendingAsks.value;
    const started = run([input(many(most + 1))]);
    await settled();
    assert.match(toolError(started), new RegExp(`for ${most + 1} things at once, .*no more than ${most}`));
    const within = run([input(many(most))]);
    await settled();
    assert.deepEqual([started.peer.asked.length, within.peer.asked.length], [0, most]);
  });
});

describe('a call that is cancelled', () => {
  const enough = new GatewayError('CANCELLED', 'enough');

  it('withdraws its questions, and ends whether or not the client says so', async () => {
    const started = run([input({ a: ROOTS, b: FORM })]);
    await settled();
    started.cancel.cancel(enough);
    await assert.rejects(started.ended, enough);
    assert.deepEqual(
      started.peer.asked.map(({ question }) => question.cancel.reason),
      [enough, enough],
    );
    for (const each of started.peer.asked) each.result({});
    await settled();
    assert.deepEqual(started.retries, []);
  });

  it('does not wait for the pause, nor ask anything any more', async () => {
    const started = run([input(undefined, 's')]);
    await started.ports.clock.advance(100);
    started.cancel.cancel(enough);
    await assert.rejects(started.ended, enough);
    assert.deepEqual([started.retries, started.ports.clock.waiting], [[], 0]);
  });

  it('before its first question asks nothing', async () => {
    const peer = new TestPeer();
    const cancel = new Cancel();
    cancel.cancel(enough);
    const asking = {
      call: { method: 'tools/call', peer, cancel },
      capabilities: Buffer.from('{"roots":{}}'),
    };
    const more = { version: '2025-11-25', ports: testPorts() };
    for (const outcome of [input({ a: ROOTS }), input(undefined, 's')]) {
      const again = (): Promise<McpOutcome> => assert.fail('sent again');
      await assert.rejects(withRounds(outcome, again, { ...asking, ...more }), enough);
    }
    assert.deepEqual([peer.asked, more.ports.clock.waiting], [[], 0]);
  });

  it('after its rounds has nobody left that listens to it', async () => {
    const started = run([input({ a: ROOTS }), input(undefined, 's')]);
    await settled();
    assert.equal(started.cancel.listeners, 1);
    asked(started).result({});
    await started.ports.clock.advance(250);
    assert.equal(await started.ended, DONE);
    assert.equal(started.cancel.listeners, 0);
  });
});

test('a session writes the questions with ids of its own and tells the client which of them are withdrawn', async () => {
  const ports = testPorts();
  const asks = new Asks(ports.clock, new Set(['roots', 'sampling', 'elicitation']));
  const written: Record<string, unknown>[] = [];
  const peer = new TestPeer();
  peer.ask = (question) => asks.ask(question, (message) => written.push(JSON.parse(message.toString())) > 0);
  const started = run([input({ a: ROOTS, b: SAMPLE, c: FORM })], { peer });
  await settled();
  assert.deepEqual(
    written.map(({ id, method }) => [id, method]),
    [
      [1, 'roots/list'],
      [2, 'sampling/createMessage'],
      [3, 'elicitation/create'],
    ],
  );
  const { readMessage } = await import('../message.ts');
  asks.answered(readMessage(Buffer.from('{"jsonrpc":"2.0","id":1,"result":{"roots":[]}}')));
  asks.answered(readMessage(Buffer.from('{"jsonrpc":"2.0","id":2,"error":{"code":-1,"message":"no"}}')));
  await settled();
  assert.match(toolError(started), /sampling\/createMessage.*the client answered: no\.$/);
  assert.deepEqual(
    written.slice(3).map(({ method, params }) => [method, params]),
    [['notifications/cancelled', { requestId: 3 }]],
  );
  assert.deepEqual([asks.size, ports.clock.waiting], [0, 0]);
});

const KINDS = [ROOTS, FORM, URL, SAMPLE];
const key = fc.oneof(fc.string({ minLength: 1 }), fc.constantFrom('__proto__', 'constructor', '1', '\ud800'));
const script = fc.array(
  fc.record({
    questions: fc.uniqueArray(fc.tuple(key, fc.nat(KINDS.length - 1)), {
      selector: ([name]) => name,
      maxLength: 5,
    }),
    state: fc.option(fc.string(), { nil: undefined }),
  }),
  { minLength: 1, maxLength: 6 },
);
const moves = fc.array(
  fc.record({
    do: fc.constantFrom('answer', 'answer', 'answer', 'answer', 'fail', 'cancel'),
    at: fc.nat(20),
  }),
  { maxLength: 40 },
);

test('whatever is asked and answered in whatever order: each answer under its key, and nobody is left waiting', async () => {
  await fc.assert(
    fc.asyncProperty(script, moves, async (rounds, steps) => {
      const outcomes = rounds.map(({ questions: wanted, state }) => {
        const members = wanted.map(
          ([name, kind]) => `${JSON.stringify(name)}:${JSON.stringify(KINDS[kind])}`,
        );
        const stated =
          state === undefined && members.length > 0 ? '' : `,"requestState":${JSON.stringify(state ?? '')}`;
        return `{"resultType":"input_required","inputRequests":{${members.join(',')}}${stated}}`;
      });
      const started = run(outcomes.map((body) => ({ kind: 'result', body: Buffer.from(body) })));
      const open = new Set<Asked>();
      let seen = 0;
      for (const each of [...steps, ...Array.from({ length: 40 }, () => ({ do: 'answer', at: 0 }))]) {
        await started.ports.clock.advance(250);
        for (; seen < started.peer.asked.length; seen += 1) open.add(asked(started, seen));
        if (started.state !== 'waiting') break;
        const one = [...open][each.at % Math.max(1, open.size)];
        if (each.do === 'cancel') started.cancel.cancel(new GatewayError('CANCELLED', 'enough'));
        if (!one) continue;
        open.delete(one);
        if (each.do === 'fail') one.reject(new Error('no'));
        // Names the question, so that an answer under another key shows.
        else one.result({ asked: started.peer.asked.indexOf(one) });
      }
      await settled();
      assert.notEqual(started.state, 'waiting');
      assert.equal(started.ports.clock.waiting, 0);
      if (!started.cancel.cancelled) assert.equal(started.cancel.listeners, 0);
      for (const { question } of started.peer.asked) assert.equal(question.cancel.cancelled, true);
      let at = 0;
      for (const [index, { responses }] of started.retries.entries()) {
        const expected = (rounds[index]?.questions ?? []).map(([name]) => [name, { asked: at++ }]);
        assert.deepEqual(Object.entries(responses ?? {}), Object.entries(Object.fromEntries(expected)));
      }
    }),
    { seed: SEED, numRuns: 200 },
  );
});

import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import {
  asked,
  DONE,
  FORM,
  input,
  questions,
  ROOTS,
  result,
  run,
  SAMPLE,
  toolError,
} from '../../../test/fixtures/input-rounds.ts';
import { type Asked, TestPeer } from '../../../test/fixtures/scripted-link.ts';
import { settled, testPorts } from '../../../test/fixtures/test-ports.ts';
import { GatewayError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import { Cancel } from '../../lib/cancel.ts';
import type { McpOutcome } from '../call.ts';
import { readMessage } from '../message.ts';
import { Asks } from '../sessions/asks.ts';
import { withRounds } from './rounds.ts';

const ROUNDS = LIMITS.inputRounds.value;

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

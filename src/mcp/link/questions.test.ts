import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Asked, callOver, openedLink } from '../../../test/fixtures/scripted-link.ts';
import type { ScriptedWire } from '../../../test/fixtures/scripted-wire.ts';
import { settled } from '../../../test/fixtures/test-ports.ts';
import { GatewayError } from '../../core/errors.ts';
import { ownRequest } from './own-calls.ts';

/** What went back to the server, without the version. */
const replies = (wire: ScriptedWire): unknown[] =>
  wire.of('').map(({ message: { jsonrpc: _, ...rest } }) => rest);

function ask(wire: ScriptedWire, id: number | string, origin?: number): void {
  wire.say({ id, method: 'sampling/createMessage', params: { n: 1 } }, origin);
}

const first = (asked: readonly Asked[]): Asked => {
  const [one] = asked;
  assert.ok(one, 'nothing was asked');
  return one;
};

describe('questions of a server', () => {
  it('go to the call whose stream carried them, and the answer goes back under their id', async () => {
    const { link, wire, outside } = await openedLink();
    const [a, b] = [callOver(link, 'a'), callOver(link, 'b')];
    const [, second] = wire.of('tools/call');
    ask(wire, 0, Number(second?.id));
    assert.deepEqual([a.peer.asked.length, b.peer.asked.length, outside.asked.length], [0, 1, 0]);
    first(b.peer.asked).result({ text: 'yes' });
    await settled();
    assert.deepEqual(replies(wire), [{ id: 0, result: { text: 'yes' } }]);
  });

  it('over a transport that relates nothing go to the only call, else to the owner of the link', async () => {
    const { link, wire, outside } = await openedLink({ relates: false });
    const alone = callOver(link, 'a');
    ask(wire, 'q-1');
    assert.equal(alone.peer.asked.length, 1);
    const other = callOver(link, 'b');
    ask(wire, 'q-2');
    assert.deepEqual([alone.peer.asked.length, other.peer.asked.length, outside.asked.length], [1, 0, 1]);
    first(outside.asked).result({});
    await settled();
    assert.deepEqual(replies(wire), [{ id: 'q-2', result: {} }]);
  });

  it('on the stream of no call go to the only call where the client hears of nothing else, and that is told', async () => {
    let seen = 0;
    const asksOutside = (): void => {
      seen += 1;
    };
    const { link, wire, outside } = await openedLink({}, {}, { listening: () => false, asksOutside });
    const alone = callOver(link, 'a');
    ask(wire, 1);
    assert.deepEqual([alone.peer.asked.length, seen], [1, 1]);
    // Two callers may be two people: a guess would show one the question of the other.
    const other = callOver(link, 'b');
    ask(wire, 2);
    assert.deepEqual([alone.peer.asked.length, other.peer.asked.length, outside.asked.length], [1, 0, 1]);
    const listens = await openedLink({}, {}, { listening: () => true });
    const call = callOver(listens.link, 'a');
    ask(listens.wire, 1);
    assert.deepEqual([call.peer.asked.length, listens.outside.asked.length], [0, 1]);
  });

  it('go to the only call of a client also while the gateway asks something by itself', async () => {
    const open = await openedLink({ relates: false }, {}, { listening: () => false });
    const call = callOver(open.link, 'a');
    void ownRequest(open, 'tools/list').catch(() => undefined);
    ask(open.wire, 'q');
    assert.deepEqual([call.peer.asked.length, open.outside.asked.length], [1, 0]);
  });

  it('over the connection that speaks for no client go to its owner alone', async () => {
    const { link, wire, outside } = await openedLink({}, { purpose: 'probe' });
    const call = callOver(link, 'a');
    const { id } = await wire.next('tools/call');
    ask(wire, 1, Number(id));
    assert.deepEqual([call.peer.asked.length, outside.asked.length], [0, 1]);
  });

  it('are refused with the reason, or with the error the client gave', async () => {
    const { link, wire } = await openedLink();
    const call = callOver(link, 'a');
    const { id } = await wire.next('tools/call');
    for (const question of [1, 2, 3]) ask(wire, question, Number(id));
    const [one, two, three] = call.peer.asked;
    one?.reject(new GatewayError('METHOD_NOT_FOUND', 'the client does not support sampling'));
    two?.resolve({ kind: 'error', body: Buffer.from('{"code":-1,"message":"User rejected"}') });
    three?.reject(new Error('secret detail'));
    await settled();
    assert.deepEqual(replies(wire), [
      { id: 1, error: { code: -32601, message: 'the client does not support sampling' } },
      { id: 2, error: { code: -1, message: 'User rejected' } },
      { id: 3, error: { code: -32603, message: 'the gateway refused the request' } },
    ]);
  });

  it('that only want a sign of life are answered without the client', async () => {
    const { wire, outside } = await openedLink();
    wire.say({ id: 'p', method: 'ping' });
    await settled();
    assert.deepEqual([replies(wire), outside.asked.length], [[{ id: 'p', result: {} }], 0]);
  });

  it('are refused beyond the limit, and with an id that is in use', async () => {
    const { wire, outside } = await openedLink({}, { maxQuestions: 2 });
    for (const id of [1, 1, 2, 3]) ask(wire, id);
    await settled();
    const refused = { code: -32600, message: 'too many requests to the client, or an id in use' };
    assert.equal(outside.asked.length, 2);
    assert.deepEqual(replies(wire), [
      { id: 1, error: refused },
      { id: 3, error: refused },
    ]);
    first(outside.asked).result({});
    await settled();
    ask(wire, 1);
    assert.equal(outside.asked.length, 3, 'an id may be used again after its answer');
  });
});

describe('a question that nobody needs answered any more', () => {
  it('is withdrawn when the server says so, and its answer is not sent', async () => {
    const { wire, outside } = await openedLink();
    ask(wire, 'q');
    wire.say({ method: 'notifications/cancelled', params: { requestId: 'q' } });
    const { question, result } = first(outside.asked);
    assert.equal(question.cancel.cancelled, true);
    result.call(first(outside.asked), {});
    await settled();
    assert.deepEqual(replies(wire), []);
  });

  it('is withdrawn when the call that asked is over, however it ended', async () => {
    for (const end of ['answer', 'cancel', 'lost'] as const) {
      const { link, wire } = await openedLink();
      const call = callOver(link, 'a');
      const { id } = await wire.next('tools/call');
      ask(wire, 1, Number(id));
      const { question } = first(call.peer.asked);
      assert.equal(question.cancel.cancelled, false);
      if (end === 'answer') wire.result(id, {});
      else if (end === 'cancel') call.cancel.cancel(new GatewayError('CANCELLED', 'enough'));
      else wire.lose();
      assert.equal(question.cancel.cancelled, true, end);
      first(call.peer.asked).result({});
      await settled();
      assert.deepEqual(replies(wire), [], end);
    }
  });

  it('is withdrawn with the link', async () => {
    const { link, wire, outside } = await openedLink();
    ask(wire, 1);
    await link.close();
    assert.equal(first(outside.asked).question.cancel.cancelled, true);
  });

  it('leaves others alone that have the same id as a text or a number', async () => {
    const { wire, outside } = await openedLink();
    ask(wire, 1);
    ask(wire, '1');
    wire.say({ method: 'notifications/cancelled', params: { requestId: '1' } });
    wire.say({ method: 'notifications/cancelled', params: {} });
    assert.deepEqual(
      outside.asked.map(({ question }) => question.cancel.cancelled),
      [false, true],
    );
  });
});

describe('the deadline of a call', () => {
  it('rests while its client is asked, up to the maximum, and starts anew with the answer', async () => {
    const { link, wire, ports } = await openedLink();
    const call = callOver(link, 'a');
    const { id } = await wire.next('tools/call');
    ask(wire, 1, Number(id));
    ask(wire, 2, Number(id));
    await ports.clock.advance(3000);
    first(call.peer.asked).result({});
    await settled();
    await ports.clock.advance(1500);
    assert.equal(call.state, 'waiting', 'one question is still open');
    call.peer.asked[1]?.result({});
    await settled();
    await ports.clock.advance(500);
    assert.equal(call.state, 'UPSTREAM_TIMEOUT', 'the maximum of 5 s');
  });

  it('is over at its usual length when the last answer leaves time for it', async () => {
    const { link, wire, ports } = await openedLink();
    const call = callOver(link, 'a');
    const { id } = await wire.next('tools/call');
    ask(wire, 1, Number(id));
    await ports.clock.advance(1500);
    first(call.peer.asked).result({});
    await settled();
    await ports.clock.advance(990);
    assert.equal(call.state, 'waiting');
    await ports.clock.advance(10);
    assert.equal(call.state, 'UPSTREAM_TIMEOUT');
  });

  it('rests for every call when it is not known whose question it is', async () => {
    const { link, wire, ports, outside } = await openedLink({ relates: false });
    const calls = [callOver(link, 'a'), callOver(link, 'b')];
    ask(wire, 1);
    await ports.clock.advance(1500);
    assert.deepEqual(
      calls.map(({ state }) => state),
      ['waiting', 'waiting'],
    );
    first(outside.asked).result({});
    await settled();
    await ports.clock.advance(1000);
    assert.deepEqual(
      calls.map(({ state }) => state),
      ['UPSTREAM_TIMEOUT', 'UPSTREAM_TIMEOUT'],
    );
  });

  it('ends the call at the maximum even when nobody ever answers', async () => {
    const { link, wire, ports } = await openedLink();
    const call = callOver(link, 'a');
    const { id } = await wire.next('tools/call');
    ask(wire, 1, Number(id));
    await ports.clock.advance(5000);
    assert.equal(call.state, 'UPSTREAM_TIMEOUT');
    assert.equal(first(call.peer.asked).question.cancel.cancelled, true);
  });
});

describe('what a server says by itself', () => {
  it('as a log message goes to the call it belongs to, everything else to the owner of the link', async () => {
    const { link, wire, outside } = await openedLink();
    const call = callOver(link, 'a');
    const { id } = await wire.next('tools/call');
    const log = '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1.0}}';
    const changed = '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}';
    wire.say(log, Number(id));
    wire.say(changed, Number(id));
    wire.say(log);
    assert.deepEqual(call.peer.told, [`log ${log}`]);
    assert.deepEqual(outside.notifications, [changed, log]);
  });

  it('about its stream is passed on to the call', async () => {
    const { link, wire } = await openedLink();
    const call = callOver(link, 'a');
    const { id } = await wire.next('tools/call');
    wire.options.events.resumable?.(Number(id));
    wire.options.events.paused?.(Number(id), 250);
    wire.options.events.paused?.(999, 1);
    assert.deepEqual(call.peer.told, ['resumable', 'paused 250']);
  });

  it("passes the client's progress on a question back", async () => {
    const { wire, outside } = await openedLink();
    ask(wire, 1);
    first(outside.asked).question.progress(
      Buffer.from('{"jsonrpc":"2.0","method":"notifications/progress"}'),
    );
    assert.equal(wire.of('notifications/progress').length, 1);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { callOver, openedLink } from '../../../test/fixtures/scripted-link.ts';
import { settled } from '../../../test/fixtures/test-ports.ts';
import { GatewayError } from '../../core/errors.ts';
import type { ServerInfo } from './opened.ts';

const cancelled = (id: number, reason: string): unknown => ({
  jsonrpc: '2.0',
  method: 'notifications/cancelled',
  params: { requestId: id, reason },
});

describe('answers', () => {
  it('reach the call they belong to, whatever their order', async () => {
    const { link, wire } = await openedLink();
    const [a, b, c] = ['a', 'b', 'c'].map((name) => callOver(link, name));
    const ids = wire.of('tools/call').map(({ id }) => id);
    assert.equal(new Set(ids).size, 3);
    assert.equal(link.busy, 3);
    wire.result(ids[2], { n: 'c' });
    wire.error(ids[0], -32000, 'no');
    wire.result(ids[1], { n: 'b' });
    await settled();
    assert.deepEqual(
      [a?.state, b?.state, c?.state],
      ['error {"code":-32000,"message":"no"}', 'result {"n":"b"}', 'result {"n":"c"}'],
    );
    assert.equal(link.busy, 0);
  });

  it('that nobody waits for are dropped: late, twice, or with ids of another kind', async () => {
    const { link, wire, ports } = await openedLink();
    const call = callOver(link, 'a');
    const { id } = await wire.next('tools/call');
    for (const other of [Number(id) + 100, String(id), -1]) wire.say({ id: other, result: { wrong: true } });
    wire.result(id, { first: true });
    wire.say({ id, result: { second: true } });
    await settled();
    assert.equal(call.state, 'result {"first":true}');
    assert.equal(ports.logged.filter(({ message }) => message.startsWith('dropped an answer')).length, 4);
  });

  it('come as the bytes the server wrote', async () => {
    const { link, wire } = await openedLink();
    const call = callOver(link, 'a');
    const { id } = await wire.next('tools/call');
    const result = '{ "content" : [ ], "n":1.00, "\\u0061":"\\/" }';
    wire.say(`{"jsonrpc":"2.0","id":${id},"result":${result}}`, Number(id));
    await settled();
    assert.equal(call.state, `result ${result}`);
  });

  it('are missed when their stream ends without one', async () => {
    const { link, wire } = await openedLink();
    const call = callOver(link, 'a');
    const { id } = await wire.next('tools/call');
    wire.end(Number(id));
    await settled();
    assert.equal(call.state, 'UPSTREAM_CLOSED');
  });

  it('come later where the transport has no stream for them', async () => {
    const { link, wire } = await openedLink({ relates: false });
    const call = callOver(link, 'a');
    const { id } = await wire.next('tools/call');
    await settled();
    assert.equal(call.state, 'waiting');
    wire.result(id, {});
    await settled();
    assert.equal(call.state, 'result {}');
  });
});

describe('garbage', () => {
  it('fails the call whose stream carried it, and no other', async () => {
    const { link, wire } = await openedLink();
    const [a, b] = [callOver(link, 'a'), callOver(link, 'b')];
    const [first, second] = wire.of('tools/call');
    wire.say('Internal Server Error', Number(first?.id));
    wire.say('{"jsonrpc":"2.0","result":{}}', Number(second?.id));
    await settled();
    assert.deepEqual([a.state, b.state], ['UPSTREAM_PROTOCOL', 'UPSTREAM_PROTOCOL']);
    assert.equal(link.closed, false);
  });

  it('that belongs to no call is dropped with a log line', async () => {
    const { link, wire, ports } = await openedLink({ relates: false });
    const call = callOver(link, 'a');
    const { id } = await wire.next('tools/call');
    for (const text of ['Listening on port 8080', '{"jsonrpc":"1.0","id":1}', '[]', '{"id":1,"id":2}'])
      wire.say(text);
    wire.result(id, {});
    await settled();
    assert.equal(call.state, 'result {}');
    assert.equal(ports.logged.filter(({ level }) => level === 'warn').length, 4);
  });
});

describe('cancelling', () => {
  it('tells the server once, closes the answer stream, and what still comes is dropped', async () => {
    const { link, wire } = await openedLink();
    const call = callOver(link, 'a');
    const { id, outgoing } = await wire.next('tools/call');
    call.cancel.cancel(new GatewayError('CANCELLED', 'no "longer" wanted'));
    call.cancel.cancel(new GatewayError('CANCELLED', 'again'));
    await settled();
    assert.equal(call.state, 'CANCELLED');
    assert.deepEqual(
      wire.of('notifications/cancelled').map(({ message }) => message),
      [cancelled(Number(id), 'no "longer" wanted')],
    );
    assert.equal(outgoing.cancel?.cancelled, true);
    wire.say({ id, result: {} }, Number(id));
    wire.end(Number(id));
    await settled();
    assert.deepEqual([call.state, link.busy], ['CANCELLED', 0]);
  });

  it('before the call sends nothing, and after the answer means nothing', async () => {
    const { link, wire } = await openedLink();
    const early = callOver(link, 'a');
    const { id } = await wire.next('tools/call');
    wire.result(id, {});
    await settled();
    early.cancel.cancel(new GatewayError('CANCELLED', 'late'));
    const never = callOver(link, 'b', { cancel: early.cancel });
    await settled();
    assert.deepEqual([early.state, never.state], ['result {}', 'CANCELLED']);
    assert.deepEqual([wire.of('tools/call').length, wire.of('notifications/cancelled').length], [1, 0]);
  });
});

describe('deadlines', () => {
  it('end a call without an answer, and the server is told', async () => {
    const { link, wire, ports } = await openedLink();
    const call = callOver(link, 'a');
    const { id } = await wire.next('tools/call');
    await ports.clock.advance(998);
    assert.equal(call.state, 'waiting');
    await ports.clock.advance(2);
    assert.equal(call.state, 'UPSTREAM_TIMEOUT');
    assert.deepEqual(
      wire.of('notifications/cancelled').map(({ message }) => message),
      [cancelled(Number(id), 'no answer to tools/call within 1000 ms')],
    );
  });

  it('are each call its own, however they are mixed', async () => {
    const { link, ports } = await openedLink();
    const slow = callOver(link, 'slow', { deadline: { ms: 3000, maxMs: 3000 } });
    const quick = callOver(link, 'quick', { deadline: { ms: 500, maxMs: 500 } });
    await ports.clock.advance(400);
    const later = callOver(link, 'later', { deadline: { ms: 500, maxMs: 500 } });
    await ports.clock.advance(150);
    assert.deepEqual([slow.state, quick.state, later.state], ['waiting', 'UPSTREAM_TIMEOUT', 'waiting']);
    await ports.clock.advance(400);
    assert.deepEqual([slow.state, later.state], ['waiting', 'UPSTREAM_TIMEOUT']);
    await ports.clock.advance(2100);
    assert.equal(slow.state, 'UPSTREAM_TIMEOUT');
  });

  it('start anew with progress, up to the maximum', async () => {
    const { link, wire, ports } = await openedLink();
    const call = callOver(link, 'a');
    const { id } = await wire.next('tools/call');
    const progress = (): void =>
      wire.say({ method: 'notifications/progress', params: { progressToken: id, progress: 1 } }, Number(id));
    for (let step = 1; step <= 5; step += 1) {
      await ports.clock.advance(900);
      assert.equal(call.state, 'waiting', `step ${step}`);
      progress();
    }
    await ports.clock.advance(600);
    assert.equal(call.state, 'UPSTREAM_TIMEOUT');
    assert.match(JSON.stringify(wire.of('notifications/cancelled')[0]?.params), /within 5000 ms/);
    progress();
    assert.equal(call.peer.told.length, 5);
  });

  it('leave no timer behind when the link is closed', async () => {
    const { link, ports } = await openedLink();
    callOver(link, 'a');
    await link.close();
    assert.equal(ports.clock.waiting, 0);
  });
});

describe('progress', () => {
  it("carries the caller's own token, and nothing else changes", async () => {
    const { link, wire } = await openedLink();
    const call = callOver(link, 'a', { progressToken: Buffer.from('"caller 1"') });
    const { id } = await wire.next('tools/call');
    wire.say(
      `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1.50,"progressToken":${id},"message":"\\u0041"}}`,
      Number(id),
    );
    assert.deepEqual(call.peer.told, [
      'progress {"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1.50,"progressToken":"caller 1","message":"\\u0041"}}',
    ]);
  });

  it('goes to nobody when the caller asked for none, the call is over or the token is no id', async () => {
    const { link, wire, outside } = await openedLink();
    const silent = callOver(link, 'a', { progressToken: undefined });
    const { id } = await wire.next('tools/call');
    for (const params of [{ progressToken: id }, { progressToken: 999 }, { progressToken: String(id) }, {}])
      wire.say({ method: 'notifications/progress', params });
    assert.deepEqual([silent.peer.told, outside.notifications], [[], []]);
  });
});

describe('notifications that no revision defines', () => {
  const text = (method: string): string => `{"jsonrpc":"2.0","method":"${method}","params":{"n":1.0}}`;

  it('are for the call on whose stream a modern server sends them; changes never are', async () => {
    const info = { era: 'modern', capabilities: {}, raw: Buffer.from('{}') } as unknown as ServerInfo;
    const { link, wire, outside } = await openedLink({}, { era: 'modern', info });
    const call = callOver(link, 'a');
    const { id } = await wire.next('tools/call');
    wire.say(text('notifications/x'), Number(id));
    wire.say(text('notifications/tools/list_changed'), Number(id));
    wire.say(text('notifications/y'));
    assert.deepEqual(call.peer.told, [`keep ${text('notifications/x')}`]);
    assert.deepEqual(outside.notifications, [
      text('notifications/tools/list_changed'),
      text('notifications/y'),
    ]);
  });

  it('are for the whole session where the server has one', async () => {
    const { link, wire, outside } = await openedLink();
    const call = callOver(link, 'a');
    const { id } = await wire.next('tools/call');
    wire.say(text('notifications/x'), Number(id));
    assert.deepEqual([call.peer.told, outside.notifications], [[], [text('notifications/x')]]);
  });
});

describe('the end of the wire', () => {
  it('fails every call, tells the owner once, and nothing more goes out', async () => {
    const { link, wire, outside } = await openedLink();
    const calls = ['a', 'b'].map((name) => callOver(link, name));
    const error = new GatewayError('PROCESS_EXIT', 'exited with 1');
    wire.lose(error);
    wire.options.events.closed(new Error('again'));
    await settled();
    assert.deepEqual(
      calls.map(({ state }) => state),
      ['PROCESS_EXIT', 'PROCESS_EXIT'],
    );
    assert.deepEqual(outside.closings, [error]);
    const late = callOver(link, 'c');
    link.notify(Buffer.from('{}'));
    await settled();
    assert.equal(late.state, 'PROCESS_EXIT');
    assert.equal(wire.of('tools/call').length, 2);
    assert.equal(wire.of('notifications/cancelled').length, 0);
  });

  it('from our side closes the wire, fails the calls and tells nobody', async () => {
    const { link, wire, outside } = await openedLink();
    const call = callOver(link, 'a');
    await link.close();
    await link.close();
    await settled();
    assert.deepEqual(
      [call.state, wire.closed, link.closed, outside.closings],
      ['UPSTREAM_CLOSED', true, true, []],
    );
  });

  it('waits for the calls of a link that another has taken the place of', async () => {
    const { link, wire, outside } = await openedLink();
    const [answered, cancelled] = [callOver(link, 'a'), callOver(link, 'b')];
    link.retire();
    assert.equal(wire.closed, false);
    wire.result(wire.of('tools/call')[0]?.id, { still: 'here' });
    await settled();
    assert.deepEqual([answered.state, wire.closed], ['result {"still":"here"}', false]);
    cancelled.cancel.cancel(new GatewayError('CANCELLED', 'enough'));
    await settled();
    assert.deepEqual([cancelled.state, wire.closed, outside.closings], ['CANCELLED', true, []]);
    const idle = await openedLink();
    idle.link.retire();
    await settled();
    assert.equal(idle.wire.closed, true);
  });

  it('gives up what is under way, also when one call fails alone', async () => {
    const { link, wire } = await openedLink();
    callOver(link, 'a');
    callOver(link, 'b');
    const [first, second] = wire.of('tools/call');
    wire.say('nonsense', Number(first?.id));
    assert.deepEqual([first?.outgoing.cancel?.cancelled, second?.outgoing.cancel?.cancelled], [true, false]);
    await link.close();
    assert.equal(second?.outgoing.cancel?.cancelled, true);
  });

  it('is not followed by anything: what a closed wire still brings is dropped', async () => {
    const { link, wire, outside } = await openedLink();
    await link.close();
    wire.say({ id: 1, method: 'sampling/createMessage', params: {} });
    wire.say({ method: 'notifications/tools/list_changed' });
    assert.deepEqual([outside.asked.length, outside.notifications.length], [0, 0]);
  });
});

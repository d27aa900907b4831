import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestPeer } from '../../../test/fixtures/scripted-link.ts';
import { type SessionWorld, sessionOf, sessionOver } from '../../../test/fixtures/scripted-session.ts';
import { type Handler, RpcFailure } from '../../../test/fixtures/scripted-wire.ts';
import { settled } from '../../../test/fixtures/test-ports.ts';
import { GatewayError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import type { CallRecord } from '../../core/signals.ts';
import { readMessage } from '../message.ts';
import { renderError } from './run-call.ts';

const world = (call: Handler): Promise<SessionWorld> =>
  sessionOver({
    one: {
      tools: [{ name: 'a' }],
      prompts: [{ name: 'p' }],
      resources: [{ uri: 'x:1', name: 'x' }],
      on: { 'tools/call': call, 'prompts/get': call, 'resources/read': call },
    },
    two: { tools: [] },
  });

/** The record of the one call that has ended. */
async function recorded(
  call: Handler,
  method = 'tools/call',
  params: object = { name: 'one_a' },
): Promise<CallRecord> {
  const { ports, call: run } = await world(call);
  await run(method, params);
  const [record, ...more] = ports.calls;
  assert.ok(record);
  assert.equal(more.length, 0);
  return record;
}

const raw =
  (result: string): Handler =>
  ({ wire, id }) => {
    wire.say(`{"jsonrpc":"2.0","id":${id},"result":${result}}`, Number(id));
    wire.end(Number(id));
    return undefined;
  };

test('a session has so many calls in flight and no more', async () => {
  const { session, call: run } = await world(() => undefined);
  const waiting = Array.from({ length: LIMITS.callsInFlight.value }, (_, n) =>
    run('tools/call', { name: 'one_a' }, { id: `c${n}` }),
  );
  const { error } = await run('tools/call', { name: 'one_a' }, { id: 'more' });
  assert.equal(error?.data?.code, 'OVERLOADED');
  void session.close();
  await Promise.all(waiting);
});

test('a call that went well is recorded with where it went', async () => {
  const { startedAt, ...record } = await recorded(() => ({ content: [] }));
  assert.ok(startedAt >= 0);
  assert.deepEqual(record, {
    method: 'tools/call',
    session: 'session-1',
    route: 'route',
    user: undefined,
    target: 'one',
    kind: 'tool',
    name: 'a',
    outcome: 'ok',
    reason: undefined,
    rpcCode: undefined,
    ms: 0,
    traceId: undefined,
  });
});

test('prompts and resources are recorded by what they are', async () => {
  const prompt = await recorded(() => ({}), 'prompts/get', { name: 'one_p' });
  assert.deepEqual([prompt.kind, prompt.name, prompt.target], ['prompt', 'p', 'one']);
  const resource = await recorded(() => ({}), 'resources/read', { uri: 'one+x:1' });
  assert.deepEqual([resource.kind, resource.name, resource.target], ['resource', 'x:1', 'one']);
  const list = await recorded(() => ({}), 'tools/list', {});
  assert.deepEqual([list.kind, list.name, list.target], [undefined, undefined, undefined]);
});

test('a result that says it is an error is a tool error, however it is spaced', async () => {
  for (const [result, outcome] of [
    ['{"isError":true,"content":[]}', 'tool_error'],
    ['{"content":[],"isError" : true }', 'tool_error'],
    ['{"isError":false}', 'ok'],
    ['{"isError":"true"}', 'ok'],
    ['{"content":[{"type":"text","text":"\\"isError\\":true"}]}', 'ok'],
    ['{"isError":false,"x":{"isError":true}}', 'tool_error'],
  ] as const)
    assert.equal((await recorded(raw(result))).outcome, outcome, result);
  const prompt = await recorded(raw('{"isError":true}'), 'prompts/get', { name: 'one_p' });
  assert.equal(prompt.outcome, 'ok');
});

test('an error of the server is recorded with its number, ours with its code', async () => {
  const refusing: Handler = () => {
    throw new RpcFailure(-32042, 'no');
  };
  const theirs = await recorded(refusing);
  assert.deepEqual([theirs.outcome, theirs.reason, theirs.rpcCode], ['error', 'UPSTREAM', -32042]);
  const ours = await recorded(({ wire, id }) => void wire.end(Number(id)));
  assert.deepEqual([ours.outcome, ours.reason, ours.rpcCode], ['error', 'UPSTREAM_CLOSED', -32603]);
  const unknown = await recorded(() => ({}), 'tools/call', { name: 'nothing' });
  assert.deepEqual(
    [unknown.outcome, unknown.reason, unknown.name, unknown.target],
    ['error', 'UNKNOWN_ITEM', 'nothing', undefined],
  );
});

test('a call that took too long or was cancelled is recorded as that, with its time', async () => {
  const late = await world(() => undefined);
  const timed = late.call('tools/call', { name: 'one_a' });
  await late.ports.clock.advance(1500);
  await timed;
  const [timeout] = late.ports.calls;
  assert.deepEqual([timeout?.outcome, timeout?.ms], ['timeout', 1000]);
  const cancelled = await world(() => undefined);
  const call = cancelled.call('tools/call', { name: 'one_a' }, { id: 'c' });
  await cancelled.ports.clock.advance(300);
  cancelled.say({ method: 'notifications/cancelled', params: { requestId: 'c' } });
  await call;
  const [record] = cancelled.ports.calls;
  assert.deepEqual([record?.outcome, record?.ms, record?.rpcCode], ['cancelled', 300, -32800]);
});

test('the trace of a call is that of its request, or the one its message carries', async () => {
  const { session, ports } = await world(() => ({}));
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const message = readMessage(
    Buffer.from(
      JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping', params: { _meta: { traceparent } } }),
    ),
  );
  const context = { peer: new TestPeer(), route: undefined, headers: undefined };
  await session.run(message, { ...context, traceId: 'of the request' });
  await session.run(message, { ...context, traceId: undefined });
  assert.deepEqual(
    ports.calls.map(({ traceId }) => traceId),
    ['of the request', '0af7651916cd43dd8448eb211c80319c'],
  );
});

test('a mistake of ours is answered without its details, which are in the log', async () => {
  const { ports, session, view } = await world(() => ({}));
  const broken = sessionOf(view, ports);
  Object.assign(broken, { links: { ready: () => assert.fail('secret detail') } });
  const message = readMessage(
    Buffer.from('{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"one_a"}}'),
  );
  const context = { peer: new TestPeer(), route: undefined, headers: undefined, traceId: undefined };
  const { pieces, error } = await broken.run(message, context);
  assert.equal(error?.code, 'INTERNAL');
  assert.doesNotMatch(Buffer.concat(pieces).toString(), /secret/);
  assert.ok(ports.logged.some(({ level, message: text }) => level === 'error' && text === 'call failed'));
  assert.equal(broken.calls.size + session.calls.size, 0);
  await settled();
});

test('an error is rendered with its code and what belongs to it', () => {
  const error = new GatewayError('UNKNOWN_ITEM', 'Unknown resource: "x"', { data: { uri: 'x' } });
  assert.deepEqual(JSON.parse(renderError(Buffer.from('"id"'), error).toString()), {
    jsonrpc: '2.0',
    id: 'id',
    error: {
      code: -32602,
      message: 'Unknown resource: "x"',
      data: { code: 'UNKNOWN_ITEM', retryable: false, uri: 'x' },
    },
  });
  assert.match(renderError(undefined, error).toString(), /"id":null/);
});

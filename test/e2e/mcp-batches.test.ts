/** JSON-RPC batches: revision 2025-03-26 has them, no other revision has. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { type Answer, STREAM_FIRST, textOf } from '../fixtures/mcp-http.ts';
import { startWorld } from '../fixtures/mcp-world.ts';
import type { Step } from '../fixtures/raw-server/options.ts';

const world = await startWorld({
  targets: { one: {}, two: { over: 'stdio' } },
  mcp: { callTimeout: '1s' },
});
after(() => world.close());

const batching = () => world.client({ version: '2025-03-26', capabilities: { roots: {} } });
const ping = (id: number | string) => ({ jsonrpc: '2.0', id, method: 'ping' });
const call = (id: number | string, name: string, args: unknown = {}) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name, arguments: args },
});

/** Results by id. */
function byId({ messages }: Answer): Map<unknown, unknown> {
  return new Map(messages.map((message) => [message.id, message.result ?? message.error?.code]));
}

test('requests to several servers in one batch are answered in one array', async () => {
  const client = await batching();
  const answer = await client.send([
    ping(1),
    call('a', 'one_echo', { x: 1 }),
    call('b', 'two_echo', { x: 2 }),
  ]);
  assert.equal(answer.status, 200);
  assert.match(answer.headers['content-type'] ?? '', /^application\/json/);
  assert.ok(Array.isArray(JSON.parse(answer.text)));
  assert.deepEqual(answer.messages.map(({ id }) => id).toSorted(), [1, 'a', 'b']);
  assert.deepEqual(byId(answer).get(1), {});
  for (const [id, text] of [
    ['a', '{"x":1}'],
    ['b', '{"x":2}'],
  ])
    assert.equal(textOf(answer.messages.find((message) => message.id === id) ?? {}), text);
});

test('one request in an array is answered in an array', async () => {
  const client = await batching();
  const { text } = await client.send([ping(1)]);
  assert.deepEqual(JSON.parse(text), [{ jsonrpc: '2.0', id: 1, result: {} }]);
});

test('notifications and answers alone are accepted without a body', async () => {
  const client = await batching();
  const notification = {
    jsonrpc: '2.0',
    method: 'notifications/progress',
    params: { progressToken: 1, progress: 1 },
  };
  const { status, text } = await client.send([notification, { jsonrpc: '2.0', id: 99, result: {} }]);
  assert.deepEqual([status, text], [202, '']);
});

test('what fails in a batch fails alone', async () => {
  const client = await batching();
  const steps: Step[] = [{ do: 'never' }];
  const answer = await client.send([
    ping(1),
    call(2, 'one_nothing'),
    call(3, 'one_script', { steps }),
    { jsonrpc: '2.0', id: 4, method: 'vendor/unknown' },
    { jsonrpc: '2.0', method: 'notifications/nothing' },
    call(5, 'two_echo'),
  ]);
  const results = byId(answer);
  assert.equal(results.size, 5);
  assert.deepEqual(results.get(1), {});
  assert.equal(results.get(2), -32602);
  assert.equal(results.get(3), -32603);
  assert.equal(results.get(4), -32601);
  assert.ok(results.get(5));
});

test('a mix with an answer to a server lets that server go on', async () => {
  const client = await batching();
  const message = client.message('tools/call', {
    name: 'one_script',
    arguments: { steps: [{ do: 'ask', method: 'roots/list' }, { do: 'resultAnswers' }] },
  });
  const stream = await client.stream(message);
  const { id } = await stream.method('roots/list');
  const answer = await client.send([{ jsonrpc: '2.0', id, result: { roots: [] } }, ping('p')]);
  assert.deepEqual([...byId(answer)], [['p', {}]]);
  assert.equal(textOf(await stream.answer(message.id)), '[{"roots":[]}]');
});

test('a batch whose calls tell of progress is answered with a stream', async () => {
  const client = await batching();
  const steps: Step[] = [
    { do: 'progress', progress: 1 },
    { do: 'result', result: { content: [] } },
  ];
  const params = { name: 'one_script', arguments: { steps }, _meta: { progressToken: 'mine' } };
  const batch = [ping(1), { jsonrpc: '2.0', id: 2, method: 'tools/call', params }];
  const answer = await client.send(batch);
  assert.match(answer.headers['content-type'] ?? '', /^text\/event-stream/);
  assert.deepEqual(answer.messages.filter(({ id }) => id !== undefined).length, 2);
  const progress = answer.messages.find(({ method }) => method === 'notifications/progress');
  assert.deepEqual(progress?.params, { progressToken: 'mine', progress: 1 });
  const asked = await client.send([ping(1), ping(2)], STREAM_FIRST);
  assert.deepEqual(asked.messages.map(({ id }) => id).toSorted(), [1, 2]);
});

test('the same id twice in a batch is answered twice, once with an error', async () => {
  const client = await batching();
  const steps: Step[] = [
    { do: 'sleep', ms: 50 },
    { do: 'result', result: { content: [] } },
  ];
  const { messages } = await client.send([
    call(1, 'one_script', { steps }),
    call(1, 'one_script', { steps }),
  ]);
  assert.deepEqual(
    messages.map(({ id }) => id),
    [1, 1],
  );
  assert.deepEqual(messages.map(({ error }) => error?.code).filter(Boolean), [-32600]);
});

for (const [what, body] of [
  ['an empty batch', []],
  ['a batch with a number', [ping(1), 7]],
  ['a batch in a batch', [ping(1), [ping(2)]]],
  ['a batch with half a message', [ping(1), { jsonrpc: '2.0', id: 2 }]],
  ['a batch with initialize', [ping(1), { jsonrpc: '2.0', id: 2, method: 'initialize', params: {} }]],
  ['a batch of 51', Array.from({ length: 51 }, (_, id) => ping(id))],
] as const) {
  test(`${what} is refused whole`, async () => {
    const client = await batching();
    const before = world.server('one').control.state().requests['tools/call'];
    const text = JSON.stringify(body).replace(/\]$/, `${body.length > 0 ? ',' : ''}`);
    const withCall = body.length > 0 ? `${text}${JSON.stringify(call('x', 'one_echo'))}]` : '[]';
    const { status, messages } = await client.send(withCall);
    assert.deepEqual([status, messages.length, messages[0]?.error?.code], [400, 1, -32600]);
    assert.equal(world.server('one').control.state().requests['tools/call'], before);
    assert.deepEqual((await client.request('ping')).result, {});
  });
}

test('a batch of 50 is answered', async () => {
  const client = await batching();
  const { messages } = await client.send(Array.from({ length: 50 }, (_, id) => call(id, 'one_echo', { id })));
  assert.equal(messages.length, 50);
  for (const message of messages) assert.equal(textOf(message), `{"id":${message.id}}`);
});

for (const version of ['2025-11-25', '2025-06-18', '2024-11-05']) {
  test(`a session of ${version} has no batches`, async () => {
    const client = await world.client({ version });
    const { status, messages } = await client.send([ping(1)]);
    assert.deepEqual([status, messages[0]?.error?.code], [400, -32600]);
    assert.match(messages[0]?.error?.message ?? '', /2025-03-26/);
    assert.deepEqual((await client.request('ping')).result, {});
  });
}

test('a batch without a session is refused as any other request', async () => {
  const client = await batching();
  assert.equal((await client.send([ping(1)], { 'mcp-session-id': undefined })).status, 400);
  assert.equal((await client.send([ping(1)], { 'mcp-session-id': 'x' })).status, 404);
});

/** Questions from servers to clients: sampling, elicitation, roots, ping; each answer goes back to the one who asked. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { EventStream } from '../fixtures/event-stream.ts';
import { type McpHttpClient, type Message, textOf } from '../fixtures/mcp-http.ts';
import { startWorld, stdioTarget } from '../fixtures/mcp-world.ts';
import type { Step } from '../fixtures/raw-server/options.ts';

const world = await startWorld({
  targets: {
    one: { over: 'mcp' },
    two: { over: 'mcp' },
    sse: { over: 'sse' },
    stdio: { over: 'stdio' },
    shared: { over: 'stdio', target: { stdio: { ...stdioTarget(), lifecycle: 'shared' } } },
  },
  mcp: { callTimeout: '700ms', maxCallDuration: '10s' },
});
after(() => world.close());

const TARGETS = ['one', 'two', 'sse', 'stdio'] as const;
const ALL = { sampling: {}, elicitation: {}, roots: { listChanged: true } };
const DONE: Step = { do: 'result', result: { content: [{ type: 'text', text: 'done' }] } };

interface Called {
  readonly id: number;
  readonly stream: EventStream;
}

/** A call of a target's script, its event stream open. */
async function begin(client: McpHttpClient, target: string, steps: readonly Step[]): Promise<Called> {
  const as = steps.some((step) => step.do === 'raw') ? 'sse' : undefined;
  const message = client.message('tools/call', { name: `${target}_script`, arguments: { steps, as } });
  return { id: message.id, stream: await client.stream(message) };
}

const ask = (method: string, params?: unknown, id: number | string = 0): Step => ({
  do: 'ask',
  method,
  params,
  id,
});

/** A question that the server sends without waiting for its answer. */
const rawAsk = (id: number, method: string): Step => ({
  do: 'raw',
  text: `data: {"jsonrpc":"2.0","id":${id},"method":"${method}","params":{"message":"raw"}}\n\n`,
});

async function answersOf({ id, stream }: Called): Promise<unknown> {
  return JSON.parse(textOf(await stream.answer(id)));
}

for (const [method, params, result] of [
  [
    'sampling/createMessage',
    { messages: [], maxTokens: 5 },
    { role: 'assistant', content: { type: 'text', text: 'x' } },
  ],
  ['elicitation/create', { message: 'Which?' }, { action: 'accept', content: { a: 1 } }],
  ['roots/list', undefined, { roots: [{ uri: 'file:///home' }] }],
] as const) {
  test(`four servers ask ${method} with id 0 at once, and each gets its own answer`, async () => {
    const client = await world.client({ capabilities: ALL });
    const calls = await Promise.all(
      TARGETS.map((target) => begin(client, target, [ask(method, params), { do: 'resultAnswers' }])),
    );
    const asked = await Promise.all(calls.map(({ stream }) => stream.method(method)));
    assert.equal(new Set(asked.map(({ id }) => id)).size, TARGETS.length, 'ids towards the client differ');
    for (const question of asked) assert.deepEqual(question.params, params);
    for (const [at, target] of [...TARGETS.entries()].reverse())
      assert.equal((await client.answer(asked[at]?.id, { ...result, from: target })).status, 202);
    for (const [at, target] of TARGETS.entries())
      assert.deepEqual(await answersOf(calls[at] as Called), [{ ...result, from: target }]);
  });
}

test('two clients are asked with the same ids, and their answers are not mixed up', async () => {
  const clients = await Promise.all([
    world.client({ capabilities: ALL }),
    world.client({ capabilities: ALL }),
  ]);
  const steps = [
    ask('roots/list'),
    ask('roots/list', undefined, 'a string'),
    { do: 'resultAnswers' } as const,
  ];
  const results = clients.map(async (client, number) => {
    const call = await begin(client, 'one', steps);
    const first = await call.stream.method('roots/list');
    await client.answer(first.id, { roots: [], first: number });
    const second = await call.stream.message(({ method, id }) => method === 'roots/list' && id !== first.id);
    await client.answer(second.id, { roots: [], second: number });
    return answersOf(call);
  });
  assert.deepEqual(await Promise.all(results), [
    [
      { roots: [], first: 0 },
      { roots: [], second: 0 },
    ],
    [
      { roots: [], first: 1 },
      { roots: [], second: 1 },
    ],
  ]);
});

for (const target of TARGETS) {
  test(`a ping of ${target} is answered without the client`, async () => {
    const client = await world.client();
    const answer = await client.script([ask('ping'), { do: 'resultAnswers' }], `${target}_script`);
    assert.deepEqual(JSON.parse(textOf(answer)), [{}]);
  });

  test(`${target} is told when the client cannot do what it asks, and is not offered it`, async () => {
    const client = await world.client({ capabilities: { roots: {} } });
    const steps = [
      ask('sampling/createMessage'),
      ask('elicitation/create'),
      { do: 'resultAnswers' } as const,
    ];
    const answers = JSON.parse(textOf(await client.script(steps, `${target}_script`))) as Message[];
    for (const { error } of answers) assert.equal(error?.code, -32601);
    if (target === 'stdio') return;
    const { control } = world.server(target);
    const offered = control
      .received()
      .filter(({ method }) => method === 'initialize')
      .at(-1);
    assert.deepEqual((offered?.params as Message['params'])?.['capabilities'], { roots: {} });
  });

  test(`an error of the client and a slow person's answer both reach ${target}`, async () => {
    const client = await world.client({ capabilities: ALL });
    const steps = [ask('elicitation/create'), ask('roots/list'), { do: 'resultAnswers' } as const];
    const call = await begin(client, target, steps);
    const { id } = await call.stream.method('elicitation/create');
    const error = { code: -1, message: 'no', data: { x: 1 } };
    // Longer than the deadline of a call: the silence is not the server's.
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await client.send({ jsonrpc: '2.0', id, error });
    const roots = await call.stream.method('roots/list');
    await client.answer(roots.id, { roots: [] });
    assert.deepEqual(await answersOf(call), [{ error }, { roots: [] }]);
  });
}

test('a question of a shared child is refused: it has no client of its own', async () => {
  const client = await world.client({ capabilities: ALL });
  const answer = await client.script(
    [ask('roots/list', undefined, 7), { do: 'resultAnswers' }],
    'shared_script',
  );
  const [refused] = JSON.parse(textOf(answer)) as Message[];
  assert.equal(refused?.error?.code, -32601);
});

test('a question that belongs to no call goes to the listening stream', async () => {
  const client = await world.client({ capabilities: ALL });
  const steps: Step[] = [{ do: 'ask', method: 'roots/list', on: 'listening' }, { do: 'resultAnswers' }];
  const listening = await client.listen();
  await world.server('one').control.waitFor(({ method }) => method === 'notifications/initialized');
  const call = await begin(client, 'one', steps);
  const { id } = await listening.method('roots/list');
  await client.answer(id, { roots: [], heard: true });
  assert.deepEqual(await answersOf(call), [{ roots: [], heard: true }]);
});

for (const target of ['sse', 'stdio'] as const) {
  test(`${target} cannot say which of two calls asks: the question goes to the listening stream`, async () => {
    const client = await world.client({ capabilities: ALL });
    const listening = await client.listen();
    const first = await begin(client, target, [{ do: 'hold', key: `two-${target}` }, DONE]);
    const second = await begin(client, target, [ask('roots/list'), { do: 'resultAnswers' }]);
    const { id } = await listening.method('roots/list');
    await client.answer(id, { roots: [] });
    assert.deepEqual(await answersOf(second), [{ roots: [] }]);
    await client.script([{ do: 'release', key: `two-${target}` }, DONE], `${target}_script`);
    assert.equal(textOf(await first.stream.answer(first.id)), 'done');
  });

  test(`${target} cannot say which of two calls asks and nobody listens: the newest call takes the question`, async () => {
    const client = await world.client({ capabilities: ALL });
    const key = `deaf-${target}`;
    const first = await begin(client, target, [{ do: 'hold', key }, DONE]);
    const steps = [ask('roots/list'), { do: 'release', key } as const, { do: 'resultAnswers' } as const];
    const second = await begin(client, target, steps);
    const { id } = await second.stream.method('roots/list');
    await client.answer(id, { roots: [] });
    assert.deepEqual(await answersOf(second), [{ roots: [] }]);
    assert.equal(textOf(await first.stream.answer(first.id)), 'done');
  });
}

test('a question that the server withdraws is withdrawn from the client, and a late answer goes nowhere', async () => {
  const client = await world.client({ capabilities: ALL });
  const key = 'withdrawn';
  const withdraw: Step = { do: 'notify', method: 'notifications/cancelled', params: { requestId: 55 } };
  const call = await begin(client, 'one', [
    rawAsk(55, 'elicitation/create'),
    { do: 'hold', key },
    withdraw,
    { do: 'hold', key: `${key}-2` },
    DONE,
  ]);
  const { id } = await call.stream.method('elicitation/create');
  await client.script([{ do: 'release', key }, DONE], 'one_script');
  const { params } = await call.stream.method('notifications/cancelled');
  assert.equal(params?.['requestId'], id);
  assert.equal((await client.answer(id, { action: 'decline' })).status, 202);
  await client.script([{ do: 'release', key: `${key}-2` }, DONE], 'one_script');
  assert.equal(textOf(await call.stream.answer(call.id)), 'done');
  const answers = world
    .server('one')
    .control.received()
    .filter((entry) => entry.id === 55);
  assert.deepEqual(answers, []);
});

test('a question outlived by its call is withdrawn, and its late answer goes nowhere', async () => {
  const client = await world.client({ capabilities: ALL });
  const call = await begin(client, 'two', [rawAsk(66, 'elicitation/create'), DONE]);
  const { id } = await call.stream.method('elicitation/create');
  assert.equal(textOf(await call.stream.answer(call.id)), 'done');
  await call.stream.ended;
  for (const late of [id, 4711, 'nobody'])
    assert.equal((await client.answer(late, { action: 'accept', content: {} })).status, 202);
  assert.equal(textOf(await client.call('two_echo')), '{}');
  const answers = world
    .server('two')
    .control.received()
    .filter((entry) => entry.id === 66);
  assert.deepEqual(answers, []);
});

test('an answer is taken once, and only from the client that was asked', async () => {
  const [asked, other] = [
    await world.client({ capabilities: ALL }),
    await world.client({ capabilities: ALL }),
  ];
  const call = await begin(asked, 'one', [ask('roots/list', undefined, 77), { do: 'resultAnswers' }]);
  const { id } = await call.stream.method('roots/list');
  await other.answer(id, { roots: [], from: 'other' });
  await asked.answer(id, { roots: [], from: 'asked' });
  await asked.answer(id, { roots: [], from: 'again' });
  assert.deepEqual(await answersOf(call), [{ roots: [], from: 'asked' }]);
  const answers = world
    .server('one')
    .control.received()
    .filter((entry) => entry.id === 77);
  assert.equal(answers.length, 1);
});

test('progress of the client on a question comes with the token of the server', async () => {
  const client = await world.client({ capabilities: ALL });
  const params = { messages: [], maxTokens: 1, _meta: { progressToken: 'of the server' } };
  const call = await begin(client, 'one', [ask('sampling/createMessage', params), { do: 'resultAnswers' }]);
  const question = await call.stream.method('sampling/createMessage');
  const { progressToken } = (question.params?.['_meta'] ?? {}) as { progressToken?: unknown };
  await client.notify('notifications/progress', { progressToken, progress: 1 });
  const { params: told } = await world
    .server('one')
    .control.waitFor(({ method }) => method === 'notifications/progress');
  assert.deepEqual(told, { progressToken: 'of the server', progress: 1 });
  await client.answer(question.id, {});
  assert.deepEqual(await answersOf(call), [{}]);
});

test('a client of the old transport is asked on its stream', async () => {
  const client = await world.sse({ capabilities: ALL });
  const answered = client.script([ask('roots/list'), { do: 'resultAnswers' }], 'stdio_script');
  const { id } = await client.stream.method('roots/list');
  await client.answer(id, { roots: [] });
  assert.deepEqual(JSON.parse(textOf(await answered)), [{ roots: [] }]);
});

test('changed roots are told to every server that this client has used', async () => {
  const client = await world.client({ capabilities: ALL });
  for (const target of ['one', 'two']) await client.call(`${target}_echo`);
  const params = { _meta: { mark: crypto.randomUUID() } };
  await client.notify('notifications/roots/list_changed', params);
  const mine = (entry: { params: unknown }): boolean =>
    JSON.stringify(entry.params) === JSON.stringify(params);
  await Promise.all(['one', 'two'].map((target) => world.server(target).control.waitFor(mine)));
});

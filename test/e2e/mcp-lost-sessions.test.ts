/** Upstreams that forget their sessions, restart or break connections: what can be continued goes on unseen. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { EventStream } from '../fixtures/event-stream.ts';
import { type McpHttpClient, type Message, textOf } from '../fixtures/mcp-http.ts';
import { type McpWorld, startWorld } from '../fixtures/mcp-world.ts';
import { type RawServer, startRawServer } from '../fixtures/raw-server/http.ts';
import type { RawOptions, Step } from '../fixtures/raw-server/options.ts';

const world = await startWorld({
  targets: { mcp: { over: 'mcp' }, sse: { over: 'sse' }, stdio: { over: 'stdio' } },
  mcp: { callTimeout: '8s', connectTimeout: '2s' },
});
after(() => world.close());

const done: Step = { do: 'result', result: { content: [{ type: 'text', text: 'done' }] } };
const code = ({ error }: Message): unknown => error?.data?.['code'];

async function begin(client: McpHttpClient, target: string, steps: readonly Step[]) {
  const params = { name: `${target}_script`, arguments: { steps }, _meta: { progressToken: 'mine' } };
  const message = client.message('tools/call', params);
  return { id: message.id, stream: await client.stream(message, {}) };
}

/** Methods that reached a server in the upstream session that answered this call. */
async function toldInNewSession(client: McpHttpClient, server: RawServer): Promise<unknown[]> {
  const { session } = JSON.parse(textOf(await client.call('mcp_whoami'))) as { session: string };
  const mine = server.control.received().filter((entry) => entry.session === session);
  const routine = ['notifications/initialized', 'tools/list'];
  return mine
    .filter(({ method = '' }) => !routine.includes(method))
    .map(({ method, params }) => [method, params]);
}

test('a session that the upstream forgot is begun anew, and told again what the client had asked for', async () => {
  const client = await world.client({ capabilities: { roots: {} } });
  const { control } = world.server('mcp');
  await client.request('logging/setLevel', { level: 'warning' });
  await client.request('resources/subscribe', { uri: 'mcp+raw://one' });
  await client.request('resources/subscribe', { uri: 'mcp+raw://two' });
  await client.request('resources/unsubscribe', { uri: 'mcp+raw://two' });
  control.expireSessions();
  const told = await toldInNewSession(client, world.server('mcp'));
  const [[first, hello], ...rest] = told as [string, Record<string, unknown>][] as [
    [string, Record<string, unknown>],
    ...unknown[],
  ];
  assert.equal(first, 'initialize');
  assert.deepEqual(hello['capabilities'], { roots: {} });
  assert.deepEqual(rest, [
    ['logging/setLevel', { level: 'warning' }],
    ['resources/subscribe', { uri: 'raw://one' }],
    ['tools/call', { name: 'whoami', arguments: {} }],
  ]);
});

test('every client of a forgotten session goes on, and calls at the same time begin one session, not many', async () => {
  const clients = await Promise.all([world.client(), world.client()]);
  for (const client of clients) await client.call('mcp_echo');
  const { control } = world.server('mcp');
  control.expireSessions();
  const before = control.state().opened;
  const calls = clients.flatMap((client) => [1, 2, 3].map((n) => client.call('mcp_echo', { n })));
  for (const [at, answer] of (await Promise.all(calls)).entries())
    assert.equal(textOf(answer), `{"n":${(at % 3) + 1}}`);
  const mine = control.received().filter(({ method }) => method === 'initialize').length;
  assert.ok(
    mine > 0 && control.state().opened - before <= clients.length + 1,
    'one each, and one of the gateway itself',
  );
});

test('a call under way when its session is forgotten still gets its answer', async () => {
  const client = await world.client();
  assert.equal(textOf(await client.script([{ do: 'expire' }, done], 'mcp_script')), 'done');
  assert.equal(textOf(await client.call('mcp_echo')), '{}');
});

for (const kind of ['mcp', 'sse'] as const) {
  test(`what is safe to repeat over ${kind} is repeated once when the connection breaks`, async (t) => {
    const own = await breaking(kind, 1);
    t.after(() => own.close());
    const client = await own.client();
    const { control } = own.server('only');
    const count = (method: string): number => control.state().requests[method] ?? 0;
    assert.ok((await client.request('prompts/get', { name: 'greet' })).result);
    assert.ok((await client.request('resources/read', { uri: 'raw://one' })).result);
    assert.ok((await client.request('completion/complete', completion)).result);
    assert.deepEqual(['prompts/get', 'resources/read', 'completion/complete'].map(count), [2, 2, 2]);
    assert.equal(textOf(await client.call('reads')), '{}');
    assert.equal(count('tools/call'), 2);
  });

  test(`what may have been done over ${kind} is not done again`, async (t) => {
    const own = await breaking(kind, 1);
    t.after(() => own.close());
    const client = await own.client();
    assert.equal(code(await client.call('writes')), 'UPSTREAM_CLOSED');
    assert.equal(own.server('only').control.state().requests['tools/call'], 1);
    assert.equal(textOf(await client.call('writes')), '{}');
  });

  test(`a repeated call over ${kind} that breaks again fails`, async (t) => {
    const own = await breaking(kind, 9);
    t.after(() => own.close());
    const client = await own.client();
    assert.equal(code(await client.call('reads')), 'UPSTREAM_CLOSED');
    assert.equal(own.server('only').control.state().requests['tools/call'], 2);
  });
}

const completion = { ref: { type: 'ref/prompt', name: 'greet' }, argument: { name: 'who', value: 'o' } };

/** One server, `only`, that breaks so many requests of each kind. */
function breaking(over: 'mcp' | 'sse', times: number): Promise<McpWorld> {
  const inputSchema = { type: 'object' };
  const tools = [
    { name: 'reads', inputSchema, annotations: { readOnlyHint: true } },
    { name: 'writes', inputSchema, annotations: { destructiveHint: true } },
  ];
  const raw: RawOptions = {
    results: { 'tools/list': JSON.stringify({ tools }) },
    breaks: {
      'prompts/get': times,
      'resources/read': times,
      'completion/complete': times,
      'tools/call': times,
    },
  };
  return startWorld({ targets: { only: { over, raw } } });
}

for (const over of ['mcp', 'sse'] as const) {
  test(`a server over ${over} that is away fails its calls by name, and is used again when it is back`, async (t) => {
    const own = await startWorld({
      targets: { away: { over }, stays: {} },
      mcp: { callTimeout: '5s', connectTimeout: '2s' },
    });
    t.after(() => own.close());
    const client = await own.client();
    const listening = await client.listen();
    await client.call('away_echo');
    const { port } = own.server('away');
    await own.server('away').close();
    const { error } = await client.call('away_echo');
    assert.match(error?.message ?? '', /target "away"/);
    assert.equal(error?.data?.['retryable'], true);
    assert.equal(textOf(await client.call('stays_echo')), '{}');
    const back = await startRawServer({ http: { port } });
    t.after(() => back.close());
    let answer = await client.call('away_echo', { back: 1 });
    while (answer.error) answer = await client.call('away_echo', { back: 1 });
    assert.equal(textOf(answer), '{"back":1}');
    listening.close();
  });
}

test('an answer that is closed early and resumed by the gateway is one answer for older clients', async () => {
  const client = await world.client({ version: '2025-06-18' });
  const steps: Step[] = [
    { do: 'progress', progress: 1 },
    { do: 'disconnect', retry: 20 },
    { do: 'progress', progress: 2 },
    done,
  ];
  const { id, stream } = await begin(client, 'mcp', steps);
  assert.equal(textOf(await stream.answer(id)), 'done');
  assert.deepEqual(
    stream.messages.map(({ params }) => params?.['progress']),
    [1, 2, undefined],
  );
});

test('an answer that is closed early is closed for newer clients too, which come back for it', async () => {
  const client = await world.client();
  const steps: Step[] = [{ do: 'progress', progress: 1 }, { do: 'disconnect', retry: 300 }, done];
  const { id, stream } = await begin(client, 'mcp', steps);
  assert.deepEqual(await stream.ended, { whole: true });
  assert.equal(stream.events.at(-1)?.retry, 300);
  const rest = await client.listen(stream.lastId);
  assert.equal(textOf(await rest.answer(id)), 'done');
});

test('an answer whose connection breaks is resumed unseen', async () => {
  const client = await world.client();
  const key = crypto.randomUUID();
  const { id, stream } = await begin(client, 'mcp', [
    { do: 'progress', progress: 1 },
    { do: 'hold', key },
    done,
  ]);
  await stream.method('notifications/progress');
  const { control } = world.server('mcp');
  control.dropStreams();
  await client.script([{ do: 'release', key }, done], 'mcp_script');
  assert.equal(textOf(await stream.answer(id)), 'done');
});

const told = (value: string): [string, unknown] => ['notifications/message', { level: 'info', data: value }];

/** Sends until it is heard: streams are opened again after a pause. */
async function heard(stream: EventStream, server: RawServer, value: string): Promise<void> {
  let came = false;
  const coming = stream
    .message(({ params }) => params?.['data'] === value)
    .then(() => {
      came = true;
    });
  while (!came) {
    server.control.notifyListeners(...told(value));
    await Promise.race([coming, new Promise((resolve) => setTimeout(resolve, 50))]);
  }
}

test('a listening stream that the upstream drops is opened again', async () => {
  const client = await world.client();
  const server = world.server('mcp');
  const stream = await client.listen();
  await heard(stream, server, 'before');
  server.control.dropStreams();
  await heard(stream, server, 'after');
});

for (const over of ['mcp', 'sse'] as const) {
  test(`a client that only listens hears a server over ${over} again after its restart`, async (t) => {
    const own = await startWorld({ targets: { only: { over }, other: {} } });
    t.after(() => own.close());
    const client = await own.client();
    await client.request('resources/subscribe', { uri: 'only+raw://one' });
    const stream = await client.listen();
    await heard(stream, own.server('only'), 'before');
    const { port } = own.server('only');
    await own.server('only').close();
    const back = await startRawServer({ http: { port } });
    t.after(() => back.close());
    await heard(stream, back, 'after');
    const again = await back.control.waitFor(({ method }) => method === 'resources/subscribe');
    assert.deepEqual(again.params, { uri: 'raw://one' });
  });
}

for (const status of [405, 404, 400, 501]) {
  test(`a server that answers GET with ${status} has no listening stream, and is used all the same`, async (t) => {
    const own = await startWorld({ targets: { only: { raw: { http: { listening: status } } }, other: {} } });
    t.after(() => own.close());
    const client = await own.client();
    const listening = await client.listen();
    const { control } = own.server('only');
    const calls = await Promise.all([1, 2, 3].map((n) => client.call('only_echo', { n })));
    assert.deepEqual(calls.map(textOf), ['{"n":1}', '{"n":2}', '{"n":3}']);
    await heard(listening, own.server('other'), 'from the other');
    assert.equal(textOf(await client.call('only_echo')), '{}');
    assert.equal(control.state().opened, 2, 'one session of the client, and one of the gateway itself');
  });
}

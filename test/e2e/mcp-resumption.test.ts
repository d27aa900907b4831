/** Connections of clients that break, and readers that are too slow: the call goes on, its answer is kept and fetched. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { EventStream } from '../fixtures/event-stream.ts';
import { type McpHttpClient, textOf } from '../fixtures/mcp-http.ts';
import { startWorld } from '../fixtures/mcp-world.ts';
import type { Step } from '../fixtures/raw-server/options.ts';

const KINDS = ['mcp', 'sse', 'stdio'] as const;
const world = await startWorld({
  targets: { mcp: { over: 'mcp' }, sse: { over: 'sse' }, stdio: { over: 'stdio' } },
  mcp: { callTimeout: '10s' },
});
after(() => world.close());

const progress = (value: number, message?: string): Step => ({
  do: 'progress',
  progress: value,
  ...(message === undefined ? {} : { message }),
});
const done = (text = 'done'): Step => ({ do: 'result', result: { content: [{ type: 'text', text }] } });

/** A call that tells of progress, so that its answer is a stream. */
async function begin(client: McpHttpClient, target: string, steps: readonly Step[]) {
  const message = client.message('tools/call', {
    name: `${target}_script`,
    arguments: { steps },
    _meta: { progressToken: 'mine' },
  });
  return { id: message.id, stream: await client.stream(message, {}) };
}

/** Resolves when the gateway has seen that the client is gone. */
async function leave(stream: EventStream): Promise<void> {
  stream.close();
  await stream.ended;
}

for (const kind of KINDS) {
  test(`a call of ${kind} goes on when its client is gone, and its result is fetched by resuming`, async () => {
    const client = await world.client();
    const key = `gone-${kind}`;
    const { id, stream } = await begin(client, kind, [progress(1), { do: 'hold', key }, progress(2), done()]);
    await stream.method('notifications/progress');
    await leave(stream);
    await client.script([{ do: 'release', key }, done()], `${kind}_script`);
    const rest = await client.listen(stream.lastId);
    assert.equal(textOf(await rest.answer(id)), 'done');
    await rest.ended;
    assert.deepEqual(
      rest.messages.map(({ method, params }) => [method, params?.['progress']]),
      [
        ['notifications/progress', 2],
        [undefined, undefined],
      ],
    );
  });
}

test('a stream begins with an event that can be resumed from, and says how long to wait', async () => {
  const client = await world.client();
  const message = client.message('tools/call', { name: 'mcp_script', arguments: { steps: [done()] } });
  const stream = await client.stream(message);
  await stream.answer(message.id);
  const [priming] = stream.events;
  assert.equal(priming?.data, '');
  assert.match(priming?.id ?? '', /^[!-~]+$/);
  assert.ok((priming?.retry ?? 0) > 0);
  const again = await client.listen(priming?.id);
  assert.equal(textOf(await again.answer(message.id)), 'done');
});

test('resuming gives only what came later, only of that stream, and as often as it is asked', async () => {
  const client = await world.client();
  const steps = [progress(1), progress(2), progress(3), done('first')];
  const first = await begin(client, 'mcp', steps);
  const second = await begin(client, 'mcp', [progress(9), done('second')]);
  await Promise.all([first.stream.ended, second.stream.ended]);
  for (const from of [1, 2, 1]) {
    const at = first.stream.events[from];
    const rest = await client.listen(at?.id);
    await rest.ended;
    assert.deepEqual(
      rest.events.map(({ data }) => data),
      first.stream.events.slice(from + 1).map(({ data }) => data),
    );
    assert.deepEqual(
      rest.events.map(({ id }) => id),
      first.stream.events.slice(from + 1).map(({ id }) => id),
    );
  }
});

test('a client that comes back in the middle of a call reads on', async () => {
  const client = await world.client();
  const { id, stream } = await begin(client, 'stdio', [
    progress(1),
    { do: 'hold', key: 'middle' },
    progress(2),
    done(),
  ]);
  await stream.method('notifications/progress');
  await leave(stream);
  const rest = await client.listen(stream.lastId);
  await client.script([{ do: 'release', key: 'middle' }, done()], 'stdio_script');
  assert.equal(textOf(await rest.answer(id)), 'done');
});

test('a client that leaves before anything was written does not end the call either', async () => {
  const client = await world.client();
  const { control } = world.server('mcp');
  const mark = crypto.randomUUID();
  const arguments_ = { steps: [{ do: 'hold', key: mark }, progress(7), done()] };
  const params = { name: 'mcp_script', arguments: arguments_, _meta: { progressToken: mark } };
  const { abort } = client.begin('POST', client.message('tools/call', params));
  await control.waitFor(({ text }) => text.includes(mark));
  abort();
  await client.script([{ do: 'release', key: mark }, done()], 'mcp_script');
  // It knows no event id, but its stream is there: streams are numbered as they begin.
  const rest = await client.listen('1-1');
  await rest.ended;
  assert.deepEqual(
    rest.messages.map(({ result, params: told }) => told?.['progress'] ?? textOf({ result: result ?? {} })),
    [7, 'done'],
  );
});

test('another session cannot resume a stream', async () => {
  const [mine, other] = [await world.client(), await world.client()];
  const { id, stream } = await begin(mine, 'mcp', [progress(1), done('secret')]);
  await stream.ended;
  const stolen = await other.listen(stream.events[0]?.id);
  await other.call('mcp_echo');
  assert.deepEqual(stolen.messages, []);
  stolen.close();
  const rest = await mine.listen(stream.events[0]?.id);
  assert.equal(textOf(await rest.answer(id)), 'secret');
});

for (const lastEventId of ['nonsense', '999-1', '1-999999', '-1', 'g-0', '1-1\u00e9', 'x'.repeat(2000)]) {
  test(`an event id that names nothing only listens: ${lastEventId.slice(0, 20)}`, async () => {
    const client = await world.client();
    const listening = await client.listen(lastEventId);
    world.server('mcp').control.notifyListeners('notifications/nothing');
    assert.deepEqual(listening.messages, []);
    listening.close();
    assert.deepEqual((await client.request('ping')).result, {});
  });
}

test('what the listening stream missed comes when it is resumed', async () => {
  const client = await world.client();
  const { control } = world.server('mcp');
  const params = (at: number) => ({ level: 'info', data: at });
  const first = await client.listen();
  await client.call('mcp_echo');
  await control.waitFor(({ method }) => method === 'notifications/initialized');
  await heard(first, () => control.notifyListeners('notifications/message', params(1)));
  const { lastId } = first;
  const second = await client.listen();
  await heard(second, () => control.notifyListeners('notifications/message', params(2)));
  const third = await client.listen(lastId);
  const { params: got } = await third.method('notifications/message');
  assert.deepEqual(got, params(2));
  assert.deepEqual((await first.ended).whole, true);
});

/** Sends until somebody listens: the gateway opens the upstream's stream after the client's. */
async function heard(stream: EventStream, send: () => number): Promise<void> {
  const came = stream.method('notifications/message').then(() => true);
  while (send() === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  await came;
}

test('a slow reader gets newer progress instead of older, and the answer however long', async () => {
  const client = await world.client();
  const count = 400;
  const { id, stream } = await begin(client, 'mcp', [
    progress(0),
    { do: 'hold', key: 'slow' },
    { do: 'flood', count, bytes: 64 * 1024 },
    { do: 'big', bytes: 3 * 1024 * 1024 },
  ]);
  await stream.method('notifications/progress');
  stream.pause();
  await client.script([{ do: 'release', key: 'slow' }, done()], 'mcp_script');
  await until(async () => /mcp_messages_dropped_total\{[^}]*"progress"[^}]*\} \d/.test(await metrics()));
  stream.resume();
  assert.equal(textOf(await stream.answer(id)).length, 3 * 1024 * 1024);
  const values = stream.messages
    .filter(({ method }) => method === 'notifications/progress')
    .map(({ params }) => Number(params?.['progress']));
  assert.ok(values.length <= count, `${values.length} of ${count + 1} progress messages`);
  assert.deepEqual(
    values,
    values.toSorted((a, b) => a - b),
  );
});

test('a reader that lets answers pile up is sent away, and the gateway goes on', async () => {
  const old = await world.sse();
  old.stream.pause();
  const params = { name: 'stdio_script', arguments: { steps: [{ do: 'big', bytes: 1024 * 1024 }] } };
  for (let id = 100; id < 140; id++) await old.send({ jsonrpc: '2.0', id, method: 'tools/call', params });
  await until(async () => /the client reads too slowly/.test(world.gateway.log()));
  old.stream.resume();
  assert.deepEqual(await old.stream.ended, { whole: false });
  assert.equal((await old.send({ jsonrpc: '2.0', id: 1, method: 'ping' })).status, 404);
  const client = await world.client();
  assert.equal(textOf(await client.call('stdio_echo')), '{}');
});

async function metrics(): Promise<string> {
  return (await fetch(`${world.gateway.statsUrl}/metrics`)).text();
}

async function until(check: () => Promise<boolean>): Promise<void> {
  while (!(await check())) await new Promise((resolve) => setTimeout(resolve, 20));
}

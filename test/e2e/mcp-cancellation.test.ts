/** Cancellation and progress: each reaches the one it concerns, under the id or token that one knows. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { EventStream } from '../fixtures/event-stream.ts';
import { type McpHttpClient, type Message, STREAM_FIRST, textOf } from '../fixtures/mcp-http.ts';
import { startWorld } from '../fixtures/mcp-world.ts';
import type { Step } from '../fixtures/raw-server/options.ts';

const world = await startWorld({
  targets: { one: {}, two: {}, sse: { over: 'sse' }, stdio: { over: 'stdio' } },
  mcp: { callTimeout: '10s' },
});
after(() => world.close());

const TARGETS = ['one', 'two', 'sse', 'stdio'] as const;
const DONE: Step = { do: 'result', result: { content: [{ type: 'text', text: 'done' }] } };
const HELD: Step = { do: 'progress', progress: 1 };

interface Entry {
  readonly method?: string;
  readonly id?: number;
  readonly params?: { readonly requestId?: number; readonly reason?: string; readonly _meta?: unknown };
}

/** What the server of a target received in this client's session. */
async function journal(client: McpHttpClient, target: string): Promise<Entry[]> {
  return JSON.parse(textOf(await client.call(`${target}_journal`))) as Entry[];
}

const cancelled = (entries: readonly Entry[]): (number | undefined)[] =>
  entries.filter(({ method }) => method === 'notifications/cancelled').map(({ params }) => params?.requestId);

let calls = 0;

/** A call that waits, and has told of progress so that it is known to have begun. */
async function waiting(client: McpHttpClient, target: string, id: number | string = `call-${++calls}`) {
  const key = crypto.randomUUID();
  const params = {
    name: `${target}_script`,
    arguments: { steps: [HELD, { do: 'hold', key }, DONE] },
    _meta: { progressToken: id },
  };
  const stream = await client.stream({ jsonrpc: '2.0', id, method: 'tools/call', params }, STREAM_FIRST);
  await stream.method('notifications/progress');
  const release = () => client.script([{ do: 'release', key }, DONE], `${target}_script`);
  return { id, stream, release };
}

const ended = async ({ id, stream }: { id: number | string; stream: EventStream }): Promise<unknown> =>
  (await stream.answer(id)).error?.data?.['code'];

for (const target of TARGETS) {
  test(`a cancelled call of ${target} is cancelled there, and nowhere else`, async () => {
    const client = await world.client();
    const held = await Promise.all(TARGETS.map((each) => waiting(client, each)));
    const mine = held[TARGETS.indexOf(target)] as (typeof held)[number];
    await client.notify('notifications/cancelled', { requestId: mine.id, reason: 'enough of it' });
    assert.equal(await ended(mine), 'CANCELLED');
    for (const [at, each] of TARGETS.entries()) {
      const entries = await journal(client, each);
      if (each !== target) assert.deepEqual(cancelled(entries), [], each);
      else {
        const call = entries.find((entry) => JSON.stringify(entry).includes('"hold"'));
        const [notice] = entries.filter(({ method }) => method === 'notifications/cancelled');
        assert.equal(notice?.params?.requestId, call?.id);
        assert.match(notice?.params?.reason ?? '', /cancelled/);
      }
      await held[at]?.release();
    }
    for (const other of held)
      if (other !== mine) assert.equal(textOf(await other.stream.answer(other.id)), 'done');
  });
}

test('an answer that crosses its cancellation disturbs nobody', async () => {
  const client = await world.client();
  const call = await waiting(client, 'stdio');
  await client.notify('notifications/cancelled', { requestId: call.id });
  await call.release();
  assert.equal(await ended(call), 'CANCELLED');
  await call.stream.ended;
  assert.equal(call.stream.messages.filter(({ id }) => id === call.id).length, 1);
  assert.equal(textOf(await client.call('stdio_echo')), '{}');
});

test('ids are compared with their type, and another client cannot cancel by guessing', async () => {
  const [client, other] = [await world.client(), await world.client()];
  const text = await waiting(client, 'one', '77');
  const number = await waiting(client, 'one', 77);
  await other.notify('notifications/cancelled', { requestId: 77 });
  await other.notify('notifications/cancelled', { requestId: '77' });
  await client.notify('notifications/cancelled', { requestId: 77 });
  assert.equal(await ended(number), 'CANCELLED');
  assert.equal(cancelled(await journal(client, 'one')).length, 1);
  await text.release();
  assert.equal(textOf(await text.stream.answer('77')), 'done');
});

test('a cancellation of what is over or never was is taken and passed to nobody', async () => {
  const client = await world.client();
  const message = client.message('tools/call', { name: 'one_echo' });
  await client.send(message);
  for (const params of [{ requestId: message.id }, { requestId: 'never' }, {}, { requestId: {} }, undefined])
    assert.equal((await client.notify('notifications/cancelled', params)).status, 202);
  assert.deepEqual(cancelled(await journal(client, 'one')), []);
});

test('a call that is cancelled while it asks takes its question back', async () => {
  const client = await world.client({ capabilities: { elicitation: {} } });
  const steps: Step[] = [{ do: 'ask', method: 'elicitation/create', params: { message: 'Which?' } }, DONE];
  const message = client.message('tools/call', { name: 'one_script', arguments: { steps } });
  const stream = await client.stream(message);
  const question = await stream.method('elicitation/create');
  await client.notify('notifications/cancelled', { requestId: message.id });
  const { params } = await stream.method('notifications/cancelled');
  assert.equal(params?.['requestId'], question.id);
  assert.equal(await ended({ id: message.id, stream }), 'CANCELLED');
});

const progressOf = (messages: readonly Message[]): unknown[] =>
  messages.filter(({ method }) => method === 'notifications/progress').map(({ params }) => params);

for (const target of TARGETS) {
  test(`two clients with the same token hear of their own calls of ${target} alone`, async () => {
    const clients = [await world.client(), await world.client(), await world.client()];
    const heard = clients.map(async (client, at) => {
      const steps: Step[] = [1, 2, 3].map((n) => ({
        do: 'progress',
        progress: 10 * at + n,
        total: 99,
        message: `m${at}`,
      }));
      const params = {
        name: `${target}_script`,
        arguments: { steps: [...steps, DONE] },
        _meta: { progressToken: 'same' },
      };
      const { messages } = await client.send(client.message('tools/call', params));
      assert.deepEqual(
        progressOf(messages),
        [1, 2, 3].map((n) => ({
          progressToken: 'same',
          progress: 10 * at + n,
          total: 99,
          message: `m${at}`,
        })),
      );
      assert.equal(textOf(messages.at(-1) ?? {}), 'done');
    });
    await Promise.all(heard);
  });

  test(`calls of one client at the same time keep their tokens at ${target}`, async () => {
    const client = await world.client();
    const tokens = ['a', 'b', 7, '7', 0, '', 'żółć"\\', -1];
    const answers = tokens.map(async (progressToken) => {
      const steps: Step[] = [HELD, { do: 'sleep', ms: 5 }, { do: 'progress', progress: 2 }, DONE];
      const params = { name: `${target}_script`, arguments: { steps }, _meta: { progressToken } };
      const { messages } = await client.send(client.message('tools/call', params));
      assert.deepEqual(progressOf(messages), [
        { progressToken, progress: 1 },
        { progressToken, progress: 2 },
      ]);
    });
    await Promise.all(answers);
  });
}

test('a token comes back as it was written', async () => {
  const client = await world.client();
  for (const token of ['12345678901234567890', '1.0', '"\\u0041"']) {
    const steps = JSON.stringify([HELD, DONE]);
    const body = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"two_script","arguments":{"steps":${steps}},"_meta":{"x":1,"progressToken":${token},"y":2}}}`;
    const { text } = await client.send(body);
    assert.ok(text.includes(`"progressToken":${token},"progress":1`), text);
  }
});

test('progress that nobody asked for, or that belongs to no call, is heard by nobody', async () => {
  const client = await world.client();
  const stray: Step = {
    do: 'notify',
    method: 'notifications/progress',
    params: { progressToken: 9999, progress: 1 },
  };
  for (const target of TARGETS) {
    const params = { name: `${target}_script`, arguments: { steps: [HELD, stray, DONE] } };
    const { messages } = await client.send(client.message('tools/call', params), STREAM_FIRST);
    assert.deepEqual([target, progressOf(messages)], [target, []]);
    assert.equal(textOf(messages.at(-1) ?? {}), 'done');
  }
});

test('a client of the old transport hears of progress with its token', async () => {
  const client = await world.sse();
  const params = {
    name: 'stdio_script',
    arguments: { steps: [HELD, DONE] },
    _meta: { progressToken: 'old' },
  };
  assert.equal(textOf(await client.request('tools/call', params)), 'done');
  assert.deepEqual(progressOf(client.stream.messages), [{ progressToken: 'old', progress: 1 }]);
});

/** Upstreams that answer with nonsense, too much, twice, too late or not at all because they died. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { type McpHttpClient, type Message, textOf } from '../fixtures/mcp-http.ts';
import { startWorld } from '../fixtures/mcp-world.ts';
import type { RawOptions, Step } from '../fixtures/raw-server/options.ts';

const MEGABYTE = 1024 * 1024;
const raw: RawOptions = { stdio: { stderr: 60 } };

const world = await startWorld({
  targets: { mcp: { over: 'mcp', raw }, sse: { over: 'sse', raw }, stdio: { over: 'stdio', raw } },
  mcp: { callTimeout: '1500ms' },
});
after(() => world.close());

const KINDS = ['mcp', 'sse', 'stdio'] as const;
const DONE: Step = { do: 'result', result: { content: [{ type: 'text', text: 'done' }] } };
const code = ({ error }: Message): unknown => error?.data?.['code'];

/** As an answer of the given form over streamable HTTP. */
function answered(client: McpHttpClient, as: 'json' | 'sse', steps: readonly Step[]): Promise<Message> {
  return client.call('mcp_script', { steps, as });
}

async function goesOn(client: McpHttpClient, target: string): Promise<void> {
  assert.equal(textOf(await client.call(`${target}_echo`, { ok: 1 })), '{"ok":1}');
}

for (const [what, text] of [
  ['what is not JSON', 'surely not JSON'],
  ['half of a message', '{"jsonrpc":"2.0","id":1,"resu'],
  ['JSON that is no message', '{"hello":1}'],
  ['a number', '42'],
  ['JSON nested too deeply', '['.repeat(100_000)],
  ['text that is not UTF-8 or JSON', '\u0000\u0001\ufffd'],
] as const) {
  for (const as of ['json', 'sse'] as const) {
    test(`${what} as ${as} fails the call alone`, async () => {
      const client = await world.client();
      const text_ = as === 'json' ? text : `data: ${text}\n\n`;
      const answer = await answered(client, as, [{ do: 'raw', text: text_ }]);
      assert.equal(code(answer), 'UPSTREAM_PROTOCOL');
      assert.match(answer.error?.message ?? '', /target "mcp".*not JSON-RPC/);
      await goesOn(client, 'mcp');
    });
  }

  for (const kind of ['sse', 'stdio'] as const) {
    test(`${what} over ${kind} is passed by, and the answer after it is taken`, async () => {
      const client = await world.client();
      const text_ = kind === 'stdio' ? `${text}\n` : `event: message\ndata: ${text}\n\n`;
      assert.equal(textOf(await client.script([{ do: 'raw', text: text_ }, DONE], `${kind}_script`)), 'done');
    });
  }
}

test('an HTTP error and what it says reach the client', async () => {
  const client = await world.client();
  const failed = await answered(client, 'json', [{ do: 'status', status: 500, body: 'the disk is full' }]);
  assert.equal(code(failed), 'UPSTREAM_STATUS');
  assert.match(failed.error?.message ?? '', /target "mcp".*HTTP 500: the disk is full/);
  await goesOn(client, 'mcp');
});

test('a page instead of an answer is named by its content type', async () => {
  const client = await world.client();
  const failed = await answered(client, 'json', [{ do: 'status', status: 200, body: '<html>' }]);
  assert.equal(code(failed), 'UPSTREAM_PROTOCOL');
  assert.match(failed.error?.message ?? '', /text\/plain/);
});

for (const as of ['json', 'sse'] as const) {
  test(`an answer as ${as} that ends without a result is an error at once`, async () => {
    const client = await world.client();
    assert.equal(code(await answered(client, as, [])), 'UPSTREAM_CLOSED');
    const foreign = { jsonrpc: '2.0', id: 987_654, result: { content: [] } };
    const text = as === 'json' ? JSON.stringify(foreign) : `data: ${JSON.stringify(foreign)}\n\n`;
    assert.equal(code(await answered(client, as, [{ do: 'raw', text }])), 'UPSTREAM_CLOSED');
    await goesOn(client, 'mcp');
  });

  test(`50 MB as ${as} are refused, 8 MB are not`, async () => {
    const client = await world.client();
    const refused = await answered(client, as, [{ do: 'big', bytes: 50 * MEGABYTE }]);
    assert.equal(code(refused), 'UPSTREAM_MESSAGE_TOO_LARGE');
    assert.match(refused.error?.message ?? '', /target "mcp"/);
    assert.equal(
      textOf(await answered(client, as, [{ do: 'big', bytes: 8 * MEGABYTE }])).length,
      8 * MEGABYTE,
    );
    await goesOn(client, 'mcp');
  });
}

for (const kind of ['sse', 'stdio'] as const) {
  test(`50 MB over ${kind} are refused, and the next call has a new connection`, async () => {
    const client = await world.client();
    const refused = await client.script([{ do: 'big', bytes: 50 * MEGABYTE }], `${kind}_script`);
    assert.equal(code(refused), 'UPSTREAM_MESSAGE_TOO_LARGE');
    assert.match(refused.error?.message ?? '', new RegExp(`target "${kind}"`));
    await goesOn(client, kind);
    const steps: Step[] = [{ do: 'big', bytes: 8 * MEGABYTE }];
    assert.equal(textOf(await client.script(steps, `${kind}_script`)).length, 8 * MEGABYTE);
  });
}

for (const kind of ['mcp', 'sse'] as const) {
  test(`a connection that breaks in a call over ${kind} fails it, once`, async () => {
    const client = await world.client();
    const before = world.server(kind).control.state().requests['tools/call'] ?? 0;
    const broken = await client.script([{ do: 'die' }], `${kind}_script`);
    assert.equal(code(broken), 'UPSTREAM_CLOSED');
    assert.match(broken.error?.message ?? '', new RegExp(`target "${kind}"`));
    assert.equal(world.server(kind).control.state().requests['tools/call'], before + 1);
    await goesOn(client, kind);
  });
}

test('a child that dies in a call fails it with its exit code and the end of its stderr', async () => {
  const client = await world.client();
  const first = textOf(await client.call('stdio_whoami'));
  const waiting = client.script([{ do: 'never' }], 'stdio_script');
  const { error } = await client.script([{ do: 'die' }], 'stdio_script');
  assert.match(error?.message ?? '', /target "stdio".*exited with code 1: noise noise/);
  assert.equal(error?.data?.['code'], 'PROCESS_EXIT');
  assert.match(String(error?.data?.['stderr']), /noise noise/);
  assert.equal(code(await waiting), 'PROCESS_EXIT');
  await goesOn(client, 'stdio');
  assert.notEqual(textOf(await client.call('stdio_whoami')), first);
});

test('an answer over stdio in several lines is no message', async () => {
  const client = await world.client();
  const pretty: Step = { do: 'result', pretty: true, result: { content: [] } };
  assert.equal(code(await client.script([pretty], 'stdio_script')), 'UPSTREAM_TIMEOUT');
  await goesOn(client, 'stdio');
});

for (const kind of KINDS) {
  test(`an answer that ${kind} gives three times is given once`, async () => {
    const client = await world.client();
    const message = client.message('tools/call', {
      name: `${kind}_script`,
      arguments: { steps: [{ ...DONE, times: 3 }] },
    });
    const stream = await client.stream(message);
    assert.equal(textOf(await stream.answer(message.id)), 'done');
    await stream.ended;
    assert.equal(stream.messages.filter(({ id }) => id === message.id).length, 1);
    await goesOn(client, kind);
  });

  test(`an answer of ${kind} that comes too late disturbs nobody`, async () => {
    const client = await world.client();
    const held = client.script([{ do: 'hold', key: `late-${kind}` }, DONE], `${kind}_script`);
    assert.equal(code(await held), 'UPSTREAM_TIMEOUT');
    await client.script([{ do: 'release', key: `late-${kind}` }, DONE], `${kind}_script`);
    await goesOn(client, kind);
  });

  test(`answers of ${kind} out of order find their calls`, async () => {
    const client = await world.client();
    const say = (text: string): Step => ({ do: 'result', result: { content: [{ type: 'text', text }] } });
    const order: string[] = [];
    const run = async (text: string, steps: readonly Step[]): Promise<void> => {
      order.push(textOf(await client.script([...steps, say(text)], `${kind}_script`)));
      assert.equal(order.at(-1), text);
    };
    const key = `order-${kind}`;
    const steps = [{ do: 'progress', progress: 1 }, { do: 'hold', key }, say('first')];
    const message = client.message('tools/call', {
      name: `${kind}_script`,
      arguments: { steps },
      _meta: { progressToken: 'first' },
    });
    const stream = await client.stream(message);
    await stream.method('notifications/progress');
    const first = stream.answer(message.id).then((answer) => order.push(textOf(answer)));
    await run('second', []);
    await run('third', [{ do: 'release', key }]);
    await first;
    await run('fourth', []);
    assert.deepEqual(order.toSorted(), ['first', 'fourth', 'second', 'third']);
    assert.equal(order[0], 'second');
  });
}

/**
 * Line ends, and keys written in odd ways: what is one message for us must be the same one message for everybody
 * behind us, however it is framed there.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { eventsOf } from '../fixtures/event-stream.ts';
import { type McpHttpClient, STREAM_FIRST, textOf } from '../fixtures/mcp-http.ts';
import { startWorld } from '../fixtures/mcp-world.ts';

const KINDS = ['mcp', 'sse', 'stdio'] as const;
const world = await startWorld({
  targets: { mcp: { over: 'mcp' }, sse: { over: 'sse' }, stdio: { over: 'stdio' } },
  mcp: { callTimeout: '3s' },
});
after(() => world.close());

/** What the upstream got for a body of ours: the text as it came. */
async function forwarded(client: McpHttpClient, body: string): Promise<string> {
  const { messages, text } = await client.send(body);
  assert.ok(messages[0]?.result, text);
  return textOf(messages[0]);
}

const called = (kind: string, id: number): string =>
  `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"${kind}_received","arguments":{"a":"b"}}}`;

for (const kind of KINDS) {
  for (const [what, space] of [
    ['LF', '\n'],
    ['CR', '\r'],
    ['CRLF and tabs', '\r\n\t'],
    ['many line ends', '\n\r\n\n'],
  ] as const) {
    test(`a request pretty-printed with ${what} reaches ${kind} as one line`, async () => {
      const client = await world.client();
      const body = called(kind, 900).replaceAll(/([{,:}])/g, `$1${space}`);
      const got = await forwarded(client, `${space}${body}${space}`);
      assert.doesNotMatch(got, /[\n\r]/);
      const { method, params } = JSON.parse(got) as { method: string; params: unknown };
      assert.deepEqual(
        { method, params },
        { method: 'tools/call', params: { name: 'received', arguments: { a: 'b' } } },
      );
    });
  }

  test(`a raw line end inside a string never reaches ${kind}`, async () => {
    const client = await world.client();
    const smuggled = '{"jsonrpc":"2.0","id":77,"method":"tools/call","params":{"name":"script"}}';
    for (const end of ['\n', '\r', '\r\n']) {
      const inside = called(kind, 901).replace('"b"', `"b${end}${smuggled.replaceAll('"', '\\"')}${end}"`);
      const behind = `${called(kind, 901)}${end}${smuggled}`;
      for (const body of [inside, behind]) {
        const { status, messages } = await client.send(body);
        assert.equal(status, 400);
        assert.equal(messages[0]?.error?.code, -32700);
      }
    }
    const got = await forwarded(client, called(kind, 902).replace('"b"', '"\\u000a\\n\\r\u2028\u2029"'));
    assert.match(got, /"\\u000a\\n\\r\u2028\u2029"/);
  });

  test(`a notification with line ends reaches ${kind} as one message`, async () => {
    const client = await world.client({ capabilities: { roots: { listChanged: true } } });
    await client.call(`${kind}_echo`);
    const text = '{\n"jsonrpc":"2.0",\r\n"method":"notifications/roots/list_changed",\n"params":{\n"x":\n1}}';
    assert.equal((await client.send(text)).status, 202);
    assert.equal(textOf(await client.call(`${kind}_echo`)), '{}');
    if (kind === 'stdio') return;
    const got = await world.server(kind).control.waitFor(({ method }) => method === JSON.parse(text).method);
    assert.equal(got.text, text.replaceAll(/[\r\n]/g, ''));
  });

  test(`an answer to ${kind} with line ends arrives as one message`, async () => {
    const client = await world.client({ capabilities: { elicitation: {} } });
    const steps = [
      { do: 'ask', method: 'elicitation/create', params: { message: 'Which?' } },
      { do: 'resultAnswers' },
    ];
    const message = client.message('tools/call', { name: `${kind}_script`, arguments: { steps } });
    const stream = await client.stream(message);
    const { id } = await stream.method('elicitation/create');
    await client.send(
      `{\n"jsonrpc":"2.0",\n"id":${id},\r\n"result":{\n"action":"accept",\r"content":{"a":"\\n"}}}`,
    );
    const answers = JSON.parse(textOf(await stream.answer(message.id))) as unknown[];
    assert.deepEqual(answers, [{ action: 'accept', content: { a: '\n' } }]);
  });
}

const PRETTY = [
  '{\n  "content": [\n    {"type": "text",\n "text": "a\\nb"}\n  ]\n}',
  '{\r\n"content":[\r]\r\n}',
];

for (const kind of ['mcp', 'sse'] as const) {
  for (const pretty of PRETTY) {
    const value: unknown = JSON.parse(pretty);
    const steps = [{ do: 'resultText', text: pretty }];
    const ends = pretty.includes('\r') ? 'CRLF and CR' : 'LF';

    test(`a result of ${kind} pretty-printed with ${ends} reaches a JSON client`, async () => {
      const client = await world.client();
      assert.deepEqual((await client.call(`${kind}_script`, { steps, as: 'json' })).result, value);
    });

    test(`a result of ${kind} pretty-printed with ${ends} is one event for an SSE client`, async () => {
      const client = await world.client();
      const message = client.message('tools/call', { name: `${kind}_script`, arguments: { steps } });
      const { text, messages, headers } = await client.send(message, STREAM_FIRST);
      assert.match(headers['content-type'] ?? '', /^text\/event-stream/);
      assert.deepEqual(
        messages.map(({ result }) => result),
        [value],
      );
      for (const line of text.split('\n')) assert.match(line, /^(?:$|:|id: |event: |data:|retry: )/);
      assert.equal(eventsOf(text).filter(({ data }) => data !== '').length, 1);
      const old = await world.sse();
      assert.deepEqual((await old.request('tools/call', message.params)).result, value);
      assert.equal(textOf(await old.request('tools/call', { name: `${kind}_echo` })), '{}');
    });
  }

  test(`an event of ${kind} in several data lines is one message`, async () => {
    const client = await world.client();
    const steps = [{ do: 'result', pretty: true, result: { content: [{ type: 'text', text: 'x' }] } }];
    assert.equal(textOf(await client.call(`${kind}_script`, { steps, as: 'sse' })), 'x');
  });
}

test('a client over standard input and output gets one line per message, whatever the upstream wrote', async (t) => {
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [fileURLToPath(new URL('../../src/main.js', import.meta.url)), 'stdio', '-f', world.gateway.file],
    stderr: 'ignore',
  });
  const client = new Client({ name: 'test', version: '1.0.0' });
  t.after(() => client.close());
  const fault = new Promise<Error>((resolve) => {
    client.onerror = resolve;
  });
  let changes = 0;
  client.setNotificationHandler(ToolListChangedNotificationSchema, () => {
    changes += 1;
  });
  await client.connect(transport);
  const call = (text: string) =>
    client.callTool({ name: 'mcp_script', arguments: { steps: [{ do: 'resultText', text }], as: 'json' } });
  for (const pretty of PRETTY) {
    const broken = fault.then((error) => Promise.reject(error));
    const { content } = await Promise.race([call(pretty), broken]);
    assert.deepEqual(content, JSON.parse(pretty).content);
  }
  // No JSON, and its second line would be a message: the client must get one line, and see that it is bad.
  const smuggled = '{"content":["\n{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}\n"]}';
  void call(smuggled).catch(() => undefined);
  assert.match(String(await fault), /SyntaxError/);
  await client.callTool({ name: 'mcp_echo' });
  assert.equal(changes, 0);
});

const AMBIGUOUS: readonly (readonly [string, string])[] = [
  ['a method twice', '"method":"ping","method":"tools/call"'],
  ['an escaped method', '"m\\u0065thod":"ping","method":"tools/call"'],
  ['an escaped method alone', '"m\\u0065thod":"tools/call"'],
  ['a method in other case', '"Method":"ping","method":"tools/call"'],
  ['a method that ends in NUL', '"method\\u0000":"ping","method":"tools/call"'],
  ['an id twice', '"id":8,"method":"tools/call"'],
  ['an id in other case', '"ID":8,"method":"tools/call"'],
  ['a method with a long s', '"method":"tools/call","param\u017f":{"name":"mcp_received"}'],
  ['params twice', '"method":"tools/call","params":{"name":"mcp_echo"}'],
  ['a version twice', '"jsonrpc":"2.0","method":"tools/call"'],
];

const AMBIGUOUS_PARAMS: readonly (readonly [string, string])[] = [
  ['a name twice', '"name":"mcp_echo","name":"mcp_received"'],
  ['an escaped name', '"n\\u0061me":"mcp_echo","name":"mcp_received"'],
  ['a name in other case', '"NAME":"mcp_echo","name":"mcp_received"'],
  ['a name that ends in NUL', '"name\\u0000":"mcp_echo","name":"mcp_received"'],
  ['_meta twice', '"name":"mcp_received","_meta":{},"_meta":{"progressToken":1}'],
  ['a progress token twice', '"name":"mcp_received","_meta":{"progressToken":1,"progressToken":2}'],
  ['a progress token in other case', '"name":"mcp_received","_meta":{"progresstoken":1}'],
];

test('members that two parsers could read in two ways are refused and go nowhere', async () => {
  const client = await world.client();
  const { control } = world.server('mcp');
  const before = control.state().requests['tools/call'] ?? 0;
  const bodies = [
    ...AMBIGUOUS.map(([what, text]) => [
      what,
      `{"jsonrpc":"2.0","id":7,${text},"params":{"name":"mcp_received"}}`,
    ]),
    ...AMBIGUOUS_PARAMS.map(([what, text]) => [
      what,
      `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{${text},"arguments":{}}}`,
    ]),
  ];
  for (const [what, body = ''] of bodies) {
    const { status, messages } = await client.send(body);
    assert.deepEqual([what, status, messages[0]?.error?.code], [what, 400, -32600]);
  }
  assert.equal(control.state().requests['tools/call'] ?? 0, before);
  assert.equal(textOf(await client.call('mcp_echo')), '{}');
});

test('the old transport refuses them too', async () => {
  const old = await world.sse();
  for (const [what, text] of AMBIGUOUS) {
    const { status, messages } = await old.send(
      `{"jsonrpc":"2.0","id":7,${text},"params":{"name":"mcp_received"}}`,
    );
    assert.deepEqual([what, status, messages[0]?.error?.code], [what, 400, -32600]);
  }
});

test('what nobody routes on is left alone, however odd', async () => {
  const client = await world.client();
  const odd = '{"a":1,"a":2,"\\u0061":3,"A":4,"a\\u0000":5,"n":1.0,"big":12345678901234567890,"":{"":[]}}';
  const body = `{"jsonrpc":"2.0","x":[{"method":1}],"id":5,"method":"tools/call","params":{"name":"mcp_received","arguments":${odd}}}`;
  const got = await forwarded(client, body);
  assert.ok(got.includes(odd), got);
  assert.ok(got.includes('"x":[{"method":1}]'), got);
});

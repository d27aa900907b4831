import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import {
  CreateMessageRequestSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { ConfigError } from '../config/diagnostics.ts';
import { FakeClock } from './fake-clock.ts';
import { type MemoryTool, memoryServer } from './memory-server.ts';
import { type TestGateway, type TestGatewayOptions, testGateway } from './test-gateway.ts';

const echo: MemoryTool = { name: 'echo', call: ({ text }) => String(text) };
const ONE = 'mcp: { targets: [{ name: one, memory: one }] }';
const TWO = 'mcp: { targets: [{ name: one, memory: one }, { name: two, memory: two }] }';

async function start(t: TestContext, config: string, options: TestGatewayOptions): Promise<TestGateway> {
  const gateway = await testGateway(config, options);
  t.after(() => gateway.close());
  return gateway;
}

async function connect(t: TestContext, { url }: TestGateway, capabilities = {}): Promise<Client> {
  const client = new Client({ name: 'test', version: '0' }, { capabilities });
  await client.connect(new StreamableHTTPClientTransport(new URL(`${url}/mcp`)));
  t.after(() => client.close());
  return client;
}

function textOf(result: unknown): string | undefined {
  return (result as { content: { text?: string }[] }).content[0]?.text;
}

test('a client reaches the tools, prompts and resources of a server in memory', async (t) => {
  const one = memoryServer({
    instructions: 'be kind',
    tools: [{ ...echo, description: 'says it again' }],
    prompts: [{ name: 'greet', get: ({ who }) => `hello ${String(who)}` }],
    resources: [{ uri: 'mem://a', name: 'a', text: 'content of a' }],
  });
  const client = await connect(t, await start(t, ONE, { servers: { one } }));
  assert.equal(client.getInstructions(), 'be kind');
  assert.deepEqual((await client.listTools()).tools, [
    { name: 'echo', description: 'says it again', inputSchema: { type: 'object' } },
  ]);
  assert.equal(textOf(await client.callTool({ name: 'echo', arguments: { text: 'hi' } })), 'hi');
  const { messages } = await client.getPrompt({ name: 'greet', arguments: { who: 'you' } });
  assert.deepEqual(messages[0]?.content, { type: 'text', text: 'hello you' });
  const { contents } = await client.readResource({ uri: 'mem://a' });
  assert.deepEqual(contents, [{ uri: 'mem://a', mimeType: 'text/plain', text: 'content of a' }]);
  assert.ok(one.requests.some(({ method, params }) => method === 'tools/call' && params['name'] === 'echo'));
});

test('two servers are merged under their names', async (t) => {
  const servers = { one: memoryServer({ tools: [echo] }), two: memoryServer({ tools: [echo] }) };
  const client = await connect(t, await start(t, TWO, { servers }));
  const names = (await client.listTools()).tools.map(({ name }) => name);
  assert.deepEqual(names, ['one_echo', 'two_echo']);
  await client.callTool({ name: 'two_echo', arguments: {} });
  const calls = (server: keyof typeof servers) =>
    servers[server].requests.filter(({ method }) => method === 'tools/call').length;
  assert.deepEqual([calls('one'), calls('two')], [0, 1]);
});

test('a tool sends progress, asks the client, and fails as a tool fails', async (t) => {
  const tools: MemoryTool[] = [
    {
      name: 'think',
      async call(_args, { progress, ask }) {
        progress(1, 2);
        const answer = await ask('sampling/createMessage', { messages: [], maxTokens: 5 });
        return `the model said ${(answer['content'] as { text: string }).text}`;
      },
    },
    {
      name: 'fail',
      call() {
        throw new Error('no such file');
      },
    },
  ];
  const gateway = await start(t, ONE, { servers: { one: memoryServer({ tools }) } });
  const client = await connect(t, gateway, { sampling: {} });
  client.setRequestHandler(CreateMessageRequestSchema, () => ({
    model: 'none',
    role: 'assistant',
    content: { type: 'text', text: 'yes' },
  }));
  const seen: number[] = [];
  const onprogress = ({ progress }: { progress: number }) => void seen.push(progress);
  assert.equal(
    textOf(await client.callTool({ name: 'think' }, undefined, { onprogress })),
    'the model said yes',
  );
  assert.deepEqual(seen, [1]);
  const failed = await client.callTool({ name: 'fail' });
  assert.deepEqual([failed['isError'], textOf(failed)], [true, 'no such file']);
});

test('a refused question rejects inside the tool', async (t) => {
  const tool: MemoryTool = { name: 'think', call: (_args, { ask }) => ask('sampling/createMessage', {}) };
  const gateway = await start(t, ONE, { servers: { one: memoryServer({ tools: [tool] }) } });
  const client = await connect(t, gateway);
  const result = await client.callTool({ name: 'think' });
  assert.equal(result['isError'], true);
  assert.match(textOf(result) ?? '', /does not support sampling/);
});

test('a cancelled call fires the cancel of its tool', async (t) => {
  let started = (): void => {};
  const running = new Promise<void>((resolve) => {
    started = resolve;
  });
  let cancelled = (_reason: Error): void => {};
  const heard = new Promise<Error>((resolve) => {
    cancelled = resolve;
  });
  const hang: MemoryTool = {
    name: 'hang',
    call: (_args, { cancel }) => {
      cancel.onCancel(cancelled);
      started();
      return new Promise(() => {});
    },
  };
  const gateway = await start(t, ONE, { servers: { one: memoryServer({ tools: [hang] }) } });
  const client = await connect(t, gateway);
  const abort = new AbortController();
  const call = client.callTool({ name: 'hang' }, undefined, { signal: abort.signal });
  const failed = assert.rejects(call);
  await running;
  abort.abort();
  await failed;
  assert.match((await heard).message, /cancelled/);
});

test('new tools of a server and a new configuration both reach the client', async (t) => {
  const servers = { one: memoryServer({ tools: [echo] }), two: memoryServer({ tools: [echo] }) };
  const gateway = await start(t, ONE, { servers });
  const { url } = gateway;
  const client = await connect(t, gateway);
  let changed = (): void => {};
  client.setNotificationHandler(ToolListChangedNotificationSchema, () => changed());
  const names = async () => (await client.listTools()).tools.map(({ name }) => name);
  const toolsBecome = async (expected: string[]) => {
    for (;;) {
      const next = new Promise<void>((resolve) => {
        changed = resolve;
      });
      if ((await names()).join() === expected.join()) return;
      await next;
    }
  };
  assert.deepEqual(await names(), ['echo']);
  servers.one.setTools([echo, { ...echo, name: 'shout' }]);
  await toolsBecome(['echo', 'shout']);
  await gateway.apply(TWO);
  await toolsBecome(['one_echo', 'one_shout', 'two_echo']);
  assert.equal(gateway.url, url);
});

test('a crashed server fails calls until it has recovered', async (t) => {
  const one = memoryServer({ tools: [echo] });
  const gateway = await start(t, ONE, { servers: { one } });
  const client = await connect(t, gateway);
  await client.callTool({ name: 'echo', arguments: {} });
  assert.equal(one.connections, 2, 'the probe and the session');
  one.crash(new Error('out of memory'));
  assert.equal(one.connections, 0);
  await assert.rejects(client.callTool({ name: 'echo', arguments: {} }), /target "one": out of memory/);
  one.recover();
  assert.equal(textOf(await client.callTool({ name: 'echo', arguments: { text: 'back' } })), 'back');
});

test('with a fake clock a call times out without anybody waiting', async (t) => {
  const clock = new FakeClock();
  let started = (): void => {};
  const running = new Promise<void>((resolve) => {
    started = resolve;
  });
  const hang: MemoryTool = {
    name: 'hang',
    call: () => {
      started();
      return new Promise(() => {});
    },
  };
  const config = 'mcp: { callTimeout: 30s, targets: [{ name: one, memory: one }] }';
  const gateway = await start(t, config, { clock, servers: { one: memoryServer({ tools: [hang] }) } });
  const client = await connect(t, gateway);
  const call = assert.rejects(client.callTool({ name: 'hang' }), /no answer to tools\/call within 30000 ms/);
  await running;
  await clock.advance(30_000);
  await call;
});

test('a fault in the configuration is told and leaves nothing open', async () => {
  await assert.rejects(testGateway('mcp: { targets: [{ name: a, memory: gone }] }'), ConfigError);
  await assert.rejects(testGateway('binds: [{ port: 1 }, { port: 2 }]'), /serves one port, not 2/);
});

test('closing ends connections to servers', async () => {
  const one = memoryServer({ tools: [echo], lifecycle: 'shared' });
  const gateway = await testGateway(ONE, { servers: { one } });
  const client = new Client({ name: 'test', version: '0' });
  await client.connect(new StreamableHTTPClientTransport(new URL(`${gateway.url}/mcp`)));
  await client.listTools();
  assert.equal(one.connections, 1);
  await client.close();
  await gateway.close();
  assert.equal(one.connections, 0);
  const refused = await fetch(gateway.url).catch((error: Error) => error);
  assert.ok(refused instanceof Error);
});

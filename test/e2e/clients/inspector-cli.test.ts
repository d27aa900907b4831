/** MCP Inspector's command line, as people try a gateway for the first time. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { run } from '../../fixtures/programs.ts';
import { INSPECTOR } from './inspector.ts';
import { type RealServers, startRealServers } from './real-servers.ts';

const DEADLINE_MS = 30_000;

let servers: RealServers;
let home: string;
before(async () => {
  home = await mkdtemp(join(tmpdir(), 'inspector-'));
  servers = await startRealServers();
});
after(async () => {
  await servers?.stop();
  await rm(home, { recursive: true, force: true });
});

async function inspect(path: string, method: string, ...args: string[]) {
  const env = { ...process.env, HOME: home };
  const all = ['--cli', `${servers.origin}${path}`, '--format', 'json', '-q', '--method', method, ...args];
  const { code, output } = await run(process.execPath, [INSPECTOR, ...all], { env, deadline: DEADLINE_MS });
  return { code, output };
}

/** The result; fails when there is none. */
async function result<T>(path: string, method: string, ...args: string[]): Promise<T> {
  const { code, output } = await inspect(path, method, ...args);
  assert.equal(code, 0, output);
  return (JSON.parse(output) as { result: T }).result;
}

interface Called {
  readonly content: { text: string }[];
}

for (const path of ['/mcp', '/sse']) {
  describe(`MCP Inspector over ${path}`, () => {
    test('connects', async () => {
      const { protocolVersion } = await result<{ protocolVersion: string }>(path, 'initialize');
      assert.equal(protocolVersion, '2025-11-25');
    });

    test('lists the tools of every server', async () => {
      const { tools } = await result<{ tools: { name: string }[] }>(path, 'tools/list');
      const targets = new Set(tools.map(({ name }) => name.split('_')[0]));
      const expected = ['local', 'events', 'remote', 'files', 'memory'];
      assert.deepEqual([...targets], servers.uvx.available ? [...expected, 'time'] : expected);
    });

    test('calls tools of servers behind each transport', async () => {
      for (const target of ['local', 'events', 'remote']) {
        const args = ['--tool-name', `${target}_get-sum`, '--tool-args-json', '{"a":2,"b":40}'];
        const { content } = await result<Called>(path, 'tools/call', ...args);
        assert.equal(content[0]?.text, 'The sum of 2 and 40 is 42.');
      }
    });

    test('lists and reads resources', async () => {
      const { resources } = await result<{ resources: { uri: string }[] }>(path, 'resources/list');
      const uri = resources.find((each) => each.uri.startsWith('remote+'))?.uri ?? '';
      const { contents } = await result<{ contents: { uri: string }[] }>(
        path,
        'resources/read',
        '--uri',
        uri,
      );
      assert.equal(contents[0]?.uri, uri);
    });

    test('lists and gets prompts', async () => {
      const { prompts } = await result<{ prompts: { name: string }[] }>(path, 'prompts/list');
      assert.ok(prompts.some(({ name }) => name === 'events_args-prompt'));
      const args = ['--prompt-name', 'events_args-prompt', '--prompt-args', 'city=Rome'];
      const got = await result<{ messages: { content: { text: string } }[] }>(path, 'prompts/get', ...args);
      assert.equal(got.messages[0]?.content.text, "What's weather in Rome?");
    });
  });
}

test('MCP Inspector lists templates and sets the log level', async () => {
  const { resourceTemplates } = await result<{ resourceTemplates: unknown[] }>(
    '/mcp',
    'resources/templates/list',
  );
  assert.equal(resourceTemplates.length, 6);
  assert.deepEqual(await result('/mcp', 'logging/setLevel', '--log-level', 'info'), {});
});

test('MCP Inspector, asking for the newest revision first, falls back', async () => {
  const args = ['--tool-name', 'remote_echo', '--tool-arg', 'message=hi', '--protocol-era', 'auto'];
  const { content } = await result<Called>('/mcp', 'tools/call', ...args);
  assert.equal(content[0]?.text, 'Echo: hi');
});

test('MCP Inspector says what is wrong with a tool that does not exist', async () => {
  const { code, output } = await inspect('/mcp', 'tools/call', '--tool-name', 'nothing');
  assert.equal(code, 5);
  assert.match(output, /nothing/);
});

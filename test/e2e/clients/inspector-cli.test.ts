/** MCP Inspector's command line, as people try a gateway for the first time: each era it can be told to speak. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { run } from '../../fixtures/programs.ts';
import { INSPECTOR } from './inspector.ts';
import { FIXTURES, type RealServers, startRealServers } from './real-servers.ts';

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

/** Where it connects to, and as what. */
interface Way {
  readonly path: '/mcp' | '/sse';
  readonly era?: 'legacy' | 'auto' | 'modern';
}

async function inspect({ path, era }: Way, method: string, ...args: string[]) {
  const env = { ...process.env, HOME: home };
  const asked = era ? ['--protocol-era', era] : [];
  const all = ['--cli', `${servers.origin}${path}`, '--format', 'json', '-q', '--method', method, ...asked];
  const { code, output } = await run(process.execPath, [INSPECTOR, ...all, ...args], {
    env,
    deadline: DEADLINE_MS,
  });
  return { code, output };
}

/** The result; fails when there is none. */
async function result<T>(way: Way, method: string, ...args: string[]): Promise<T> {
  const { code, output } = await inspect(way, method, ...args);
  assert.equal(code, 0, output);
  return (JSON.parse(output) as { result: T }).result;
}

interface Called {
  readonly content: { text: string }[];
}

const WAYS: readonly (Way & { readonly revision: string })[] = [
  { path: '/mcp', revision: '2025-11-25' },
  { path: '/mcp', era: 'auto', revision: '2026-07-28' },
  { path: '/mcp', era: 'modern', revision: '2026-07-28' },
  { path: '/sse', revision: '2025-11-25' },
];

for (const { revision, ...way } of WAYS) {
  describe(`MCP Inspector over ${way.path}, ${way.era ?? 'as it comes'}`, () => {
    test('connects, and lists the tools of every server', async () => {
      const [begun, listed] = await Promise.all([
        result<{ protocolVersion: string }>(way, 'initialize'),
        result<{ tools: { name: string }[] }>(way, 'tools/list'),
      ]);
      assert.equal(begun.protocolVersion, revision);
      const targets = new Set(listed.tools.map(({ name }) => name.split('_')[0]));
      const expected = ['local', 'events', 'remote', 'files', 'memory', ...FIXTURES];
      if (servers.uvx.available) expected.push('time');
      assert.deepEqual([...targets].sort(), expected.sort());
    });

    test('calls tools of servers of each era and transport', async () => {
      const call = (tool: string, args: string) =>
        result<Called>(way, 'tools/call', '--tool-name', tool, '--tool-args-json', args);
      const sum = '{"a":2,"b":40}';
      const [local, remote, newer, child] = await Promise.all([
        call('local_get-sum', sum),
        call('remote_get-sum', sum),
        call('newer_test_header_argument', '{"region":"eu"}'),
        call('child_test_header_argument', '{"region":"eu"}'),
      ]);
      for (const { content } of [local, remote]) assert.equal(content[0]?.text, 'The sum of 2 and 40 is 42.');
      for (const { content } of [newer, child]) assert.equal(content[0]?.text, 'Region eu');
    });

    test('reads a resource and gets a prompt', async () => {
      const uri = 'newer+test://static-text';
      const [read, got] = await Promise.all([
        result<{ contents: { uri: string }[] }>(way, 'resources/read', '--uri', uri),
        result<{ messages: { content: { text: string } }[] }>(
          way,
          'prompts/get',
          ...['--prompt-name', 'remote_args-prompt', '--prompt-args', 'city=Rome'],
        ),
      ]);
      assert.equal(read.contents[0]?.uri, uri);
      assert.equal(got.messages[0]?.content.text, "What's weather in Rome?");
    });
  });
}

test('MCP Inspector lists templates and sets the log level', async () => {
  const way: Way = { path: '/mcp' };
  const { resourceTemplates } = await result<{ resourceTemplates: unknown[] }>(
    way,
    'resources/templates/list',
  );
  assert.ok(resourceTemplates.length >= 10);
  assert.deepEqual(await result(way, 'logging/setLevel', '--log-level', 'info'), {});
});

test('MCP Inspector says what is wrong with a tool that does not exist', async () => {
  for (const era of ['legacy', 'modern'] as const) {
    const { code, output } = await inspect({ path: '/mcp', era }, 'tools/call', '--tool-name', 'nothing');
    assert.equal(code, 5);
    assert.match(output, /nothing/);
  }
});

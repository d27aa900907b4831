/** `agentgateway stdio`: the gateway as a program that clients start, on standard input and output. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { StdioClientTransport as StdioClientV2 } from '@modelcontextprotocol/client/stdio';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { agentgateway } from '../fixtures/command-line.ts';
import { MAIN } from '../fixtures/gateway.ts';
import { type Driver, driveV1, driveV2 } from './clients/driver.ts';
import { serverScript } from './clients/real-servers.ts';

const node = (script: string, ...args: string[]) => ({
  stdio: { cmd: process.execPath, args: [script, ...args] },
});
const INITIALIZE = {
  id: 'begin',
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } },
};

let folder: string;
before(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'stdio-front-')));
});
after(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function fileWith(name: string, document: object): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, JSON.stringify(document));
  return file;
}

/** Two servers behind one route. */
const merged = (): Promise<string> =>
  fileWith('merged.yaml', {
    mcp: {
      targets: [
        { name: 'everything', ...node(serverScript('everything')) },
        { name: 'files', ...node(serverScript('filesystem'), folder) },
      ],
    },
  });

const routes = (): Promise<string> =>
  fileWith('routes.yaml', {
    binds: [
      {
        port: 3000,
        listeners: [
          {
            routes: [
              {
                name: 'demo',
                matches: [{ path: { pathPrefix: '/demo' } }],
                backends: [
                  { mcp: { targets: [{ name: 'everything', ...node(serverScript('everything')) }] } },
                ],
              },
              {
                name: 'files',
                backends: [
                  { mcp: { targets: [{ name: 'files', ...node(serverScript('filesystem'), folder) }] } },
                ],
              },
            ],
          },
        ],
      },
    ],
  });

function serverParameters(file: string, ...more: string[]) {
  return {
    command: process.execPath,
    args: [MAIN, 'stdio', '-f', file, ...more],
    env: process.env as Record<string, string>,
    stderr: 'ignore' as const,
  };
}

async function client(t: TestContext, file: string, ...more: string[]): Promise<Driver> {
  const transport = new StdioClientTransport(serverParameters(file, ...more));
  const driver = await driveV1(transport, { root: pathToFileURL(folder).href });
  t.after(() => driver.close());
  return driver;
}

test('a client that starts it sees and uses the servers of the configuration as one', async (t) => {
  const gateway = await client(t, await merged());
  const tools = await gateway.tools();
  assert.ok(tools.includes('everything_echo') && tools.includes('files_read_text_file'));
  assert.equal((await gateway.call('everything_echo', { message: 'hi' })).text, 'Echo: hi');
  const path = join(folder, 'written.txt');
  await gateway.call('files_write_file', { path, content: 'by a tool' });
  assert.equal(await readFile(path, 'utf8'), 'by a tool');
  const [uri = ''] = await gateway.resources();
  assert.equal((await gateway.read(uri)).uri, uri);
  const prompt = await gateway.prompt('everything_args-prompt', { city: 'Bern' });
  assert.equal(prompt, "What's weather in Bern?");
});

test('questions, progress and updates come back the same way', async (t) => {
  const gateway = await client(t, await merged());
  assert.match((await gateway.call('everything_trigger-elicitation-request')).text, /Ada Lovelace/);
  const sampled = await gateway.call('everything_trigger-sampling-request', { prompt: 'a haiku' });
  assert.match(sampled.text, /sampled .*a haiku/s);
  assert.match((await gateway.call('everything_get-roots-list')).text, /the root/);
  const seen: number[] = [];
  const onprogress = ({ progress }: { progress: number }): void => void seen.push(progress);
  const args = { duration: 0.2, steps: 4 };
  await gateway.call('everything_trigger-long-running-operation', args, { onprogress });
  assert.deepEqual(seen.slice(0, 3), [1, 2, 3]);
  const uri = 'everything+demo://resource/dynamic/text/5';
  await gateway.subscribe(uri);
  await gateway.call('everything_toggle-subscriber-updates');
  await gateway.heard.first((told) => told.kind === 'updated' && told.uri === uri);
});

test('a client that finds out what is spoken ends up at the newest revision', async (t) => {
  const transport = new StdioClientV2(serverParameters(await merged()));
  const root = pathToFileURL(folder).href;
  const { driver, era, version } = await driveV2(transport, { root, negotiation: 'auto' });
  t.after(() => driver.close());
  assert.deepEqual([era, version], ['modern', '2026-07-28']);
  assert.equal((await driver.call('everything_echo', { message: 'new' })).text, 'Echo: new');
});

/** Writes all messages at once and closes; every line of standard output as JSON. */
async function piped(args: readonly string[], messages: readonly (object | string)[]) {
  const lines = messages.map((each) =>
    typeof each === 'string' ? each : JSON.stringify({ jsonrpc: '2.0', ...each }),
  );
  const { code, stdout, stderr } = await agentgateway(['stdio', ...args], { input: `${lines.join('\n')}\n` });
  const answers = stdout
    .split('\n')
    .filter((line) => line !== '')
    .map(
      (line) =>
        JSON.parse(line) as { jsonrpc: string; id?: unknown; error?: { code: number }; result?: object },
    );
  return { code, stderr, answers };
}

test('standard output carries the protocol and nothing else, standard error the log', async () => {
  const file = await merged();
  const { code, stderr, answers } = await piped(
    ['-f', file],
    [
      { id: 'probe', method: 'server/discover', params: {} },
      'not json',
      INITIALIZE,
      { method: 'notifications/initialized' },
      { id: 1, method: 'tools/list' },
      { id: 2, method: 'tools/call', params: { name: 'everything_echo', arguments: { message: 'x' } } },
      { id: 'begin again', method: 'initialize', params: INITIALIZE.params },
    ],
  );
  assert.equal(code, 0);
  for (const { jsonrpc } of answers) assert.equal(jsonrpc, '2.0');
  const by = (id: unknown) => answers.find((answer) => answer.id === id);
  assert.equal(by('probe')?.error?.code, -32600);
  assert.equal(by(null)?.error?.code, -32700);
  assert.ok(by('begin')?.result);
  // Asked before initialize was answered, and answered although nothing more could be asked.
  assert.ok(by(1)?.result);
  assert.match(JSON.stringify(by(2)?.result), /Echo: x/);
  assert.equal(by('begin again')?.error?.code, -32600);
  assert.match(stderr, /"msg":"target is up"/);
  assert.match(stderr, /"mcp.method.name":"tools\/call"/);
});

describe('with several routes', () => {
  test('--route chooses', async (t) => {
    const demo = await client(t, await routes(), '--route', 'demo');
    assert.ok((await demo.tools()).includes('echo'));
    const files = await client(t, await routes(), '--route', 'files');
    assert.ok((await files.tools()).includes('read_text_file'));
  });

  test('without a choice, or with one that there is not, it says which there are and leaves no child', async () => {
    const file = await routes();
    for (const [args, message] of [
      [[], /choose one with --route \(demo, files\)/],
      [['--route', 'nothing'], /--route nothing: .*\(there are: demo, files\)/],
    ] as const) {
      const { code, stdout, stderr } = await agentgateway(['stdio', '-f', file, ...args]);
      assert.equal(code, 2);
      assert.equal(stdout, '');
      assert.match(stderr, message);
    }
  });

  test('a route that balances over equal backends serves its one client from one of them', async () => {
    const backend = { mcp: { targets: [{ name: 'files', ...node(serverScript('filesystem'), folder) }] } };
    const listeners = [{ routes: [{ backends: [{ ...backend, weight: 0 }, backend, backend] }] }];
    const file = await fileWith('balanced.yaml', { binds: [{ port: 3000, listeners }] });
    const { code, answers } = await piped(['-f', file], [INITIALIZE, { id: 1, method: 'tools/list' }]);
    assert.equal(code, 0);
    assert.match(JSON.stringify(answers.find(({ id }) => id === 1)), /read_text_file/);
  });
});

test('a file on standard input is refused: it carries the protocol', async () => {
  const { code, stdout, stderr } = await agentgateway(['stdio', '-f', '-'], { input: 'mcp: {}' });
  assert.deepEqual([code, stdout], [2, '']);
  assert.match(stderr, /-f - cannot be used/);
});

/** A server that keeps a file named after its process while it lives, and ends only with its input. */
const LEAVES_A_MARK = `
const { writeFileSync, rmSync } = require('node:fs');
const mark = require('node:path').join(process.argv[1], String(process.pid));
writeFileSync(mark, '');
process.on('exit', () => rmSync(mark));
const answer = (id, result) => console.log(JSON.stringify({ jsonrpc: '2.0', id, result }));
require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line);
  if (method === 'initialize')
    answer(id, { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'm', version: '1' } });
  else if (method === 'tools/list') answer(id, { tools: [{ name: 'wait', inputSchema: { type: 'object' } }] });
}).on('close', () => process.exit());
`;

for (const [how, leave] of [
  ['closes its end', (child: ReturnType<typeof spawn>) => child.stdin?.end()],
  ['sends SIGTERM', (child: ReturnType<typeof spawn>) => child.kill('SIGTERM')],
] as const) {
  test(`when the client ${how} the children end, and the exit code is 0`, async () => {
    const marks = await mkdtemp(join(folder, 'marks-'));
    const stdio = { cmd: process.execPath, args: ['-e', LEAVES_A_MARK, marks] };
    const file = await fileWith('marks.yaml', { mcp: { targets: [{ name: 'marked', stdio }] } });
    const child = spawn(process.execPath, [MAIN, 'stdio', '-f', file], { stdio: ['pipe', 'pipe', 'ignore'] });
    const gone = once(child, 'close');
    const initialize = JSON.stringify({ jsonrpc: '2.0', ...INITIALIZE });
    child.stdin.write(`${initialize}\n{"jsonrpc":"2.0","id":1,"method":"tools/list"}\n`);
    await new Promise<void>((resolve) => {
      let said = '';
      child.stdout.on('data', (chunk: Buffer) => {
        said += chunk;
        if (said.includes('"wait"')) resolve();
      });
    });
    assert.ok((await readdir(marks)).length > 0, 'no child was started');
    leave(child);
    assert.deepEqual(await gone, [0, null]);
    assert.deepEqual(await readdir(marks), []);
  });
}

/** A server with long answers. */
const TALKS = `
const answer = (id, result) => console.log(JSON.stringify({ jsonrpc: '2.0', id, result }));
require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line);
  if (method === 'initialize')
    answer(id, { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 't', version: '1' } });
  else if (method === 'tools/list') answer(id, { tools: [{ name: 'talk', inputSchema: { type: 'object' } }] });
  else if (method === 'tools/call') answer(id, { content: [{ type: 'text', text: 'x'.repeat(4 << 20) }] });
}).on('close', () => process.exit());
`;

test('a client that asks and never reads is given up, with a reason and exit code 1', async () => {
  const stdio = { cmd: process.execPath, args: ['-e', TALKS] };
  const file = await fileWith('talks.yaml', { mcp: { targets: [{ name: 'talks', stdio }] } });
  const child = spawn(process.execPath, [MAIN, 'stdio', '-f', file], { stdio: ['pipe', 'pipe', 'pipe'] });
  const gone = once(child, 'exit');
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk;
  });
  const told = once(child.stderr, 'end');
  // The gateway may be gone before it has taken everything.
  child.stdin.on('error', () => undefined);
  child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...INITIALIZE })}\n`);
  for (let id = 1; id <= 12; id += 1)
    child.stdin.write(
      `${JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'talk' } })}\n`,
    );
  assert.deepEqual(await gone, [1, null]);
  await told;
  assert.match(said, /the client reads too slowly/);
  child.stdout.destroy();
});

/**
 * `agentgateway stdio` with clients of revision 2026-07-28, and with one that asks for it first and then falls back:
 * both kinds of messages may come over one channel.
 */
import assert from 'node:assert/strict';
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { MAIN } from '../fixtures/gateway.ts';
import type { Message } from '../fixtures/mcp-http.ts';
import { MODERN } from '../fixtures/mcp-modern.ts';
import { stdioTarget } from '../fixtures/mcp-world.ts';
import { type Started, start } from '../fixtures/programs.ts';
import { type Driver, driveV2, type Negotiation } from './clients/driver.ts';
import { describeFixture } from './clients/fixture-abilities.ts';
import { FIXTURE, serverScript } from './clients/real-servers.ts';

const node = (script: string, ...args: string[]) => ({
  stdio: { cmd: process.execPath, args: [script, ...args] },
});

let folder: string;
let file: string;
before(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'stdio-modern-')));
  file = join(folder, 'config.yaml');
  const targets = [
    { name: 'everything', ...node(serverScript('everything')) },
    { name: 'older', ...node(FIXTURE, '--stdio', '--eras', 'legacy') },
    { name: 'newer', ...node(FIXTURE, '--stdio', '--eras', 'modern') },
    { name: 'raw', stdio: stdioTarget() },
  ];
  await writeFile(file, JSON.stringify({ mcp: { targets } }));
});
after(async () => {
  await rm(folder, { recursive: true, force: true });
});

function connect(negotiation: Negotiation) {
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [MAIN, 'stdio', '-f', file],
    env: process.env as Record<string, string>,
    stderr: 'ignore',
  });
  return driveV2(transport, { root: pathToFileURL(folder).href, negotiation });
}

describe('SDK v2 at 2026-07-28', () => {
  let client: Driver;
  before(async () => {
    ({ driver: client } = await connect('modern'));
  });
  after(async () => {
    await client?.close();
  });

  test('is modern, and uses the servers of both eras as one', async () => {
    assert.equal(client.era, 'modern');
    const tools = await client.tools();
    assert.ok(tools.includes('everything_echo') && tools.includes('newer_test_simple_text'));
    assert.equal((await client.call('everything_echo', { message: 'hi' })).text, 'Echo: hi');
    assert.match((await client.call('everything_trigger-elicitation-request')).text, /Ada Lovelace/);
    const sampled = await client.call('everything_trigger-sampling-request', { prompt: 'a haiku' });
    assert.match(sampled.text, /sampled .*a haiku/s);
    const uri = 'everything+demo://resource/dynamic/text/5';
    await client.subscribe(uri);
    await client.call('everything_toggle-subscriber-updates');
    await client.heard.first((told) => told.kind === 'updated' && told.uri === uri);
  });

  test('cancels a call, and goes on', async () => {
    const cancel = new AbortController();
    const onprogress = (): void => cancel.abort(new Error('changed my mind'));
    const args = { duration: 60, steps: 600 };
    const name = 'everything_trigger-long-running-operation';
    const call = client.call(name, args, { onprogress, signal: cancel.signal });
    await assert.rejects(call, /changed my mind|abort/i);
    assert.equal((await client.call('everything_echo', { message: 'still' })).text, 'Echo: still');
  });

  for (const target of ['older', 'newer']) describeFixture(() => client, target);
});

test('a client that finds out by itself ends up modern', async (t) => {
  const { driver, era, version } = await connect('auto');
  t.after(() => driver.close());
  assert.deepEqual([era, version], ['modern', MODERN]);
  assert.equal((await driver.call('newer_test_simple_text')).isError, false);
});

/** One channel, message by message. */
class Channel {
  readonly messages: Message[] = [];
  readonly #process: Started;
  #rest = '';
  #look: (() => void)[] = [];

  constructor(t: TestContext) {
    const stdio = ['pipe', 'pipe', 'ignore'] as ('pipe' | 'ignore')[];
    this.#process = start(process.execPath, [MAIN, 'stdio', '-f', file], { stdio });
    t.after(() => this.#process.stop());
    this.#process.child.stdout?.on('data', (chunk: string) => {
      const lines = (this.#rest + chunk).split('\n');
      this.#rest = lines.pop() ?? '';
      this.messages.push(...lines.map((line) => JSON.parse(line) as Message));
      for (const look of this.#look) look();
    });
  }

  send(message: object): void {
    this.#process.child.stdin?.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  }

  first(fits: (message: Message) => boolean): Promise<Message> {
    return new Promise((resolve) => {
      const look = (): void => {
        const found = this.messages.find(fits);
        if (found) resolve(found);
      };
      this.#look.push(look);
      look();
    });
  }

  answer(message: { id: string; method: string; params?: object }): Promise<Message> {
    this.send(message);
    return this.first(({ id, method }) => id === message.id && method === undefined);
  }

  modern(id: string, method: string, params: object = {}): Promise<Message> {
    return this.answer({ id, method, params: { ...params, _meta: META } });
  }
}

const META = {
  'io.modelcontextprotocol/protocolVersion': MODERN,
  'io.modelcontextprotocol/clientCapabilities': { elicitation: {} },
  'io.modelcontextprotocol/clientInfo': { name: 'raw', version: '1' },
};
const CLIENT = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } };

test('a client that asks for the newest revision may still begin with initialize, on the same channel', async (t) => {
  const channel = new Channel(t);
  const found = await channel.modern('probe', 'server/discover');
  assert.match(JSON.stringify(found.result), new RegExp(`"supportedVersions":\\["${MODERN}","2025-11-25"`));
  const begun = await channel.answer({ id: 'begin', method: 'initialize', params: CLIENT });
  assert.equal(begun.result?.['protocolVersion'], '2025-11-25');
  channel.send({ method: 'notifications/initialized' });
  const echo = { name: 'everything_echo', arguments: { message: 'both' } };
  const legacy = await channel.answer({ id: 'old', method: 'tools/call', params: echo });
  const modern = await channel.modern('new', 'tools/call', echo);
  assert.match(JSON.stringify(legacy.result), /Echo: both/);
  assert.equal(legacy.result?.['resultType'], undefined);
  assert.equal(modern.result?.['resultType'], 'complete');
});

test('a subscription on the channel is tagged with its request, and ends when it is cancelled', async (t) => {
  const channel = new Channel(t);
  const notifications = { toolsListChanged: true };
  channel.send({ id: 'ear', method: 'subscriptions/listen', params: { notifications, _meta: META } });
  const key = 'io.modelcontextprotocol/subscriptionId';
  const ofEar = ({ params }: Message): boolean =>
    (params?.['_meta'] as Record<string, unknown> | undefined)?.[key] === 'ear';
  const first = await channel.first(ofEar);
  assert.equal(first.method, 'notifications/subscriptions/acknowledged');
  assert.deepEqual(first.params?.['notifications'], notifications);
  await channel.modern('change', 'tools/call', { name: 'newer_test_trigger_tool_change' });
  await channel.first((each) => each.method === 'notifications/tools/list_changed' && ofEar(each));
  channel.send({ method: 'notifications/cancelled', params: { requestId: 'ear', _meta: META } });
  const count = (): number => channel.messages.filter(ofEar).length;
  const before = count();
  await channel.modern('again', 'tools/call', { name: 'newer_test_trigger_tool_change' });
  await channel.modern('after', 'tools/list');
  assert.equal(count(), before);
});

test('a question to a modern client on the channel is a round, and a cancelled call is cancelled at its server', async (t) => {
  const channel = new Channel(t);
  const steps = [
    { do: 'ask', method: 'elicitation/create', params: { message: 'Which?' }, id: 1 },
    { do: 'resultAnswers' },
  ];
  const call = { name: 'raw_script', arguments: { steps } };
  const asked = await channel.modern('one', 'tools/call', call);
  assert.equal(asked.result?.['resultType'], 'input_required');
  const { inputRequests, requestState } = asked.result as { inputRequests: object; requestState: string };
  const [question = ''] = Object.keys(inputRequests);
  const inputResponses = { [question]: { action: 'decline' } };
  const done = await channel.modern('two', 'tools/call', { ...call, inputResponses, requestState });
  assert.match(JSON.stringify(done.result), /decline/);

  const held = {
    name: 'raw_script',
    arguments: { steps: [{ do: 'progress', progress: 1 }, { do: 'never' }] },
  };
  const _meta = { ...META, progressToken: 'held' };
  channel.send({ id: 'three', method: 'tools/call', params: { ...held, _meta } });
  await channel.first(({ method }) => method === 'notifications/progress');
  channel.send({ method: 'notifications/cancelled', params: { requestId: 'three', _meta: META } });
  for (let at = 0; ; at += 1) {
    const { result } = await channel.modern(`look-${at}`, 'tools/call', {
      name: 'raw_journal',
      arguments: {},
    });
    if (JSON.stringify(result).includes('notifications/cancelled')) break;
  }
});

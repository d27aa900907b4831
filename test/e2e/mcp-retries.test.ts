/** MCP servers that break, are overloaded or say nothing, behind a route with retry and timeout: counted at the server. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Message } from '../fixtures/mcp-http.ts';
import { textOf } from '../fixtures/mcp-http.ts';
import { ModernClient } from '../fixtures/mcp-modern.ts';
import { type McpWorld, startWorld } from '../fixtures/mcp-world.ts';
import type { RawOptions, Step } from '../fixtures/raw-server/options.ts';

const worlds: McpWorld[] = [];
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close();
});

const inputSchema = { type: 'object' };
const TOOLS = [
  { name: 'idempotent', inputSchema, annotations: { idempotentHint: true } },
  { name: 'reads', inputSchema, annotations: { readOnlyHint: true } },
  { name: 'destroys', inputSchema, annotations: { destructiveHint: true, idempotentHint: false } },
  { name: 'plain', inputSchema },
  { name: 'script', inputSchema, annotations: { idempotentHint: true } },
];

const code = ({ error }: Message): unknown => error?.data?.['code'];

interface Options {
  readonly over?: 'mcp' | 'sse';
  readonly raw?: RawOptions;
  readonly policies?: Record<string, unknown>;
}

async function world({ over = 'mcp', raw = {}, policies = {} }: Options): Promise<McpWorld> {
  const results = { 'tools/list': JSON.stringify({ tools: TOOLS }) };
  const started = await startWorld({
    targets: { only: { over, raw: { results, ...raw } } },
    policies: { retry: { attempts: 2, backoff: '5ms', codes: [503] }, ...policies },
  });
  worlds.push(started);
  return started;
}

const callsOf = (each: McpWorld): number => each.server('only').control.state().requests['tools/call'] ?? 0;

for (const over of ['mcp', 'sse'] as const)
  describe(`a server over ${over} that breaks`, () => {
    test('while it carries out what does no harm twice is called as often as the route says', async () => {
      for (const name of ['idempotent', 'reads']) {
        const recovers = await world({ over, raw: { breaks: { 'tools/call': 2 } } });
        const client = await recovers.client();
        assert.equal(textOf(await client.call(name)), '{}');
        assert.equal(callsOf(recovers), 3);
      }
      const fails = await world({ over, raw: { breaks: { 'tools/call': 100 } } });
      assert.equal(code(await (await fails.client()).call('idempotent')), 'UPSTREAM_CLOSED');
      assert.equal(callsOf(fails), 3);
    });

    test('while it carries out anything else is called exactly once', async () => {
      const once = await world({ over, raw: { breaks: { 'tools/call': 100 } } });
      const client = await once.client();
      for (const [at, name] of ['destroys', 'plain', 'unlisted'].entries()) {
        assert.equal(code(await client.call(name)), 'UPSTREAM_CLOSED');
        assert.equal(callsOf(once), at + 1);
      }
    });

    test('in what only reads is asked again', async () => {
      const breaks = { 'prompts/get': 2, 'resources/read': 2, 'completion/complete': 2 };
      const reads = await world({ over, raw: { breaks } });
      const client = await reads.client();
      const ref = { type: 'ref/prompt', name: 'greet' };
      assert.ok((await client.request('prompts/get', { name: 'greet' })).result);
      assert.ok((await client.request('resources/read', { uri: 'raw://one' })).result);
      const argument = { name: 'who', value: 'o' };
      assert.ok((await client.request('completion/complete', { ref, argument })).result);
      const { requests } = reads.server('only').control.state();
      assert.deepEqual(
        Object.keys(breaks).map((method) => requests[method]),
        [3, 3, 3],
      );
    });
  });

describe('a server over stdio that dies in its calls', () => {
  const SERVER = fileURLToPath(new URL('../fixtures/dying-server.js', import.meta.url));

  /** Names of the calls that its processes have seen. */
  async function dying(t: TestContext, deaths: number): Promise<{ each: McpWorld; calls(): string[] }> {
    const folder = await mkdtemp(join(tmpdir(), 'dying-'));
    t.after(() => rm(folder, { recursive: true, force: true }));
    const file = join(folder, 'calls');
    const stdio = { cmd: process.execPath, args: [SERVER, file, String(deaths)] };
    const each = await startWorld({
      targets: { only: { target: { stdio } } },
      policies: { retry: { attempts: 2, backoff: '5ms', codes: [] } },
    });
    worlds.push(each);
    return { each, calls: () => readFileSync(file, 'utf8').trimEnd().split('\n') };
  }

  test('is started and called again for what does no harm twice', async (t) => {
    const { each, calls } = await dying(t, 2);
    assert.equal(textOf(await (await each.client()).call('idempotent')), 'call 3');
    assert.deepEqual(calls(), ['idempotent', 'idempotent', 'idempotent']);
  });

  test('until there are no tries left', async (t) => {
    const { each, calls } = await dying(t, 100);
    assert.equal(code(await (await each.client()).call('idempotent')), 'PROCESS_EXIT');
    assert.deepEqual(calls(), ['idempotent', 'idempotent', 'idempotent']);
  });

  test('but called exactly once for anything else', async (t) => {
    const { each, calls } = await dying(t, 1);
    const client = await each.client();
    assert.equal(code(await client.call('plain')), 'PROCESS_EXIT');
    assert.deepEqual(calls(), ['plain']);
    assert.equal(textOf(await client.call('plain')), 'call 2');
  });
});

describe('a server that answers', () => {
  test('with a status of the list is asked again, with any other one once', async () => {
    const busy = await world({});
    const client = await busy.client();
    const status = (number: number): Step[] => [{ do: 'status', status: number, body: 'busy' }];
    assert.equal(code(await client.script(status(503))), 'UPSTREAM_STATUS');
    assert.equal(callsOf(busy), 3);
    assert.equal(code(await client.script(status(500))), 'UPSTREAM_STATUS');
    assert.equal(callsOf(busy), 4);
  });

  test('a modern client, which has no session, is asked again as well', async () => {
    const recovers = await world({ raw: { breaks: { 'tools/call': 2 } } });
    const client = new ModernClient(recovers.gateway.url);
    assert.equal(textOf(await client.call('idempotent')), '{}');
    assert.equal(callsOf(recovers), 3);
    client.close();
  });

  test('with an error is not asked again', async () => {
    const wrong = await world({});
    const client = await wrong.client();
    const answer = await client.script([{ do: 'error', error: { code: -32603, message: 'no' } }]);
    assert.equal(answer.error?.message, 'no');
    assert.equal(callsOf(wrong), 1);
  });

  test('after it has asked the client something is not asked again', async () => {
    const asks = await world({ policies: { timeout: { backendRequestTimeout: '400ms' } } });
    const client = await asks.client({ capabilities: { roots: {} } });
    const steps: Step[] = [{ do: 'ask', method: 'roots/list' }, { do: 'never' }];
    const message = client.message('tools/call', { name: 'script', arguments: { steps } });
    const stream = await client.stream(message);
    const { id } = await stream.method('roots/list');
    await client.send({ jsonrpc: '2.0', id, result: { roots: [] } });
    const answer = await stream.answer(message.id);
    assert.equal(code(answer), 'UPSTREAM_TIMEOUT');
    assert.equal(callsOf(asks), 1);
  });
});

describe('a server that says nothing', () => {
  test('is given up after the request timeout, with an error of MCP, and told so', async () => {
    const silent = await world({
      raw: { silent: ['tools/call'] },
      policies: { timeout: { requestTimeout: '500ms' } },
    });
    const client = await silent.client();
    assert.equal(code(await client.call('plain')), 'UPSTREAM_TIMEOUT');
    await silent.server('only').control.waitFor(({ method }) => method === 'notifications/cancelled');
    assert.equal(callsOf(silent), 1);
  });

  test('is asked again where each try has a shorter time', async () => {
    const silent = await world({
      raw: { silent: ['tools/call'] },
      policies: { timeout: { requestTimeout: '20s', backendRequestTimeout: '200ms' } },
    });
    const client = await silent.client();
    assert.equal(code(await client.call('idempotent')), 'UPSTREAM_TIMEOUT');
    assert.equal(callsOf(silent), 3);
  });

  test('but makes progress is waited for', async () => {
    const busy = await world({ policies: { timeout: { requestTimeout: '600ms' } } });
    const client = await busy.client();
    const sleep: Step = { do: 'sleep', ms: 300 };
    const progress = (number: number): Step => ({ do: 'progress', progress: number });
    const done: Step = { do: 'result', result: { content: [{ type: 'text', text: 'done' }] } };
    const steps = [sleep, progress(1), sleep, progress(2), sleep, done];
    const params = { name: 'script', arguments: { steps }, _meta: { progressToken: 'p' } };
    assert.equal(textOf(await client.request('tools/call', params)), 'done');
  });
});

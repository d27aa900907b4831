/** `statefulMode: stateless`: legacy clients without a session, as their own SDKs and MCP Inspector drive them. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { StreamableHTTPClientTransport as HttpV2 } from '@modelcontextprotocol/client';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { startHttpFixture } from '../fixtures/everything-server/http.ts';
import { type GatewayProcess, startGateway } from '../fixtures/gateway.ts';
import { run } from '../fixtures/programs.ts';
import { type Driver, driveV1, driveV2 } from './clients/driver.ts';
import { INSPECTOR } from './clients/inspector.ts';
import { serverScript } from './clients/real-servers.ts';

const ROOT = { root: 'file:///nowhere' };

let gateway: GatewayProcess;
let fixtures: Awaited<ReturnType<typeof startHttpFixture>>[];
before(async () => {
  fixtures = [
    await startHttpFixture({ port: 0, eras: 'legacy' }),
    await startHttpFixture({ port: 0, eras: 'modern' }),
  ];
  const [older, newer] = fixtures.map(({ url }) => ({ mcp: { host: url } }));
  gateway = await startGateway({
    mcp: {
      statefulMode: 'stateless',
      targets: [
        { name: 'local', stdio: { cmd: process.execPath, args: [serverScript('everything')] } },
        { name: 'older', ...older },
        { name: 'newer', ...newer },
      ],
    },
  });
});
after(async () => {
  await gateway?.stop();
  for (const fixture of fixtures ?? []) await fixture.close();
});

test('nothing leads to a session: no id, no stream to listen to, nothing to end', async () => {
  const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
  const post = (message: object) =>
    fetch(gateway.url, {
      method: 'POST',
      headers,
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, ...message }),
    });
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'x', version: '1' } };
  const begun = await post({ method: 'initialize', params });
  assert.deepEqual([begun.status, begun.headers.get('mcp-session-id')], [200, null]);
  const listed = (await (await post({ method: 'tools/list' })).json()) as { result: { tools: unknown[] } };
  assert.ok(listed.result.tools.length > 40);
  for (const method of ['GET', 'DELETE'])
    assert.equal((await fetch(gateway.url, { method, headers })).status, 405, method);
});

const clients = {
  'SDK v1': () => driveV1(new StreamableHTTPClientTransport(new URL(gateway.url)) as Transport, ROOT),
  'SDK v2': async () =>
    (await driveV2(new HttpV2(new URL(gateway.url)), { ...ROOT, negotiation: 'legacy' })).driver,
};

for (const [name, connect] of Object.entries(clients)) {
  describe(`${name} without a session`, () => {
    let client: Driver;
    before(async () => {
      client = await connect();
    });
    after(async () => {
      await client?.close();
    });

    test('lists, calls, reads, gets and completes, whatever the era of the server', async () => {
      const tools = await client.tools();
      assert.ok(tools.includes('local_echo') && tools.includes('newer_test_simple_text'));
      assert.equal((await client.call('local_echo', { message: 'hi' })).text, 'Echo: hi');
      for (const target of ['older', 'newer']) {
        const { text } = await client.call(`${target}_test_simple_text`);
        assert.match(text, /a simple text response/);
        const uri = `${target}+test://static-text`;
        assert.equal((await client.read(uri)).uri, uri);
        assert.match(await client.prompt(`${target}_test_simple_prompt`), /a simple prompt/);
        const ref = { type: 'ref/prompt', name: `${target}_test_prompt_with_arguments` } as const;
        const values = await client.complete(ref, { name: 'arg1', value: 'par' });
        assert.deepEqual(values, ['paris', 'park', 'party']);
      }
      await client.ping();
    });

    test('sees the progress of a call', async () => {
      for (const target of ['older', 'newer']) {
        const seen: number[] = [];
        const onprogress = ({ progress }: { progress: number }): void => void seen.push(progress);
        await client.call(`${target}_test_tool_with_progress`, {}, { onprogress });
        assert.deepEqual(seen.slice(0, 2), [0, 50]);
      }
    });

    test('cannot be asked, and the tool that needs an answer says so', async () => {
      const older = client.call('older_test_missing_capability');
      await assert.rejects(older, /a client without a session cannot be asked/);
      await assert.rejects(client.call('newer_test_sampling', { prompt: 'x' }), /sampling.*capability/);
    });
  });
}

test('MCP Inspector lists and calls', async (t) => {
  const home = await mkdtemp(join(tmpdir(), 'inspector-'));
  t.after(() => rm(home, { recursive: true, force: true }));
  const inspect = async (...args: string[]): Promise<string> => {
    const all = [INSPECTOR, '--cli', gateway.url, '--format', 'json', '-q', '--method', ...args];
    const env = { ...process.env, HOME: home };
    const { code, output } = await run(process.execPath, all, { env, deadline: 30_000 });
    assert.equal(code, 0, output);
    return output;
  };
  assert.match(await inspect('tools/list'), /"local_echo"/);
  const called = await inspect(
    'tools/call',
    '--tool-name',
    'newer_test_header_argument',
    '--tool-arg',
    'region=eu',
  );
  assert.match(called, /Region eu/);
});

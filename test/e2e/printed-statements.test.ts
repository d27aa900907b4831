/** What documentation says about transports and processes, held against a running gateway. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { EventStream } from '../fixtures/event-stream.ts';
import { type GatewayProcess, startGateway } from '../fixtures/gateway.ts';
import { McpHttpClient } from '../fixtures/mcp-http.ts';
import { stdioTarget } from '../fixtures/mcp-world.ts';
import { type Driver, driveV1 } from './clients/driver.ts';
import { serverScript } from './clients/real-servers.ts';

async function gatewayFor(
  t: TestContext,
  targets: readonly object[],
  env: Readonly<Record<string, string>> = {},
): Promise<GatewayProcess> {
  const gateway = await startGateway({ mcp: { targets }, env });
  t.after(() => gateway.stop());
  return gateway;
}

async function session(t: TestContext, url: string): Promise<Driver> {
  const transport = new StreamableHTTPClientTransport(new URL(url)) as Transport;
  const client = await driveV1(transport, { root: pathToFileURL('/').href });
  t.after(() => client.close());
  return client;
}

const pidOf = async (client: Driver): Promise<number> =>
  (JSON.parse((await client.call('whoami')).text) as { pid: number }).pid;

test('the SSE session is in the address for POSTs and in Mcp-Session-Id, and either will do', async (t) => {
  const { url } = await gatewayFor(t, [{ name: 'one', stdio: stdioTarget() }]);
  const sse = url.replace(/mcp$/, 'sse');
  const response = await new McpHttpClient(sse).begin('GET').response;
  t.after(() => response.destroy());
  const stream = new EventStream(response);
  const { data } = await stream.event(({ event }) => event === 'endpoint');
  const id = String(response.headers['mcp-session-id']);
  assert.equal(data, `/message?sessionId=${id}`);

  const post = async (at: string, headers: Record<string, string>, message: object): Promise<number> => {
    const body = JSON.stringify({ jsonrpc: '2.0', ...message });
    const { status } = await fetch(new URL(at, url), {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body,
    });
    return status;
  };
  const params = {
    protocolVersion: '2024-11-05',
    capabilities: {},
    clientInfo: { name: 'old', version: '1' },
  };
  assert.equal(await post(data, {}, { id: 1, method: 'initialize', params }), 202);
  assert.ok((await stream.answer(1)).result);
  const ways: [string, Record<string, string>][] = [
    [data, {}],
    ['/message', { 'mcp-session-id': id }],
    ['/sse', { 'mcp-session-id': id }],
    [`/sse?sessionId=${id}`, {}],
  ];
  for (const [index, [at, headers]] of ways.entries()) {
    const request = { id: index + 2, method: 'tools/list' };
    assert.equal(await post(at, headers, request), 202, at);
    assert.ok((await stream.answer(index + 2)).result, at);
  }
  assert.equal(await post('/message', {}, { id: 9, method: 'ping' }), 404);
});

test("a child inherits the gateway's environment, unless the target says otherwise", async (t) => {
  const stdio = { cmd: process.execPath, args: [serverScript('everything')] };
  const targets = [
    { name: 'inherits', stdio: { ...stdio, env: { ADDED: 'by the target' } } },
    { name: 'cleared', stdio: { ...stdio, clear_env: true, env: { ADDED: 'alone' } } },
  ];
  const { url } = await gatewayFor(t, targets, { FROM_THE_GATEWAY: 'yes' });
  const client = await session(t, url);
  const environment = async (target: string): Promise<Record<string, string>> =>
    JSON.parse((await client.call(`${target}_get-env`)).text) as Record<string, string>;
  const inherited = await environment('inherits');
  assert.equal(inherited['FROM_THE_GATEWAY'], 'yes');
  assert.equal(inherited['ADDED'], 'by the target');
  const cleared = await environment('cleared');
  assert.equal(cleared['FROM_THE_GATEWAY'], undefined);
  assert.equal(cleared['ADDED'], 'alone');
});

test('a process is started for each client connection', async (t) => {
  const { url } = await gatewayFor(t, [{ name: 'own', stdio: stdioTarget() }]);
  const [first, second] = [await session(t, url), await session(t, url)];
  const pid = await pidOf(first);
  assert.notEqual(await pidOf(second), pid);
  assert.equal(await pidOf(first), pid);
});

test('a shared process is started when the configuration is loaded, and again when it exits', async (t) => {
  const stdio = { ...stdioTarget(), lifecycle: 'shared' };
  const gateway = await gatewayFor(t, [{ name: 'common', stdio }]);
  // Nobody has connected yet.
  await gateway.said(/"target is up"/);
  const client = await session(t, gateway.url);
  const pid = await pidOf(client);
  assert.equal(await pidOf(await session(t, gateway.url)), pid);
  process.kill(pid, 'SIGKILL');
  await gateway.said(/"target is down"[\s\S]*"target is up"/);
  assert.notEqual(await pidOf(client), pid);
});

/**
 * One URL for clients of every revision: what each sends first is answered in its own era, on every transport, by a
 * gateway whose only server knows nothing newer than 2025-11-25.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type GatewayProcess, startGateway } from '../../fixtures/gateway.ts';
import { McpHttpClient } from '../../fixtures/mcp-http.ts';
import { MODERN, ModernClient } from '../../fixtures/mcp-modern.ts';
import { McpSseClient } from '../../fixtures/mcp-sse.ts';
import { serverScript } from './real-servers.ts';

let gateway: GatewayProcess;
before(async () => {
  const stdio = { cmd: process.execPath, args: [serverScript('everything')] };
  gateway = await startGateway({ mcp: { targets: [{ name: 'everything', stdio }] } });
});
after(async () => {
  await gateway?.stop();
});

test('server/discover is answered with what the server has, initialize on the same URL with a session', async (t) => {
  const modern = new ModernClient(gateway.url);
  t.after(() => modern.close());
  const { result } = await modern.request('server/discover');
  assert.equal(result?.['resultType'], 'complete');
  assert.match(JSON.stringify(result?.['supportedVersions']), new RegExp(`^\\["${MODERN}",`));
  assert.match(JSON.stringify(result?.['capabilities']), /"tools":/);
  const legacy = await McpHttpClient.open(gateway.url, { version: '2025-06-18' });
  t.after(() => legacy.close());
  assert.equal(legacy.initialized.result?.['protocolVersion'], '2025-06-18');
  const echo = ['echo', { message: 'hi' }] as const;
  const [old, now] = [await legacy.call(...echo), await modern.call(...echo)];
  assert.deepEqual(old.result, { content: [{ type: 'text', text: 'Echo: hi' }] });
  assert.deepEqual(now.result?.['content'], old.result?.['content']);
  assert.equal(now.result?.['resultType'], 'complete');
});

test('what is no revision is refused with those that are spoken', async (t) => {
  const client = new ModernClient(gateway.url);
  t.after(() => client.close());
  const _meta = { 'io.modelcontextprotocol/protocolVersion': '2099-01-01' };
  const message = client.message('tools/list', { _meta });
  const { status, messages } = await client.send(message, { 'mcp-protocol-version': '2099-01-01' });
  const [{ id, error } = {}] = messages;
  assert.deepEqual([status, id, error?.code], [400, message.id, -32022]);
  assert.equal(error?.data?.['requested'], '2099-01-01');
  assert.match(JSON.stringify(error?.data?.['supported']), new RegExp(MODERN));
});

test('a listening stream of the newest revision is refused: it has none', async () => {
  const headers = { accept: 'text/event-stream', 'mcp-protocol-version': MODERN };
  assert.equal((await fetch(gateway.url, { headers })).status, 405);
});

test('initialize with the newest revision is answered with the newest that has a handshake', async (t) => {
  const client = await McpHttpClient.open(gateway.url, { version: MODERN });
  t.after(() => client.close());
  assert.equal(client.initialized.result?.['protocolVersion'], '2025-11-25');
});

test('over SSE a probe before initialize is answered with an error, and initialize still works', async (t) => {
  const client = await McpSseClient.connect(gateway.url.replace(/mcp$/, 'sse'));
  t.after(() => client.close());
  const refused = await client.request('server/discover', new ModernClient(gateway.url).message('').params);
  assert.equal(refused.error?.code, -32600);
  assert.equal((await client.initialize()).result?.['protocolVersion'], '2024-11-05');
});

// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is how a configuration names a variable
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { ConfigError } from './config/diagnostics.ts';
import type { Log } from './core/ports.ts';
import { createGateway, loadConfig } from './embed.ts';
import { defineTarget } from './mcp/definition.ts';
import { standardWith } from './standard.ts';
import { MemoryServer } from './testing/memory-server.ts';

const INITIALIZE = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '0' } },
};

function post(port: number | undefined, body: object): Promise<Response> {
  const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
  const init = { method: 'POST', headers, body: JSON.stringify(body) };
  return fetch(`http://localhost:${port}/mcp`, init);
}

test('a text becomes a plan without opening anything', () => {
  const plan = loadConfig('mcp: { port: 1234, targets: [] }');
  assert.equal(plan.binds[0]?.port, 1234);
});

test('variables come from the given environment, and none by default', () => {
  const text = 'mcp: { port: "${PORT}", targets: [] }';
  assert.equal(loadConfig(text, { env: { PORT: '77' } }).binds[0]?.port, 77);
  assert.throws(() => loadConfig(text), /the variable PORT is not set/);
});

test('a fault names the file and its place in it', () => {
  assert.throws(
    () => loadConfig('mcp:\n  target: []\n', { file: 'team.yaml' }),
    (error: unknown) => {
      assert.ok(error instanceof ConfigError);
      assert.match(error.message, /^team\.yaml:2:3: /);
      return true;
    },
  );
});

test('a gateway serves a kind of target that the embedder has written', async (t) => {
  const server = new MemoryServer({ name: 'own' });
  const own = defineTarget<string>({
    key: 'own',
    schema: z.string(),
    identity: (value) => value,
    build: (value) => ({
      lifecycle: 'session',
      resumable: true,
      takesHeaders: false,
      relates: true,
      address: value,
      open: async ({ events }) => server.connect(events),
      close() {},
    }),
  });
  const definitions = standardWith({ targets: [own] });
  const gateway = createGateway({ definitions, drainMs: 0 });
  t.after(() => gateway.close());
  await gateway.apply(loadConfig('mcp: { port: 0, targets: [{ name: a, own: here }] }', { definitions }));
  const reply = await post(gateway.listening()[0]?.port, INITIALIZE);
  const { result } = (await reply.json()) as { result: { serverInfo: { name: string } } };
  assert.equal(result.serverInfo.name, 'own');
  assert.throws(() => loadConfig('mcp: { targets: [{ name: a, own: here }] }'), ConfigError);
});

test('without a log nothing is written, with one the access log goes there', async (t) => {
  const lines: string[] = [];
  const log: Log = {
    debug() {},
    info: (_fields, message) => void lines.push(message),
    warn() {},
    error() {},
    child: () => log,
  };
  const gateway = createGateway({ log, drainMs: 0 });
  t.after(() => gateway.close());
  await gateway.apply(loadConfig('binds: [{ port: 0, listeners: [{ routes: [] }] }]'));
  const reply = await post(gateway.listening()[0]?.port, INITIALIZE);
  assert.equal(reply.status, 404);
  await reply.text();
  await gateway.close();
  assert.deepEqual(lines, ['request']);
});

/** Configurations that documentation prints run as they are written; only the port is another. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, describe, type TestContext, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { type GatewayOptions, type GatewayProcess, launch, startGateway } from '../fixtures/gateway.ts';
import { startRawServer } from '../fixtures/raw-server/http.ts';
import { provideUvx, type Uvx } from '../fixtures/uvx.ts';
import { type Driver, driveV1 } from './clients/driver.ts';
import { serverScript } from './clients/real-servers.ts';
import * as printed from './printed-configs.ts';

/** A gateway that is gone after the test. */
async function gatewayFor(t: TestContext, options: GatewayOptions | string): Promise<GatewayProcess> {
  const gateway = await startGateway(options);
  t.after(() => gateway.stop());
  return gateway;
}

/** A session that is over after the test. */
async function session(t: TestContext, url: string): Promise<Driver> {
  const at = new URL(url);
  const transport = at.pathname.endsWith('/sse')
    ? new SSEClientTransport(at)
    : (new StreamableHTTPClientTransport(at) as Transport);
  const client = await driveV1(transport, { root: pathToFileURL(tmpdir()).href });
  t.after(() => client.close());
  return client;
}

test('every printed configuration is valid as it is', async () => {
  const whole = [
    printed.ONE_STDIO_SERVER,
    printed.MULTIPLEX,
    printed.LOAD_BALANCING,
    printed.SHORT_WITH_CORS,
    printed.TIMEOUTS,
    printed.withTargets(printed.REMOTE),
    printed.withTargets(printed.DOCKER),
  ];
  for (const config of whole) {
    const checked = launch(['-c', config, '--validate-only']);
    await checked.said(/valid/);
    await new Promise((resolve) => checked.child.once('close', resolve));
    assert.equal(checked.exitCode(), 0, checked.tail());
  }
});

test('one stdio server: its own names at /mcp and /sse, and pages of any origin may come', async (t) => {
  const { url } = await gatewayFor(t, printed.ONE_STDIO_SERVER);
  for (const endpoint of [url, url.replace(/mcp$/, 'sse')]) {
    const client = await session(t, endpoint);
    assert.ok((await client.tools()).includes('echo'));
    assert.equal((await client.call('echo', { message: 'hello world' })).text, 'Echo: hello world');
    assert.equal((await client.prompts()).length, 4);
    assert.equal((await client.resources()).length, 7);
  }
  const preflight = await fetch(url, {
    method: 'OPTIONS',
    headers: {
      origin: 'https://app.example.com',
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type,mcp-protocol-version,mcp-session-id',
    },
  });
  assert.equal(preflight.ok, true);
  assert.equal(preflight.headers.get('access-control-allow-origin'), '*');
  const allowed = preflight.headers.get('access-control-allow-headers')?.toLowerCase() ?? '';
  for (const name of ['content-type', 'cache-control', 'mcp-protocol-version', 'mcp-session-id'])
    assert.ok(allowed.includes(name), `${name} in ${allowed}`);
});

describe('several servers behind one endpoint', () => {
  let uvx: Uvx;
  before(async () => {
    uvx = await provideUvx('mcp-server-time');
  });

  for (const [name, config] of [
    ['as a tree of binds', printed.MULTIPLEX],
    ['in the short form, with cors', printed.SHORT_WITH_CORS],
  ] as const) {
    test(`${name}: tools carry the names of their servers`, async (t) => {
      if (!uvx.available) return t.skip(`the clock: ${uvx.reason}`);
      const { url } = await gatewayFor(t, { config, env: uvx.env });
      const client = await session(t, url);
      const tools = await client.tools();
      assert.ok(tools.includes('everything_echo') && tools.includes('time_get_current_time'));
      const echo = await client.call('everything_echo', { message: 'hello world' });
      assert.equal(echo.text, 'Echo: hello world');
      const now = await client.call('time_get_current_time', { timezone: 'America/New_York' });
      assert.match(now.text, /America\/New_York/);
      const bad = await client.call('time_get_current_time', { timezone: 'Nowhere' });
      assert.equal(bad.isError, true);
    });
  }

  test('without uvx the missing program is named, to whoever starts it and to clients', async (t) => {
    const env = { PATH: await onlyNodeOnPath(t) };
    const gateway = await gatewayFor(t, { config: printed.MULTIPLEX, env });
    await gateway.said(/uvx/);
    await assert.rejects(session(t, gateway.url), /time.*uvx.*(not found|PATH)/s);
  });
});

test('load balancing: sessions alternate between equal backends, and stay where they began', async (t) => {
  const gateway = await gatewayFor(t, printed.LOAD_BALANCING);
  const clients: Driver[] = [];
  for (let i = 0; i < 4; i++) clients.push(await session(t, gateway.url));
  for (let round = 0; round < 3; round++)
    for (const [i, client] of clients.entries())
      assert.equal((await client.call('echo', { message: `${i}` })).text, `Echo: ${i}`);
  for (const client of clients) await client.close();
  await gateway.stop();
  const backends = new Map<string, Set<string>>();
  for (const line of gateway.log().split('\n')) {
    const { backend, 'mcp.session.id': id } = (line.startsWith('{') ? JSON.parse(line) : {}) as {
      backend?: string;
      'mcp.session.id'?: string;
    };
    if (backend !== undefined && id !== undefined)
      backends.set(id, (backends.get(id) ?? new Set()).add(backend));
  }
  const places = [...backends.values()].map((seen) => [...seen].join(' and '));
  assert.equal(places.length, 4, gateway.tail());
  assert.equal(new Set(places).size, 2, `sessions at ${places.join(', ')}`);
  assert.deepEqual(places, [places[0], places[1], places[0], places[1]]);
});

describe('docker that is not installed', () => {
  test('is named at start and to the client', async (t) => {
    const env = { PATH: await onlyNodeOnPath(t) };
    const gateway = await gatewayFor(t, { config: printed.withTargets(printed.DOCKER), env });
    await gateway.said(/everything.*docker/);
    await assert.rejects(session(t, gateway.url), /everything.*docker.*(not found|PATH)/s);
  });

  test('leaves the other servers at work when the backend may go on without one', async (t) => {
    const script = JSON.stringify(serverScript('everything'));
    const others = `- name: here\n  stdio: {cmd: node, args: [${script}]}\nfailureMode: failOpen\n`;
    const config = printed.withTargets(printed.DOCKER + others);
    const gateway = await gatewayFor(t, { config, env: { PATH: await onlyNodeOnPath(t) } });
    await gateway.said(/docker/);
    const client = await session(t, gateway.url);
    assert.ok((await client.tools()).every((name) => name.startsWith('here_')));
    assert.equal((await client.call('here_echo', { message: 'hi' })).text, 'Echo: hi');
  });
});

describe('a remote server', () => {
  test('that cannot be reached is a state: the gateway runs and says so', async (t) => {
    // `.invalid` never resolves (RFC 6761); the printed host may or may not, depending on where this runs.
    const config = printed.withTargets(printed.REMOTE.replace('mcpbin.is.solo.io', 'mcpbin.invalid'));
    const gateway = await gatewayFor(t, config);
    await gateway.said(/mcpbin/);
    await assert.rejects(session(t, gateway.url), /target .*mcpbin\.invalid/s);
    const ready = await fetch(`${gateway.statsUrl}/healthz/ready`);
    assert.equal(ready.status, 200);
  });

  test('in each printed spelling: mcp with a full address, and a bare host', async (t) => {
    const upstream = await startRawServer({ name: 'far' });
    t.after(() => upstream.close());
    for (const at of [`mcp:\n    host: ${upstream.url}`, `host: ${upstream.url}`]) {
      const { url } = await gatewayFor(t, printed.withTargets(`targets:\n- name: far\n  ${at}\n`));
      const client = await session(t, url);
      assert.ok((await client.tools()).includes('script'));
    }
  });
});

describe('the printed timeouts', () => {
  test('alone: a gateway without servers yet', async (t) => {
    const { url } = await gatewayFor(t, printed.TIMEOUTS.replace('mcp:\n', 'mcp:\n  port: 3000\n'));
    const client = await session(t, url);
    await client.ping();
  });

  test('end a tool call and a start that take longer', async (t) => {
    const silent = { cmd: process.execPath, args: ['-e', 'process.stdin.resume()'] };
    const slow = { cmd: process.execPath, args: [serverScript('everything')] };
    const config = printed.TIMEOUTS.replace('mcp:\n', 'mcp:\n  port: 3000\n').replace('30000', '300');
    const targets = (list: object[]) => `  targets: ${JSON.stringify(list)}\n`;
    const one = await gatewayFor(t, config + targets([{ name: 'slow', stdio: slow }]));
    const client = await session(t, one.url);
    const call = client.call('trigger-long-running-operation', { duration: 60, steps: 1 });
    await assert.rejects(call, /300 ms/);
    assert.equal((await client.call('echo', { message: 'next' })).text, 'Echo: next');

    const quick = config.replace('10000', '400');
    const other = await gatewayFor(t, quick + targets([{ name: 'silent', stdio: silent }]));
    await assert.rejects(session(t, other.url), /silent.*400 ms/s);
  });
});

/** A PATH with nothing but node, for programs that must not be found. */
async function onlyNodeOnPath(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'path-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await symlink(process.execPath, join(folder, 'node'));
  return folder;
}

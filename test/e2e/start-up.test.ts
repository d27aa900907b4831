// What a person sees at start: the screen, the addresses, and why it does not start.
// needs: ps
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { agentgateway } from '../fixtures/command-line.ts';
import { launch } from '../fixtures/gateway.ts';
import { McpHttpClient, textOf } from '../fixtures/mcp-http.ts';
import { stdioTarget } from '../fixtures/mcp-world.ts';
import { running } from '../fixtures/processes.ts';
import type { Started } from '../fixtures/programs.ts';

const OFF = { statsAddr: 'off', adminAddr: 'off' };
/** The screen is complete when its last line has come. */
const SCREEN_END = /\n\n$/;

async function holdPort(t: TestContext): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

function starting(
  t: TestContext,
  document: object,
  options: { args?: string[]; env?: object } = {},
): Started {
  const { args = [], env = {} } = options;
  const started = launch(['-c', JSON.stringify(document), ...args], { env: { ...env } });
  t.after(() => started.stop());
  return started;
}

/** Where it says that it listens. */
async function portOf(started: Started): Promise<number> {
  const [, port] = await started.said(/^ {2}http:\/\/\S+:(\d+)/m);
  return Number(port);
}

function reaches(port: number, host: string): Promise<boolean> {
  return fetch(`http://${host}:${port}/`).then(
    () => true,
    () => false,
  );
}

test('the screen shows what listens where, and which targets came up or why not', async (t) => {
  const targets = [
    { name: 'fine', stdio: stdioTarget({ tools: 3 }) },
    { name: 'dead', mcp: { host: 'http://127.0.0.1:9/mcp' } },
    { name: 'absent', stdio: { cmd: 'no-such-command-anywhere' } },
    { name: 'leaves', stdio: stdioTarget({ stdio: { exitCode: 3 } }) },
    { name: 'mute', stdio: stdioTarget({ silent: ['initialize'] }), connectTimeout: '300ms' },
  ];
  const started = starting(t, {
    config: { statsAddr: 'localhost:0', adminAddr: 'localhost:0' },
    mcp: { port: 0, targets },
  });
  await started.said(/stats localhost:\d+ {3}admin localhost:\d+/);
  const screen = started.log();
  assert.match(screen, /agentgateway \d+\.\d+\.\d+/);
  assert.match(screen, /http:\/\/localhost:\d+\/mcp {3}and \/sse for old clients/);
  assert.match(screen, /\+ fine {4}8 tools, 2 prompts, 3 resources, 1 templates/);
  assert.match(screen, /! dead .*cannot connect to http:\/\/127\.0\.0\.1:9.*ECONNREFUSED/);
  assert.match(screen, /! absent .*no-such-command-anywhere/);
  assert.match(screen, /! leaves .*exited with code 3.*leaving with 3, as told/);
  assert.match(screen, /! mute .*did not complete initialize within 300 ms/);
  assert.equal(await reaches(await portOf(started), 'localhost'), true);
});

/** An address of this machine that is not the usual loopback one. */
function anotherAddress(): string {
  const external = Object.values(networkInterfaces())
    .flat()
    .find((each) => each?.family === 'IPv4' && !each.internal);
  return external?.address ?? '127.0.0.2';
}

test('loopback alone is served, unless --address, AGENTGATEWAY_ADDRESS or the port itself says otherwise', async (t) => {
  const document = { config: OFF, mcp: { port: 0, targets: [] } };
  const own = { config: OFF, binds: [{ port: 0, address: '127.0.0.1', listeners: [{ routes: [] }] }] };
  const everyone = { AGENTGATEWAY_ADDRESS: '0.0.0.0' };
  const cases: [string, Started, boolean][] = [
    ['default', starting(t, document), false],
    ['--address', starting(t, document, { args: ['--address', '0.0.0.0'] }), true],
    ['environment', starting(t, document, { env: everyone }), true],
    [
      'flag over environment',
      starting(t, document, { args: ['--address', '127.0.0.1'], env: everyone }),
      false,
    ],
    ['port over both', starting(t, own, { args: ['--address', '0.0.0.0'], env: everyone }), false],
  ];
  for (const [name, started, open] of cases) {
    const port = await portOf(started);
    assert.equal(await reaches(port, '127.0.0.1'), true, name);
    assert.equal(await reaches(port, anotherAddress()), open, name);
  }
});

test('a relative path of the file and those inside it are found', async (t) => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'start-up-')));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, 'conf', 'beside'), { recursive: true });
  const targets = [{ name: 'raw', stdio: { ...stdioTarget(), cwd: './beside' } }];
  const document = { config: OFF, mcp: { port: 0, targets } };
  writeFileSync(join(folder, 'conf', 'config.yaml'), JSON.stringify(document));
  const started = launch(['-f', join('conf', 'config.yaml')], { cwd: folder });
  t.after(() => started.stop());
  const client = await McpHttpClient.open(`http://localhost:${await portOf(started)}/mcp`);
  t.after(() => client.close());
  const { cwd } = JSON.parse(textOf(await client.call('whoami'))) as { cwd: string };
  assert.equal(cwd, join(folder, 'conf', 'beside'));
});

test('a configuration from standard input is served', async (t) => {
  const started = launch(['-f', '-'], { stdin: 'pipe' });
  t.after(() => started.stop());
  started.child.stdin?.end('config: {statsAddr: "off", adminAddr: "off"}\nmcp: {port: 0, targets: []}\n');
  assert.equal(await reaches(await portOf(started), 'localhost'), true);
});

test('a taken port ends the start with 1 and a remedy, and leaves no child', async (t) => {
  const port = await holdPort(t);
  const mark = `mark-${randomUUID()}`;
  const mcp = (own: number) => ({
    port: own,
    targets: [{ name: 'raw', stdio: stdioTarget({ name: mark, stdio: { ignoreEnd: true } }) }],
  });
  const cases: [object, RegExp][] = [
    [{ config: OFF, mcp: mcp(port) }, new RegExp(`port ${port} of 127\\.0\\.0\\.1: .*choose another port`)],
    [
      { config: { ...OFF, statsAddr: `127.0.0.1:${port}` }, mcp: mcp(0) },
      new RegExp(`stats address 127\\.0\\.0\\.1:${port}: already in use`),
    ],
    [
      { config: { ...OFF, adminAddr: `localhost:${port}` }, mcp: mcp(0) },
      new RegExp(`admin address localhost:${port}: already in use`),
    ],
    [
      { config: { ...OFF, readinessAddr: `127.0.0.1:${port}` }, mcp: mcp(0) },
      new RegExp(`readiness address 127\\.0\\.0\\.1:${port}: already in use`),
    ],
  ];
  for (const [document, told] of cases) {
    const { code, stderr } = await agentgateway(['-c', JSON.stringify(document)]);
    assert.equal(code, 1, stderr);
    assert.match(stderr, told);
    assert.deepEqual(await running(mark), []);
  }
});

test('an address that is not this machine is told so', async () => {
  const document = { config: OFF, mcp: { port: 0, targets: [] } };
  const { code, stderr } = await agentgateway(['-c', JSON.stringify(document), '--address', '192.0.2.7']);
  assert.equal(code, 1);
  assert.match(stderr, /192\.0\.2\.7: this machine has no such address/);
});

/** Loaded before the gateway: the system refuses every IPv6 socket, as a kernel without IPv6 does. */
const NO_IPV6 = `const { Server } = require('node:net');
const { listen } = Server.prototype;
Server.prototype.listen = function (...args) {
  if (!String(args[0]?.host).includes(':')) return listen.apply(this, args);
  const refused = Object.assign(new Error('address family not supported'), { code: 'EAFNOSUPPORT' });
  process.nextTick(() => this.emit('error', refused));
  return this;
};`;

test('a machine without IPv6 serves 127.0.0.1 alone', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'start-up-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const preload = join(folder, 'no-ipv6.cjs');
  writeFileSync(preload, NO_IPV6);
  const document = {
    config: { statsAddr: 'localhost:0', adminAddr: 'localhost:0' },
    mcp: { port: 0, targets: [] },
  };
  const started = starting(t, document, { env: { NODE_OPTIONS: `--require ${preload}` } });
  await started.said(SCREEN_END);
  const [, stats] = await started.said(/stats localhost:(\d+)/);
  const port = await portOf(started);
  assert.equal(await reaches(port, '127.0.0.1'), true);
  assert.equal(await reaches(Number(stats), '127.0.0.1'), true);
  assert.equal(await reaches(port, '[::1]'), false);
});

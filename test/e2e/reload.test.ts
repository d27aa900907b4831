// Saves of the configuration file while the gateway runs: what is taken, what is refused, and what lives on.
// needs: ps
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { until } from '../fixtures/child-host.ts';
import { type GatewayProcess, launch, startGateway } from '../fixtures/gateway.ts';
import {
  addresses,
  type Document,
  edit,
  edited,
  inPlace,
  reloads,
  routeOf,
  save,
} from '../fixtures/gateway-state.ts';
import { McpHttpClient, namesOf, textOf } from '../fixtures/mcp-http.ts';
import { stdioTarget } from '../fixtures/mcp-world.ts';
import { running } from '../fixtures/processes.ts';
import { freePort } from '../fixtures/programs.ts';
import { startRawServer } from '../fixtures/raw-server/http.ts';

const child = (name: string, raw = {}) => ({ name, stdio: stdioTarget(raw) });
const ALWAYS = { prefixMode: 'always' };

async function serving(t: TestContext, ...targets: object[]): Promise<GatewayProcess> {
  const gateway = await startGateway({ mcp: { ...ALWAYS, targets } });
  t.after(() => gateway.stop());
  return gateway;
}

async function opened(t: TestContext, url: string, headers = {}): Promise<McpHttpClient> {
  const client = await McpHttpClient.open(url, { headers });
  t.after(() => client.close());
  return client;
}

async function toolsOf(client: McpHttpClient): Promise<string[]> {
  return namesOf(await client.request('tools/list'));
}

async function pidOf(client: McpHttpClient, target: string): Promise<number> {
  return (JSON.parse(textOf(await client.call(`${target}_whoami`))) as { pid: number }).pid;
}

function serveOnly(document: Document, name: string): void {
  routeOf(document).mcp.targets = [child(name)];
}

test('a save by rename, one in place and one that empties the file first are all taken', async (t) => {
  const gateway = await serving(t, child('one'));
  const client = await opened(t, gateway.url);
  await edit(gateway, (document) => serveOnly(document, 'two'));
  assert.ok((await toolsOf(client)).includes('two_echo'));
  const three = await edited(gateway, (document) => serveOnly(document, 'three'));
  await save(gateway, three, inPlace);
  assert.ok((await toolsOf(client)).includes('three_echo'));
  const four = await edited(gateway, (document) => serveOnly(document, 'four'));
  await save(gateway, four, async (file, text) => {
    writeFileSync(file, '');
    await new Promise((resolve) => setTimeout(resolve, 100));
    writeFileSync(file, text);
  });
  assert.ok((await toolsOf(client)).includes('four_echo'));
  assert.equal(reloads(gateway, 'not reloaded'), 0);
});

test('the swap of a ConfigMap is taken', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'configmap-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const config = { statsAddr: 'off', adminAddr: 'off' };
  const put = async (version: string, target: string): Promise<void> => {
    await mkdir(join(folder, version));
    const document = { config, mcp: { port: 0, ...ALWAYS, targets: [child(target)] } };
    writeFileSync(join(folder, version, 'config.yaml'), JSON.stringify(document));
    symlinkSync(version, join(folder, '..data_tmp'));
    await rename(join(folder, '..data_tmp'), join(folder, '..data'));
  };
  await put('..v1', 'one');
  symlinkSync(join('..data', 'config.yaml'), join(folder, 'config.yaml'));
  const started = launch(['-f', join(folder, 'config.yaml')]);
  t.after(() => started.stop());
  const client = await opened(t, (await addresses(started)).url);
  assert.ok((await toolsOf(client)).includes('one_echo'));
  for (const [at, target] of ['two', 'three'].entries()) {
    await put(`..v${at + 2}`, target);
    await until(() => reloads(started, 'reloaded') > at, 'the swap is taken');
    assert.ok((await toolsOf(client)).includes(`${target}_echo`));
  }
});

test('a broken save keeps the configuration before it and says where and what', async (t) => {
  const gateway = await serving(t, child('one'));
  const client = await opened(t, gateway.url);
  const pid = await pidOf(client, 'one');
  await save(gateway, 'mcp:\n  prot: 3000\n');
  await gateway.said(/configuration not reloaded/);
  const line =
    gateway
      .log()
      .split('\n')
      .find((each) => each.includes('configuration not reloaded')) ?? '';
  assert.match(line, /config\.yaml:2:3: unknown key `prot`.*did you mean `port`/);
  assert.equal(await pidOf(client, 'one'), pid);
});

test('a changed setting of the process is told to wait for a restart', async (t) => {
  const gateway = await serving(t, child('one'));
  await edit(gateway, (document) => {
    document.config['logging'] = { level: 'debug' };
  });
  await gateway.said(/"level":"warn".*changed settings take effect at the next start/);
});

test('an unreadable file keeps the configuration, is told once, and is taken when it is back', async (t) => {
  const gateway = await serving(t, child('one'));
  const client = await opened(t, gateway.url);
  const text = await edited(gateway, (document) => serveOnly(document, 'two'));
  renameSync(gateway.file, `${gateway.file}.away`);
  await gateway.said(/configuration file cannot be read/);
  assert.ok((await toolsOf(client)).includes('one_echo'));
  await save(gateway, text);
  assert.ok((await toolsOf(client)).includes('two_echo'));
  assert.equal(gateway.log().split('configuration file cannot be read').length, 2);
});

test('an edit of a policy restarts no child, drops no session and announces nothing', async (t) => {
  const mark = `mark-${randomUUID()}`;
  const gateway = await serving(t, child('one', { name: mark }), child('two', { name: mark }));
  const client = await opened(t, gateway.url);
  const stream = await client.listen();
  t.after(() => stream.close());
  const before = [await pidOf(client, 'one'), await pidOf(client, 'two')];
  const children = (await running(mark)).sort();
  const page = 'http://app.example';
  await edit(gateway, (document) => {
    routeOf(document).route.policies = { cors: { allowOrigins: [page] } };
  });
  const browser = await opened(t, gateway.url, { origin: page });
  assert.equal((await browser.initialize()).headers['access-control-allow-origin'], page);
  assert.deepEqual([await pidOf(client, 'one'), await pidOf(client, 'two')], before);
  assert.deepEqual((await running(mark)).sort(), children);
  // Had the first edit been announced, this would be the second announcement.
  await edit(gateway, (document) => void routeOf(document).mcp.targets.pop());
  await stream.method('notifications/tools/list_changed');
  const announced = stream.messages.filter(({ method }) => method === 'notifications/tools/list_changed');
  assert.equal(announced.length, 1);
});

test('added and removed targets reach an open stream, the tools and the processes', async (t) => {
  const mark = `mark-${randomUUID()}`;
  const gateway = await serving(t, child('one'), child('two', { name: mark }));
  const client = await opened(t, gateway.url);
  const stream = await client.listen();
  t.after(() => stream.close());
  const mayAsk = client.call('two_script', { steps: [{ do: 'hold', key: 'never' }] });
  await until(async () => (await running(mark)).length === 3, 'probe, spare and the child of the call');
  await edit(gateway, (document) => {
    routeOf(document).mcp.targets = [child('one'), child('three')];
  });
  const { error } = await mayAsk;
  assert.equal(error?.data?.['code'], 'TARGET_REMOVED', JSON.stringify(error));
  await stream.method('notifications/tools/list_changed');
  const tools = await toolsOf(client);
  assert.ok(tools.includes('one_echo') && tools.includes('three_echo'));
  assert.deepEqual(
    tools.filter((tool) => tool.startsWith('two_')),
    [],
  );
  assert.equal((await client.call('two_echo')).error?.code, -32602);
  assert.equal(textOf(await client.call('three_echo', { is: 'new' })), '{"is":"new"}');
  await until(async () => (await running(mark)).length === 0, 'the children of the removed target end');
});

test('the running call of a removed HTTP target ends too, and so does one that waits for it to connect', async (t) => {
  const server = await startRawServer();
  t.after(() => server.close());
  const mute = { ...child('mute', { silent: ['initialize'] }), connectTimeout: '60s' };
  const gateway = await startGateway({
    mcp: { ...ALWAYS, failureMode: 'failOpen', targets: [{ name: 'web', mcp: { host: server.url } }] },
  });
  t.after(() => gateway.stop());
  const client = await opened(t, gateway.url);
  const held = client.script([{ do: 'never' }], 'web_script');
  await server.control.waitFor(({ method }) => method === 'tools/call');
  await edit(gateway, (document) => {
    routeOf(document).mcp.targets = [mute];
  });
  assert.equal((await held).error?.data?.['code'], 'TARGET_REMOVED');
  const waiting = client.request('resources/read', { uri: 'mute+raw://one' });
  await edit(gateway, (document) => serveOnly(document, 'fine'));
  assert.equal((await waiting).error?.data?.['code'], 'TARGET_REMOVED');
  assert.ok((await toolsOf(client)).includes('fine_echo'));
});

/** A raw server that notes its begin, and its end after some time. */
const JOURNALED = `const [version, journal, raw] = process.argv.slice(1);
const note = (what) => require('node:fs').appendFileSync(journal, what + ' ' + version + '\\n');
note('begin');
process.on('exit', () => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
  note('end');
});
process.argv = [process.execPath, raw, '{}'];
import(raw);`;

test('a changed exclusive child stops before its successor starts', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'exclusive-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const journal = join(folder, 'journal');
  const [raw] = stdioTarget().args;
  const only = (version: string): object => ({
    name: 'only',
    stdio: { cmd: process.execPath, args: ['-e', JOURNALED, version, journal, raw], warm: 0 },
  });
  const gateway = await serving(t, only('first'));
  await edit(gateway, (document) => {
    routeOf(document).mcp.targets = [only('second')];
  });
  const client = await opened(t, gateway.url);
  assert.ok((await toolsOf(client)).includes('only_echo'));
  const lines = readFileSync(journal, 'utf8').trim().split('\n');
  assert.deepEqual(lines.slice(0, 3), ['begin first', 'end first', 'begin second']);
});

test('a reload with a dead target is taken, and the others serve', async (t) => {
  const gateway = await serving(t, child('one'));
  const client = await opened(t, gateway.url);
  await edit(gateway, (document) => {
    const { mcp } = routeOf(document);
    mcp.targets = [child('one'), { name: 'dead', mcp: { host: 'http://127.0.0.1:9/mcp' } }];
    mcp['failureMode'] = 'failOpen';
  });
  assert.ok((await toolsOf(client)).includes('one_echo'));
  assert.equal(textOf(await client.call('one_echo', { still: 'here' })), '{"still":"here"}');
  const ready = await fetch(`${gateway.statsUrl}/healthz/ready`);
  const { targets } = (await ready.json()) as { targets: Record<string, { state: string; error?: string }> };
  assert.equal(targets['one']?.state, 'up');
  assert.equal(targets['dead']?.state, 'down');
  assert.match(targets['dead']?.error ?? '', /ECONNREFUSED/);
});

function answers(port: number): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}/`).then(
    () => true,
    () => false,
  );
}

test('a new port opens, and an old one closes', async (t) => {
  const gateway = await serving(t, child('one'));
  const old = Number(new URL(gateway.url).port);
  const fresh = await freePort();
  await edit(gateway, (document) => {
    const [bind] = document.binds;
    document.binds = [...document.binds, { ...(bind as (typeof document.binds)[0]), port: fresh }];
  });
  assert.deepEqual([await answers(old), await answers(fresh)], [true, true]);
  await edit(gateway, (document) => void document.binds.shift());
  assert.deepEqual([await answers(old), await answers(fresh)], [false, true]);
  const client = await opened(t, `http://localhost:${fresh}/mcp`);
  assert.ok((await toolsOf(client)).includes('one_echo'));
});

test('a new port that is taken, or an address that is not ours, keeps the configuration before it', async (t) => {
  const holder = createServer();
  holder.listen(0, '127.0.0.1');
  await once(holder, 'listening');
  t.after(() => holder.close());
  const { port } = holder.address() as AddressInfo;
  const gateway = await serving(t, child('one'));
  const client = await opened(t, gateway.url);
  const pid = await pidOf(client, 'one');
  const edits: ((document: Document) => void)[] = [
    (document) => {
      const [bind] = document.binds;
      serveOnly(document, 'two');
      document.binds.push({ ...(bind as (typeof document.binds)[0]), port });
    },
    (document) => {
      serveOnly(document, 'two');
      const [bind] = document.binds;
      if (bind) bind.address = '192.0.2.7';
    },
  ];
  for (const [at, change] of edits.entries()) {
    await save(gateway, await edited(gateway, change));
    assert.equal(reloads(gateway, 'not reloaded'), at + 1);
    assert.equal(await pidOf(client, 'one'), pid);
    assert.deepEqual((await toolsOf(await opened(t, gateway.url)))[0], 'one_echo');
  }
  assert.match(gateway.log(), new RegExp(`port ${port} of 127\\.0\\.0\\.1: the port is in use`));
  assert.match(gateway.log(), /192\.0\.2\.7: this machine has no such address/);
});

test('a port moves to another address', async (t) => {
  const gateway = await serving(t, child('one'));
  await edit(gateway, (document) => {
    const [bind] = document.binds;
    if (bind) bind.address = '0.0.0.0';
  });
  const client = await opened(t, gateway.url.replace('localhost', '127.0.0.1'));
  assert.ok((await toolsOf(client)).includes('one_echo'));
});

// Children of stdio targets in the hands of a whole gateway: killed gateways, crashes, and the end.
// needs: ps
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { until } from '../fixtures/child-host.ts';
import { type GatewayProcess, startGateway } from '../fixtures/gateway.ts';
import { logLines, metric, samples } from '../fixtures/gateway-state.ts';
import { McpHttpClient, namesOf, textOf } from '../fixtures/mcp-http.ts';
import { stdioTarget } from '../fixtures/mcp-world.ts';
import { childrenOf, groupOf, running } from '../fixtures/processes.ts';
import { startRawServer } from '../fixtures/raw-server/http.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** Gateways of one test share where children are recorded, and share it with nobody else. */
function stateFolder(t: TestContext): Record<string, string> {
  const folder = mkdtempSync(join(tmpdir(), 'processes-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return { TMPDIR: folder };
}

async function serving(
  t: TestContext,
  targets: readonly object[],
  env: Record<string, string> = stateFolder(t),
): Promise<GatewayProcess> {
  const gateway = await startGateway({ mcp: { targets, prefixMode: 'always' }, env });
  t.after(() => gateway.stop());
  return gateway;
}

async function opened(t: TestContext, gateway: GatewayProcess): Promise<McpHttpClient> {
  const client = await McpHttpClient.open(gateway.url);
  t.after(() => client.close());
  return client;
}

async function kill(gateway: GatewayProcess): Promise<void> {
  process.kill(gateway.pid, 'SIGKILL');
  await until(() => gateway.exitCode() !== undefined, 'the gateway is gone');
}

/** Everything in the groups of these children: they and their descendants. */
async function alive(leaders: readonly number[]): Promise<number[]> {
  return (await Promise.all(leaders.map(groupOf))).flat();
}

test('a killed gateway leaves deaf children behind, and the next start ends them, grandchildren included', async (t) => {
  const env = stateFolder(t);
  const mark = `mark-${randomUUID()}`;
  const deaf = { ignoreEnd: true, ignoreSigterm: true, grandchild: true };
  const target = { name: 'deaf', stdio: stdioTarget({ name: mark, stdio: deaf }) };
  const first = await serving(t, [target], env);
  await (await opened(t, first)).call('deaf_echo');
  const orphans = await running(mark);
  t.after(async () => {
    for (const pid of await alive(orphans)) process.kill(pid, 'SIGKILL');
  });
  assert.equal(orphans.length, 3);
  await until(async () => (await alive(orphans)).length === 6, 'each has a child of its own');
  await kill(first);
  assert.equal((await alive(orphans)).length, 6);
  const second = await serving(t, [target], env);
  await until(async () => (await alive(orphans)).length === 0, 'the orphans are ended');
  const client = await opened(t, second);
  assert.equal(textOf(await client.call('deaf_echo', { second: true })), '{"second":true}');
});

test('a gateway that runs keeps its children when another one starts', async (t) => {
  const env = stateFolder(t);
  const mark = `mark-${randomUUID()}`;
  const target = { name: 'raw', stdio: stdioTarget({ name: mark }) };
  const first = await serving(t, [target], env);
  const client = await opened(t, first);
  await client.call('raw_echo');
  const children = (await running(mark)).sort();
  const second = await serving(t, [target], env);
  await (await opened(t, second)).call('raw_echo');
  assert.deepEqual((await childrenOf(first.pid)).sort(), children);
  assert.equal(textOf(await client.call('raw_echo', { still: 1 })), '{"still":1}');
});

test('what npx has started ends with a killed gateway and with a stopped one', async (t) => {
  const env = stateFolder(t);
  const folder = mkdtempSync(join(tmpdir(), `files-${randomUUID()}-`));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const args = ['--no-install', 'mcp-server-filesystem', folder];
  const target = { name: 'files', stdio: { cmd: 'npx', args, cwd: ROOT } };
  const first = await serving(t, [target], env);
  const tools = namesOf(await (await opened(t, first)).request('tools/list'));
  assert.ok(tools.includes('files_read_text_file'), tools.join());
  const leaders = await childrenOf(first.pid);
  assert.ok((await alive(leaders)).length > leaders.length, 'npx starts a process of its own');
  await kill(first);
  const second = await serving(t, [target], env);
  await until(async () => (await alive(leaders)).length === 0, 'the processes of the first are ended');
  const successors = await childrenOf(second.pid);
  assert.ok((await alive(successors)).length > 0);
  await second.stop();
  assert.deepEqual(await alive(successors), []);
  assert.deepEqual(await running(folder), []);
});

test('a child that dies under a session is replaced, and the next call works', async (t) => {
  const gateway = await serving(t, [{ name: 'raw', stdio: stdioTarget() }]);
  const client = await opened(t, gateway);
  const whoami = async () => (JSON.parse(textOf(await client.call('raw_whoami'))) as { pid: number }).pid;
  const first = await whoami();
  const { error } = await client.script([{ do: 'die' }], 'raw_script');
  assert.equal(error?.data?.['code'], 'PROCESS_EXIT');
  assert.match(error?.message ?? '', /target "raw": the server process exited with code 1/);
  const second = await whoami();
  assert.notEqual(second, first);
  process.kill(second, 'SIGKILL');
  await until(async () => (await groupOf(second)).length === 0, 'it is gone');
  assert.notEqual(await whoami(), second);
});

/** A raw server that leaves at once unless a file says that it is well. */
const FRAIL = `const [well, raw] = process.argv.slice(1);
if (!require('node:fs').existsSync(well)) process.exit(7);
process.argv = [process.execPath, raw, '{}'];
import(raw);`;

test('a server that keeps dying is tried again at growing pauses, told once, and serves when it is well', async (t) => {
  const web = await startRawServer();
  t.after(() => web.close());
  const folder = mkdtempSync(join(tmpdir(), 'well-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const [raw] = stdioTarget().args;
  const well = join(folder, 'well');
  const stdio = { cmd: process.execPath, args: ['-e', FRAIL, well, raw] };
  const targets = [
    { name: 'ill', stdio },
    { name: 'web', mcp: { host: web.url } },
  ];
  const gateway = await startGateway({
    mcp: { targets, failureMode: 'failOpen' },
    settings: { logging: { level: 'debug' } },
    env: stateFolder(t),
  });
  t.after(() => gateway.stop());
  const tries = () => logLines(gateway).filter(({ msg }) => /^target is (still )?down$/.test(String(msg)));
  await until(() => tries().length >= 3, 'it is tried again and again');
  assert.deepEqual(
    tries()
      .slice(0, 3)
      .map(({ level }) => level),
    ['warn', 'debug', 'debug'],
  );
  const [first = 0, , third = 0] = tries().map(({ retryInMs }) => Number(retryInMs));
  assert.ok(third > first, `${first} ms, then ${third} ms`);
  const client = await opened(t, gateway);
  assert.ok(namesOf(await client.request('tools/list')).includes('web_echo'));
  assert.match((await client.call('ill_echo')).error?.message ?? '', /ill/);
  writeFileSync(well, '');
  await gateway.said(/"target":"ill".*"msg":"target is up"/);
  assert.deepEqual((await client.call('ill_echo', { well: true })).error, undefined);
});

test('the end of a session ends its child, and the count of children is told', async (t) => {
  const gateway = await serving(t, [{ name: 'raw', stdio: { ...stdioTarget(), warm: 0 } }]);
  assert.deepEqual([...(await samples(gateway.statsUrl, 'children'))], [['target="raw"', 1]]);
  const client = await opened(t, gateway);
  await client.call('raw_echo');
  assert.equal(await metric(gateway.statsUrl, 'children'), 2);
  assert.equal((await childrenOf(gateway.pid)).length, 2);
  await client.delete();
  await until(async () => (await childrenOf(gateway.pid)).length === 1, 'the child of the session ends');
  await until(async () => (await metric(gateway.statsUrl, 'children')) === 1, 'and is not counted any more');
});

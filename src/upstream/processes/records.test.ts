import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import {
  childHost,
  files,
  isAlive,
  node,
  shell,
  spec,
  Told,
  temporaryFolder,
  until,
} from '../../../test/fixtures/child-host.ts';
import { MARKER, systemProcess } from './system.ts';

const LINUX = process.platform === 'linux';
const SKIP_MARKER = LINUX ? false : 'only Linux shows the environment of other processes';

const module = (name: string): string =>
  new URL(`./${name}${extname(import.meta.url)}`, import.meta.url).href;
const core = (name: string): string =>
  new URL(`../../core/${name}${extname(import.meta.url)}`, import.meta.url).href;

/** A gateway in a process of its own with one child; prints the child's pid and then what the child says. */
async function owner(t: TestContext, stateDir: string, script: string): Promise<Owner> {
  const code = `
    import { randomBytes } from 'node:crypto';
    import { ProcessHost } from '${module('host')}';
    import { silentLog, systemClock } from '${core('ports')}';
    import { NO_SIGNALS } from '${core('signals')}';
    const ports = { clock: systemClock, log: silentLog, env: process.env, signals: NO_SIGNALS, random: randomBytes };
    const host = new ProcessHost({ ports, stateDir: ${JSON.stringify(stateDir)} });
    const spec = { name: 'x', cmd: '/bin/sh', args: ['-c', ${JSON.stringify(script)}], env: {}, clearEnv: false };
    const child = host.spawn(spec, { line: (line) => console.log(line.toString()), fault() {}, exit() {} });
    console.log(child.pid);`;
  const gateway = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: gateway.stdout })[Symbol.asyncIterator]();
  const number = async (): Promise<number> => Number((await lines.next()).value);
  const child = await number();
  t.after(() => {
    gateway.kill('SIGKILL');
    systemProcess.signalGroup(child, 'SIGKILL');
  });
  return { gateway, child, descendant: await number() };
}

interface Owner {
  readonly gateway: ChildProcess;
  readonly child: number;
  readonly descendant: number;
}

async function killed({ gateway }: Owner): Promise<void> {
  gateway.kill('SIGKILL');
  await once(gateway, 'exit');
}

/** A process that has nothing to do with any gateway, leader of its own group. */
async function bystander(t: TestContext, script = 'echo up; sleep 1000', env = {}): Promise<number> {
  const child = spawn('/bin/sh', ['-c', script], {
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, ...env },
  });
  const pid = child.pid ?? 0;
  t.after(() => systemProcess.signalGroup(pid, 'SIGKILL'));
  await once(child.stdout, 'data');
  return pid;
}

function record(folder: string, name: string, change: object = {}): string {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, `${name}.json`);
  const value = {
    id: name,
    space: systemProcess.space,
    owner: { pid: 1, started: 'long ago' },
    child: { pid: 1, started: 'long ago' },
    command: 'x',
  };
  writeFileSync(file, JSON.stringify({ ...value, ...change }));
  return file;
}

test('the next start ends the child of a killed gateway with its descendants, and nothing else', async (t) => {
  const stateDir = join(temporaryFolder(t), 'children');
  const other = await bystander(t);
  const left = await owner(t, stateDir, 'trap "" TERM; sleep 1000 & echo $!; while :; do sleep 1000; done');
  await killed(left);
  assert.ok(await isAlive(left.child), 'the child survives its gateway');
  const next = childHost(t, { stateDir });
  assert.equal(await next.reapOrphans(), 1);
  await until(async () => !(await isAlive(left.child)), 'the child ends');
  await until(async () => !(await isAlive(left.descendant)), 'its descendant ends');
  assert.ok(await isAlive(other));
  assert.deepEqual(files(stateDir), []);
});

test('descendants are ended when the child itself ended with its gateway', {
  skip: SKIP_MARKER,
}, async (t) => {
  const stateDir = join(temporaryFolder(t), 'children');
  const left = await owner(t, stateDir, '(trap "" TERM; sleep 1000) <&- >&- & echo $!; cat');
  await killed(left);
  await until(async () => !(await isAlive(left.child)), 'the child ends with its input');
  assert.ok(await isAlive(left.descendant));
  const next = childHost(t, { stateDir });
  assert.equal(await next.reapOrphans(), 1);
  await until(async () => !(await isAlive(left.descendant)), 'the descendant ends');
});

test('a gateway beside another one leaves its children and their records alone', async (t) => {
  const stateDir = join(temporaryFolder(t), 'children');
  const first = await owner(t, stateDir, 'sleep 1000 & echo $!; cat');
  await until(() => files(stateDir).length === 1, 'the record is written');
  const second = childHost(t, { stateDir });
  assert.equal(await second.reapOrphans(), 0);
  assert.ok((await isAlive(first.child)) && (await isAlive(first.descendant)));
  assert.equal(files(stateDir).length, 1);
});

test('a pid that belongs to another process by now is not killed', async (t) => {
  const folder = join(temporaryFolder(t), 'children');
  const other = await bystander(t);
  record(folder, 'recycled', { child: { pid: other, started: 'another time' } });
  assert.equal(await childHost(t, { stateDir: folder }).reapOrphans(), 0);
  assert.ok(await isAlive(other));
  assert.deepEqual(files(folder), []);
});

test('a group without its leader is not killed unless it carries our mark', {
  skip: SKIP_MARKER,
}, async (t) => {
  const folder = join(temporaryFolder(t), 'children');
  const script = 'sleep 1000 & echo up; exit';
  const groups = [await bystander(t, script), await bystander(t, script, { [MARKER]: 'mine' })] as const;
  for (const group of groups) await until(async () => !(await isAlive(group)), 'the leader ends');
  record(folder, 'other', { child: { pid: groups[0], started: '1' } });
  record(folder, 'mine', { child: { pid: groups[1], started: '1' } });
  assert.equal(await childHost(t, { stateDir: folder }).reapOrphans(), 1);
  assert.deepEqual(
    groups.map((group) => systemProcess.groupRuns(group)),
    [true, false],
  );
});

test('an owner whose pid belongs to another process by now counts as dead', async (t) => {
  const folder = join(temporaryFolder(t), 'children');
  const orphan = await bystander(t);
  const started = await systemProcess.startTime(orphan);
  record(folder, 'a', { owner: { pid: process.pid, started: 'earlier' }, child: { pid: orphan, started } });
  assert.equal(await childHost(t, { stateDir: folder }).reapOrphans(), 1);
  assert.equal(await isAlive(orphan), false);
});

test('records of another boot or container mean nothing here and are kept for a week', async (t) => {
  const folder = join(temporaryFolder(t), 'children');
  const other = await bystander(t);
  const child = { pid: other, started: await systemProcess.startTime(other) };
  const old = new Date(Date.now() - 8 * 24 * 3600 * 1000);
  record(folder, 'fresh', { space: 'elsewhere', child });
  utimesSync(record(folder, 'stale', { space: 'elsewhere', child }), old, old);
  assert.equal(await childHost(t, { stateDir: folder }).reapOrphans(), 0);
  assert.ok(await isAlive(other));
  assert.deepEqual(files(folder), ['fresh.json']);
});

test('files that are no records are not acted upon', async (t) => {
  const folder = join(temporaryFolder(t), 'children');
  for (const [name, child] of Object.entries({
    zero: { pid: 0, started: '1' },
    negative: { pid: -1, started: '1' },
    text: { pid: '12', started: '1' },
    missing: undefined,
  })) {
    record(folder, name, { child });
  }
  writeFileSync(join(folder, 'half.json'), '{"id":"ha');
  writeFileSync(join(folder, 'null.json'), 'null');
  writeFileSync(join(folder, 'x.json.new'), '');
  assert.equal(await childHost(t, { stateDir: folder }).reapOrphans(), 0);
  assert.equal(files(folder).length, 7);
});

test('no signal is ever sent to group 0, 1 or a negative one', () => {
  for (const leader of [0, 1, -1, -process.pid, Number.NaN, 1.5]) {
    assert.throws(() => systemProcess.signalGroup(leader, 'SIGKILL'), RangeError);
  }
});

test('a record tells nobody else anything, and holds no arguments', async (t) => {
  const stateDir = join(temporaryFolder(t), 'children');
  const host = childHost(t, { stateDir });
  host.spawn(shell('cat', { env: { API_KEY: 'hidden-value' } }), new Told());
  await until(() => files(stateDir).length === 1, 'the record is written');
  const file = join(stateDir, files(stateDir)[0] ?? '');
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.equal(statSync(stateDir).mode & 0o777, 0o700);
  assert.equal(JSON.parse(readFileSync(file, 'utf8')).command, '/bin/sh');
  assert.doesNotMatch(readFileSync(file, 'utf8'), /hidden|cat/);
});

test('a child carries its mark, except with an empty environment', async (t) => {
  const host = childHost(t);
  const script = `console.log(process.env.${MARKER} ?? "none"); process.stdin.resume()`;
  const marked = new Told();
  host.spawn(node(script), marked);
  assert.match(await marked.nextLine(), /^[0-9a-f]{16}$/);
  const clear = new Told();
  host.spawn(node(script, { clearEnv: true }), clear);
  assert.equal(await clear.nextLine(), 'none');
});

test('a state folder that is cleaned away is made again', async (t) => {
  const folder = temporaryFolder(t);
  const stateDir = join(folder, 'deep', 'children');
  const host = childHost(t, { stateDir });
  const first = host.spawn(spec('cat'), new Told());
  await until(() => files(stateDir).length === 1, 'the first record is written');
  rmSync(join(folder, 'deep'), { recursive: true });
  host.spawn(spec('cat'), new Told());
  await until(() => files(stateDir).length === 1, 'the second record is written');
  await first.close();
});

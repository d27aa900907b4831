import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  childHost,
  childPorts,
  files,
  isAlive,
  node,
  run,
  shell,
  spec,
  Told,
  temporaryFolder,
  until,
} from '../../../test/fixtures/child-host.ts';
import { GatewayError } from '../../core/errors.ts';
import { systemProcess } from './system.ts';

const code = (expected: string) => (error: unknown) =>
  error instanceof GatewayError && error.code === expected;

test('lines written come back, however they were cut on the way', async (t) => {
  const host = childHost(t);
  const told = new Told();
  const child = host.spawn(spec('cat'), told);
  const long = 'x'.repeat(300_000);
  child.write(Buffer.from('{"a":1}'));
  child.write(Buffer.from(long));
  assert.equal(await told.nextLine(0), '{"a":1}');
  assert.equal(await told.nextLine(1), long);
  await child.close();
  assert.deepEqual(told.exits, [{ code: 0, signal: null, failure: undefined }]);
});

test('half a line is a line when its rest has come, and nothing when it never does', async (t) => {
  const host = childHost(t);
  const { told } = await run(host, shell('printf ha; sleep 0.05; printf "lf\\nnever ended"'));
  assert.deepEqual(told.lines, ['half']);
});

test('everything a child said is delivered before its exit', async (t) => {
  const host = childHost(t);
  const told = new Told();
  const order: string[] = [];
  const child = host.spawn(shell('echo one; echo two; exit 3'), {
    line: (line) => order.push(line.toString()),
    fault: (error) => told.fault(error),
    exit: (info) => order.push(`exit ${info.code}`),
  });
  await child.exited;
  assert.deepEqual(order, ['one', 'two', 'exit 3']);
});

test('a child that is killed reports the signal', async (t) => {
  const host = childHost(t);
  const { info } = await run(host, shell('kill -9 $$'));
  assert.deepEqual(info, { code: null, signal: 'SIGKILL', failure: undefined });
});

test('the environment is inherited from the ports, and the settings win', async (t) => {
  const host = childHost(t, {
    ports: childPorts({ env: { PATH: process.env['PATH'], GIVEN: 'gateway', KEPT: 'yes' } }),
  });
  const { told } = await run(host, shell('echo "$GIVEN $KEPT $HOME"', { env: { GIVEN: 'settings' } }));
  assert.deepEqual(told.lines, ['settings yes ']);
});

test('with clearEnv a child has the given variables and no others', async (t) => {
  const host = childHost(t);
  const script = 'console.log(JSON.stringify(process.env))';
  const { told } = await run(host, node(script, { env: { ONLY: 'this' }, clearEnv: true }));
  assert.deepEqual(JSON.parse(told.lines[0] ?? ''), { ONLY: 'this' });
});

test('with clearEnv a command is still found on the PATH of the gateway', async (t) => {
  const host = childHost(t);
  const { info } = await run(host, spec('true', [], { clearEnv: true }));
  assert.equal(info.code, 0);
});

test('a PATH in the settings decides where a command is found', async (t) => {
  const host = childHost(t);
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, 'my-server'), '#!/bin/sh\necho "found $0"\n', { mode: 0o755 });
  const { told } = await run(host, spec('my-server', [], { env: { PATH: folder } }));
  assert.deepEqual(told.lines, [`found ${folder}/my-server`]);
  assert.throws(() => host.spawn(spec('my-server'), new Told()), code('PROCESS_START'));
});

test('a child runs in the folder it was given, and a relative command is looked for there', async (t) => {
  const host = childHost(t);
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, 'here.sh'), '#!/bin/sh\npwd\n', { mode: 0o755 });
  const { told } = await run(host, spec('./here.sh', [], { cwd: folder }));
  assert.deepEqual(told.lines, [folder]);
});

test('what cannot be started says why and what to do', async (t) => {
  const host = childHost(t);
  const folder = temporaryFolder(t);
  const plain = join(folder, 'plain');
  writeFileSync(plain, 'no program');
  const cases = [
    [
      spec('npx-that-is-not-there'),
      /command not found on PATH: npx-that-is-not-there\. Install it, extend PATH/,
    ],
    [spec('/no/such/program'), /no such file: \/no\/such\/program\. Check stdio\.cmd/],
    [spec(plain), /not executable: .*plain\. Check its permissions \(chmod \+x\)/],
    [spec('plain', [], { env: { PATH: folder } }), /not executable: .*plain/],
    [
      spec('cat', [], { cwd: join(folder, 'gone') }),
      /working directory does not exist: .*gone\. Check stdio\.cwd/,
    ],
    [spec('cat', [], { cwd: plain }), /working directory is not a folder: .*plain/],
    [spec('cat', ['a\0b']), /cannot start cat/],
    [spec('cat', ['x'.repeat(3_000_000)]), /cannot start cat: arguments and environment are too long/],
  ] as const;
  for (const [what, text] of cases) {
    assert.throws(
      () => host.spawn(what, new Told()),
      (error) => error instanceof GatewayError && error.code === 'PROCESS_START' && text.test(error.message),
      `expected ${text}`,
    );
  }
  assert.equal(host.count, 0);
});

test('a script whose interpreter is missing is told apart from a missing command', async (t) => {
  const host = childHost(t);
  const script = join(temporaryFolder(t), 'script');
  writeFileSync(script, '#!/no/such/interpreter\n', { mode: 0o755 });
  const { child, told, info } = await run(host, spec(script));
  assert.equal(child.pid, undefined);
  assert.equal(info.failure?.code, 'PROCESS_START');
  assert.match(info.failure?.message ?? '', /its interpreter is missing/);
  assert.deepEqual(told.exits, [info]);
  await child.close();
  assert.equal(host.count, 0);
});

test('at the cap no further child is started until one has ended', async (t) => {
  const host = childHost(t, { limits: { children: 2, messageBytes: 1024 } });
  const first = host.spawn(spec('cat'), new Told());
  host.spawn(spec('cat'), new Told());
  assert.throws(() => host.spawn(spec('cat'), new Told()), code('PROCESS_LIMIT'));
  await first.close();
  host.spawn(spec('cat'), new Told());
  assert.deepEqual([...host.counts()], [['test', 2]]);
});

test('closing the host ends every child, and then nothing can be started', async (t) => {
  const host = childHost(t);
  const children = [host.spawn(spec('cat'), new Told()), host.spawn(shell('sleep 1000'), new Told())];
  await host.close();
  assert.equal(host.count, 0);
  for (const child of children) assert.equal(await isAlive(child.pid ?? 0), false);
  assert.throws(() => host.spawn(spec('cat'), new Told()), code('SHUTTING_DOWN'));
});

test('a child that ignores the end of its input is asked with SIGTERM', async (t) => {
  const host = childHost(t);
  const told = new Told();
  const child = host.spawn(
    node(
      'process.on("SIGTERM", () => { console.log("asked"); process.exit(7); }); setInterval(() => 0, 1e6); console.log("up")',
    ),
    told,
  );
  await told.nextLine();
  await child.close();
  assert.deepEqual(told.lines, ['up', 'asked']);
  assert.equal(told.exits[0]?.code, 7);
});

test('a child that ignores SIGTERM too is killed', async (t) => {
  const host = childHost(t);
  const told = new Told();
  const child = host.spawn(
    node('process.on("SIGTERM", () => 0); setInterval(() => 0, 1e6); console.log("up")'),
    told,
  );
  await told.nextLine();
  await child.close();
  assert.equal(told.exits[0]?.signal, 'SIGKILL');
});

test('descendants end with the child, those that ignore SIGTERM included', async (t) => {
  const host = childHost(t);
  const told = new Told();
  const child = host.spawn(
    shell('sleep 1000 & echo $!; (trap "" TERM; while :; do sleep 1000; done) & echo $!; cat >/dev/null'),
    told,
  );
  const descendants = [Number(await told.nextLine(0)), Number(await told.nextLine(1))];
  await child.close();
  for (const pid of descendants) await until(async () => !(await isAlive(pid)), `descendant ${pid} ends`);
});

test('descendants of a child that exits by itself end as well, and do not delay the news', async (t) => {
  const host = childHost(t);
  const { told, child, info } = await run(host, shell('sleep 1000 & echo $!; exit 4'));
  assert.equal(info.code, 4);
  const pid = Number(told.lines[0]);
  await until(async () => !(await isAlive(pid)), 'the descendant ends');
  await child.close();
  assert.equal(host.count, 0);
});

test('a bounded fork bomb ends with its group', async (t) => {
  const host = childHost(t);
  const told = new Told();
  const child = host.spawn(
    shell(
      'bomb() { [ $1 -gt 0 ] && { bomb $(($1-1)) & bomb $(($1-1)) & }; trap "" TERM; echo up; sleep 1000; sleep 1000; }; bomb 4',
    ),
    told,
  );
  await told.nextLine(30);
  await child.close();
  await until(() => !systemProcess.groupRuns(child.pid ?? 0), 'the group is empty');
});

test('a flood on standard error neither blocks the child nor floods the log', async (t) => {
  const log: { message: string; fields: object; level: 'debug' | 'info' | 'warn' | 'error' }[] = [];
  const host = childHost(t, { ports: childPorts({ log }) });
  const script =
    'for (let i = 0; i < 200000; i++) process.stderr.write("noise " + i + "\\n"); process.stderr.write("the end\\n", () => console.log("done"))';
  const { told, child } = await run(host, node(script));
  assert.deepEqual(told.lines, ['done']);
  assert.match(child.stderrTail(), /noise 199999\nthe end$/);
  assert.ok(child.stderrTail().length <= 4096);
  assert.ok(log.length < 5000, `${log.length} entries`);
});

test('an inherited secret that a child prints is masked in its standard error', async (t) => {
  const env = { PATH: process.env['PATH'], GITHUB_TOKEN: 'plain-looking-value' };
  const host = childHost(t, { ports: childPorts({ env }) });
  const { child } = await run(host, shell('echo "refused: $GITHUB_TOKEN" >&2'));
  assert.equal(child.stderrTail(), 'refused: [redacted]');
});

test('a line beyond the limit is a fault, not memory', async (t) => {
  const host = childHost(t);
  const told = new Told();
  const child = host.spawn(
    node(
      'const c = "x".repeat(1 << 20); (function w(n) { if (n) process.stdout.write(c, () => w(n - 1)); else process.stdout.write("\\nafter\\n"); })(50); process.stdin.resume()',
    ),
    told,
  );
  const fault = await told.firstFault();
  assert.ok(code('UPSTREAM_MESSAGE_TOO_LARGE')(fault));
  await child.close();
  assert.deepEqual(told.lines, []);
  assert.equal(told.faults.length, 1);
});

test('a child that closes its output but lives is a fault', async (t) => {
  const host = childHost(t);
  const told = new Told();
  const child = host.spawn(shell('exec >&-; sleep 1000'), told);
  assert.match((await told.firstFault()).message, /closed its standard output/);
  assert.deepEqual(told.exits, []);
  await child.close();
});

test('a child that closes its input but lives is a fault, and the broken pipe is no crash', async (t) => {
  const host = childHost(t);
  const told = new Told();
  const child = host.spawn(shell('exec <&-; echo closed; sleep 1000'), told);
  await told.nextLine();
  child.write(Buffer.from('{}'));
  assert.match((await told.firstFault()).message, /closed its standard input/);
  assert.throws(() => child.write(Buffer.from('{}')), code('UPSTREAM_CLOSED'));
  await child.close();
});

test('a child that does not read is given a bounded queue', async (t) => {
  const host = childHost(t);
  const child = host.spawn(shell('sleep 1000'), new Told());
  const message = Buffer.alloc(8 * 1024 * 1024, 'x');
  for (let written = 0; written < 3; written += 1) child.write(message);
  assert.throws(
    () => {
      child.write(message);
      child.write(message);
    },
    (error) =>
      code('UPSTREAM_CLOSED')(error) &&
      /does not read its input: \d+ bytes wait/.test((error as Error).message),
  );
  await child.close();
});

test('writing to a child that has ended is an error, not a crash', async (t) => {
  const host = childHost(t);
  const { child } = await run(host, spec('true'));
  assert.throws(() => child.write(Buffer.from('{}')), code('UPSTREAM_CLOSED'));
});

test('a child has a record while it lives', async (t) => {
  const stateDir = join(temporaryFolder(t), 'children');
  const host = childHost(t, { stateDir });
  const child = host.spawn(spec('cat'), new Told());
  await until(() => files(stateDir).length === 1, 'a record is written');
  await child.close();
  await until(() => files(stateDir).length === 0, 'the record is removed');
});

test('a state folder that others may write to is not used, and children run all the same', async (t) => {
  const log: { message: string; fields: object; level: 'debug' | 'info' | 'warn' | 'error' }[] = [];
  const folder = temporaryFolder(t);
  const open = join(folder, 'open');
  mkdirSync(open);
  chmodSync(open, 0o777);
  const link = join(folder, 'link');
  mkdirSync(join(folder, 'elsewhere'), { mode: 0o700 });
  symlinkSync(join(folder, 'elsewhere'), link);
  for (const stateDir of [open, link, join(open, 'children')]) {
    const host = childHost(t, { ports: childPorts({ log }), stateDir });
    const { info } = await run(host, spec('true'));
    assert.equal(info.code, 0);
    await host.close();
    assert.deepEqual(files(stateDir), []);
  }
  const warnings = log.filter(({ level }) => level === 'warn').map(({ message }) => message);
  assert.deepEqual(warnings, [
    'child processes are not recorded: the folder is writable by other users',
    'child processes are not recorded: the folder is not a folder',
    'child processes are not recorded: the folder lies in a folder that other users can write to',
  ]);
});

// The command line without a gateway behind it: help, checks, refusals, exit codes.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { agentgateway } from '../fixtures/command-line.ts';
import { MAIN } from '../fixtures/gateway.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const VALID = 'mcp: {targets: [{name: one, mcp: {host: "http://127.0.0.1:9/mcp"}}]}\n';
const INVALID = 'mcp:\n  prot: 3000\n  targets:\n  - name: one\n    stdoi: {cmd: node}\n';

function folder(t: TestContext): string {
  const made = mkdtempSync(join(tmpdir(), 'command-line-'));
  t.after(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

function fileWith(t: TestContext, text: string): string {
  const file = join(folder(t), 'config.yaml');
  writeFileSync(file, text);
  return file;
}

test('the help names every option, command and exit code', async () => {
  const { code, stdout, stderr } = await agentgateway(['--help']);
  assert.equal(code, 0);
  assert.equal(stderr, '');
  for (const told of [
    '-f, --file',
    '-c, --config',
    '--address',
    'AGENTGATEWAY_ADDRESS',
    '--validate-only',
    '--version',
    'schema',
    'stdio',
    'SIGTERM',
    '0  done',
    '1  failed',
    '2  bad arguments',
  ])
    assert.ok(stdout.includes(told), `the help does not tell of ${told}:\n${stdout}`);
});

test('each command has a help of its own', async () => {
  const stdio = await agentgateway(['stdio', '--help']);
  assert.equal(stdio.code, 0);
  assert.match(stdio.stdout, /Usage: agentgateway stdio/);
  assert.match(stdio.stdout, /--route <name>/);
  assert.match((await agentgateway(['schema', '--help'])).stdout, /JSON Schema/);
});

test('the version is that of the package', async () => {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  for (const flag of ['--version', '-V'])
    assert.deepEqual(await agentgateway([flag]), { code: 0, stdout: `${version}\n`, stderr: '' });
});

test('a reader that leaves after the first bytes is no failure', async () => {
  for (const args of [['--help'], ['schema']]) {
    const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    // Closed before the first write, so that every write meets a broken pipe.
    child.stdout.destroy();
    const [code] = (await once(child, 'close')) as [number | null];
    assert.equal(code, 0, said);
    assert.equal(said, '');
  }
});

test('the schema that is printed is the one that is published', async () => {
  const { code, stdout } = await agentgateway(['schema']);
  assert.equal(code, 0);
  assert.equal(stdout, readFileSync(join(ROOT, 'schema', 'config.json'), 'utf8'));
});

test('bad arguments are told with a remedy and end with 2', async () => {
  const cases: [string[], RegExp][] = [
    [['--fiel', 'x'], /unknown option '--fiel'\n\(Did you mean --file\?\)/],
    [['-f'], /'-f, --file <path>' argument missing/],
    [['-f', 'a.yaml', '-c', VALID], /give either -f or -c, not both/],
    [[], /no configuration: give one with -f config\.yaml/],
    [['config.yaml'], /unexpected "config\.yaml": a configuration is given with -f/],
    [['schema', 'config.yaml'], /too many arguments for 'schema'/],
    [['stdio', '-f', '-'], /standard input carries the protocol, so -f - cannot be used/],
    [['stdio'], /no configuration/],
  ];
  for (const [args, told] of cases) {
    const { code, stdout, stderr } = await agentgateway(args);
    assert.equal(code, 2, `${args.join(' ')}: ${stderr}`);
    assert.equal(stdout, '');
    assert.match(stderr, told);
  }
});

test('a valid configuration is called so, wherever it comes from', async (t) => {
  const file = fileWith(t, VALID);
  const fromFile = await agentgateway(['-f', file, '--validate-only']);
  assert.deepEqual(fromFile, { code: 0, stdout: `${file}: valid\n`, stderr: '' });
  const fromInput = await agentgateway(['-f', '-', '--validate-only'], { input: VALID });
  assert.deepEqual(fromInput, { code: 0, stdout: '<stdin>: valid\n', stderr: '' });
  const inline = await agentgateway(['-c', VALID, '--validate-only']);
  assert.deepEqual(inline, { code: 0, stdout: '<inline>: valid\n', stderr: '' });
});

test('what only building shows is no valid configuration either, and no server is started for that', async (t) => {
  const started = join(folder(t), 'started');
  const server = { name: 'one', stdio: { cmd: 'touch', args: [started] } };
  const config = (route: object) =>
    JSON.stringify({ binds: [{ port: 3000, listeners: [{ routes: [route] }] }] });
  const wrong = {
    policies: { mcpAuthorization: { rules: ['jwt.sub == "ann"'] } },
    backends: [{ host: 'localhost:8080' }],
  };
  const { code, stdout, stderr } = await agentgateway(['-c', config(wrong), '--validate-only']);
  assert.deepEqual([code, stdout], [2, '']);
  assert.match(
    stderr,
    /^agentgateway: route 3000\/default\/\S.*: mcpAuthorization: .* no `mcp` backend lies behind/,
  );
  const right = { ...wrong, backends: [{ mcp: { targets: [server] } }] };
  const { stdout: told } = await agentgateway(['-c', config(right), '--validate-only']);
  assert.equal(told, '<inline>: valid\n');
  assert.equal(existsSync(started), false);
});

test('a relative path is one from the working directory, and messages show it as it was given', async (t) => {
  const file = fileWith(t, INVALID);
  const { code, stderr } = await agentgateway(['-f', 'config.yaml', '--validate-only'], {
    cwd: join(file, '..'),
  });
  assert.equal(code, 2);
  assert.match(stderr, /^config\.yaml:2:3: unknown key `prot`/);
});

test('every fault of a configuration is told with file, line and column, and ends with 2', async (t) => {
  const file = fileWith(t, INVALID);
  for (const args of [
    ['-f', file, '--validate-only'],
    ['-f', file],
    ['stdio', '-f', file],
  ]) {
    const { code, stdout, stderr } = await agentgateway(args);
    assert.equal(code, 2, args.join(' '));
    assert.equal(stdout, '');
    assert.ok(stderr.includes(`${file}:2:3: unknown key \`prot\``), stderr);
    assert.ok(stderr.includes(`${file}:5:5: unknown key \`stdoi\``), stderr);
    assert.match(stderr, /did you mean `stdio`/);
  }
  const fromInput = await agentgateway(['-f', '-'], { input: INVALID });
  assert.equal(fromInput.code, 2);
  assert.match(fromInput.stderr, /^<stdin>:2:3: /);
});

test('a file that cannot be read is told with the reason and ends with 1', async (t) => {
  const inside = folder(t);
  symlinkSync('loop', join(inside, 'loop'));
  const cases: [string, RegExp][] = [
    [join(inside, 'missing.yaml'), /cannot read .*missing\.yaml: no such file/],
    [inside, /it is a folder/],
    [join(inside, 'loop'), /cannot read .*loop: its symbolic links lead in a circle/],
  ];
  for (const [file, told] of cases) {
    for (const more of [['--validate-only'], []]) {
      const { code, stdout, stderr } = await agentgateway(['-f', file, ...more]);
      assert.equal(code, 1, stderr);
      assert.equal(stdout, '');
      assert.match(stderr, told);
    }
  }
});

const root = process.getuid?.() === 0;
test('a file without the right to read it is told so', {
  skip: root ? 'root may read everything' : process.platform === 'win32' ? 'no such modes' : false,
}, async (t) => {
  const file = fileWith(t, VALID);
  chmodSync(file, 0);
  const { code, stderr } = await agentgateway(['-f', file]);
  assert.equal(code, 1);
  assert.match(stderr, /permission denied/);
});

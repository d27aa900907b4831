import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { createLog, type LogOptions } from './logger.ts';

async function capture(options: Partial<LogOptions> = {}) {
  const lines: string[] = [];
  const stream = { write: (line: string) => void lines.push(line) };
  const open = await createLog({ level: 'info', format: 'json', pretty: false, stream, ...options });
  return { ...open, lines, parsed: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

/** Runs statements with `open` (a log on that stream) in a process of its own. */
function inProcess(stream: 'stdout' | 'stderr', statements: string) {
  const module = new URL('./logger.js', import.meta.url).href;
  const source = `
    import { createLog } from ${JSON.stringify(module)};
    const open = await createLog({ level: 'info', format: 'json', stream: '${stream}', pretty: false });
    ${statements}`;
  return spawnSync(process.execPath, ['--input-type=module', '-e', source], {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
}

test('a line is JSON with an ISO time, a level name, the fields and the message', async () => {
  const { log, parsed } = await capture();
  log.info({ port: 3000 }, 'listening');
  const [line] = parsed();
  assert.match(String(line?.['time']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.deepEqual({ ...line, time: '' }, { level: 'info', time: '', port: 3000, msg: 'listening' });
});

test('lines under the level are left out, and the level can change for children too', async () => {
  const { log, setLevel, lines } = await capture({ level: 'warn' });
  const child = log.child({ target: 'a' });
  log.info({}, 'no');
  child.info({}, 'no');
  assert.equal(lines.length, 0);
  setLevel('debug');
  log.debug({}, 'yes');
  child.debug({}, 'yes');
  assert.equal(lines.length, 2);
});

test('fields, bindings, messages and errors are redacted', async () => {
  const { log, lines } = await capture();
  const error = new Error('refused by https://u:pw@host/', { cause: new Error('token Bearer abcdefgh1234') });
  log
    .child({ apiKey: 'abc-secret' })
    .error({ err: error, headers: { cookie: 'abc-secret' } }, 'calling https://u:pw@host/');
  log.warn({ other: error }, 'once more');
  assert.doesNotMatch(lines.join(''), /pw@|abc-secret|abcdefgh1234/);
  assert.match(lines[0] ?? '', /"err":\{"name":"Error","message":"refused by https:\/\/\[redacted\]@host\/"/);
});

test('text format is one readable line, with the stack of an error below it', async () => {
  const { log, lines } = await capture({ format: 'text' });
  log.info({ port: 3000, name: 'two words', empty: '' }, 'listening');
  log.error({ err: new Error('boom') }, 'failed');
  assert.match(lines[0] ?? '', /INFO.*: listening port=3000 name="two words" empty=""\n$/);
  assert.match(lines[1] ?? '', /ERROR.*: failed\n {4}Error: boom\n {4}at /);
});

test('a terminal gets colours unless JSON was asked for', async () => {
  const pretty = await capture({ format: undefined, pretty: true });
  pretty.log.info({}, 'hello');
  assert.ok(pretty.lines[0]?.includes('\u001b['));
  const json = await capture({ format: 'json', pretty: true });
  json.log.info({}, 'hello');
  assert.equal(json.parsed()[0]?.['msg'], 'hello');
});

test('a control sequence in a field cannot reach the terminal', async () => {
  const { log, lines } = await capture({ format: 'text' });
  log.info({ tool: 'a\u001b[2Jb', clean: 'x\ny' }, 'call\u001b[2J\nsecond');
  assert.equal(lines[0]?.includes('\u001b'), false);
  assert.match(lines[0] ?? '', /call\\x1b\[2J\\x0asecond tool=a\\x1b\[2Jb/);
  assert.equal(lines[0]?.trim().includes('\n'), false);
});

for (const stream of ['stdout', 'stderr'] as const) {
  test(`closing writes everything to ${stream} and leaves it open`, () => {
    const child = inProcess(
      stream,
      `for (let i = 0; i < 500; i++) open.log.info({ i }, 'line');
       await open.close(); await open.close();
       process.${stream}.write('after\\n');`,
    );
    assert.equal(child.status, 0, child.stderr);
    const lines = child[stream].trim().split('\n');
    assert.equal(lines.length, 501);
    assert.equal(JSON.parse(lines[499] ?? '').i, 499);
    assert.equal(lines[500], 'after');
  });
}

test('a quiet gateway writes its lines without being closed', () => {
  // Nothing else happens in this process until the line has come out: the parent kills it then.
  const child = inProcess(
    'stdout',
    `open.log.info({}, 'alone'); setTimeout(() => process.kill(process.pid, 'SIGKILL'), 2000);`,
  );
  assert.equal(child.signal, 'SIGKILL');
  assert.equal(JSON.parse(child.stdout).msg, 'alone');
});

test('what a slow reader cannot take is dropped and counted, not kept', () => {
  const child = inProcess(
    'stdout',
    `for (let i = 0; i < 6000; i++) open.log.info({ filler: 'x'.repeat(1000) }, 'line');
     const dropped = open.dropped();
     await open.close();
     process.stderr.write(String(dropped));`,
  );
  const dropped = Number(child.stderr);
  assert.ok(dropped > 0);
  assert.equal(child.stdout.split('\n').length - 1 + dropped, 6000);
});

test('a fatal line and those before it are written before the process dies', () => {
  const child = inProcess(
    'stderr',
    `open.log.info({}, 'before'); open.fatal({}, 'dying'); process.kill(process.pid, 'SIGKILL');`,
  );
  assert.equal(child.signal, 'SIGKILL');
  assert.deepEqual(
    child.stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).msg),
    ['before', 'dying'],
  );
});

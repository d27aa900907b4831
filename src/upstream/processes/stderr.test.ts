import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type LogEntry, recordedLog } from '../../../test/fixtures/child-host.ts';
import { systemClock } from '../../core/ports.ts';
import { StderrReader } from './stderr.ts';

function reader(env: Record<string, string> = {}, secrets: readonly string[] = []) {
  const entries: LogEntry[] = [];
  let now = 0;
  const clock = { ...systemClock, monotonic: () => now };
  const stderr = new StderrReader({ log: recordedLog(entries), clock, env, secrets });
  return {
    stderr,
    entries,
    say: (text: string) => stderr.push(Buffer.from(text)),
    passes: (ms: number) => {
      now += ms;
    },
  };
}

test('the tail is the last 4 KiB, from the start of a line', () => {
  const { stderr, say } = reader();
  for (let line = 0; line < 1000; line += 1) say(`line ${line}\n`);
  const tail = stderr.tail();
  assert.match(tail, /^line \d+\n/);
  assert.match(tail, /line 999$/);
  assert.ok(tail.length > 4000 && tail.length <= 4096);
});

test('one chunk longer than the tail keeps its end', () => {
  const { stderr, say } = reader();
  say('old\n');
  say(`${'x'.repeat(100_000)}\nthe last line`);
  assert.equal(stderr.tail(), 'the last line');
});

test('a single endless line keeps its end too', () => {
  const { stderr, say } = reader();
  say('y'.repeat(100_000));
  assert.equal(stderr.tail(), 'y'.repeat(4096));
});

test('each line is logged at debug; beyond 50 in a second they are counted instead', () => {
  const { entries, say, passes } = reader();
  for (let line = 0; line < 80; line += 1) say(`line ${line}\n`);
  assert.equal(entries.length, 50);
  assert.deepEqual(entries[0], { level: 'debug', fields: { stderr: 'line 0' }, message: 'stderr' });
  passes(1000);
  say('later\n');
  assert.deepEqual(
    entries.slice(50).map(({ fields }) => fields),
    [{ lines: 30 }, { stderr: 'later' }],
  );
});

test('values of settings with secret names are masked in log and tail, others are not', () => {
  const { entries, stderr, say } = reader({
    GITHUB_TOKEN: 'ghp_1234567',
    TOKEN_LONG: 'ghp_1234567_more',
    MODE: 'production',
    PIN_KEY: '1',
  });
  say('using ghp_1234567 and ghp_1234567_more in production 1\n');
  assert.equal(stderr.tail(), 'using [redacted] and [redacted] in production 1');
  assert.deepEqual(entries[0]?.fields, { stderr: 'using [redacted] and [redacted] in production 1' });
});

test('what looks like a secret is masked whatever it is called, and the working folder is not', () => {
  const { stderr, say } = reader({ PWD: '/srv/project', SECRET: 'short' });
  say('/srv/project: GET https://u:pw@host/?api_key=abc with DB_PASS=hunter2\n');
  assert.equal(
    stderr.tail(),
    '/srv/project: GET https://[redacted]@host/?api_key=[redacted] with DB_PASS=[redacted]',
  );
});

test('other secrets are masked too, those of several lines also line by line', () => {
  const { entries, stderr, say } = reader({ SIGNING_KEY: 'line-one\nline-two' }, ['hidden-value']);
  say('a hidden-value\nline-one\n');
  say('line-two\nb\n');
  assert.equal(stderr.tail(), 'a [redacted]\n[redacted]\nb');
  assert.doesNotMatch(JSON.stringify(entries), /hidden-value|line-one|line-two/);
});

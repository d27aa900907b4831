import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shortSession } from '../lib/secrets.ts';
import { redact } from './redact.ts';

test('a session id is shortened to eight characters', () => {
  assert.equal(shortSession('0123456789abcdef'), '01234567');
  assert.deepEqual(
    redact({
      'mcp.session.id': '0123456789',
      'mcp-session-id': '0123456789',
      sessionId: '0123456789',
      session: 'ab',
    }),
    {
      'mcp.session.id': '01234567',
      'mcp-session-id': '01234567',
      sessionId: '01234567',
      session: 'ab',
    },
  );
});

test('a key in a table that keeps something is one, and a hash is as good as a weak key', () => {
  assert.deepEqual(
    redact({
      key: 'default/api',
      store: { file: '/var/logins', key: 'abc' },
      session: { key: { file: '/run/key' } },
      apiKey: { keys: [{ key: { digest: 'abc' } }] },
    }),
    {
      key: 'default/api',
      store: { file: '/var/logins', key: '[redacted]' },
      session: { key: { file: '/run/key' } },
      apiKey: { keys: [{ key: { digest: '[redacted]' } }] },
    },
  );
});

test('a dumped plan keeps its shape and loses its secrets', () => {
  const plan = {
    key: 'default/api',
    sessionKey: 'ff00',
    policies: { apiKey: { mode: 'strict', keys: [{ key: 'abc', metadata: { user: 'ann' } }, 'raw'] } },
    target: {
      cmd: 'server',
      args: [
        '--api-key',
        'abc',
        '--token=abc',
        '-H',
        'X-Api-Key: abc',
        'GITHUB_TOKEN=abc',
        '--verbose',
        'stdio',
      ],
      env: { LOOKS_HARMLESS: 'abc' },
    },
    allowHeaders: ['authorization', 'content-type'],
    maxTokens: 5,
    password: 1234,
    headers: { Authorization: 'Bearer abcdefgh', accept: '*/*' },
  };
  assert.deepEqual(redact(plan), {
    key: 'default/api',
    sessionKey: '[redacted]',
    policies: {
      apiKey: { mode: 'strict', keys: [{ key: '[redacted]', metadata: { user: 'ann' } }, '[redacted]'] },
    },
    target: {
      cmd: 'server',
      args: [
        '--api-key',
        '[redacted]',
        '--token=[redacted]',
        '-H',
        'X-Api-Key: [redacted]',
        'GITHUB_TOKEN=[redacted]',
        '--verbose',
        'stdio',
      ],
      env: { LOOKS_HARMLESS: '[redacted]' },
    },
    allowHeaders: ['authorization', 'content-type'],
    maxTokens: 5,
    password: '[redacted]',
    headers: { Authorization: '[redacted]', accept: '*/*' },
  });
});

test('errors keep name, code and cause with their texts cleaned', () => {
  const cause = Object.assign(new Error('connect https://u:p@host'), { code: 'ECONNREFUSED' });
  const copy = redact(new Error('upstream failed', { cause })) as {
    message: string;
    cause: { message: string; code: string; stack: string };
  };
  assert.equal(copy.message, 'upstream failed');
  assert.equal(copy.cause.message, 'connect https://[redacted]@host');
  assert.equal(copy.cause.code, 'ECONNREFUSED');
  assert.doesNotMatch(copy.cause.stack, /u:p@/);
});

test('a dump of a plan shows what a target is started with', () => {
  const stdio = { cmd: 'npx', args: ['a'], env: { HOME: 'x' } };
  const backends = [{ config: { targets: [{ name: 'files', stdio }] } }];
  const dump = { plan: { binds: [{ listeners: [{ routes: [{ backends }] }] }] } };
  assert.match(
    JSON.stringify(redact(dump)),
    /"stdio":\{"cmd":"npx","args":\["a"\],"env":\{"HOME":"\[redacted\]"\}\}/,
  );
});

test('cycles, depth, bytes, maps and dates become plain values', () => {
  const loop: Record<string, unknown> = { a: 1 };
  loop['self'] = loop;
  assert.deepEqual(redact(loop), { a: 1, self: '[circular]' });
  assert.deepEqual(
    redact({ map: new Map([['token', 'x']]), bytes: Buffer.from('secret'), at: new Date(0) }),
    {
      map: { token: '[redacted]' },
      bytes: '[6 bytes]',
      at: '1970-01-01T00:00:00.000Z',
    },
  );
  let deep: unknown = 'end';
  for (let level = 0; level < 40; level++) deep = { deep };
  assert.match(JSON.stringify(redact(deep)), /"\[deep\]"/);
});

test('a secret inside a command of an argument is hidden', () => {
  assert.deepEqual(redact({ args: ['-c', 'cd /x && API_KEY=s3cretvalue npx foo'] }), {
    args: ['-c', 'cd /x && API_KEY=[redacted] npx foo'],
  });
});

test('the same object seen twice side by side is not a cycle', () => {
  const shared = { a: 1 };
  assert.deepEqual(redact([shared, shared]), [{ a: 1 }, { a: 1 }]);
});

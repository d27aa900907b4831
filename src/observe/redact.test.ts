import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isSecretName, redact, redactText, shortSession } from './redact.ts';

// Literals on purpose: a name or shape that is dropped from redact.ts must fail here.
const SECRET_NAMES = [
  'authorization',
  'Authorization',
  'proxy-authorization',
  'cookie',
  'Set-Cookie',
  'x-api-key',
  'X-Goog-Api-Key',
  'apiKey',
  'api_key',
  'Ocp-Apim-Subscription-Key',
  'token',
  'access_token',
  'refreshToken',
  'id-token',
  'GITHUB_TOKEN',
  'secret',
  'client_secret',
  'clientSecret',
  'AWS_SECRET_ACCESS_KEY',
  'password',
  'passwd',
  'passphrase',
  'pwd',
  'secretKey',
  'private_key',
  'sessionKey',
  'signing-key',
  'credentials',
  'x-proxy-auth',
  'jwt',
  'secretValue',
  'X-Amz-Signature',
  'client_assertion',
  'function_key',
];
const OPEN_NAMES = [
  'key',
  'name',
  'tokenUrl',
  'token_endpoint',
  'tokenType',
  'passwordFile',
  'secretName',
  'host',
  'path',
  'keyword',
  'monkey',
  'author',
  'method',
  'session',
  'x-forwarded-for',
  'primaryKey',
  'code',
  'status',
];

test('names of secrets are known in every spelling', () => {
  for (const name of SECRET_NAMES) assert.equal(isSecretName(name), true, name);
});

test('names that only speak about secrets stay readable', () => {
  for (const name of OPEN_NAMES) assert.equal(isSecretName(name), false, name);
});

const TEXTS: readonly (readonly [string, string])[] = [
  ['postgres://app:hunter22@db:5432/x', 'postgres://[redacted]@db:5432/x'],
  ['https://ghp_abc@github.example/x', 'https://[redacted]@github.example/x'],
  ['connect redis://:p%40ss@cache failed', 'connect redis://[redacted]@cache failed'],
  ['http://h/mcp?api_key=abc&page=2', 'http://h/mcp?api_key=[redacted]&page=2'],
  ['http://h/v1?key=AbC&x=1#f', 'http://h/v1?key=[redacted]&x=1#f'],
  ['/callback?code=abc&state=xyz', '/callback?code=[redacted]&state=[redacted]'],
  ['/message?sessionId=0123456789abcdef', '/message?sessionId=01234567'],
  ['sent Authorization: Bearer abcdefgh12345', 'sent Authorization: Bearer [redacted]'],
  ['basic dXNlcjpwYXNzd29yZA==', 'basic [redacted]'],
  ['got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln here', 'got [redacted] here'],
  ['export sk-abcdefghijklmnop1234', 'export [redacted]'],
  ['ghp_abcdefghijklmnop1234', '[redacted]'],
  ['-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n', '[redacted]\n'],
  ['http://[::1]:8080/mcp?page=2', 'http://[::1]:8080/mcp?page=2'],
  ['mailto me@example.com', 'mailto me@example.com'],
];

test('texts lose URL credentials, secret query parameters and tokens, and nothing else', () => {
  for (const [before, after] of TEXTS) assert.equal(redactText(before), after);
});

test('redacting twice changes nothing more', () => {
  for (const [before] of TEXTS) assert.equal(redactText(redactText(before)), redactText(before));
});

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

test('the same object seen twice side by side is not a cycle', () => {
  const shared = { a: 1 };
  assert.deepEqual(redact([shared, shared]), [{ a: 1 }, { a: 1 }]);
});

test('a long hostile text is cleaned in linear time', () => {
  const hostile = `${'a://'.repeat(20_000)}${'?a'.repeat(20_000)}${'bearer '.repeat(20_000)}`;
  assert.equal(typeof redactText(hostile), 'string');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isSecretName, redactArgument, redactText } from './secrets.ts';

// Literals on purpose: a name or shape that is dropped from secrets.ts must fail here.
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
  'OPENAI_KEY',
  'PIN_KEY_2',
  'DB_PASS',
  'SENTRY_DSN',
  'TOKEN_PROD',
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
  'TOKEN_LIMIT',
  'SECRET_PATH',
  'PRIMARY_KEYBOARD',
  'BYPASS',
  'SSH_AUTH_SOCK',
  'OLDPWD',
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
  ['cd /x && API_KEY=s3cretvalue npx foo', 'cd /x && API_KEY=[redacted] npx foo'],
  ['API_KEY=s3cretvalue npx', 'API_KEY=[redacted] npx'],
  ['cd /x&&API_KEY="two words" npx', 'cd /x&&API_KEY=[redacted] npx'],
  ["sh -c 'DB_PASS=x,(y) run'", "sh -c 'DB_PASS=[redacted] run'"],
  ['{"cmd":"TOKEN=\\"abc def\\" x"}', '{"cmd":"TOKEN=[redacted] x"}'],
  ['npx --token="cut off in the mid', 'npx --token=[redacted]'],
  ['npx --port=3000 MODE=production', 'npx --port=3000 MODE=production'],
  ['used max_tokens=4096 of it', 'used max_tokens=4096 of it'],
  ['http://[::1]:8080/mcp?page=2', 'http://[::1]:8080/mcp?page=2'],
  ['mailto me@example.com', 'mailto me@example.com'],
];

test('texts lose URL credentials, secret query parameters and tokens, and nothing else', () => {
  for (const [before, after] of TEXTS) assert.equal(redactText(before), after);
});

test('redacting twice changes nothing more', () => {
  for (const [before] of TEXTS) assert.equal(redactText(redactText(before)), redactText(before));
});

test('arguments lose their secrets, in one item with the name or behind it', () => {
  const args = [
    '--api-key',
    'abc',
    '--header=X-Api-Key: abc def',
    'PIN_KEY=1',
    '--token=a=b',
    '--port=1',
    'Accept: x',
  ];
  assert.deepEqual(
    args.map((item, at) => redactArgument(item, args[at - 1])),
    [
      '--api-key',
      '[redacted]',
      '--header=X-Api-Key: [redacted]',
      'PIN_KEY=[redacted]',
      '--token=[redacted]',
      '--port=1',
      'Accept: x',
    ],
  );
});

test('a long hostile text is cleaned in linear time', () => {
  const hostile = `${'a://'.repeat(20_000)}${'?a'.repeat(20_000)}${'bearer '.repeat(20_000)}${'a="'.repeat(20_000)}${' token=\\'.repeat(20_000)}`;
  assert.equal(typeof redactText(hostile), 'string');
});

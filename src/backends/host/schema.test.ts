import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostSchema } from './schema.ts';

const plain = { scheme: undefined, unixSocket: undefined };

test('host and port leave the scheme to backendTLS', () => {
  assert.deepEqual(hostSchema.parse('api.internal:8080'), { ...plain, authority: 'api.internal:8080' });
  assert.deepEqual(hostSchema.parse('[::1]:80'), { ...plain, authority: '[::1]:80' });
});

test('a URL says which scheme', () => {
  assert.deepEqual(hostSchema.parse('https://api.example'), {
    ...plain,
    scheme: 'https',
    authority: 'api.example',
  });
  assert.deepEqual(hostSchema.parse('http://api.example:81/'), {
    ...plain,
    scheme: 'http',
    authority: 'api.example:81',
  });
});

test('a Unix socket has a path and no name', () => {
  const socket = { scheme: undefined, authority: 'localhost', unixSocket: '/run/app.sock' };
  assert.deepEqual(hostSchema.parse('unix:/run/app.sock'), socket);
});

test('what is none of these is said to be wrong', () => {
  const wrong = {
    'api.internal': /expected host:port/,
    ':8080': /expected host:port/,
    'ftp://x:1': /expected host:port/,
    'https://api.example/v1': /give no path/,
    'https://user:pw@api.example': /no credentials/,
    'https://': /not a valid URL/,
    'unix:': /expected host:port/,
  };
  for (const [text, message] of Object.entries(wrong))
    assert.throws(() => hostSchema.parse(text), message, text);
});

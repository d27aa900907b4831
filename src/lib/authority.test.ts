import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatAuthority, parseAuthority } from './authority.ts';

const shown = (text: string) => {
  const parsed = parseAuthority(text);
  return parsed && formatAuthority(parsed);
};

test('a name is the same whatever its case, its final dot and its script', () => {
  assert.equal(shown('API.Example.COM'), 'api.example.com');
  assert.equal(shown('api.example.com.:8080'), 'api.example.com:8080');
  assert.equal(shown('bücher.example'), 'xn--bcher-kva.example');
  assert.equal(shown('my_host'), 'my_host');
});

test('an address is the same however it is written', () => {
  for (const text of [
    '127.0.0.1',
    '127.1',
    '2130706433',
    '0x7f000001',
    '017700000001',
    '0x7f.1',
    '127.0.0.1.',
  ])
    assert.deepEqual([text, shown(text)], [text, '127.0.0.1']);
  assert.equal(shown('[::ffff:127.0.0.1]:80'), '127.0.0.1:80');
  assert.equal(shown('[::ffff:7f00:1]'), '127.0.0.1');
  assert.equal(shown('[0:0:0:0:0:0:0:1]:443'), '[::1]:443');
  assert.deepEqual(parseAuthority('10.0.0.1')?.address, Uint8Array.of(10, 0, 0, 1));
  assert.equal(parseAuthority('a.example')?.address, undefined);
});

test('what is no host with or without a port is nothing', () => {
  const wrong = [
    '',
    ':80',
    'user@host',
    'user:secret@host:80',
    'host:',
    'host:0',
    'host:65536',
    'host:80:80',
    'host:-1',
    'host/path',
    'host?q',
    'host#f',
    'ho st',
    'host\\@other',
    'a..b',
    '.a',
    '*',
    'a%2eb',
    '256.1.1.1',
    '1.2.3.4.5',
    '[::1',
    '::1',
    '[::1%eth0]',
    '[127.0.0.1]',
    `${'a'.repeat(64)}.example`,
    `${'a.'.repeat(130)}example`,
    'x'.repeat(100_000),
  ];
  for (const text of wrong) assert.deepEqual([text, parseAuthority(text)], [text, undefined]);
});

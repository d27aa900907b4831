import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatAddress, hostOf, isLoopbackHost, parseAddress } from './address.ts';

test('addresses are read in every form a configuration uses', () => {
  assert.deepEqual(parseAddress('localhost:15020'), { kind: 'tcp', host: 'localhost', port: 15020 });
  assert.deepEqual(parseAddress('127.0.0.1:0'), { kind: 'tcp', host: '127.0.0.1', port: 0 });
  assert.deepEqual(parseAddress('[::1]:80'), { kind: 'tcp', host: '::1', port: 80 });
  assert.deepEqual(parseAddress(':3000'), { kind: 'tcp', host: undefined, port: 3000 });
  assert.deepEqual(parseAddress('3000'), { kind: 'tcp', host: undefined, port: 3000 });
  assert.deepEqual(parseAddress('unix:/run/x.sock'), { kind: 'unix', path: '/run/x.sock' });
  assert.deepEqual(parseAddress('unix:///run/x.sock'), { kind: 'unix', path: '/run/x.sock' });
});

test('what is no address is refused', () => {
  for (const text of [
    '',
    'localhost',
    'localhost:',
    'localhost:65536',
    '::1:80',
    '[localhost]:1',
    'http://h:1',
    'a b:1',
    'unix:',
    'h:-1',
  ]) {
    assert.equal(parseAddress(text), undefined, text);
  }
});

test('a written address reads back as itself', () => {
  for (const text of ['localhost:15020', '[::1]:80', ':3000', 'unix:/run/x.sock']) {
    const address = parseAddress(text);
    assert.ok(address);
    assert.equal(formatAddress(address), text);
  }
});

test('loopback is what only this machine can mean', () => {
  for (const host of [
    'localhost',
    'LOCALHOST',
    'localhost.',
    'app.localhost',
    '127.0.0.1',
    '127.9.9.9',
    '::1',
    '[::1]',
  ]) {
    assert.equal(isLoopbackHost(host), true, host);
  }
  for (const host of [
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '128.0.0.1',
    '::2',
    '0.0.0.0',
    '',
    'notlocalhost',
  ]) {
    assert.equal(isLoopbackHost(host), false, host);
  }
});

test('the host of an authority loses its port', () => {
  assert.equal(hostOf('localhost:3000'), 'localhost');
  assert.equal(hostOf('example.com'), 'example.com');
  assert.equal(hostOf('[::1]:3000'), '::1');
  assert.equal(hostOf('[::1]'), '::1');
});

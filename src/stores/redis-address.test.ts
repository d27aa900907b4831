import assert from 'node:assert/strict';
import { test } from 'node:test';
import { redisAddress, shownAddress } from './redis-address.ts';

test('a URL of Redis is taken apart', () => {
  const plain = { username: '', password: '', host: 'a.test', port: 6379, database: 0, tls: false };
  for (const [text, address] of [
    ['redis://a.test', plain],
    ['redis://a.test:/', plain],
    ['rediss://a.test:7000/15', { ...plain, port: 7000, database: 15, tls: true }],
    ['redis://:a%2Fb%25@a.test', { ...plain, password: 'a/b%' }],
    ['redis://ann:a@b:c@a.test/1', { ...plain, username: 'ann', password: 'a@b:c', database: 1 }],
    ['redis://ann@a.test', { ...plain, username: 'ann' }],
    ['redis://[::1]:7000', { ...plain, host: '::1', port: 7000 }],
  ] as const)
    assert.deepEqual(redisAddress(text), address, text);
  assert.equal(shownAddress(redisAddress('redis://ann:pw@a.test:1/2')), 'a.test:1/2');
  assert.equal(shownAddress(redisAddress('redis://[::1]')), '[::1]:6379/0');
});

test('what is none is refused, and no part of it is quoted', () => {
  for (const [text, why] of [
    ['http://u:hunter2@a.test', /redis:\/\//],
    ['REDIS://u:hunter2@a.test', /redis:\/\//],
    ['hunter2', /redis:\/\//],
    ['redis://', /host/],
    ['redis://:hunter2@', /host/],
    ['redis://:hunter2@:6379', /host/],
    ['redis://:hunter2@a b', /host/],
    ['redis://:hunter2@[::1', /host/],
    ['redis://:hunter2%zz@a.test', /decoded/],
    ['redis://hunter2%:x@a.test', /decoded/],
    ['redis://:hunter2@a.test:99999', /port/],
    ['redis://:hunter2@a.test:0', /port/],
    ['redis://:hunter2@a.test:-1', /port/],
    ['redis://:hunter2/x@a.test', /host|port/],
    ['redis://:pass/hunter2@a.test', /host|port/],
    ['redis://u:hunter2/3@a.test', /port/],
    ['redis://:hunter2@a.test/prod', /whole number/],
    ['redis://:hunter2@a.test/-1', /whole number/],
    ['redis://:hunter2@a.test/1.5', /whole number/],
    ['redis://:hunter2@a.test/1/2', /whole number/],
    ['redis://:hunter2@a.test/9999999999', /whole number/],
    ['redis://:hunter2@a.test/0?db=3', /database/],
    ['redis://a.test#hunter2', /database/],
    ['redis://:hunter2@a.test\n', /host/],
  ] as const)
    assert.throws(
      () => redisAddress(text),
      (error: Error) => why.test(error.message) && !/hunter2|prod/.test(error.message),
      text,
    );
});

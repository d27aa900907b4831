import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testExchange } from '../../test/fixtures/test-exchange.ts';
import { Attempt } from './attempt.ts';

test('an attempt is the exchange, but for what is said to be other', () => {
  const exchange = testExchange({
    method: 'POST',
    query: 'a=1',
    headers: { 'X-Try': 'mine', b: '2' },
    principal: 'p',
  });
  const attempt = new Attempt(exchange, { header: ['x-try', '1'] });
  const { id, method, url, path, query, authority, scheme, httpVersion, body, client, local, record } =
    attempt;
  assert.deepEqual(
    { id, method, url, path, query, authority, scheme, httpVersion, body, client, local, record },
    Object.fromEntries(
      [
        'id',
        'method',
        'url',
        'path',
        'query',
        'authority',
        'scheme',
        'httpVersion',
        'body',
        'client',
        'local',
        'record',
      ].map((name) => [name, exchange[name as keyof typeof exchange]]),
    ),
  );
  assert.equal(attempt.principal, 'p');
  assert.deepEqual(attempt.rawHeaders, ['b', '2', 'x-try', '1']);
  assert.equal(attempt.headers['x-try'], '1');
});

test('what layers change within it stays within it', () => {
  const exchange = testExchange({ headers: { a: '1' } });
  const attempt = new Attempt(exchange);
  attempt.rawHeaders = ['b', '2'];
  attempt.url = '/other';
  assert.deepEqual([exchange.rawHeaders, exchange.url], [['a', '1'], '/mcp']);
  assert.deepEqual(attempt.rawHeaders, ['b', '2']);
});

test('it can be cancelled alone, and is cancelled with what it is part of', () => {
  const exchange = testExchange({});
  const [one, other] = [new Attempt(exchange), new Attempt(exchange)];
  one.cancel.cancel(new Error('too late'));
  assert.deepEqual([exchange.cancel.cancelled, other.cancel.cancelled], [false, false]);
  exchange.cancel.cancel(new Error('gone'));
  assert.deepEqual([one.cancel.reason?.message, other.cancel.reason?.message], ['too late', 'gone']);
});

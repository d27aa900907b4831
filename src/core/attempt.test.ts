import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testExchange } from '../../test/fixtures/test-exchange.ts';
import { Attempt } from './attempt.ts';
import type { Exchange } from './exchange.ts';

/** All of them, so that a member that is added cannot be forgotten here. */
const MEMBERS: Readonly<Record<keyof Exchange, true>> = {
  id: true,
  method: true,
  url: true,
  path: true,
  query: true,
  authority: true,
  scheme: true,
  absolute: true,
  destination: true,
  httpVersion: true,
  headers: true,
  rawHeaders: true,
  body: true,
  client: true,
  local: true,
  cancel: true,
  upgrade: true,
  record: true,
  principal: true,
  identity: true,
  credentials: true,
  certificate: true,
  tls: true,
  outbound: true,
  streams: true,
  tried: true,
  serves: true,
  witness: true,
};

test('an attempt is the exchange, but for its cancellation', () => {
  const exchange = testExchange({ method: 'POST', query: 'a=1', headers: { a: '1' }, principal: 'p' });
  const parts = { identity: {}, credentials: [], certificate: {}, tls: {} };
  const rest = { ...parts, outbound: {}, tried: new Set(), witness: {} };
  const whole = Object.assign(exchange, rest) as unknown as Exchange;
  const attempt = new Attempt(whole);
  for (const name of Object.keys(MEMBERS) as (keyof Exchange)[])
    if (name !== 'cancel') assert.equal(attempt[name], whole[name], name);
  assert.notEqual(attempt.cancel, whole.cancel);
});

test('a header of its own stands instead of what the client sent by that name', () => {
  const exchange = testExchange({ headers: { 'X-Try': 'mine', b: '2' } });
  const attempt = new Attempt(exchange, { header: ['x-try', '1'] });
  assert.deepEqual(attempt.rawHeaders, ['b', '2', 'x-try', '1']);
  assert.equal(attempt.headers['x-try'], '1');
  assert.deepEqual(exchange.rawHeaders, ['X-Try', 'mine', 'b', '2']);
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

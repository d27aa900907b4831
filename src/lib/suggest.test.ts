import assert from 'node:assert/strict';
import { test } from 'node:test';
import { closest } from './suggest.ts';

const KEYS = ['listeners', 'routes', 'clearEnv', 'stdio', 'sse', 'mcp', 'pathPrefix', 'prefixMode'];

test('a slip of the finger is recognised', () => {
  assert.equal(closest('listners', KEYS), 'listeners');
  assert.equal(closest('stido', KEYS), 'stdio');
  assert.equal(closest('route', KEYS), 'routes');
  assert.equal(closest('mpc', KEYS), 'mcp');
});

test('other ways of writing the same word are recognised', () => {
  assert.equal(closest('clear_env', KEYS), 'clearEnv');
  assert.equal(closest('Clear-Env', KEYS), 'clearEnv');
});

test('a part of exactly one candidate is recognised', () => {
  assert.equal(closest('mode', KEYS), 'prefixMode');
  assert.equal(closest('prefix', KEYS), undefined);
});

test('what resembles nothing gets no suggestion', () => {
  assert.equal(closest('tls', KEYS), undefined);
  assert.equal(closest('whatever', KEYS), undefined);
  assert.equal(closest('', KEYS), undefined);
});

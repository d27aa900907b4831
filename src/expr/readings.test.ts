import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expr } from '../../test/fixtures/expressions.ts';
import { testExchange } from '../../test/fixtures/test-exchange.ts';
import { HeaderView } from './header-view.ts';
import { PLACES } from './places.ts';
import { readings, valueAt } from './readings.ts';
import { exchangeScope } from './scope.ts';

const SOURCE =
  'request.headers["x.role"] == "a" && jwt["https://x.y/role"] == "b" && jwt.team.name == "c" && has(jwt.none) && mcp.tool.name == "d" && source.address != "" && jwt.constructor != "" && request.path == "/"';

test('readings are what an expression can come to, with what is there', () => {
  const exchange = testExchange({ path: '/p', headers: { 'x.role': 'a' } });
  exchange.identity = { principal: 'x', jwt: { 'https://x.y/role': 'b', team: { name: 'c' } } };
  const mcp = {
    get tool() {
      return { name: 'd' };
    },
  };
  const found = readings(expr.compile(SOURCE, PLACES.mcp), exchangeScope(exchange, { mcp }));
  assert.deepEqual(Object.fromEntries(found.map(({ name, value }) => [name, value])), {
    'jwt.constructor': undefined,
    'jwt.https://x.y/role': 'b',
    'jwt.none': undefined,
    'jwt.team': { name: 'c' },
    'mcp.tool.name': 'd',
    'request.headers.x.role': 'a',
    'request.path': '/p',
    'source.address': '127.0.0.1',
  });
});

test('nothing is there for who proved nothing, nor of what a scope inherits', () => {
  const scope = exchangeScope(testExchange({}));
  for (const path of ['jwt', 'jwt.sub', 'toString', 'jwt.toString', 'request.nothing'])
    assert.equal(valueAt(scope, path), undefined, path);
  assert.ok(valueAt(scope, 'request.headers') instanceof HeaderView);
});

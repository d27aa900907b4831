import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { PathMatch, RouteMatch } from '../core/plan.ts';
import { compileMatch, type Routable, RouteQuestion } from './match.ts';

const REQUEST: Routable = {
  method: 'GET',
  path: '/',
  query: '',
  authority: 'gateway.example:80',
  scheme: 'http',
  headers: {},
};

function matches(match: Partial<RouteMatch>, request: Partial<Routable>): boolean {
  const path: PathMatch = { kind: 'prefix', value: '/' };
  const matcher = compileMatch({ path, method: undefined, headers: [], query: [], ...match });
  return matcher(new RouteQuestion({ ...REQUEST, ...request }));
}

function onPath(kind: PathMatch['kind'], value: string, path: string): boolean {
  return matches({ path: { kind, value } }, { path });
}

describe('paths', () => {
  test('an exact path is that path and no other', () => {
    assert.ok(onPath('exact', '/a/b', '/a/b'));
    for (const other of ['/a', '/a/b/', '/a/b/c', '/A/b']) assert.ok(!onPath('exact', '/a/b', other), other);
  });

  test('a prefix ends at the border of a segment', () => {
    for (const path of ['/mcp', '/mcp/', '/mcp/x']) assert.ok(onPath('prefix', '/mcp', path), path);
    for (const path of ['/mcpx', '/mc', '/x/mcp']) assert.ok(!onPath('prefix', '/mcp', path), path);
  });

  test('a final slash of a prefix makes no difference', () => {
    for (const path of ['/mcp', '/mcp/', '/mcp/x']) assert.ok(onPath('prefix', '/mcp/', path), path);
    assert.ok(onPath('prefix', '/', '/anything'));
  });

  test('an expression covers the whole path', () => {
    assert.ok(onPath('regex', '/v[0-9]+/mcp', '/v12/mcp'));
    assert.ok(!onPath('regex', '/v[0-9]+', '/v1/mcp'));
    assert.ok(!onPath('regex', '/a|/b', '/b/c'));
  });

  test('percent-encoding is the same in either case', () => {
    assert.ok(onPath('exact', '/caf%C3%A9', '/caf%c3%a9'));
    assert.ok(onPath('prefix', '/caf%c3%a9', '/caf%C3%A9/x'));
  });

  test('an invalid expression names itself', () => {
    assert.throws(
      () => compileMatch({ path: { kind: 'regex', value: '(' }, method: undefined, headers: [], query: [] }),
      {
        code: 'CONFIG_INVALID',
      },
    );
  });
});

describe('other conditions', () => {
  test('a method is compared as it is written', () => {
    assert.ok(matches({ method: 'POST' }, { method: 'POST' }));
    assert.ok(!matches({ method: 'POST' }, { method: 'GET' }));
  });

  test('a header is found whatever its case, and must have the value', () => {
    const exact = { headers: [{ name: 'X-Team', kind: 'exact', value: 'red' }] } as const;
    assert.ok(matches(exact, { headers: { 'x-team': 'red' } }));
    assert.ok(!matches(exact, { headers: { 'x-team': 'redder' } }));
    assert.ok(!matches(exact, {}));
    const pattern = { headers: [{ name: 'x-team', kind: 'regex', value: 're.' }] } as const;
    assert.ok(matches(pattern, { headers: { 'x-team': 'red' } }));
    assert.ok(!matches(pattern, { headers: { 'x-team': 'redder' } }));
  });

  test('pseudo-headers can be asked for', () => {
    const asked = (name: string, value: string) => ({ headers: [{ name, kind: 'exact', value }] }) as const;
    assert.ok(matches(asked(':method', 'GET'), {}));
    assert.ok(matches(asked(':authority', 'gateway.example:80'), {}));
    assert.ok(matches(asked(':path', '/x?y=1'), { path: '/x', query: 'y=1' }));
    assert.ok(!matches(asked(':protocol', 'x'), {}));
  });

  test('a query parameter is decoded, and the first of several counts', () => {
    const query = [{ name: 'user', kind: 'exact', value: 'a b' }] as const;
    assert.ok(matches({ query }, { query: 'x=1&user=a%20b&user=c' }));
    assert.ok(!matches({ query }, { query: 'user=c&user=a+b' }));
    assert.ok(!matches({ query }, {}));
  });

  test('all conditions of a match hold together', () => {
    const match = { method: 'POST', headers: [{ name: 'a', kind: 'exact', value: '1' }] } as const;
    assert.ok(matches(match, { method: 'POST', headers: { a: '1' } }));
    assert.ok(!matches(match, { method: 'POST' }));
  });
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PathMatch, RouteMatch } from './plan.ts';
import { authorityProblem, pathProblem, pathRewriter, rewrittenAuthority } from './rewriting.ts';

const matches = (...paths: PathMatch[]): RouteMatch[] =>
  paths.map((path) => ({ path, method: undefined, headers: [], query: [] }));

test('another host keeps the port, another port the host', () => {
  for (const [authority, rewrite, expected] of [
    ['a.example:81', { full: 'b.example' }, 'b.example'],
    ['a.example:81', { host: 'b.example' }, 'b.example:81'],
    ['a.example', { host: '[::1]' }, '[::1]'],
    ['a.example:81', { port: 9 }, 'a.example:9'],
    ['[::1]', { port: 9 }, '[::1]:9'],
    ['[::1]:81', { port: 9 }, '[::1]:9'],
  ] as const)
    assert.equal(rewrittenAuthority(authority, rewrite), expected, authority);
});

test('the longest prefix that fits is replaced, exact paths as a whole', () => {
  const rewrite = pathRewriter(
    { prefix: '/x' },
    matches(
      { kind: 'prefix', value: '/a' },
      { kind: 'prefix', value: '/a/b/' },
      { kind: 'exact', value: '/one' },
    ),
  );
  for (const [path, expected] of [
    ['/a/c', '/x/c'],
    ['/a/b/c', '/x/c'],
    ['/a/bc', '/x/bc'],
    ['/one', '/x'],
    ['/one/more', '/one/more'],
    ['/.well-known/x', '/.well-known/x'],
    ['*', '*'],
  ] as const)
    assert.equal(rewrite(path), expected, path);
});

test('a whole path is replaced whatever the route matches', () => {
  const rewrite = pathRewriter({ full: '/x' }, matches({ kind: 'regex', value: '/.*' }));
  assert.deepEqual(['/a', '/', '*'].map(rewrite), ['/x', '/x', '*']);
});

test('where an expression finds the route there is no prefix', () => {
  for (const found of [[], matches({ kind: 'prefix', value: '/' }, { kind: 'regex', value: '/.*' })])
    assert.throws(() => pathRewriter({ prefix: '/x' }, found), { code: 'CONFIG_INVALID' });
});

test('paths and authorities that could be read in two ways are none', () => {
  for (const path of [
    '',
    'a',
    '/a/../b',
    '/a//b',
    '/a?b',
    '/a#b',
    '/a b',
    '/a\\b',
    '/%2e',
    '/a%2fb',
    '/ä',
    '/%',
  ])
    assert.notEqual(pathProblem(path), undefined, path);
  for (const path of ['/', '/a/b.c/', '/caf%C3%A9', '/a;b=c,(d)'])
    assert.equal(pathProblem(path), undefined, path);
  for (const text of ['', 'a b', 'a/b', 'user@a', 'a:b', 'a:', '[x]', '-a', 'a\r\nb'])
    assert.notEqual(authorityProblem(text), undefined, text);
  for (const text of ['a', 'a-b.c_d:80', '[::1]:80', '10.0.0.1'])
    assert.equal(authorityProblem(text), undefined, text);
});

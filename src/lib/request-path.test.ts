import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { pathFault, replacePrefix } from './request-path.ts';

describe('a path that can be read in two ways', () => {
  const faults: Record<string, string> = {
    '/public/../admin': 'dot segment',
    '/public/..': 'dot segment',
    '/./admin': 'dot segment',
    '/.': 'dot segment',
    '//admin': 'empty segment',
    '/a//b': 'empty segment',
    '/a\\..\\b': 'character that no path may contain',
    '/a#b': 'character that no path may contain',
    '/%2e%2e/admin': 'encoded character that needs no encoding',
    '/%2E/admin': 'encoded character that needs no encoding',
    '/%61dmin': 'encoded character that needs no encoding',
    '/%7Euser': 'encoded character that needs no encoding',
    '/a%2fb': 'encoded separator or control character',
    '/a%5Cb': 'encoded separator or control character',
    '/a%00': 'encoded separator or control character',
    '/a%0d%0a': 'encoded separator or control character',
    '/100%': 'malformed percent-encoding',
    '/%zz': 'malformed percent-encoding',
  };
  for (const [path, fault] of Object.entries(faults)) {
    test(`is found out: ${path}`, () => assert.equal(pathFault(path), fault));
  }

  test('is not a path that merely looks unusual', () => {
    const plain = [
      '/',
      '*',
      '/.well-known/x',
      '/a.b',
      '/...',
      '/a..b/',
      '/caf%C3%A9',
      '/a%20b',
      '/a%25',
      "/a;b=c,d'(e)!~",
    ];
    for (const path of plain) assert.equal(pathFault(path), undefined, path);
  });
});

describe('a prefix', () => {
  test('is replaced as the Gateway API says', () => {
    for (const [path, prefix, replacement, expected] of [
      ['/foo/bar', '/foo', '/xyz', '/xyz/bar'],
      ['/foo/bar', '/foo', '/xyz/', '/xyz/bar'],
      ['/foo/bar', '/foo/', '/xyz', '/xyz/bar'],
      ['/foo/bar', '/foo/', '/xyz/', '/xyz/bar'],
      ['/foo', '/foo', '/xyz', '/xyz'],
      ['/foo/', '/foo', '/xyz', '/xyz/'],
      ['/foo/bar', '/foo', '', '/bar'],
      ['/foo/', '/foo', '', '/'],
      ['/foo', '/foo', '', '/'],
      ['/foo/', '/foo', '/', '/'],
      ['/foo', '/foo', '/', '/'],
      ['/foo', '/', '/xyz', '/xyz/foo'],
      ['/caf%c3%a9/x', '/caf%C3%A9', '/y', '/y/x'],
    ] as const)
      assert.equal(replacePrefix(path, prefix, replacement), expected, `${path} ${prefix} ${replacement}`);
  });

  test('ends at the border of a segment', () => {
    for (const path of ['/food', '/fo', '/x/foo', '*'])
      assert.equal(replacePrefix(path, '/foo', '/xyz'), undefined, path);
  });
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PathMatch, RouteMatch } from '../core/plan.ts';
import {
  appendedMatches,
  behind,
  canonicalResource,
  onlyPath,
  originOf,
  PROTECTED_RESOURCE,
  wellKnownMatches,
  wellKnownOf,
} from './well-known.ts';

const match = (kind: PathMatch['kind'], value: string): RouteMatch => ({
  path: { kind, value },
  method: 'POST',
  headers: [{ name: 'x', kind: 'exact', value: 'y' }],
  query: [],
});

test('a place stands between host and path', () => {
  assert.equal(wellKnownOf('/.well-known/x', 'https://h:8443/a/b'), 'https://h:8443/.well-known/x/a/b');
  assert.equal(wellKnownOf('/.well-known/x', 'https://h/'), 'https://h/.well-known/x');
  assert.equal(wellKnownOf('/.well-known/x', 'https://h/a/'), 'https://h/.well-known/x/a/');
});

test('what is behind a place is nothing or a path', () => {
  assert.equal(behind('/.well-known/x', '/.well-known/x'), '');
  assert.equal(behind('/.well-known/x/a', '/.well-known/x'), '/a');
  for (const path of ['/.well-known/xa', '/a/.well-known/x', '/.well-known/'])
    assert.equal(behind(path, '/.well-known/x'), undefined, path);
});

test('a resource without path has no slash at its end', () => {
  assert.equal(canonicalResource('HTTPS://Host.test:443/'), 'https://host.test');
  assert.equal(canonicalResource('https://host.test/mcp/'), 'https://host.test/mcp/');
});

test('the origin is that of the connection and its Host, which may be nothing but a host', () => {
  assert.equal(originOf({ scheme: 'https', authority: 'gw.test:443' }), 'https://gw.test');
  assert.equal(originOf({ scheme: 'http', authority: '[::1]:8080' }), 'http://[::1]:8080');
  for (const authority of [
    '',
    'a b',
    'gw.test/x',
    'user@gw.test',
    'gw"x',
    'gw.test:',
    'gw.test:99999',
    'a,b',
    '[::1',
  ])
    assert.throws(() => originOf({ scheme: 'http', authority }), { code: 'BAD_REQUEST' }, authority);
});

test('a route is asked for metadata of all it matches, whoever asks, and of nothing else', () => {
  const matches = [match('exact', '/mcp'), match('prefix', '/a'), match('regex', '/v[0-9]')];
  const claimed = wellKnownMatches([PROTECTED_RESOURCE], matches);
  assert.deepEqual(
    claimed.map(({ path }) => path),
    [
      { kind: 'exact', value: PROTECTED_RESOURCE },
      { kind: 'exact', value: `${PROTECTED_RESOURCE}/mcp` },
      { kind: 'prefix', value: `${PROTECTED_RESOURCE}/a` },
      { kind: 'regex', value: `/\\.well-known/oauth-protected-resource(?:/v[0-9])` },
    ],
  );
  assert.ok(claimed.every(({ method, headers }) => method === undefined && headers.length === 0));
  assert.deepEqual(
    appendedMatches(matches).map(({ path: { value } }) => value),
    ['/mcp/.well-known/openid-configuration'],
  );
});

test('places that are written beside the path they are of are no paths of their own', () => {
  const matches = [match('exact', '/mcp'), match('exact', `${PROTECTED_RESOURCE}/mcp`)];
  assert.equal(wellKnownMatches([PROTECTED_RESOURCE], matches).length, 2);
  assert.equal(onlyPath(matches), '/mcp');
  assert.equal(onlyPath([match('prefix', '/')]), undefined);
  assert.equal(onlyPath([match('exact', '/a'), match('exact', '/b')]), undefined);
});

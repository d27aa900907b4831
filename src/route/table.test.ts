import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { PathMatch, RouteMatch } from '../core/plan.ts';
import type { Routable } from './match.ts';
import { listenerTable, routeTable } from './table.ts';

const REQUEST: Routable = {
  method: 'GET',
  path: '/',
  query: '',
  authority: 'h',
  scheme: 'http',
  headers: {},
};

interface Route {
  readonly hostnames: readonly string[];
  readonly matches: readonly RouteMatch[];
}

function match(value: string, rest: Partial<RouteMatch> & { kind?: PathMatch['kind'] } = {}): RouteMatch {
  const { kind = 'prefix', ...others } = rest;
  return { path: { kind, value }, method: undefined, headers: [], query: [], ...others };
}

function route(...matches: RouteMatch[]): Route {
  return { hostnames: [], matches };
}

function found(routes: readonly Route[], request: Partial<Routable> = {}): number | undefined {
  return routeTable({ routes }).find({ ...REQUEST, ...request });
}

test('what a route claims besides goes behind what is written, whichever route comes first', () => {
  const place = match('/.well-known/x', { kind: 'exact' });
  const claiming = {
    ...route(match('/mcp')),
    claims: [place, match('/.well-known/x/mcp', { kind: 'exact' })],
  };
  const table = routeTable({ routes: [claiming, route(place), { ...claiming, hostnames: ['other'] }] });
  const find = (path: string, authority = 'h') => table.find({ ...REQUEST, path, authority });
  assert.deepEqual(
    [find('/.well-known/x'), find('/.well-known/x/mcp'), find('/mcp'), find('/.well-known/x', 'other')],
    [1, 0, 0, 2],
  );
});

describe('precedence', () => {
  test('an exact path goes before any pattern, however long', () => {
    const routes = [
      route(match('/a/b/c.*', { kind: 'regex' })),
      route(match('/a/b')),
      route(match('/a/b', { kind: 'exact' })),
    ];
    assert.equal(found(routes, { path: '/a/b' }), 2);
  });

  test('the longer pattern goes before the shorter, prefix or expression', () => {
    const routes = [
      route(match('/')),
      route(match('/a')),
      route(match('/a/b.*', { kind: 'regex' })),
      route(match('/a/b')),
    ];
    assert.equal(found(routes, { path: '/a/b' }), 2);
    assert.equal(found(routes, { path: '/a/x' }), 1);
    assert.equal(found(routes, { path: '/x' }), 0);
  });

  test('then a method, then more headers, then more query parameters, then order', () => {
    const header = { name: 'h', kind: 'exact', value: '1' } as const;
    const query = { name: 'q', kind: 'exact', value: '1' } as const;
    const routes = [
      route(match('/')),
      route(match('/', { query: [query] })),
      route(match('/', { headers: [header] })),
      route(match('/', { method: 'GET' })),
      route(match('/')),
    ];
    const request = { headers: { h: '1' }, query: 'q=1' };
    assert.equal(found(routes, request), 3);
    assert.equal(found(routes, { ...request, method: 'PUT' }), 2);
    assert.equal(found(routes, { query: 'q=1', method: 'PUT' }), 1);
    assert.equal(found(routes, { method: 'PUT' }), 0);
  });

  test('the more specific host goes before all of this', () => {
    const routes = [
      { hostnames: [], matches: [match('/a', { kind: 'exact' })] },
      { hostnames: ['*.example.com'], matches: [match('/a')] },
      { hostnames: ['x.example.com'], matches: [match('/')] },
    ];
    assert.equal(found(routes, { authority: 'x.example.com:80', path: '/a' }), 2);
    assert.equal(found(routes, { authority: 'y.example.com', path: '/a' }), 1);
    assert.equal(found(routes, { authority: 'example.com', path: '/a' }), 0);
  });

  test('a host whose routes do not fit leaves the request to the less specific ones', () => {
    const routes = [
      { hostnames: ['x.example.com'], matches: [match('/only')] },
      { hostnames: [], matches: [match('/')] },
    ];
    assert.equal(found(routes, { authority: 'x.example.com', path: '/other' }), 1);
  });

  test('without a fitting route there is none', () => {
    assert.equal(found([route(match('/a'))], { path: '/b' }), undefined);
    assert.equal(found([], {}), undefined);
  });
});

describe('paths that can be read in two ways', () => {
  for (const routes of [[route(match('/'))], [route(match('/public')), route(match('/'))]]) {
    test(`are refused with ${routes.length} route(s)`, () => {
      assert.throws(() => found(routes, { path: '/public/../admin' }), { code: 'BAD_REQUEST' });
    });
  }
});

test('a listener is chosen by exact host, then the longest wildcard, then the one for every host', () => {
  const names = [undefined, '*.example.com', 'a.example.com'];
  const table = listenerTable(names.map((hostname) => ({ hostname })));
  assert.equal(table.find('a.example.com:3000'), 2);
  assert.equal(table.find('b.example.com'), 1);
  assert.equal(table.find('elsewhere'), 0);
  assert.equal(listenerTable([{ hostname: 'a.example.com' }]).find('elsewhere'), undefined);
});

/** The rule of precedence, written down a second time without any index: rank everything that fits, take the best. */
function reference(routes: readonly Route[], request: Routable): number | undefined {
  const fitting: { route: number; rank: number[] }[] = [];
  routes.forEach(({ hostnames, matches }, at) => {
    for (const host of hostnames.length > 0 ? hostnames : ['*']) {
      if (!hostFits(host, request.authority)) continue;
      for (const each of matches) {
        if (!matchFits(each, request)) continue;
        const hostRank = host === '*' ? 0 : host.startsWith('*.') ? host.length : 1000;
        const exact = each.path.kind === 'exact' ? 1 : 0;
        const method = each.method === undefined ? 0 : 1;
        const rank = [
          hostRank,
          exact,
          each.path.value.length,
          method,
          each.headers.length,
          each.query.length,
          -at,
        ];
        fitting.push({ route: at, rank });
      }
    }
  });
  fitting.sort((one, other) => {
    const differs = one.rank.findIndex((value, index) => value !== other.rank[index]);
    return differs < 0 ? 0 : (other.rank[differs] as number) - (one.rank[differs] as number);
  });
  return fitting[0]?.route;
}

function hostFits(pattern: string, host: string): boolean {
  if (pattern === '*') return true;
  return pattern.startsWith('*.')
    ? host.endsWith(pattern.slice(1)) && host.length > pattern.length - 1
    : host === pattern;
}

function matchFits({ path, method, headers, query }: RouteMatch, request: Routable): boolean {
  const segments = (text: string) => text.split('/').filter((segment) => segment !== '');
  const fits = {
    exact: () => request.path === path.value,
    prefix: () => segments(path.value).every((segment, index) => segments(request.path)[index] === segment),
    regex: () => new RegExp(path.value).exec(request.path)?.[0] === request.path,
  };
  return (
    fits[path.kind]() &&
    (method === undefined || method === request.method) &&
    headers.every(({ name, value }) => request.headers[name] === value) &&
    query.every(({ name, value }) => new URLSearchParams(request.query).get(name) === value)
  );
}

test('the table finds what the rule of precedence says, for any routes and requests', () => {
  const hosts = fc.constantFrom('*', 'a.x', 'b.x', '*.x', '*.b.x', 'c.b.x');
  const path = fc.oneof(
    fc.record({
      kind: fc.constantFrom<'exact' | 'prefix'>('exact', 'prefix'),
      value: fc.constantFrom('/', '/a', '/a/b', '/ab'),
    }),
    fc.record({ kind: fc.constant<'regex'>('regex'), value: fc.constantFrom('/.*', '/a.*', '/[ab]+') }),
  );
  const value = (name: string) =>
    fc.constantFrom(...['1', '2'].map((each) => ({ name, kind: 'exact' as const, value: each })));
  const matchOf = fc.record({
    path,
    method: fc.constantFrom(undefined, 'GET', 'POST'),
    headers: fc.array(value('h'), { maxLength: 1 }),
    query: fc.array(value('q'), { maxLength: 1 }),
  });
  const routeOf = fc.record({
    hostnames: fc.uniqueArray(hosts, { maxLength: 2 }),
    matches: fc.array(matchOf, { minLength: 1, maxLength: 3 }),
  });
  const request = fc.record({
    method: fc.constantFrom('GET', 'POST'),
    path: fc.constantFrom('/', '/a', '/a/', '/a/b', '/a/b/c', '/ab', '/abb', '/b'),
    query: fc.constantFrom('', 'q=1', 'q=2'),
    authority: fc.constantFrom('a.x', 'b.x', 'c.b.x', 'x', 'y'),
    scheme: fc.constant('http'),
    headers: fc.constantFrom({}, { h: '1' }, { h: '2' }),
  });
  fc.assert(
    fc.property(fc.array(routeOf, { maxLength: 5 }), request, (routes, asked) => {
      assert.equal(routeTable({ routes }).find(asked), reference(routes, asked));
    }),
    { numRuns: 2000, seed: 20_261_120 },
  );
});

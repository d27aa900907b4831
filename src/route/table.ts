/**
 * Which listener and which route serve a request. Precedence is the Gateway API's: the more specific host, then exact
 * paths, then the longer pattern, then a method, then the number of headers, then of query parameters, then order.
 * Built once per generation; pure.
 */
import { GatewayError } from '../core/errors.ts';
import type { ListenerPlan, PathMatch, RouteMatch, RoutePlan } from '../core/plan.ts';
import { pathFault } from '../lib/request-path.ts';
import { type HostMap, hostCandidates, hostMap, hostPattern, requestHost } from './host.ts';
import { compileMatch, type Matcher, type Routable, RouteQuestion } from './match.ts';

export interface ListenerTable {
  /** Index into the listeners: exact host, then the longest wildcard, then one for every host. */
  find(authority: string): number | undefined;
}

export interface RouteTable {
  /** Index into the listener's routes. Throws GatewayError BAD_REQUEST for a path that could be read in two ways. */
  find(request: Routable): number | undefined;
}

/** No listener for a host that was asked for is MISDIRECTED (421), no route ROUTE_NOT_FOUND (404); the caller says so. */
export function listenerTable(listeners: readonly Pick<ListenerPlan, 'hostname'>[]): ListenerTable {
  const map = hostMap(listeners.map((listener, index) => [listener.hostname, index] as const));
  // The common configuration has nothing to choose from.
  if (map.exact.size === 0 && map.wildcard.size === 0) return { find: () => map.any };
  return {
    find(authority) {
      for (const index of hostCandidates(map, requestHost(authority))) return index;
      return undefined;
    },
  };
}

/** Throws GatewayError CONFIG_INVALID when a route has an invalid expression. */
export function routeTable(listener: { readonly routes: readonly Routed[] }): RouteTable {
  const map = groupByHost(listener.routes);
  if (listener.routes.length === 1 && listener.routes.every(takesAll)) return { find: catchAll };
  return {
    find(request) {
      refuseFault(request.path);
      const question = new RouteQuestion(request);
      for (const entries of hostCandidates(map, requestHost(request.authority))) {
        for (const entry of entries) if (entry.matches(question)) return entry.route;
      }
      return undefined;
    },
  };
}

function catchAll(request: Routable): number {
  refuseFault(request.path);
  return 0;
}

function refuseFault(path: string): void {
  const fault = pathFault(path);
  if (fault !== undefined)
    throw new GatewayError('BAD_REQUEST', `the path is not served as it is spelled: ${fault}`);
}

function takesAll({ hostnames, matches }: Routed): boolean {
  if (hostnames.length > 0) return false;
  return matches.some(
    ({ path, method, headers, query }) =>
      path.kind === 'prefix' &&
      path.value === '/' &&
      method === undefined &&
      headers.length === 0 &&
      query.length === 0,
  );
}

interface Routed extends Pick<RoutePlan, 'hostnames' | 'matches'> {
  /** What it serves besides. Of equal matches those that somebody has written go first, whichever route they are of. */
  readonly claims?: readonly RouteMatch[];
}

interface Entry {
  readonly route: number;
  readonly match: RouteMatch;
  readonly matches: Matcher;
}

function groupByHost(routes: readonly Routed[]): HostMap<readonly Entry[]> {
  const groups = new Map<string | undefined, Entry[]>();
  const add = (route: number, { hostnames }: Routed, all: readonly RouteMatch[] = []): void => {
    const entries = all.map((match) => ({ route, match, matches: compileMatch(match) }));
    const hosts = hostnames.length > 0 ? hostnames.map(hostPattern) : [undefined];
    for (const host of new Set(hosts)) {
      const group = groups.get(host);
      if (group) group.push(...entries);
      else groups.set(host, [...entries]);
    }
  };
  for (const [index, route] of routes.entries()) add(index, route, route.matches);
  for (const [index, route] of routes.entries()) add(index, route, route.claims);
  // The sort is stable: what is equal keeps the order of the document.
  for (const group of groups.values()) group.sort((one, other) => compareMatches(one.match, other.match));
  return hostMap(groups);
}

/** Negative when `one` goes before `other`. */
function compareMatches(one: RouteMatch, other: RouteMatch): number {
  return (
    rank(other.path) - rank(one.path) ||
    other.path.value.length - one.path.value.length ||
    Number(other.method !== undefined) - Number(one.method !== undefined) ||
    other.headers.length - one.headers.length ||
    other.query.length - one.query.length
  );
}

/** Prefix and regex share a rank and compare by length, as in the Rust gateway. */
function rank(path: PathMatch): number {
  return path.kind === 'exact' ? 1 : 0;
}

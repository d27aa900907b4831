/**
 * From a plan to what serves it. THE stack file: reads as the path of a request. No network or child IO here; a
 * build either succeeds or throws, and then the generation before it goes on serving.
 */

import type { Definitions } from '../config/definitions.ts';
import type { Backend, BackendDeps, Lasting } from '../core/backend.ts';
import { GatewayError } from '../core/errors.ts';
import type { Answer, Exchange } from '../core/exchange.ts';
import { allGates, allGuards, type McpGate } from '../core/guard.ts';
import { allMappings, type Outgoing } from '../core/outgoing.ts';
import type { BindPlan, ListenerPlan, Plan, RouteBackend, RoutePlan } from '../core/plan.ts';
import {
  type Altitude,
  type AttachLevel,
  mergePolicies,
  PHASES,
  type PolicyDefinition,
  type PolicyParts,
  type PolicySet,
  type RouteFacts,
} from '../core/policy.ts';
import type { Ports } from '../core/ports.ts';
import type { Probe } from '../core/probe.ts';
import type { BackendHealth } from '../core/resilience.ts';
import { Scope } from '../core/scope.ts';
import { type Layer, type Service, stack } from '../core/service.ts';
import { isLoopbackHost } from '../lib/address.ts';
import type { Entry } from '../listen/acceptor.ts';
import { hostOrigin } from '../listen/host-origin.ts';
import type { TlsChoice } from '../listen/tls-entrance.ts';
import { originAllowed } from '../policies/cors/cors.ts';
import type { CorsConfig } from '../policies/cors/schema.ts';
import { listenerTable, routeTable } from '../route/table.ts';
import type { Loaded } from './loading.ts';
import { OwnPages } from './pages.ts';
import { type TcpRoutes, tcpRoutes } from './tcp.ts';
import { bindTls } from './tls.ts';
import { nameOfWay, type Way } from './way.ts';
import { type WeightedBackend, weighted } from './weighted.ts';

export interface GenerationDeps {
  readonly definitions: Definitions;
  readonly ports: Ports;
  readonly lasting: Lasting;
  /** What the policies of the plan have loaded; absent where none loads anything. */
  readonly loaded?: Loaded;
}

export interface Generation {
  readonly plan: Plan;
  /** By port as configured. */
  readonly binds: ReadonlyMap<BindPlan['port'], Service<Exchange, Answer>>;
  /** How connections enter, likewise. */
  readonly entries: ReadonlyMap<BindPlan['port'], Entry>;
  /** Closed when the last exchange is over. */
  readonly scope: Scope;
  /** Closed at the swap to the next generation. */
  readonly current: Scope;
  readonly backends: readonly BuiltBackend[];
  readonly routes: readonly BuiltRoute[];
}

export interface BuiltBackend {
  readonly key: string;
  readonly backend: Backend;
  readonly health: BackendHealth | undefined;
}

export interface BuiltRoute {
  readonly name: string;
  readonly backends: readonly WeightedBackend[];
}

interface Building extends GenerationDeps {
  readonly plan: Plan;
  readonly pages: OwnPages;
  readonly scope: Scope;
  readonly current: Scope;
  readonly entries: Map<BindPlan['port'], Entry>;
  readonly backends: BuiltBackend[];
  readonly routes: BuiltRoute[];
}

export function buildGeneration(plan: Plan, deps: GenerationDeps): Generation {
  const building: Building = {
    ...deps,
    plan,
    pages: new OwnPages(),
    scope: new Scope(),
    current: new Scope({ together: true }),
    entries: new Map(),
    backends: [],
    routes: [],
  };
  try {
    const binds = new Map(plan.binds.map((bind) => [bind.port, buildBind(bind, building)]));
    const { entries, scope, current, backends, routes } = building;
    return { plan, binds, entries, scope, current, backends, routes };
  } catch (error) {
    void building.current.close().catch(() => undefined);
    void building.scope.close().catch(() => undefined);
    throw error;
  }
}

/** 1. The listener whose hostname fits, unless the connection was let in by another's settings. */
function buildBind(bind: BindPlan, building: Building): Service<Exchange, Answer> {
  const table = listenerTable(bind.listeners);
  const passed = bind.listeners.map((listener) =>
    isHttp(listener) ? undefined : tcpRoutes(listener, bind, building),
  );
  const { choice, refusal } = bindTls(bind, { ...building, table, passed });
  building.entries.set(bind.port, entryOf(bind, choice, passed));
  const listeners = bind.listeners.map((listener) =>
    isHttp(listener) ? buildListener(listener, bind, building) : undefined,
  );
  return (exchange) => {
    const at = table.find(exchange.authority);
    const refused = refusal(exchange, at);
    if (refused) throw refused;
    const serve = at === undefined ? undefined : listeners[at];
    if (!serve) throw new GatewayError('MISDIRECTED', `no listener for host "${exchange.authority}"`);
    return serve(exchange);
  };
}

function isHttp({ protocol }: ListenerPlan): boolean {
  return protocol === 'HTTP' || protocol === 'HTTPS';
}

/** Where a listener takes connections as they come, it is the only one. */
function entryOf(
  { proxyProtocol, connect, listeners }: BindPlan,
  tls: TlsChoice | undefined,
  [first]: readonly (TcpRoutes | undefined)[],
): Entry {
  const plain = connect === 'tunnel' ? listeners.some(({ tls: own }) => !own) : listeners.some(isHttp);
  const tlsAlone = listeners.length > 0 && !plain;
  if (!first || listeners[0]?.protocol !== 'TCP') return { proxyProtocol, tls, tlsAlone };
  const tcp: Entry['tcp'] = async (connection) => {
    const serve = first.find(undefined);
    if (!serve) throw new GatewayError('ROUTE_NOT_FOUND', 'the listener has no route');
    await serve(connection);
  };
  return { proxyProtocol, tcp };
}

/** 2. Its layers, then the route that fits best. */
function buildListener(
  listener: ListenerPlan,
  bind: BindPlan,
  building: Building,
): Service<Exchange, Answer> {
  const table = routeTable({ routes: listener.routes.map((route) => withClaims(route, building)) });
  const routes = listener.routes.map((route) => buildRoute(route, { listener, bind }, building));
  // One for each route, not one for each request: a closure per request kept old requests alive (measured: a fifth
  // of a call's CPU went into promoting them).
  const servings = routes.map((_, at): Exchange['serves'] => {
    return (exchange, path) => table.find({ ...routable(exchange), path }) === at;
  });
  const route: Service<Exchange, Answer> = (exchange) => {
    const at = table.find(exchange);
    const serve = at === undefined ? undefined : routes[at];
    if (!serve) throw new GatewayError('ROUTE_NOT_FOUND', `no route for ${exchange.method} ${exchange.path}`);
    exchange.serves = servings[at as number] as Exchange['serves'];
    return serve(exchange);
  };
  const layers = policyLayers(listener.policies, building, {
    level: 'listener',
    key: `${bind.port}/${listener.name}`,
  });
  const named: Layer<Exchange, Answer> = (next) => (exchange) => {
    exchange.record.listener = listener.name;
    return next(exchange);
  };
  return stack([named, building.pages.layer(bind, listener), ...layers], route);
}

/** What belongs to a route by its policies and backends, beside what it matches by itself. */
function withClaims(route: RoutePlan, { definitions }: Building) {
  const byPolicies = definitions.policies.flatMap(({ key, claims }) => {
    const config = route.policies[key];
    return (config !== undefined && claims?.(config, route.matches)) || [];
  });
  const byBackends = route.backends.flatMap(({ kind, config }) => {
    return definitionOf(kind, { definitions })?.claims?.(config, route) ?? [];
  });
  return { ...route, claims: [...byPolicies, ...byBackends] };
}

function definitionOf(kind: string, { definitions }: Pick<Building, 'definitions'>) {
  return definitions.backends.find(({ key }) => key === kind);
}

/** What decides about MCP alone would say nothing where no MCP passes: whoever wrote it believes otherwise. */
function checkReach(
  policies: PolicySet,
  { definitions }: Pick<Building, 'definitions'>,
  { level, key: at, route }: Standing,
): void {
  const kinds = route?.backends ?? [];
  if (kinds.length === 0 || kinds.includes('mcp')) return;
  for (const { key, altitudes } of definitions.policies) {
    if (policies[key] === undefined || !altitudes?.every((altitude) => altitude === 'mcp')) continue;
    const message = `${level} ${at}: ${key}: it is about MCP, and no \`mcp\` backend lies behind`;
    throw new GatewayError('CONFIG_INVALID', message);
  }
}

/** 3. Its layers in phase order, then a backend by weight: again for each try. */
function buildRoute(
  route: RoutePlan,
  within: { listener: ListenerPlan; bind: BindPlan },
  building: Building,
): Service<Exchange, Answer> {
  const policies: PolicySet = { ...within.listener.policies, ...route.policies };
  checkReach(route.policies, building, routePlace(route));
  const backends = route.backends.map((_, at) => buildBackend(at, { ...within, route }, building));
  const name = route.name ?? route.key;
  building.routes.push({ name, backends });
  const named: Layer<Exchange, Answer> = (next) => (exchange) => {
    exchange.record.route = name;
    return next(exchange);
  };
  const cors = policies['cors'] as CorsConfig | undefined;
  const guard = hostOrigin({
    loopback: isOnLoopback(within.bind),
    forwards: route.backends.some(({ kind }) => definitionOf(kind, building)?.forwards),
    hostNamed: within.listener.hostname !== undefined || route.hostnames.length > 0,
    originAllowed: cors ? originAllowed(cors) : () => false,
  });
  const place = routePlace(route);
  const { hostnames } = route;
  const facts = { ...place.route, hostnames, listener: `${within.bind.port}/${within.listener.name}` };
  const parts = policyParts(route.policies, building, { ...place, route: facts, altitude: 'exchange' });
  const attempt = stack(attempts(parts), weighted(backends));
  return stack([named, guard, ...layersOf(parts)], attempt);
}

function isOnLoopback({ mode, address }: BindPlan): boolean {
  return mode === 'standard' && (address === undefined || isLoopbackHost(address));
}

/**
 * Names what is kept for a backend here: the view and the sessions of one that several routes name are theirs alone, as
 * their rules are. The first of them keeps the name as it is, which other processes know whatever their ports.
 */
function instanceKey({ key, backends }: RoutePlan, at: number, built: readonly BuiltBackend[]): string {
  const { key: named } = backends[at] as RouteBackend;
  if (!built.some((other) => other.key === named)) return named;
  const before = backends.slice(0, at).filter((other) => other.key === named).length;
  return `${key} ${named}${before === 0 ? '' : `#${before + 1}`}`;
}

/** 4. The backend behind its own layers. */
function buildBackend(at: number, way: Way & { route: RoutePlan }, building: Building): WeightedBackend {
  const { route } = way;
  const backend = route.backends[at] as RouteBackend;
  const instance = instanceKey(route, at, building.backends);
  const { definitions, ports, lasting, scope, current, plan, loaded } = building;
  const definition = definitionOf(backend.kind, { definitions });
  if (!definition) throw new GatewayError('CONFIG_INVALID', `no backend of kind "${backend.kind}"`);
  const { key, kind } = backend;
  const facts: RouteFacts = { backends: [kind], agent: isAgent(route, backend), matches: route.matches };
  const place: Standing = { level: 'backend', key, route: facts };
  checkReach(backend.policies, building, place);
  const parts = (policies: PolicySet, altitude: Altitude, where = place) =>
    policyParts(policies, building, { ...where, altitude });
  const deps: BackendDeps = {
    ports,
    lasting,
    scope,
    current,
    settings: plan.settings,
    key: instance,
    label: `${route.name ?? route.key} > ${backend.kind}`,
    way: () => nameOfWay(way, backend.policies),
    matches: route.matches,
    hostnames: route.hostnames,
    policies: mergePolicies(definitions.policies, route.policies, backend.policies),
    guard: (policies) => allGuards(parts(policies, 'mcp').map(({ mcp }) => mcp)),
    gate: (target) => {
      if (target)
        return gateOf(parts(target.policies, 'mcp', { level: 'target', key: `${key}/${target.name}` }));
      const ofRoute = gateOf(parts(route.policies, 'mcp', routePlace(route)));
      return allGates([ofRoute, gateOf(parts(backend.policies, 'mcp'))]);
    },
    retry: () => parts(route.policies, 'mcp', routePlace(route)).find(({ retry }) => retry)?.retry,
    outgoing: (policies, wider = {}) =>
      outgoing(parts(mergePolicies(definitions.policies, wider, policies), 'outgoing')),
  };
  const built = located(`backend ${key}`, () => definition.build(backend.config, deps, loaded?.get(kind)));
  const own = parts(backend.policies, 'exchange', { ...place, probe: built.probe });
  const service = stack(layersOf(own), built.handle);
  const health = own.find((part) => part.health)?.health;
  building.backends.push({ key: instance, backend: built, health });
  return { key: backend.key, weight: backend.weight, backend: built, health, service };
}

/** The exchange layers of a policy set, in phase order and within a phase in the order of the definitions. */
function policyLayers(policies: PolicySet, building: Building, at: Standing): Layer<Exchange, Answer>[] {
  return layersOf(policyParts(policies, building, { ...at, altitude: 'exchange' }));
}

function layersOf(parts: readonly PolicyParts[]): Layer<Exchange, Answer>[] {
  return parts.flatMap(({ exchange }) => exchange ?? []);
}

function attempts(parts: readonly PolicyParts[]): Layer<Exchange, Answer>[] {
  return parts.flatMap(({ attempt }) => attempt ?? []);
}

interface Standing {
  readonly level: AttachLevel;
  /** Of what it stands at; stays the same over reloads. */
  readonly key: string;
  readonly route?: RouteFacts;
  readonly probe?: Probe | undefined;
}

function routePlace(plan: RoutePlan): Standing & { readonly route: RouteFacts } {
  const { key, backends, matches } = plan;
  const agent = isAgent(plan, ...backends);
  return { level: 'route', key, route: { backends: backends.map(({ kind }) => kind), agent, matches } };
}

function isAgent(...places: readonly { readonly policies: PolicySet }[]): boolean {
  return places.some(({ policies }) => policies['a2a'] !== undefined);
}

function gateOf(parts: readonly PolicyParts[]): McpGate | undefined {
  return allGates(parts.map(({ gate }) => gate));
}

const HTTP_ONLY: readonly Altitude[] = ['exchange'];

function policyParts(
  policies: PolicySet,
  { definitions, ports, lasting, scope, pages, plan, loaded }: Building,
  { altitude, level, key: at, route, probe }: Standing & { readonly altitude: Altitude },
): PolicyParts[] {
  const present = definitions.policies.filter(
    ({ key, altitudes = HTTP_ONLY }) => policies[key] !== undefined && altitudes.includes(altitude),
  );
  const inOrder = [...present].sort((a, b) => phase(a) - phase(b));
  const place = `${level} ${at}`;
  const deps = { ports, lasting, scope, pages, settings: plan.settings, place, level, route, probe };
  return inOrder.map((policy) =>
    located(place, () => policy.build(policies[policy.key], deps, loaded?.get(policy.key))),
  );
}

/** Names the place of what cannot be built: by now nobody knows lines any more. */
function located<T>(place: string, build: () => T): T {
  try {
    return build();
  } catch (error) {
    if (!(error instanceof GatewayError) || error.code !== 'CONFIG_INVALID') throw error;
    throw new GatewayError('CONFIG_INVALID', `${place}: ${error.message}`, { cause: error });
  }
}

function outgoing(parts: readonly PolicyParts[]): Outgoing {
  return {
    mapping: allMappings(parts.flatMap(({ mapping }) => mapping ?? [])),
    credentials: parts.find(({ credentials }) => credentials)?.credentials,
    mirror: parts.find(({ mirror }) => mirror)?.mirror,
  };
}

function phase({ phase: name }: PolicyDefinition): number {
  return PHASES.indexOf(name);
}

function routable(exchange: Exchange) {
  const { method, authority, scheme, headers, query } = exchange;
  return { method, authority, scheme, headers, query };
}

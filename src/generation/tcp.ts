/**
 * Routes for connections whose bytes are passed on: which one serves a name, the backends it tries, and how long what it
 * has let through may last. Opens nothing.
 */
import { createHash } from 'node:crypto';
import type { Definitions } from '../config/definitions.ts';
import type { DialerDeps, Lasting } from '../core/backend.ts';
import type { Connection, Dialer } from '../core/connection.ts';
import { asGatewayError, GatewayError } from '../core/errors.ts';
import type { BindPlan, ListenerPlan, RouteBackend, SettingsPlan, TcpRoutePlan } from '../core/plan.ts';
import { mergePolicies } from '../core/policy.ts';
import type { Ports } from '../core/ports.ts';
import type { Scope } from '../core/scope.ts';
import type { Service } from '../core/service.ts';
import { canonicalJson } from '../lib/canonical-json.ts';
import { listenerTable } from '../route/table.ts';
import type { Loaded } from './loading.ts';
import { Passage } from './passage.ts';
import { roundRobin } from './weighted.ts';

export interface TcpBuilding {
  readonly definitions: Definitions;
  readonly ports: Ports;
  readonly lasting: Lasting;
  readonly scope: Scope;
  readonly current: Scope;
  readonly plan: { readonly settings: SettingsPlan };
  readonly loaded?: Loaded;
}

export interface TcpRoutes {
  /** Who serves connections that ask for this name; undefined: nobody. */
  find(serverName: string | undefined): Service<Connection, void> | undefined;
}

/** Throws CONFIG_INVALID. */
export function tcpRoutes(listener: ListenerPlan, bind: BindPlan, building: TcpBuilding): TcpRoutes {
  const routes = listener.tcpRoutes.map((route) => tcpRoute(route, { listener, bind }, building));
  const places = listener.tcpRoutes.flatMap(({ hostnames }, at) =>
    (hostnames.length > 0 ? hostnames : [undefined]).map((hostname) => ({ hostname, at })),
  );
  const table = listenerTable(places);
  return {
    find(serverName) {
      const place = table.find(serverName ?? '');
      return place === undefined ? undefined : routes[places[place]?.at ?? -1];
    },
  };
}

interface Place {
  readonly listener: ListenerPlan;
  readonly bind: BindPlan;
}

interface TcpBackend {
  readonly key: string;
  readonly weight: number;
  readonly dialer: Dialer;
  readonly passage: Passage;
  /** Others take its connections, so that nobody else would hear of it. */
  readonly missed: (failure: GatewayError) => void;
}

const WARN_EACH_MS = 60_000;

function tcpRoute(route: TcpRoutePlan, place: Place, building: TcpBuilding): Service<Connection, void> {
  const backends = route.backends.map((backend) => tcpBackend(backend, { ...place, route }, building));
  const next = roundRobin(backends);
  const name = route.name ?? route.key;
  const { connectionIdle: idleMs, connectionHalfOpen: halfOpenMs } = building.plan.settings.limits;
  return async (connection) => {
    const { record } = connection;
    record.listener = place.listener.name;
    record.route = name;
    const { backend, upstream } = await connected(connection, next);
    await backend.passage.pass(connection, upstream, { idleMs, halfOpenMs });
  };
}

/** Each backend is tried once, beginning with the one whose turn it is. Nothing of the client's has been taken by then. */
async function connected(connection: Connection, next: ReturnType<typeof roundRobin<TcpBackend>>) {
  const tried = new Set<string>();
  let failure: GatewayError | undefined;
  let before: TcpBackend | undefined;
  for (;;) {
    const backend = next(tried);
    if (!backend || tried.has(backend.key)) break;
    if (failure) before?.missed(failure);
    before = backend;
    tried.add(backend.key);
    connection.record.backend = backend.key;
    try {
      return { backend, upstream: await backend.dialer.dial(connection) };
    } catch (error) {
      failure = asGatewayError(error);
      if (failure.code !== 'UPSTREAM_CONNECT' && failure.code !== 'UPSTREAM_TIMEOUT') break;
    }
  }
  throw failure ?? new GatewayError('NO_BACKEND', 'the route has no backend, or all have weight 0');
}

function tcpBackend(
  backend: RouteBackend,
  { route, ...place }: Place & { readonly route: TcpRoutePlan },
  building: TcpBuilding,
): TcpBackend {
  const { definitions, ports, lasting, scope, current, loaded } = building;
  const { key, weight, kind, config } = backend;
  const make = definitions.backends.find((one) => one.key === kind)?.dialer;
  if (!make) throw new GatewayError('CONFIG_INVALID', `no backend of kind "${kind}" takes connections`);
  const policies = mergePolicies(definitions.policies, route.policies, backend.policies);
  const label = `${route.name ?? route.key} > ${kind}`;
  const deps: DialerDeps = { ports, lasting, scope, key, label, hostnames: route.hostnames, policies };
  const dialer = make(config, deps, loaded?.get(kind));
  const passage = lasting.hold(current, passageKey({ ...place, route }, backend), () => new Passage());
  return { key, weight, dialer, passage, missed: missing(key, ports) };
}

/** A warning, once in a while. */
function missing(backend: string, { clock, log }: Ports): TcpBackend['missed'] {
  let quietUntil = Number.NEGATIVE_INFINITY;
  return ({ code, message }) => {
    const now = clock.monotonic();
    if (now < quietUntil) return;
    quietUntil = now + WARN_EACH_MS;
    log.warn(
      { backend, reason: code, error: message },
      'a backend is passed over: it cannot be connected to',
    );
  };
}

/** All that has let a connection through. What is left of it after a reload may stay. */
function passageKey(
  { bind, listener, route }: Place & { readonly route: TcpRoutePlan },
  { kind, config, policies }: RouteBackend,
): string {
  const { protocol, hostname, tls } = listener;
  const way = [bind.port ?? null, protocol, hostname ?? null, tls ?? null, route.hostnames, route.policies];
  const text = canonicalJson([...way, kind, config, policies]);
  return `passage ${createHash('sha256').update(text).digest('hex')}`;
}

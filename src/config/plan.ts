/**
 * A valid document, in any of its three spellings, as the plan it stands for. Everything downstream sees only the
 * plan: defaults filled in, names resolved, policies at the levels they act on, keys that stay the same over reloads.
 */
import { createHash } from 'node:crypto';
import type {
  BindPlan,
  ListenerPlan,
  Plan,
  RouteBackend,
  RouteMatch,
  RoutePlan,
  SettingsPlan,
  TcpRoutePlan,
  ValueMatch,
} from '../core/plan.ts';
import { mergePolicies, type PolicyDefinition, type PolicySet } from '../core/policy.ts';
import { canonicalJson } from '../lib/canonical-json.ts';
import type { Definitions } from './definitions.ts';
import type {
  ConfigDocument,
  GatewayDocument,
  GatewayListenerDocument,
  McpDocument,
  PolicySetDocument,
  RouteDocument,
  ValueMatchDocument,
} from './document.ts';
import { clientHttp, connectMode, limitSettings, proxyProtocol } from './limits.ts';
import { effectiveProtocol, isHttp, listenerTls } from './listener-tls.ts';
import { backendName, splitGatewayRef, usesGateways } from './references.ts';
import type { TcpRouteDocument } from './tcp-routes.ts';

const MCP_PORT = 3000;
/** What the short `mcp` claims on a gateway it shares with other routes. */
const MCP_PREFIXES = ['/mcp', '/sse', '/message', '/.well-known'];

/** `document` has passed the schema and the rules. */
export function resolvePlan(document: ConfigDocument, definitions: Definitions): Plan {
  const keys = new UniqueKeys();
  const { policies, backends } = definitions;
  const context: Context = { document, policies, kinds: backends.map((one) => one.key), keys };
  const binds = [...bindPlans(context), ...gatewayPlans(context), ...mcpPlan(context)];
  const settings = settingsPlan(document);
  const hash = createHash('sha256').update(canonicalJson({ binds, settings })).digest('hex');
  return freeze({ binds, settings, hash });
}

interface Context {
  readonly document: ConfigDocument;
  readonly policies: readonly PolicyDefinition[];
  readonly kinds: readonly string[];
  readonly keys: UniqueKeys;
}

/** Two routes may match the same; the second one still needs a key of its own. */
class UniqueKeys {
  readonly #seen = new Map<string, number>();

  take(key: string): string {
    const count = (this.#seen.get(key) ?? 0) + 1;
    this.#seen.set(key, count);
    return count === 1 ? key : `${key}#${count}`;
  }
}

function bindPlans(context: Context): BindPlan[] {
  const { binds, frontendPolicies } = context.document;
  return binds.map(({ port, address, mode, listeners, ...entrance }) => ({
    port,
    address,
    mode,
    proxyProtocol: proxyProtocol(frontendPolicies, entrance),
    connect: connectMode(frontendPolicies, { mode, ...entrance }),
    listeners: listeners.map((listener) => {
      const { name, namespace, hostname, tls, policies, routes, tcpRoutes } = listener;
      const full = within(namespace, name ?? hostname ?? 'default');
      const prefix = `${port ?? '*'}/${full}`;
      const protocol = effectiveProtocol(listener);
      return {
        name: full,
        hostname: hostPattern(hostname),
        protocol,
        tls: listenerTls(tls, protocol),
        policies: policySet(policies),
        routes: routes.map((route) => routePlan(context, route, prefix)),
        tcpRoutes: tcpRoutes.map((route) => tcpRoutePlan(context, route, prefix)),
      };
    }),
  }));
}

function within(namespace: string | undefined, name: string): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

function gatewayPlans(context: Context): BindPlan[] {
  const { document } = context;
  return Object.entries(document.gateways).map(([name, gateway]) => ({
    port: gateway.port,
    address: gateway.address,
    mode: 'standard',
    proxyProtocol: proxyProtocol(document.frontendPolicies),
    connect: connectMode(document.frontendPolicies, { mode: 'standard' }),
    listeners: gatewayListeners(context, name, gateway).map((listener) => {
      const place = { gateway: name, listener: listener.name, port: gateway.port };
      const http = isHttp(listener.protocol);
      return {
        ...listener,
        routes: http ? attachedRoutes(context, place) : [],
        tcpRoutes: http ? [] : attachedTcpRoutes(context, place),
      };
    }),
  }));
}

type BareListener = Omit<ListenerPlan, 'routes' | 'tcpRoutes'>;

/** The policies of a gateway are those of each of its listeners, which may say otherwise. */
function gatewayListeners(
  { policies: known }: Context,
  gatewayName: string,
  gateway: GatewayDocument,
): BareListener[] {
  const { port: _port, address: _address, protocol: spoken, tls: whole, listeners, ...inherited } = gateway;
  const written: GatewayListenerDocument[] = listeners ?? [
    { name: gatewayName, ...(spoken && { protocol: spoken }), ...(whole && { tls: whole }) },
  ];
  return written.map(({ name, hostname, protocol: own, tls, ...policies }) => {
    const protocol = effectiveProtocol({ protocol: own, tls });
    return {
      name: name ?? hostname ?? gatewayName,
      hostname: hostPattern(hostname),
      protocol,
      tls: listenerTls(tls, protocol),
      policies: mergePolicies(known, policySet(inherited), policySet(policies)),
    };
  });
}

interface Place {
  readonly gateway: string;
  readonly listener: string;
  readonly port: number;
}

function attachedRoutes(context: Context, place: Place): RoutePlan[] {
  const { document } = context;
  const prefix = `${place.port}/${place.listener}`;
  const routes = document.routes
    .filter((route) => stands(route.gateways, place))
    .map((route) => routePlan(context, route, prefix));
  const { mcp } = document;
  if (mcp && usesGateways(document.gateways, mcp) && stands(mcp.gateways, place)) {
    routes.push(mcpRoute(context, mcp, { prefix, prefixes: MCP_PREFIXES }));
  }
  return routes;
}

function attachedTcpRoutes(context: Context, place: Place): TcpRoutePlan[] {
  return context.document.tcpRoutes
    .filter((route) => stands(route.gateways, place))
    .map((route) => tcpRoutePlan(context, route, `${place.port}/${place.listener}`));
}

function stands(refs: string | string[] | undefined, { gateway, listener }: Place): boolean {
  const list = refs === undefined ? ['default'] : Array.isArray(refs) ? refs : [refs];
  return list
    .map(splitGatewayRef)
    .some((ref) => ref.gateway === gateway && (ref.listener ?? listener) === listener);
}

function mcpPlan(context: Context): BindPlan[] {
  const { mcp } = context.document;
  if (!mcp || usesGateways(context.document.gateways, mcp)) return [];
  const port = mcp.port ?? MCP_PORT;
  const route = mcpRoute(context, mcp, { prefix: `${port}/default`, prefixes: ['/'] });
  return [
    {
      port,
      address: undefined,
      mode: 'standard',
      proxyProtocol: proxyProtocol(context.document.frontendPolicies),
      connect: connectMode(context.document.frontendPolicies, { mode: 'standard' }),
      listeners: [{ ...MCP_LISTENER, routes: [route] }],
    },
  ];
}

const MCP_LISTENER: ListenerPlan = {
  name: 'default',
  hostname: undefined,
  protocol: 'HTTP',
  tls: undefined,
  policies: {},
  routes: [],
  tcpRoutes: [],
};

function mcpRoute(
  context: Context,
  mcp: McpDocument,
  at: { prefix: string; prefixes: readonly string[] },
): RoutePlan {
  const { port: _port, gateways: _gateways, policies, ...config } = mcp;
  const key = context.keys.take(`${at.prefix}/mcp`);
  const matches = at.prefixes.map((value) => ({ path: { kind: 'prefix' as const, value }, ...ANY }));
  const backend = { key: `${key}[0]`, weight: 1, kind: 'mcp', config: defined(config), policies: {} };
  return { key, name: 'mcp', hostnames: [], matches, policies: policySet(policies), backends: [backend] };
}

const ANY = { method: undefined, headers: [], query: [] } as const;

function routePlan(context: Context, route: RouteDocument, prefix: string): RoutePlan {
  const matches = route.matches.length > 0 ? route.matches.map(matchPlan) : [{ path: PREFIX_ALL, ...ANY }];
  const hostnames = route.hostnames.map((host) => host.toLowerCase());
  const key = context.keys.take(`${prefix}/${route.name ?? signature(hostnames, matches)}`);
  return {
    key,
    name: route.name,
    hostnames: hostnames.includes('*') ? [] : hostnames,
    matches,
    policies: policySet(route.policies),
    backends: routeBackends(context, route, key),
  };
}

function tcpRoutePlan(context: Context, route: TcpRouteDocument, prefix: string): TcpRoutePlan {
  const hostnames = route.hostnames.map((host) => host.toLowerCase());
  const name = route.name && within(route.namespace, route.name);
  const key = context.keys.take(`${prefix}/${name ?? (hostnames.join(' ') || 'tcp')}`);
  return {
    key,
    name,
    hostnames: hostnames.includes('*') ? [] : hostnames,
    policies: policySet(route.policies),
    backends: routeBackends(context, route, key),
  };
}

/** The rules have seen to it that each has one kind, and that it may stand here. */
function routeBackends(
  context: Context,
  { backends }: Pick<RouteDocument, 'backends'>,
  key: string,
): RouteBackend[] {
  return backends.map((backend, index) => {
    const named = backend.backend === undefined ? undefined : backendName(backend.backend);
    const source =
      named === undefined ? backend : context.document.backends.find((one) => one.name === named);
    const kind = context.kinds.find((one) => source?.[one] !== undefined);
    if (!source || kind === undefined) throw new Error(`${key}: a backend without a kind passed the rules`);
    return {
      key: named === undefined ? `${key}[${index}]` : `backend/${named}`,
      weight: backend.weight,
      kind,
      config: source[kind],
      policies: policiesOf(context, source, backend),
    } satisfies RouteBackend;
  });
}

/** A named backend's policies, and those of the place that names it. */
function policiesOf(
  { policies }: Context,
  source: { readonly policies: PolicySetDocument },
  backend: { readonly policies: PolicySetDocument },
): PolicySet {
  const own = policySet(backend.policies);
  return source === backend ? own : mergePolicies(policies, policySet(source.policies), own);
}

const PREFIX_ALL = { kind: 'prefix', value: '/' } as const;

function matchPlan(match: RouteDocument['matches'][number]): RouteMatch {
  return {
    path: pathMatch(match.path),
    method: match.method,
    headers: match.headers.map(valueMatch),
    query: match.query.map(valueMatch),
  };
}

function pathMatch(path: RouteDocument['matches'][number]['path']): RouteMatch['path'] {
  if (path?.exact !== undefined) return { kind: 'exact', value: path.exact };
  if (path?.regex !== undefined) return { kind: 'regex', value: path.regex };
  return path?.pathPrefix === undefined ? PREFIX_ALL : { kind: 'prefix', value: path.pathPrefix };
}

function valueMatch({ name, value }: ValueMatchDocument): ValueMatch {
  if (value.regex !== undefined) return { name, kind: 'regex', value: value.regex };
  return { name, kind: 'exact', value: value.exact ?? '' };
}

/** What a route without a name matches, as text: the part of its key that survives a reordering of routes. */
function signature(hostnames: readonly string[], matches: readonly RouteMatch[]): string {
  const values = (mark: string, list: readonly ValueMatch[]) =>
    list.map(({ name, kind, value }) => `${mark}${name}${kind === 'exact' ? '=' : '~'}${value}`);
  const texts = matches.map(({ path, method, headers, query }) =>
    [
      ...(method === undefined ? [] : [method]),
      `${path.kind} ${path.value}`,
      ...values('@', headers),
      ...values('?', query),
    ].join(' '),
  );
  return [...hostnames, ...texts].join(' | ');
}

function settingsPlan({ config, frontendPolicies }: ConfigDocument): SettingsPlan {
  const address = (text: string | undefined) => (text === 'off' ? undefined : text);
  return {
    adminAddr: address(config.adminAddr),
    statsAddr: address(config.statsAddr),
    readinessAddr: address(config.readinessAddr),
    sessionKey: config.session.key,
    sessionTtlMs: config.mcp.sessionTtl,
    maxSessions: config.mcp.maxSessions,
    limits: limitSettings(config.limits, frontendPolicies),
    clientHttp: clientHttp(frontendPolicies),
    logging: { level: config.logging.level, format: config.logging.format },
  };
}

function hostPattern(hostname: string | undefined): string | undefined {
  return hostname === undefined || hostname === '*' ? undefined : hostname.toLowerCase();
}

function policySet(policies: PolicySetDocument): PolicySet {
  return defined(policies);
}

/** Without members that are present but undefined, which would hide what they are laid over. */
function defined(value: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined));
}

function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const item of Object.values(value)) freeze(item);
  return value;
}

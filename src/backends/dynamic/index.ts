/**
 * The `dynamic` backend: a forward proxy. Requests and tunnels (CONNECT) go where the client says, as far as `allow` lets
 * them; without it to whatever is public. Addresses are judged when they are connected to.
 */
import { hash } from 'node:crypto';
import { type Backend, type BackendDefinition, type BackendDeps, defineBackend } from '../../core/backend.ts';
import { GatewayError } from '../../core/errors.ts';
import { type Answer, type Exchange, header } from '../../core/exchange.ts';
import { LIMITS } from '../../core/limits.ts';
import type { UpstreamCredentials } from '../../core/outgoing.ts';
import type { PolicySet } from '../../core/policy.ts';
import type { Closable } from '../../core/scope.ts';
import { bodilessProblems } from '../../expr/bodiless.ts';
import type { Expr } from '../../expr/expression.ts';
import { loadExpr } from '../../expr/load.ts';
import { PLACES } from '../../expr/places.ts';
import { AllowList } from '../../lib/allow-list.ts';
import { canonicalJson } from '../../lib/canonical-json.ts';
import { connectionOf } from '../../upstream/connection.ts';
import { credentialsAt } from '../../upstream/credentials/login/located.ts';
import { Destinations } from '../../upstream/destinations.ts';
import { forward } from '../../upstream/forward/forward.ts';
import { Origins } from '../../upstream/forward/origins.ts';
import type { HttpUpstream } from '../../upstream/http.ts';
import { type Resolve, systemResolve } from '../../upstream/resolve.ts';
import { type UpstreamTls, upstreamTls } from '../../upstream/tls.ts';
import { dynamicDialer, type Made } from './dialer.ts';
import { type Connecting, Reaching } from './reaching.ts';
import { type DynamicConfig, dynamicSchema } from './schema.ts';
import { targeting } from './target.ts';
import { Tunnels } from './tunnels.ts';

/** What may put another authority in place of the one that was asked for. */
interface Rewriting {
  readonly urlRewrite?: { readonly authority: unknown };
  readonly transformations?: readonly (readonly {
    readonly value: { readonly request?: { readonly set: Readonly<Record<string, unknown>> } };
  }[])[];
}

/** `resolve`: in place of the system's names. */
export function dynamicBackend(resolve: Resolve = systemResolve): BackendDefinition {
  return defineBackend<DynamicConfig, Expr>({
    key: 'dynamic',
    schema: dynamicSchema,
    forwards: true,
    load: loadExpr,
    loads: ({ target }) => target !== undefined,
    problems: ({ target }, expr, at) =>
      bodilessProblems(expr, target, {
        path: ['target'],
        place: at === 'route' ? PLACES.http : PLACES.connection,
      }),
    build: (config, deps, expr) => {
      const destinations = new Destinations(new AllowList(config.allow), resolve);
      return built(config, deps, { destinations, expr });
    },
    dialer: (config, deps, expr) => {
      const destinations = new Destinations(new AllowList(config.allow), resolve);
      return dynamicDialer(config, deps, { destinations, expr });
    },
  });
}

function built(config: DynamicConfig, deps: BackendDeps, { destinations, expr }: Made): Backend {
  const { ports, lasting, scope, current, settings, policies, key } = deps;
  const open = config.allow === undefined && (deps.hostnames.length === 0 || leadsOn(config, policies));
  const { credentials, ...others } = deps.outgoing(policies);
  if (credentials && open) throw openToAll();
  const tls = policies['backendTLS'] === undefined ? undefined : upstreamTls(policies);
  const connection = connectionOf(policies, LIMITS.connect.value);
  if (open) lasting.hold(scope, `open ${key}`, () => warning(deps));
  const origins = lasting.hold(
    scope,
    originsKey(config, { tls, connection }),
    () => new Origins({ destinations, tls, connection, clock: ports.clock, log: ports.log }),
  );
  const tunnels = lasting.hold(current, tunnelsKey(config, deps), () => new Tunnels());
  // RFC 9110 section 7.6.3: what bears this name has been here.
  const via = `agentgateway-${ports.random(8).toString('hex')}`;
  const reaching = new Reaching(destinations, { tls, connection, log: ports.log });
  const target = targeting(config.target, expr, ports.log);
  const located = locating(credentials, tls);
  const request = async (exchange: Exchange): Promise<Answer> => {
    const destination = target(exchange, tls !== undefined);
    if (!tls && isSecret(exchange, config)) throw unprotected();
    if (header(exchange, 'via')?.includes(via))
      throw new GatewayError('FORWARD_LOOP', 'this request has passed here before');
    destinations.check(destination);
    return origins.use(destination, (upstream) =>
      forward(exchange, { upstream, ...others, via, credentials: located(upstream) }),
    );
  };
  return {
    handle: async (exchange) => {
      if (exchange.method !== 'CONNECT') return request(exchange);
      return tunnels.open(exchange, target(exchange, true), { reaching, limits: settings.limits });
    },
    activate: () => tunnels.judge((...place) => destinations.permits(...place)),
    drain: () => tunnels.drain(),
  };
}

const OPEN =
  'dynamic: anyone who reaches this port can reach any public host; name those that are wanted in `allow`, or all with "*"';

/** Once, and not at each reload. */
function warning({ ports, label }: BackendDeps): Closable {
  ports.log.warn({ backend: label }, OPEN);
  return { close() {} };
}

function openToAll(): GatewayError {
  const remedy = 'name the servers that may have them in `allow`';
  return new GatewayError(
    'CONFIG_INVALID',
    `dynamic: backendAuth would send credentials to any server: ${remedy}`,
  );
}

/** Whether somebody else than the host that the route serves says where to. */
function leadsOn({ target }: DynamicConfig, policies: PolicySet): boolean {
  const { urlRewrite, transformations } = policies as Rewriting;
  if (target !== undefined || typeof urlRewrite?.authority === 'object') return true;
  return transformations?.flat().some(({ value }) => value.request?.set[':authority'] !== undefined) ?? false;
}

/**
 * The client wants it secret: it says so, or asks over TLS as if this were the server. Where the configuration leads
 * such a one elsewhere, it has said how.
 */
function isSecret({ absolute, scheme }: Exchange, { target }: DynamicConfig): boolean {
  return absolute === 'https' || (absolute === undefined && scheme === 'https' && target === undefined);
}

function unprotected(): GatewayError {
  const remedy = 'use CONNECT, or give the backend the policy backendTLS';
  return new GatewayError('BAD_REQUEST', `an https:// address is not fetched over plain HTTP: ${remedy}`);
}

/** Connections stand to what `allow` let through, made in this way; other settings have their own. */
function originsKey({ allow }: DynamicConfig, { tls, connection }: Connecting): string {
  return `origins ${hash('sha256', canonicalJson([allow, tls, connection]), 'hex')}`;
}

/** Tunnels stay while they would be let through in the same way; `allow` judges each by itself. */
function tunnelsKey({ target }: DynamicConfig, { key, way }: BackendDeps): string {
  return `tunnels ${hash('sha256', canonicalJson([key, way(), target ?? null]), 'hex')}`;
}

/** Credentials as they are for each server. */
function locating(credentials: UpstreamCredentials | undefined, tls: UpstreamTls | undefined) {
  const located = new WeakMap<HttpUpstream, UpstreamCredentials>();
  return (upstream: HttpUpstream): UpstreamCredentials | undefined => {
    if (!credentials) return undefined;
    const known = located.get(upstream);
    if (known) return known;
    const url = new URL(upstream.origin);
    const made = credentialsAt(credentials, { name: url.host, url, tls });
    located.set(upstream, made);
    return made;
  };
}

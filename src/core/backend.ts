/** A backend: one config key under `backends[]`, its schema, and what answers an exchange. */
import type { ZodType } from 'zod';
import type { Dialer } from './connection.ts';
import type { Answer, Exchange } from './exchange.ts';
import type { McpGate, McpGuard } from './guard.ts';
import type { Outgoing } from './outgoing.ts';
import type { RouteMatch, RoutePlan, SettingsPlan } from './plan.ts';
import type { PolicyProblem, PolicySet } from './policy.ts';
import type { Ports } from './ports.ts';
import type { Probe } from './probe.ts';
import type { CallRetry } from './resilience.ts';
import type { Closable, Lasting, Scope } from './scope.ts';
import type { Service } from './service.ts';

export type { Lasting } from './scope.ts';

export interface Backend {
  readonly handle: Service<Exchange, Answer>;
  /** Whether this exchange belongs to a session that began here, so that balancing keeps it here. */
  owns?(exchange: Exchange): boolean;
  /** Runs at the swap: from now on this backend's plan is the one in force (sessions are rebased on it). */
  activate?(): void;
  /** Runs when what the swap removed has stopped: an exclusive child must be gone before its successor starts. */
  start?(): void;
  /** Runs at the swap when the next generation has no backend of this key: whoever still uses it is cut off. */
  retire?(): void;
  /** The gateway stops: what would never end by itself (listening streams) ends now, calls in flight may finish. */
  drain?(): void;
  /** Absent: nothing can be asked of it apart from exchanges. */
  readonly probe?: Probe | undefined;
  /** Serves a client over a channel, where the backend's protocol has such a form. */
  connect?(channel: Channel): ChannelReceiver;
}

/** A client behind a two-way channel of messages instead of HTTP: `agentgateway stdio`. */
export interface Channel {
  /** Bytes sent that the client has not read yet. */
  readonly unread: number;
  send(message: Buffer): void;
  /** The session has ended from our side; `error`: why nothing more can be sent. */
  ended(error?: Error): void;
}

export interface ChannelReceiver extends Closable {
  /** One message, without its line end. */
  receive(message: Buffer): void;
  /** Resolves when everything received so far has been answered. */
  settled(): Promise<void>;
}

export interface BackendDeps {
  readonly ports: Ports;
  readonly lasting: Lasting;
  /** Closed when the last exchange of the generation is over: for what such an exchange still needs. */
  readonly scope: Scope;
  /** Closed at the swap, before the next generation starts: for what must not run beside its successor. */
  readonly current: Scope;
  /** Names this backend across reloads: port, route match and position, or the name the user gave it. */
  readonly key: string;
  /** For messages: where it stands, as a person would say it. */
  readonly label: string;
  /** Names all that lets exchanges through to this backend, its own settings aside; another name: it has changed. */
  readonly way: () => string;
  readonly settings: SettingsPlan;
  /** What the route matches, as configured. */
  readonly matches?: readonly RouteMatch[];
  /** Hosts that the route serves; none: any. */
  readonly hostnames: readonly string[];
  /** Policies that concern the connection to the upstream (backendTLS), from route and backend, merged. */
  readonly policies: PolicySet;
  /** What the rules about MCP among some policies say together. */
  guard(policies: PolicySet): McpGuard | undefined;
  /** The limits on MCP calls of the route and of the backend; those of one target, where one is given. */
  gate(target?: { readonly name: string; readonly policies: PolicySet }): McpGate | undefined;
  /** How often the route has MCP calls sent again; undefined: not at all. */
  retry(): CallRetry | undefined;
  /** What requests to the upstream carry by them, and by those of the place they lie within. */
  outgoing(policies: PolicySet, wider?: PolicySet): Outgoing;
}

export interface BackendDefinition<C = unknown, L = unknown> {
  readonly key: string;
  readonly schema: ZodType<C>;
  /** Further requests that its route serves, as for a policy. */
  claims?(config: C, route: Pick<RoutePlan, 'matches' | 'policies'>): readonly RouteMatch[];
  /** It leads wherever the client says: requests that are made of a proxy need not be for a host of ours. */
  readonly forwards?: true;
  /** Loads what building takes and nobody else should pay for, as for a policy; for those of whom `loads` says so. */
  readonly load?: (ports: Pick<Ports, 'random'>) => Promise<L>;
  loads?(config: C): boolean;
  /** What is wrong with a config that its schema takes, as for a policy; at a route of this kind. */
  problems?(config: C, loaded: L, at: 'route' | 'tcpRoute'): Iterable<PolicyProblem>;
  /** No network or child IO here: a build either succeeds or reports what is wrong with the plan. */
  build(config: C, deps: BackendDeps, loaded?: L): Backend;
  /** The same for connections whose bytes are passed on; absent where the kind serves requests alone. */
  dialer?(config: C, deps: DialerDeps, loaded?: L): Dialer;
}

export type DialerDeps = Pick<
  BackendDeps,
  'ports' | 'lasting' | 'scope' | 'key' | 'label' | 'hostnames' | 'policies'
>;

export function defineBackend<C, L = unknown>(definition: BackendDefinition<C, L>): BackendDefinition {
  return definition as unknown as BackendDefinition;
}

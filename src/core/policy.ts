/** A policy: one config key, its schema, and the layers it contributes. */
import type { ZodType } from 'zod';
import type { Answer, Exchange } from './exchange.ts';
import type { McpGate, McpGuard } from './guard.ts';
import type { HeaderMapping, Mirror, UpstreamCredentials } from './outgoing.ts';
import type { Pages } from './pages.ts';
import type { PolicySet, RouteMatch, SettingsPlan } from './plan.ts';
import type { Ports } from './ports.ts';
import type { Probe } from './probe.ts';
import type { BackendHealth, CallRetry } from './resilience.ts';
import type { Lasting, Scope } from './scope.ts';
import type { Layer } from './service.ts';

export type { PolicySet } from './plan.ts';

/** Order of exchange layers inside a route; within a phase, the order of the definitions in standard.ts. */
export const PHASES = ['edge', 'authenticate', 'authorize', 'limit', 'transform', 'resilience'] as const;
export type Phase = (typeof PHASES)[number];

/** `tcpRoute`: a route for connections, and each of its backends. */
export type AttachLevel = 'listener' | 'route' | 'backend' | 'target' | 'tcpRoute';

/** What its build gives parts for: layers around exchanges, MCP calls, or whoever connects to an upstream. */
export type Altitude = 'exchange' | 'mcp' | 'outgoing';

export interface PolicyParts {
  readonly exchange?: Layer<Exchange, Answer>;
  /** Of a route: around each try of one of its backends, within all its `exchange` layers. */
  readonly attempt?: Layer<Exchange, Answer>;
  /** Of a backend: whether balancing should send it anything new. */
  readonly health?: BackendHealth;
  /** Of a route: how often MCP calls are sent again. Altitude `mcp`. */
  readonly retry?: CallRetry;
  /** Rules about MCP calls and lists. */
  readonly mcp?: McpGuard;
  /** Limits on MCP calls. */
  readonly gate?: McpGate;
  /** What requests to the upstream carry. */
  readonly mapping?: HeaderMapping;
  readonly credentials?: UpstreamCredentials;
  readonly mirror?: Mirror;
}

/** What a policy may know of what it stands before. */
export interface RouteFacts {
  /** Keys of the backends behind it, e.g. `mcp`, `host`. */
  readonly backends: readonly string[];
  /** Whether `a2a` stands at the route or a backend of it that may be asked. */
  readonly agent?: boolean;
  /** What the route matches, as configured. */
  readonly matches?: readonly RouteMatch[];
  /** Of the route itself, not of its backends: its hosts (none: any), and the listener it shares with others. */
  readonly hostnames?: readonly string[];
  readonly listener?: string;
}

export interface PolicyDeps {
  readonly ports: Ports;
  readonly lasting: Lasting;
  /** Closed when the last exchange of the generation is over. */
  readonly scope: Scope;
  readonly pages: Pages;
  readonly settings: SettingsPlan;
  /** Names where it stands, across reloads: what is counted there counts for nowhere else. */
  readonly place: string;
  readonly level: AttachLevel;
  /** Absent where several routes lie behind (a listener's). */
  readonly route?: RouteFacts | undefined;
  /** Of the backend it stands at, where that has one. */
  readonly probe?: Probe | undefined;
}

export interface PolicyProblem {
  /** Within the policy. */
  readonly path: readonly (string | number)[];
  readonly message: string;
  /** Which part of the text at `path`, where it is that text; in UTF-16 characters. */
  readonly part?: { readonly of: string; readonly offset: number; readonly length: number };
}

export interface PolicyDefinition<C = unknown, L = unknown> {
  readonly key: string;
  readonly phase: Phase;
  readonly attach: readonly AttachLevel[];
  readonly schema: ZodType<C>;
  /** Where less may be said than `schema` takes. */
  readonly schemaAt?: Partial<Readonly<Record<AttachLevel, ZodType<C>>>>;
  /** Default: `exchange` alone. With several it is built once for each, so what it counts belongs into `lasting`. */
  readonly altitudes?: readonly Altitude[];
  /** Further requests that its route serves, beside those that match: metadata at well-known places. */
  claims?(config: C, matches: readonly RouteMatch[]): readonly RouteMatch[];
  /** Loads what building takes and nobody else should pay for, before a plan that has this policy is built. Called for
   * each such plan. */
  readonly load?: (ports: Pick<Ports, 'random'>) => Promise<L>;
  /** What is wrong with a config that its schema takes, for messages with a place in the file; building throws it too. */
  problems?(config: C, loaded: L): Iterable<PolicyProblem>;
  /** No network or child IO here. Throws GatewayError CONFIG_INVALID for what only a look at the machine shows. */
  build(config: C, deps: PolicyDeps, loaded: L): PolicyParts;
  /** Answers requests itself: a route that has it can do without backends. */
  readonly answers?: true;
  /** What two places say together, where one lies within the other; without it the narrower one counts alone. */
  merge?(wider: C, narrower: C): C;
}

/** Keeps the type of `config` between a definition's schema and its build. */
export function definePolicy<C, L = unknown>(definition: PolicyDefinition<C, L>): PolicyDefinition {
  return definition as unknown as PolicyDefinition;
}

/** The policies of a place that lies within another one. */
export function mergePolicies(
  definitions: readonly PolicyDefinition[],
  wider: PolicySet,
  narrower: PolicySet,
): PolicySet {
  const merged: Record<string, unknown> = { ...wider, ...narrower };
  for (const { key, merge } of definitions) {
    if (merge && wider[key] !== undefined && narrower[key] !== undefined)
      merged[key] = merge(wider[key], narrower[key]);
  }
  return merged;
}

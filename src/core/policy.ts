/** A policy: one config key, its schema, and the layers it contributes. */
import type { ZodType } from 'zod';
import type { Answer, Exchange } from './exchange.ts';
import type { Ports } from './ports.ts';
import type { Lasting, Scope } from './scope.ts';
import type { Layer } from './service.ts';

/** Order of exchange layers inside a route; within a phase, the order of the definitions in standard.ts. */
export const PHASES = ['edge', 'authenticate', 'authorize', 'limit', 'transform', 'resilience'] as const;
export type Phase = (typeof PHASES)[number];

export type AttachLevel = 'listener' | 'route' | 'backend' | 'target';

export interface PolicyParts {
  readonly exchange?: Layer<Exchange, Answer>;
}

/** What a policy may know of the route it is built for. */
export interface RouteFacts {
  /** Keys of the route's backends, e.g. `mcp`, `host`. */
  readonly backends: readonly string[];
}

export interface PolicyDeps {
  readonly ports: Ports;
  readonly lasting: Lasting;
  /** Closed when the last exchange of the generation is over. */
  readonly scope: Scope;
  /** Absent when the policy is built for no route in particular (a listener's). */
  readonly route?: RouteFacts | undefined;
}

export interface PolicyDefinition<C = unknown> {
  readonly key: string;
  readonly phase: Phase;
  readonly attach: readonly AttachLevel[];
  readonly schema: ZodType<C>;
  /** No network or child IO here. Throws GatewayError CONFIG_INVALID for what only a look at the machine shows. */
  build(config: C, deps: PolicyDeps): PolicyParts;
}

/** Keeps the type of `config` between a definition's schema and its build. */
export function definePolicy<C>(definition: PolicyDefinition<C>): PolicyDefinition {
  return definition as PolicyDefinition as PolicyDefinition<unknown>;
}

/** Policies as configured: key to validated config. */
export type PolicySet = Readonly<Record<string, unknown>>;

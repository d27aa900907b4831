/** A backend: one config key under `backends[]`, its schema, and what answers an exchange. */
import type { ZodType } from 'zod';
import type { Answer, Exchange } from './exchange.ts';
import type { PolicySet } from './policy.ts';
import type { Ports } from './ports.ts';
import type { Closable, Scope } from './scope.ts';
import type { Service } from './service.ts';

export interface Backend {
  readonly handle: Service<Exchange, Answer>;
  /** Whether this exchange belongs to a session that began here, so that balancing keeps it here. */
  owns?(exchange: Exchange): boolean;
  /** Runs at the swap: from now on this backend's plan is the one in force (sessions are rebased on it). */
  activate?(): void;
}

/** What outlives a generation, found by key: pools, targets, sessions. The holder's scope releases it. */
export interface Lasting {
  hold<T extends Closable>(scope: Scope, key: string, make: () => T): T;
}

export interface BackendDeps {
  readonly ports: Ports;
  readonly lasting: Lasting;
  /** Of the generation being built. */
  readonly scope: Scope;
  /** Names this backend across reloads: port, route match and position, or the name the user gave it. */
  readonly key: string;
  /** For messages: where it stands, as a person would say it. */
  readonly label: string;
  /** Policies that concern the connection to the upstream (backendTLS), from route and backend, merged. */
  readonly policies: PolicySet;
}

export interface BackendDefinition<C = unknown> {
  readonly key: string;
  readonly schema: ZodType<C>;
  /** No network or child IO here: a build either succeeds or reports what is wrong with the plan. */
  build(config: C, deps: BackendDeps): Backend;
}

export function defineBackend<C>(definition: BackendDefinition<C>): BackendDefinition {
  return definition as BackendDefinition as BackendDefinition<unknown>;
}

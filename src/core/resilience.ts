/** What keeps a route alive when upstreams are slow or dead, as policies say it to whoever acts on it. */
import type { Backoff } from '../lib/backoff.ts';
import type { GuardedRequest } from './guard.ts';
import type { PolicySet } from './plan.ts';

/** Whether a backend is fit for new traffic. */
export interface BackendHealth {
  readonly evicted: boolean;
  /** Runs at the swap: what it looks after is in force. */
  start?(): void;
  /** For a look from outside. */
  report?(): Readonly<Record<string, unknown>>;
}

/** How often an MCP call that may be repeated is sent again. */
export interface CallRetry {
  /** Further tries after the first one. */
  readonly attempts: number;
  /** HTTP statuses of an upstream that are worth another try. */
  readonly codes: ReadonlySet<number>;
  backoff(): Backoff;
  /** Whether calls that come by this request are sent again at all. */
  allows(request: GuardedRequest): boolean;
}

export interface Timeouts {
  /** Milliseconds for a request with all its tries. */
  readonly requestTimeout?: number | undefined;
  /** Milliseconds for each try. */
  readonly backendRequestTimeout?: number | undefined;
}

/** Those of the policy `timeout`. */
export function timeoutsOf(policies: PolicySet): Timeouts {
  return (policies['timeout'] as Timeouts | undefined) ?? {};
}

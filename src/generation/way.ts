/**
 * Names for all of a configuration that lets something through to a backend, so that what came by a way which is no longer
 * configured can be told from the rest. Hashed: secrets may be among it.
 */
import { createHash } from 'node:crypto';
import type { BindPlan, ListenerPlan, RoutePlan } from '../core/plan.ts';
import type { PolicySet } from '../core/policy.ts';
import { canonicalJson } from '../lib/canonical-json.ts';

export interface Way {
  readonly bind: BindPlan;
  readonly listener: ListenerPlan;
  readonly route: Pick<RoutePlan, 'hostnames' | 'policies'> & Partial<Pick<RoutePlan, 'matches'>>;
}

/** `policies`: of the backend. */
export function nameOfWay({ bind, listener, route }: Way, policies: PolicySet): string {
  const { protocol, hostname, tls } = listener;
  const entrance = [bind.port ?? null, bind.connect ?? null, protocol, hostname ?? null, tls ?? null];
  const way = [...entrance, listener.policies, route.hostnames, route.matches ?? null, route.policies];
  return createHash('sha256')
    .update(canonicalJson([...way, policies]))
    .digest('hex');
}

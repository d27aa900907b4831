/**
 * Loads what the policies of a plan need before it can be built, such as the evaluator of expressions: whoever uses
 * none of it neither waits for it nor holds it in memory.
 */
import type { Definitions } from '../config/definitions.ts';
import type { Plan } from '../core/plan.ts';
import type { Ports } from '../core/ports.ts';

/** By the key of the policy, or of the kind of backend. */
export type Loaded = ReadonlyMap<string, unknown>;

export interface LoadingDeps {
  readonly definitions: Definitions;
  readonly ports: Pick<Ports, 'random'>;
}

/** For a plan that is to be built. */
export function loadedFor(plan: Plan, deps: LoadingDeps): Promise<Loaded> {
  const names = new Set<string>();
  collectNames(plan, names);
  const listeners = plan.binds.flatMap((bind) => bind.listeners);
  const backends = listeners
    .flatMap(({ routes, tcpRoutes }) => [...routes, ...tcpRoutes])
    .flatMap((route) => route.backends);
  for (const { key, loads } of deps.definitions.backends)
    if (loads && backends.some(({ kind, config }) => kind === key && loads(config))) names.add(key);
  return load(deps, (key) => names.has(key));
}

/** For a document that is to be checked: more than it needs where it only mentions a policy. */
export function loadedForText(text: string, deps: LoadingDeps): Promise<Loaded> {
  return load(deps, (key) => text.includes(key));
}

async function load({ definitions, ports }: LoadingDeps, needed: (key: string) => boolean): Promise<Loaded> {
  const loaded = new Map<string, unknown>();
  for (const definition of [...definitions.policies, ...definitions.backends])
    if (definition.load && needed(definition.key)) loaded.set(definition.key, await definition.load(ports));
  return loaded;
}

/** Every name in the plan: policies also stand inside the settings of backends, which only those understand. */
function collectNames(value: unknown, names: Set<string>): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [name, item] of Object.entries(value)) {
    names.add(name);
    collectNames(item, names);
  }
}

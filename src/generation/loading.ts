/**
 * Loads what the policies of a plan need before it can be built, such as the evaluator of expressions: whoever uses
 * none of it neither waits for it nor holds it in memory.
 */
import type { Definitions } from '../config/definitions.ts';
import type { Plan } from '../core/plan.ts';
import type { Ports } from '../core/ports.ts';

/** By the key of the policy. */
export type Loaded = ReadonlyMap<string, unknown>;

export interface LoadingDeps {
  readonly definitions: Definitions;
  readonly ports: Ports;
}

export class Loading {
  readonly #deps: LoadingDeps;
  readonly #begun = new Map<unknown, Promise<unknown>>();

  constructor(deps: LoadingDeps) {
    this.#deps = deps;
  }

  async of(plan: Plan): Promise<Loaded> {
    const { definitions, ports } = this.#deps;
    const names = new Set<string>();
    collectNames(plan, names);
    const loaded = new Map<string, unknown>();
    for (const { key, load } of definitions.policies) {
      if (!load || !names.has(key)) continue;
      const loading = this.#begun.get(load) ?? load(ports);
      this.#begun.set(load, loading);
      loaded.set(key, await loading);
    }
    return loaded;
  }
}

/** Every name in the plan: policies also stand inside the settings of backends, which only those understand. */
function collectNames(value: unknown, names: Set<string>): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [name, item] of Object.entries(value)) {
    names.add(name);
    collectNames(item, names);
  }
}

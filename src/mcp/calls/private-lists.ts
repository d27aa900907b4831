/** Lists of links that have announced a change of their own: they are shown to one caller and shared with nobody. */
import type { Catalogue, ListKind } from '../catalogue.ts';
import type { Target } from '../target/target.ts';

export class PrivateLists {
  readonly #lists = new Map<string, Catalogue>();

  get(target: Target, kind: ListKind): Catalogue | undefined {
    return this.#lists.size === 0 ? undefined : this.#lists.get(`${target.name}|${kind}`);
  }

  keep(target: Target, kind: ListKind, catalogue: Catalogue): void {
    this.#lists.set(`${target.name}|${kind}`, catalogue);
  }

  /** One list has changed; templates change with resources. */
  drop(target: Target, list: 'tools' | 'prompts' | 'resources'): void {
    this.#lists.delete(`${target.name}|${list}`);
    if (list === 'resources') this.#lists.delete(`${target.name}|templates`);
  }

  forget(target: Target): void {
    for (const key of this.#lists.keys()) if (key.startsWith(`${target.name}|`)) this.#lists.delete(key);
  }

  clear(): void {
    this.#lists.clear();
  }
}

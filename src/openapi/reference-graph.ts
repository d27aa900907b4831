/**
 * Which references of a document lead back to themselves, and how large what they stand for is: what decides whether a
 * schema is written where it is used or kept as a definition. Each reference is looked at once, whatever uses it.
 */
import { type References, refOf } from './references.ts';

interface Node {
  /** Values in it, without what its references stand for. */
  readonly size: number;
  /** As often as they are used. */
  readonly refs: readonly string[];
}

const ENOUGH = 1_000_000;

export class ReferenceGraph {
  readonly #references: References;
  readonly #nodes = new Map<string, Node>();
  readonly #recursive = new Map<string, boolean>();
  readonly #sizes = new Map<string, number>();

  constructor(references: References) {
    this.#references = references;
  }

  isRecursive(ref: string): boolean {
    let known = this.#recursive.get(ref);
    if (known === undefined) {
      known = this.#reaches(ref);
      this.#recursive.set(ref, known);
    }
    return known;
  }

  /** Values in it with all its references written out; a recursive one counts as one. */
  size(ref: string): number {
    const known = this.#sizes.get(ref);
    if (known !== undefined) return known;
    const { size, refs } = this.#node(ref);
    let total = size;
    for (const each of refs) {
      total += this.isRecursive(each) ? 1 : this.size(each);
      if (total > ENOUGH) break;
    }
    this.#sizes.set(ref, total);
    return total;
  }

  #reaches(start: string): boolean {
    const seen = new Set<string>();
    const open = [...this.#node(start).refs];
    for (let ref = open.pop(); ref !== undefined; ref = open.pop()) {
      if (ref === start) return true;
      if (seen.has(ref)) continue;
      seen.add(ref);
      open.push(...this.#node(ref).refs);
    }
    return false;
  }

  #node(ref: string): Node {
    const known = this.#nodes.get(ref);
    if (known) return known;
    const found: { size: number; refs: string[] } = { size: 0, refs: [] };
    count(this.#value(ref), found);
    this.#nodes.set(ref, found);
    return found;
  }

  /** What leads nowhere is reported where it is used. */
  #value(ref: string): unknown {
    try {
      return this.#references.at(ref);
    } catch {
      return undefined;
    }
  }
}

function count(value: unknown, found: { size: number; refs: string[] }): void {
  found.size += 1;
  if (typeof value !== 'object' || value === null) return;
  const ref = refOf(value);
  if (ref !== undefined) found.refs.push(ref);
  for (const item of Object.values(value)) count(item, found);
}

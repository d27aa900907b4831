/**
 * Which references of a document lead back to themselves, and how large what they stand for is: what decides whether a
 * schema is written where it is used or kept as a definition. Each reference is looked at once, whatever uses it, and
 * without recursion: documents may be chains of a hundred thousand references.
 */
import { type References, refOf } from './references.ts';

interface Node {
  /** Values in it, without what its references stand for. */
  readonly own: number;
  /** As often as they are used. */
  readonly refs: readonly string[];
  readonly order: number;
  /** Order of the first node of its cycle, as far as that is known. */
  low: number;
  /** Next of `refs` to be looked at. */
  next: number;
  /** Not yet known to be in a cycle or in none. */
  open: boolean;
  recursive: boolean;
  size: number;
}

const ENOUGH = 1_000_000;

export class ReferenceGraph {
  readonly #references: References;
  readonly #nodes = new Map<string, Node>();

  constructor(references: References) {
    this.#references = references;
  }

  isRecursive(ref: string): boolean {
    return this.#known(ref).recursive;
  }

  /** Values in it with all its references written out; a recursive one counts as one. */
  size(ref: string): number {
    return this.#known(ref).size;
  }

  /** Tarjan's strongly connected components, with a stack of our own. */
  #known(start: string): Node {
    const known = this.#nodes.get(start);
    if (known) return known;
    const first = this.#enter(start);
    const path = [first];
    const open = [first];
    for (let node = path.at(-1); node; node = path.at(-1)) {
      const ref = node.refs[node.next];
      if (ref === undefined) {
        path.pop();
        const parent = path.at(-1);
        if (parent) parent.low = Math.min(parent.low, node.low);
        if (node.low === node.order) this.#close(node, open);
        continue;
      }
      node.next += 1;
      const seen = this.#nodes.get(ref);
      if (!seen) {
        const entered = this.#enter(ref);
        path.push(entered);
        open.push(entered);
      } else if (seen.open) node.low = Math.min(node.low, seen.order);
    }
    return first;
  }

  /** `root` and what lies above it form a cycle, or it stands alone. What they refer to is known. */
  #close(root: Node, open: Node[]): void {
    const members = open.splice(open.lastIndexOf(root));
    for (const node of members) {
      node.open = false;
      node.recursive = members.length > 1 || node.refs.some((ref) => this.#nodes.get(ref) === node);
    }
    for (const node of members) node.size = Math.min(ENOUGH, node.own + this.#referenced(node));
  }

  #referenced({ refs }: Node): number {
    let total = 0;
    for (const ref of refs) {
      const node = this.#nodes.get(ref);
      total += !node || node.recursive ? 1 : node.size;
    }
    return total;
  }

  #enter(ref: string): Node {
    const found: { own: number; refs: string[] } = { own: 0, refs: [] };
    count(this.#value(ref), found);
    const order = this.#nodes.size;
    const node = { ...found, order, low: order, next: 0, open: true, recursive: false, size: found.own };
    this.#nodes.set(ref, node);
    return node;
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

function count(value: unknown, found: { own: number; refs: string[] }): void {
  found.own += 1;
  if (typeof value !== 'object' || value === null) return;
  const ref = refOf(value);
  if (ref !== undefined) found.refs.push(ref);
  for (const item of Object.values(value)) count(item, found);
}

/**
 * `$ref` within one API description: JSON pointers with their escapes, chains, loops, anchors. Knows nothing of what
 * a reference stands for.
 */
import { isObject } from '../lib/json-value.ts';
import type { JsonObject } from './text.ts';

/** What is wrong at one place of a document; the operation it belongs to is left out. */
export class DocumentProblem extends Error {}

export interface Resolved {
  readonly value: unknown;
  /** Of the reference that was followed last; undefined: there was none. */
  readonly pointer: string | undefined;
}

const MAX_CHAIN = 32;

export class References {
  readonly #root: JsonObject;
  readonly #found = new Map<string, unknown>();
  /** References being looked up: one that leads through itself would never end. */
  readonly #open = new Set<string>();
  #anchors: ReadonlyMap<string, unknown> | undefined;

  constructor(root: JsonObject) {
    this.#root = root;
  }

  /** What `ref` leads to, itself perhaps a reference. Throws DocumentProblem. */
  at(ref: string): unknown {
    if (this.#found.has(ref)) return this.#found.get(ref);
    const value = this.#look(ref);
    this.#found.set(ref, value);
    return value;
  }

  /** Follows references until there is something else. Throws DocumentProblem. */
  follow(value: unknown): Resolved {
    let current = value;
    let pointer: string | undefined;
    for (let steps = 0; steps < MAX_CHAIN; steps += 1) {
      const ref = refOf(current);
      if (ref === undefined) return { value: current, pointer };
      pointer = ref;
      current = this.at(ref);
    }
    throw new DocumentProblem(`the reference "${pointer}" leads back to itself`);
  }

  /** The same where an object has to be. */
  object(value: unknown, what: string): JsonObject {
    const { value: found, pointer } = this.follow(value);
    if (isObject(found)) return found;
    throw new DocumentProblem(pointer === undefined ? `${what} is no object` : `"${pointer}" is no object`);
  }

  #look(ref: string): unknown {
    if (!ref.startsWith('#')) throw new DocumentProblem(external(ref));
    if (ref === '#' || ref === '#/') return this.#root;
    if (!ref.startsWith('#/')) return this.#anchored(ref);
    if (this.#open.has(ref)) throw new DocumentProblem(`the reference "${ref}" leads back to itself`);
    this.#open.add(ref);
    try {
      return this.#walk(ref);
    } finally {
      this.#open.delete(ref);
    }
  }

  #walk(ref: string): unknown {
    let current: unknown = this.#root;
    for (const part of pointerParts(ref)) {
      // A pointer may lead through something that is itself a reference.
      const holder = this.follow(current).value;
      const has = typeof holder === 'object' && holder !== null && Object.hasOwn(holder, part);
      if (!has) throw new DocumentProblem(`the reference "${ref}" leads nowhere`);
      current = (holder as JsonObject)[part];
    }
    return current;
  }

  #anchored(ref: string): unknown {
    this.#anchors ??= anchorsOf(this.#root);
    const name = ref.slice(1);
    if (!this.#anchors.has(name)) throw new DocumentProblem(`the reference "${ref}" leads nowhere`);
    return this.#anchors.get(name);
  }
}

export function refOf(value: unknown): string | undefined {
  if (!isObject(value)) return undefined;
  const ref = value['$ref'];
  return typeof ref === 'string' ? ref : undefined;
}

/** Percent escapes (it is part of a URL), then those of RFC 6901. */
export function pointerParts(ref: string): string[] {
  return ref
    .slice(2)
    .split('/')
    .map((part) => unescaped(part).replaceAll('~1', '/').replaceAll('~0', '~'));
}

function unescaped(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    // Not an escape: documents with a bare "%" in a name.
    return part;
  }
}

function external(ref: string): string {
  return `the reference "${ref}" leads out of the document: set externalReferences: true to have such files read, or put everything into one document`;
}

function anchorsOf(root: unknown): Map<string, unknown> {
  const anchors = new Map<string, unknown>();
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const key of ['$anchor', '$dynamicAnchor']) {
      const name = (value as JsonObject)[key];
      if (typeof name === 'string' && !anchors.has(name)) anchors.set(name, value);
    }
    for (const item of Object.values(value)) visit(item);
  };
  visit(root);
  return anchors;
}

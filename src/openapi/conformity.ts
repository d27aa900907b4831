/**
 * Whether what an API has sent is as the output schema of its tool says: clients refuse a result that is not, and with
 * it what the API has said. Knows the keywords that output schemas are made of (see `loosened` in schema.ts), no others.
 */
import { isDeepStrictEqual } from 'node:util';
import { isObject } from '../lib/json-value.ts';
import { refOf } from './references.ts';
import type { Schema } from './schema-words.ts';

/** What does not fit, with its place; undefined: nothing. */
export type Conformity = (value: unknown) => string | undefined;

/** Alternatives within alternatives, all of them tried, could take for ever. */
const MOST_STEPS = 1_000_000;
const DEEPEST = 400;

export function conformityTo(root: Schema): Conformity {
  const definitions = isObject(root['$defs']) ? root['$defs'] : {};
  return (value) => new Check(definitions).fault(root, value, { place: '', depth: 0 });
}

interface Place {
  readonly place: string;
  readonly depth: number;
}

class Check {
  readonly #definitions: Schema;
  #steps = 0;

  constructor(definitions: Schema) {
    this.#definitions = definitions;
  }

  fault(schema: unknown, value: unknown, at: Place): string | undefined {
    if (!isObject(schema)) return undefined;
    this.#steps += 1;
    if (this.#steps > MOST_STEPS || at.depth > DEEPEST) return `${at.place}: too intricate to be checked`;
    const ref = refOf(schema);
    const target = ref === undefined ? undefined : this.#definitions[ref.slice('#/$defs/'.length)];
    return (
      (target === undefined ? undefined : this.fault(target, value, deeper(at))) ??
      ownFault(schema, value, at) ??
      this.#joined(schema, value, at) ??
      this.#inside(schema, value, at)
    );
  }

  #joined({ allOf, anyOf }: Schema, value: unknown, at: Place): string | undefined {
    for (const part of listOf(allOf)) {
      const fault = this.fault(part, value, deeper(at));
      if (fault !== undefined) return fault;
    }
    let first: string | undefined;
    for (const alternative of listOf(anyOf)) {
      const fault = this.fault(alternative, value, deeper(at));
      if (fault === undefined) return undefined;
      first ??= fault;
    }
    return first;
  }

  #inside(schema: Schema, value: unknown, at: Place): string | undefined {
    if (Array.isArray(value)) return this.#items(schema, value, at);
    return isObject(value) ? this.#members(schema, value, at) : undefined;
  }

  #items({ items, prefixItems }: Schema, list: readonly unknown[], at: Place): string | undefined {
    const first = listOf(prefixItems);
    for (const [index, item] of list.entries()) {
      const fault = this.fault(index < first.length ? first[index] : items, item, deeper(at, index));
      if (fault !== undefined) return fault;
    }
    return undefined;
  }

  #members(schema: Schema, value: Schema, at: Place): string | undefined {
    const { properties, required, additionalProperties } = schema;
    for (const name of listOf(required))
      if (!Object.hasOwn(value, name as string)) return `${at.place}/${String(name)} is missing`;
    const known = isObject(properties) ? properties : {};
    for (const [name, member] of Object.entries(value)) {
      const own = Object.hasOwn(known, name) ? known[name] : additionalProperties;
      const fault = this.fault(own, member, deeper(at, name));
      if (fault !== undefined) return fault;
    }
    return undefined;
  }
}

function ownFault({ type, enum: choices, const: only }: Schema, value: unknown, { place }: Place) {
  const types = typeof type === 'string' ? [type] : listOf(type);
  if (types.length > 0 && !types.some((each) => isOf(each, value)))
    return `${place} is ${kindOf(value)}, not ${types.join(' or ')}`;
  const allowed = only === undefined ? choices : [only];
  if (!Array.isArray(allowed) || allowed.some((each) => isDeepStrictEqual(each, value))) return undefined;
  return `${place} is none of the values it can have`;
}

function isOf(type: unknown, value: unknown): boolean {
  if (type === 'integer') return Number.isInteger(value);
  if (type === 'number') return typeof value === 'number';
  return type === kindOf(value);
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function deeper({ place, depth }: Place, member?: string | number): Place {
  return { place: member === undefined ? place : `${place}/${member}`, depth: depth + 1 };
}

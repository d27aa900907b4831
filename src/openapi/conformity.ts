/**
 * Whether what an API has sent is as the output schema of its tool says: clients refuse a result that is not, and with
 * it what the API has said. Knows the keywords that output schemas are made of (see `loosened` in schema.ts), no others.
 */
import { isDeepStrictEqual } from 'node:util';
import { isObject } from '../lib/json-value.ts';
import { refOf } from './references.ts';
import type { Schema } from './schema-words.ts';

/** What does not fit, behind its place; undefined: nothing. */
export type Conformity = (value: unknown) => string | undefined;

/** Alternatives within alternatives, all of them tried, could take for ever. */
const MOST_STEPS = 1_000_000;
const DEEPEST = 400;
const NONE: readonly unknown[] = [];

export function conformityTo(root: Schema): Conformity {
  const definitions = isObject(root['$defs']) ? root['$defs'] : {};
  return (value) => new Check(definitions).fault(root, value, 0);
}

/** Faults begin with their place below the value at hand: who descends puts its own step before it. */
class Check {
  readonly #definitions: Schema;
  #steps = 0;

  constructor(definitions: Schema) {
    this.#definitions = definitions;
  }

  fault(schema: unknown, value: unknown, depth: number): string | undefined {
    if (!isObject(schema)) return undefined;
    this.#steps += 1;
    if (this.#steps > MOST_STEPS || depth > DEEPEST) return ': too intricate to be checked';
    const ref = refOf(schema);
    const target = ref === undefined ? undefined : this.#definitions[ref.slice('#/$defs/'.length)];
    return (
      (target === undefined ? undefined : this.fault(target, value, depth + 1)) ??
      ownFault(schema, value) ??
      this.#joined(schema, value, depth + 1) ??
      this.#inside(schema, value, depth + 1)
    );
  }

  #joined({ allOf, anyOf }: Schema, value: unknown, depth: number): string | undefined {
    for (const part of listOf(allOf)) {
      const fault = this.fault(part, value, depth);
      if (fault !== undefined) return fault;
    }
    let first: string | undefined;
    for (const alternative of listOf(anyOf)) {
      const fault = this.fault(alternative, value, depth);
      if (fault === undefined) return undefined;
      first ??= fault;
    }
    return first;
  }

  #inside(schema: Schema, value: unknown, depth: number): string | undefined {
    if (Array.isArray(value)) return this.#items(schema, value, depth);
    return isObject(value) ? this.#members(schema, value, depth) : undefined;
  }

  #items({ items, prefixItems }: Schema, list: readonly unknown[], depth: number): string | undefined {
    const first = listOf(prefixItems);
    for (let index = 0; index < list.length; index += 1) {
      const fault = this.fault(index < first.length ? first[index] : items, list[index], depth);
      if (fault !== undefined) return `/${index}${fault}`;
    }
    return undefined;
  }

  #members(schema: Schema, value: Schema, depth: number): string | undefined {
    const { properties, required, additionalProperties } = schema;
    for (const name of listOf(required))
      if (!Object.hasOwn(value, name as string)) return `/${String(name)} is missing`;
    const known = isObject(properties) ? properties : {};
    for (const name of Object.keys(value)) {
      const own = Object.hasOwn(known, name) ? known[name] : additionalProperties;
      const fault = this.fault(own, value[name], depth);
      if (fault !== undefined) return `/${name}${fault}`;
    }
    return undefined;
  }
}

function ownFault({ type, enum: choices, const: only }: Schema, value: unknown): string | undefined {
  const fits = Array.isArray(type)
    ? type.length === 0 || type.some((each) => isOf(each, value))
    : typeof type !== 'string' || isOf(type, value);
  if (!fits) return ` is ${kindOf(value)}, not ${Array.isArray(type) ? type.join(' or ') : String(type)}`;
  const allowed = only === undefined ? choices : [only];
  if (!Array.isArray(allowed) || allowed.some((each) => isDeepStrictEqual(each, value))) return undefined;
  return ' is none of the values it can have';
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
  return Array.isArray(value) ? value : NONE;
}

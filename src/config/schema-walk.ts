/** Answers questions about a place in the document from its JSON Schema: which keys exist there, what is a path. */
import type { Path } from './diagnostics.ts';

export interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly required?: readonly string[];
  readonly default?: unknown;
  readonly format?: string;
  readonly description?: string;
  readonly [keyword: string]: unknown;
}

/** Every schema that may describe the value at `path`: several where the schema leaves a choice. */
export function schemasAt(schema: JsonSchema, path: Path): JsonSchema[] {
  let current = branches(schema);
  for (const part of path) current = current.flatMap((one) => step(one, part)).flatMap(branches);
  return current;
}

export function keysAt(schema: JsonSchema, path: Path): string[] {
  return [...new Set(schemasAt(schema, path).flatMap((one) => Object.keys(one.properties ?? {})))];
}

/** Keys below `path` that have `key` among theirs: where a misplaced key belongs. */
export function ownersOf(schema: JsonSchema, path: Path, key: string): string[] {
  return keysAt(schema, path).filter((name) => keysAt(schema, [...path, name]).includes(key));
}

/** `value` with `change` applied to every string whose schema says `format: path`. */
export function mapPaths(schema: JsonSchema, value: unknown, change: (text: string) => string): unknown {
  return mapIn(branches(schema), value, change);
}

function mapIn(schemas: readonly JsonSchema[], value: unknown, change: (text: string) => string): unknown {
  if (schemas.length === 0) return value;
  if (typeof value === 'string') return schemas.some((one) => one.format === 'path') ? change(value) : value;
  const below = (part: string | number) => schemas.flatMap((one) => step(one, part)).flatMap(branches);
  if (Array.isArray(value)) return value.map((item) => mapIn(below(0), item, change));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, mapIn(below(key), item, change)]),
  );
}

function step(schema: JsonSchema, part: string | number): JsonSchema[] {
  if (typeof part === 'number') return schema.items ? [schema.items] : [];
  const { properties = {}, additionalProperties } = schema;
  const named = Object.hasOwn(properties, part) ? properties[part] : undefined;
  if (named) return [named];
  return typeof additionalProperties === 'object' ? [additionalProperties] : [];
}

function branches(schema: JsonSchema): JsonSchema[] {
  const inner = [...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])];
  return [schema, ...inner.flatMap(branches)];
}

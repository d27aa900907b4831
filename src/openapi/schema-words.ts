/**
 * What single keywords of a schema become in JSON Schema 2020-12, whatever dialect they were written in: Swagger 2.0,
 * OpenAPI 3.0, 3.1, and what people write in between. Documents mix them, so nothing depends on the version one claims.
 */
import { isObject } from '../lib/json-value.ts';
import type { JsonObject } from './text.ts';

export type Schema = Readonly<Record<string, unknown>>;

const TYPES: ReadonlySet<unknown> = new Set([
  'array',
  'boolean',
  'integer',
  'null',
  'number',
  'object',
  'string',
]);

/** Seen in public documents where a type should stand. */
const ODD_TYPES: Readonly<Record<string, string>> = {
  int: 'integer',
  int32: 'integer',
  int64: 'integer',
  long: 'integer',
  float: 'number',
  double: 'number',
  decimal: 'number',
  bool: 'boolean',
  date: 'string',
  datetime: 'string',
  'date-time': 'string',
  uuid: 'string',
  text: 'string',
  file: 'string',
  binary: 'string',
  list: 'array',
  dict: 'object',
  map: 'object',
};

/** The types a schema allows, in one spelling; undefined: any. */
export function typesOf({ type }: JsonObject): readonly string[] | undefined {
  const written: readonly unknown[] = Array.isArray(type) ? type : [type];
  const known = written.flatMap((one) => {
    if (TYPES.has(one)) return [one as string];
    const meant = typeof one === 'string' ? ODD_TYPES[one.toLowerCase()] : undefined;
    return meant === undefined ? [] : [meant];
  });
  return known.length > 0 ? [...new Set(known)] : undefined;
}

/** OpenAPI 3.0 and, as an extension, Swagger 2.0. */
export function isNullable(schema: JsonObject): boolean {
  return schema['nullable'] === true || schema['x-nullable'] === true;
}

/** Raw bytes, sent or received as they are: a file, an image. */
export function isBinary(schema: JsonObject): boolean {
  if (schema['type'] === 'file') return true;
  if (schema['format'] === 'binary') return true;
  const { contentMediaType: type, contentEncoding: encoding } = schema;
  return typeof type === 'string' && encoding === undefined && !/^text\/|[/+](?:json|xml)$/i.test(type);
}

const COUNTS = ['minLength', 'maxLength', 'minItems', 'maxItems', 'minProperties', 'maxProperties'] as const;
const BOUNDS = ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'] as const;
const TEXTS = ['title', 'description', 'format', 'contentMediaType', 'contentEncoding'] as const;
const FLAGS = ['uniqueItems', 'deprecated'] as const;
/** A model learns little from a longer one, and pays for it with every request. */
const EXAMPLE_LENGTH = 500;
const MAX_EXAMPLES = 3;
export const DESCRIPTION_LENGTH = 2048;

/** Keywords whose values are no schemas. What is no use, or not valid in 2020-12, is left out. */
export function plainWords(schema: JsonObject): Record<string, unknown> {
  const words: Record<string, unknown> = {};
  for (const name of TEXTS) if (isText(schema[name])) words[name] = schema[name];
  if (isText(words['description']))
    words['description'] = shortened(words['description'], DESCRIPTION_LENGTH);
  if (words['format'] === 'byte' || words['format'] === 'base64') {
    delete words['format'];
    words['contentEncoding'] ??= 'base64';
  }
  for (const name of FLAGS) if (schema[name] === true) words[name] = true;
  for (const name of COUNTS) {
    const count = numberOf(schema[name]);
    if (count !== undefined && Number.isInteger(count) && count >= 0) words[name] = count;
  }
  Object.assign(words, boundsOf(schema));
  const step = numberOf(schema['multipleOf']);
  if (step !== undefined && step > 0) words['multipleOf'] = step;
  if (isPattern(schema['pattern'])) words['pattern'] = schema['pattern'];
  if (schema['default'] !== undefined) words['default'] = schema['default'];
  const examples = examplesOf(schema);
  if (examples.length > 0) words['examples'] = examples;
  return words;
}

/** Up to `most` characters, and a sign that there were more; never half of one that takes two places. */
export function shortened(text: string, most: number): string {
  if (text.length <= most) return text;
  const head = text.slice(0, most);
  return `${/[\uD800-\uDBFF]$/.test(head) ? head.slice(0, -1) : head}…`;
}

/** `enum` or `const`, with null where the schema takes that too. */
export function choices(schema: JsonObject): Record<string, unknown> {
  if (schema['const'] !== undefined) return { const: schema['const'] };
  const { enum: written } = schema;
  if (!Array.isArray(written) || written.length === 0) return {};
  const values: unknown[] = isNullable(schema) ? [...written, null] : written;
  const different = new Map(values.map((value) => [JSON.stringify(value), value]));
  return { enum: [...different.values()] };
}

/** Up to OpenAPI 3.0 an exclusive bound is a flag beside the bound; since 3.1 it is a bound of its own. */
function boundsOf(schema: JsonObject): Record<string, number> {
  const bounds: Record<string, number> = {};
  for (const name of BOUNDS) {
    const bound = numberOf(schema[name]);
    if (bound !== undefined) bounds[name] = bound;
  }
  for (const [flag, plain] of [
    ['exclusiveMinimum', 'minimum'],
    ['exclusiveMaximum', 'maximum'],
  ] as const) {
    const bound = bounds[plain];
    if (schema[flag] !== true || bound === undefined) continue;
    delete bounds[plain];
    bounds[flag] = bound;
  }
  return bounds;
}

/** `examples` is a list in JSON Schema, and a map of objects with a `value` where OpenAPI has it. */
function examplesOf({ example, examples }: JsonObject): unknown[] {
  const written: readonly unknown[] = Array.isArray(examples)
    ? examples
    : isObject(examples)
      ? Object.values(examples).map((one) => (isObject(one) ? one['value'] : one))
      : [];
  const all = example === undefined ? written : [example, ...written];
  const short = all.filter((one) => one !== undefined && JSON.stringify(one).length <= EXAMPLE_LENGTH);
  return short.slice(0, MAX_EXAMPLES);
}

/** Some documents quote their numbers. */
function numberOf(value: unknown): number | undefined {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

/** Clients compile patterns as JSON Schema says (with the flag `u`), and refuse a whole tool for one that fails. */
function isPattern(value: unknown): value is string {
  if (typeof value !== 'string') return false;
  try {
    new RegExp(value, 'u');
    return true;
  } catch {
    return false;
  }
}

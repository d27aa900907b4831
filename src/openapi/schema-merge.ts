/** Puts the parts of an `allOf` together where they say nothing against each other: a model reads one object, not five. */
import { isObject } from '../lib/json-value.ts';
import type { Schema } from './schema-words.ts';

const MERGED: ReadonlySet<string> = new Set(['type', 'properties', 'required']);
/** The outer one speaks. */
const SAID: ReadonlySet<string> = new Set(['title', 'description', 'examples', 'deprecated', 'default']);

/** The same schema; without `allOf` where its parts are plain objects, or where it is the only part of one. */
export function flattened(schema: Schema): Schema {
  const { allOf, ...rest } = schema;
  if (!Array.isArray(allOf)) return schema;
  const parts = allOf as readonly Schema[];
  const [only, another] = parts.filter((part) => !Object.keys(part).every((key) => SAID.has(key)));
  if (only && !another && Object.keys(rest).every((key) => !(key in only) || SAID.has(key)))
    return { ...only, ...Object.assign({}, ...parts.filter((part) => part !== only)), ...rest };
  return merged([...parts, rest], rest) ?? schema;
}

function merged(parts: readonly Schema[], outer: Schema): Schema | undefined {
  const properties = new Map<string, unknown>();
  const required = new Set<unknown>();
  let type: unknown;
  for (const part of parts) {
    if (!Object.keys(part).every((key) => MERGED.has(key) || SAID.has(key))) return undefined;
    if (part['type'] !== undefined && part['type'] !== 'object') return undefined;
    type ??= part['type'];
    for (const [name, property] of Object.entries(isObject(part['properties']) ? part['properties'] : {})) {
      const before = properties.get(name);
      if (before !== undefined && JSON.stringify(before) !== JSON.stringify(property)) return undefined;
      properties.set(name, property);
    }
    for (const name of Array.isArray(part['required']) ? part['required'] : []) required.add(name);
  }
  const said = Object.fromEntries(
    [...SAID].flatMap((word) => {
      const speaker = [outer, ...parts].find((part) => part[word] !== undefined);
      return speaker ? [[word, speaker[word]]] : [];
    }),
  );
  return {
    ...(type !== undefined && { type }),
    ...said,
    ...(properties.size > 0 && { properties: Object.fromEntries(properties) }),
    ...(required.size > 0 && { required: [...required] }),
  };
}

/**
 * Schemas of an API description as JSON Schema 2020-12 that stands by itself. References are written out where that
 * stays small; recursive and large ones become `$defs`. Each referenced schema is converted once per direction,
 * whatever number of operations use it.
 */
import { isObject } from '../lib/json-value.ts';
import { ReferenceGraph } from './reference-graph.ts';
import { pointerParts, type References, refOf } from './references.ts';
import { flattened } from './schema-merge.ts';
import { choices, isNullable, plainWords, type Schema, typesOf } from './schema-words.ts';
import type { JsonObject } from './text.ts';

/** What is sent has no members that only the server writes; what comes back has none that are only sent. */
export type Direction = 'input' | 'output';

const MAX_DEPTH = 64;
/** Values up to which a schema is written out at each use. */
const SMALL = 80;
const DEFS = '#/$defs/';

const SCHEMA_LISTS = ['allOf', 'anyOf', 'oneOf', 'prefixItems'] as const;
const SCHEMA_MAPS = ['patternProperties', 'dependentSchemas'] as const;
const SCHEMAS = [
  'additionalProperties',
  'unevaluatedProperties',
  'unevaluatedItems',
  'propertyNames',
  'contains',
  'not',
  'if',
  'then',
  'else',
] as const;

export interface Definitions {
  readonly schemas: Readonly<Record<string, Schema>>;
  readonly whole: boolean;
}

interface Definition {
  readonly schema: Schema;
  /** Characters of its JSON. */
  readonly size: number;
  /** Names of the definitions that it refers to. */
  readonly refs: readonly string[];
}

const LEFT_OUT: Schema = { description: 'Too large to be written out.' };

interface Place {
  readonly direction: Direction;
  readonly depth: number;
}

export class SchemaReader {
  readonly references: References;
  readonly #graph: ReferenceGraph;
  readonly #names = new Map<string, string>();
  readonly #pointers = new Map<string, string>();
  /** How many definitions would have the same name. */
  readonly #counts = new Map<string, number>();
  readonly #converted = new Map<string, Schema>();
  readonly #definitions = new Map<string, Definition>();

  constructor(references: References) {
    this.references = references;
    this.#graph = new ReferenceGraph(references);
  }

  /** In place; references in it may lead to `#/$defs/`, see `definitions`. Throws DocumentProblem. */
  read(schema: unknown, direction: Direction): Schema {
    return this.#convert(schema, { direction, depth: 0 });
  }

  /**
   * What the references of such schemas lead to, directly or not, the nearest first; together up to `room` characters
   * of JSON. What has no room any more stands for anything, and `whole` is false.
   */
  definitions(schemas: Iterable<Schema>, direction: Direction, room = Number.POSITIVE_INFINITY): Definitions {
    const found = new Map<string, Schema>();
    let left = room;
    let whole = true;
    const names = [...schemas].flatMap(definitionsIn);
    for (const name of names) {
      if (found.has(name)) continue;
      const { schema, size, refs } = this.#definition(name, direction);
      const fits = size <= left;
      found.set(name, fits ? schema : LEFT_OUT);
      if (fits) {
        left -= size;
        // Read by this very loop.
        names.push(...refs);
      } else whole = false;
    }
    const sorted = [...found].sort(([one], [other]) => (one < other ? -1 : 1));
    return { schemas: Object.fromEntries(sorted), whole };
  }

  #definition(name: string, direction: Direction): Definition {
    const key = `${direction} ${name}`;
    const known = this.#definitions.get(key);
    if (known) return known;
    const schema = this.#referenced(this.#pointers.get(name) as string, { direction, depth: 0 });
    const definition = { schema, size: JSON.stringify(schema).length, refs: definitionsIn(schema) };
    this.#definitions.set(key, definition);
    return definition;
  }

  /** With the first level written out, whatever it is: for schemas whose members are looked at. */
  opened(schema: unknown, direction: Direction): Schema {
    return this.defined(this.read(schema, direction), direction);
  }

  /** The same of a converted one. */
  defined(schema: Schema, direction: Direction): Schema {
    const ref = refOf(schema);
    if (!ref?.startsWith(DEFS)) return schema;
    const { $ref: _, ...siblings } = schema;
    const pointer = this.#pointers.get(ref.slice(DEFS.length)) as string;
    return { ...this.#referenced(pointer, { direction, depth: 0 }), ...siblings };
  }

  #convert(value: unknown, place: Place): Schema {
    if (value === true || !isObject(value) || place.depth > MAX_DEPTH) return {};
    const ref = refOf(value);
    return ref === undefined ? this.#own(value, place) : this.#reference(ref, value, place);
  }

  /** Up to OpenAPI 3.0 what stands beside a reference is ignored; what says something to people is kept all the same. */
  #reference(ref: string, schema: JsonObject, place: Place): Schema {
    const { $ref: _, nullable, 'x-nullable': extension, ...rest } = schema;
    const siblings = Object.keys(rest).length === 0 ? {} : this.#own(rest, place);
    const target = this.#target(ref, place);
    const clash = Object.keys(siblings).some((key) => key in target && !SAID.has(key));
    const joined = clash ? { allOf: [target], ...siblings } : { ...target, ...siblings };
    return nullable === true || extension === true ? orNull(joined) : joined;
  }

  #target(ref: string, place: Place): Schema {
    // Also throws where it leads nowhere.
    const { pointer = ref } = this.references.follow({ $ref: ref });
    if (!this.#graph.isRecursive(pointer) && this.#graph.size(pointer) <= SMALL)
      return this.#referenced(pointer, place);
    return { $ref: `${DEFS}${this.#name(pointer)}` };
  }

  #referenced(pointer: string, { direction, depth }: Place): Schema {
    const key = `${direction} ${pointer}`;
    const known = this.#converted.get(key);
    if (known) return known;
    const converted = this.#convert(this.references.at(pointer), { direction, depth: depth + 1 });
    this.#converted.set(key, converted);
    return converted;
  }

  #name(pointer: string): string {
    const known = this.#names.get(pointer);
    if (known !== undefined) return known;
    const last = (pointerParts(pointer).at(-1) ?? '').replace(/[^A-Za-z0-9_.-]+/g, '_') || 'Schema';
    let name = last;
    while (this.#pointers.has(name)) {
      const count = (this.#counts.get(last) ?? 1) + 1;
      this.#counts.set(last, count);
      name = `${last}_${count}`;
    }
    this.#names.set(pointer, name);
    this.#pointers.set(name, pointer);
    return name;
  }

  #own(schema: JsonObject, place: Place): Schema {
    const types = typesOf(schema);
    const converted: Record<string, unknown> = {};
    if (types) converted['type'] = types.length === 1 ? types[0] : types;
    Object.assign(converted, plainWords(schema), choices(schema), this.#objects(schema, place));
    Object.assign(converted, this.#arrays(schema, place));
    const inner = { ...place, depth: place.depth + 1 };
    for (const name of SCHEMA_LISTS) {
      const list = schema[name];
      if (!Array.isArray(list) || list.length === 0 || (name === 'prefixItems' && converted[name])) continue;
      converted[name] = list.map((each) => this.#convert(each, inner));
    }
    for (const name of SCHEMAS) {
      const each = schema[name];
      if (typeof each === 'boolean') converted[name] = each;
      else if (isObject(each)) converted[name] = this.#convert(each, inner);
    }
    for (const name of SCHEMA_MAPS) {
      const map = schema[name];
      if (isObject(map)) converted[name] = mapped(map, (each) => this.#convert(each, inner));
    }
    if (place.direction === 'output') loosened(converted);
    else this.#discriminate(schema, converted);
    const whole = flattened(converted);
    return isNullable(schema) ? orNull(whole) : whole;
  }

  #objects(schema: JsonObject, place: Place): Record<string, unknown> {
    const { properties, required } = schema;
    const names = new Set(Array.isArray(required) ? required.filter((name) => typeof name === 'string') : []);
    const words: Record<string, unknown> = {};
    const inner = { ...place, depth: place.depth + 1 };
    if (isObject(properties)) {
      const kept: [string, Schema][] = [];
      for (const [name, property] of Object.entries(properties)) {
        if (
          this.#isOmitted(property, place.direction) ||
          (place.direction === 'output' && isInherited(name))
        ) {
          names.delete(name);
          continue;
        }
        // Draft 3, and a frequent mistake since.
        if (isObject(property) && property['required'] === true) names.add(name);
        kept.push([name, this.#convert(property, inner)]);
      }
      words['properties'] = Object.fromEntries(kept);
    }
    for (const name of this.#omittedNames(schema, place)) names.delete(name);
    if (place.direction === 'output') for (const name of names) if (isInherited(name)) names.delete(name);
    if (names.size > 0) words['required'] = [...names];
    return words;
  }

  /** `required` may stand in another part of an `allOf` than the member it speaks of. */
  #omittedNames({ allOf }: JsonObject, { direction }: Place): string[] {
    if (!Array.isArray(allOf)) return [];
    return allOf.flatMap((part: unknown) => {
      const { value } = this.references.follow(part);
      const properties = isObject(value) ? value['properties'] : undefined;
      if (!isObject(properties)) return [];
      return Object.keys(properties).filter((name) => this.#isOmitted(properties[name], direction));
    });
  }

  #isOmitted(property: unknown, direction: Direction): boolean {
    const flag = direction === 'input' ? 'readOnly' : 'writeOnly';
    if (!isObject(property)) return false;
    if (property[flag] === true) return true;
    if (refOf(property) === undefined) return false;
    const { value } = this.references.follow(property);
    return isObject(value) && value[flag] === true;
  }

  #arrays({ items, additionalItems, type }: JsonObject, place: Place): Record<string, unknown> {
    const inner = { ...place, depth: place.depth + 1 };
    if (Array.isArray(items)) {
      const prefixItems = items.map((each) => this.#convert(each, inner));
      const rest = typeof additionalItems === 'boolean' ? additionalItems : undefined;
      const further = isObject(additionalItems) ? this.#convert(additionalItems, inner) : rest;
      return {
        ...(prefixItems.length > 0 && { prefixItems }),
        ...(further !== undefined && { items: further }),
      };
    }
    if (typeof items === 'boolean') return { items };
    if (isObject(items)) return { items: this.#convert(items, inner) };
    // Providers of models refuse an array that says nothing of its items.
    return type === 'array' ? { items: {} } : {};
  }

  /** Each alternative says which value stands for it; JSON Schema has no word for that. */
  #discriminate(schema: JsonObject, converted: Record<string, unknown>): void {
    const { discriminator } = schema;
    const property = isObject(discriminator) ? discriminator['propertyName'] : undefined;
    if (typeof property !== 'string') return;
    for (const name of ['oneOf', 'anyOf'] as const) {
      const [written, list] = [schema[name], converted[name]];
      if (!Array.isArray(written) || !Array.isArray(list)) continue;
      converted[name] = list.map((alternative: Schema, index) => {
        const values = valuesOf(refOf(written[index]), discriminator as JsonObject);
        if (values.length === 0 || isFixed(alternative, property)) return alternative;
        const fixed = values.length === 1 ? { const: values[0] } : { enum: values };
        return { allOf: [alternative], properties: { [property]: fixed }, required: [property] };
      });
    }
  }
}

/** Words that may differ beside a reference. */
const SAID: ReadonlySet<string> = new Set(['title', 'description', 'default', 'examples', 'deprecated']);

/** Help to write a value, and are a reason to refuse one that has been sent. */
const FOR_WRITERS = [
  ...[
    'format',
    'pattern',
    'default',
    'examples',
    'minimum',
    'maximum',
    'exclusiveMinimum',
    'exclusiveMaximum',
  ],
  ...[
    'multipleOf',
    'minLength',
    'maxLength',
    'minItems',
    'maxItems',
    'uniqueItems',
    'minProperties',
    'maxProperties',
  ],
  ...['not', 'if', 'then', 'else', 'contains', 'propertyNames', 'dependentSchemas'],
];

/** Clients take such members of a reply for present, and of the wrong type, when they are absent. */
function isInherited(name: string): boolean {
  return name in Object.prototype;
}

/** Keywords that old clients read otherwise, or that make what follows from others hard to see. */
const INTRICATE = ['unevaluatedProperties', 'unevaluatedItems', 'patternProperties'];
const MOST_CHOICES = 20;

/**
 * A server may send more than it has written down, and otherwise; clients refuse what is not as promised. Alternatives
 * that overlap are frequent, and `oneOf` refuses what fits two of them. New values come before new descriptions.
 * conformity.ts knows what is left.
 */
function loosened(schema: Record<string, unknown>): void {
  if (schema['additionalProperties'] === false || schema['patternProperties'] !== undefined)
    delete schema['additionalProperties'];
  // Clients of earlier revisions hold the first items, too, against `items`.
  if (schema['items'] === false || schema['prefixItems'] !== undefined) delete schema['items'];
  for (const name of [...FOR_WRITERS, ...INTRICATE]) delete schema[name];
  if (schema['oneOf'] !== undefined) schema['anyOf'] ??= schema['oneOf'];
  delete schema['oneOf'];
  const { enum: choices } = schema;
  if (!Array.isArray(choices) || choices.length < 2) return;
  schema['examples'] = choices.slice(0, MOST_CHOICES);
  delete schema['enum'];
}

/** Names of the definitions that a converted schema refers to, each once. */
function definitionsIn(schema: Schema): string[] {
  const names = new Set<string>();
  const open: unknown[] = [schema];
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    if (typeof value !== 'object' || value === null) continue;
    const ref = refOf(value);
    if (ref?.startsWith(DEFS)) names.add(ref.slice(DEFS.length));
    for (const item of Object.values(value)) if (item !== undefined) open.push(item);
  }
  return [...names];
}

function orNull(schema: Schema): Schema {
  const { type } = schema;
  const types = Array.isArray(type) ? type : typeof type === 'string' ? [type] : undefined;
  const plain = !('const' in schema) && !('allOf' in schema || 'anyOf' in schema || 'oneOf' in schema);
  if (types?.includes('null')) return schema;
  if (
    types &&
    plain &&
    !('$ref' in schema) &&
    (!schema['enum'] || (schema['enum'] as unknown[]).includes(null))
  )
    return { ...schema, type: [...types, 'null'] };
  if (Object.keys(schema).length === 0) return schema;
  const { title, description, default: standard, ...rest } = schema;
  const said = Object.entries({ title, description, default: standard }).filter(
    ([, word]) => word !== undefined,
  );
  return { ...Object.fromEntries(said), anyOf: [rest, { type: 'null' }] };
}

function mapped(map: JsonObject, convert: (value: unknown) => Schema): Record<string, Schema> {
  return Object.fromEntries(Object.entries(map).map(([name, value]) => [name, convert(value)]));
}

/** By the mapping; without one it is the name of the schema. */
function valuesOf(ref: string | undefined, { mapping }: JsonObject): string[] {
  if (ref === undefined) return [];
  const name = pointerParts(ref).at(-1) ?? '';
  const entries = isObject(mapping) ? Object.entries(mapping) : [];
  const mappedTo = entries.filter(([, to]) => to === ref || to === name).map(([value]) => value);
  return mappedTo.length > 0 ? mappedTo : [name];
}

function isFixed({ properties }: Schema, name: string): boolean {
  const property = isObject(properties) ? properties[name] : undefined;
  if (!isObject(property)) return false;
  const { enum: values } = property;
  return 'const' in property || (Array.isArray(values) && values.length === 1);
}

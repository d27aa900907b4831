/**
 * Writes what a JSON Schema says in several places once: every policy stands at every level that it attaches to, and
 * with each place spelled out the published schema has a megabyte.
 */
import type { JsonSchema } from './schema-walk.ts';

/** Shorter ones are easier to read where they stand. */
const WORTH_CHARACTERS = 300;

/** Equal parts become `$defs`, called by the key that they stand under. */
export function withSharedParts(schema: JsonSchema): JsonSchema {
  const parts = new Parts();
  parts.count(schema);
  const { $defs, ...rest } = parts.replaceWithin(schema);
  return { ...rest, $defs: { ...($defs as object), ...parts.definitions() } };
}

interface Part {
  readonly name: string;
  readonly schema: JsonSchema;
  times: number;
}

class Parts {
  readonly #byText = new Map<string, Part>();
  readonly #texts = new WeakMap<object, string>();
  readonly #defined = new Map<string, JsonSchema>();
  readonly #names = new Map<Part, string>();

  count(schema: JsonSchema): void {
    for (const [name, member] of members(schema)) {
      const text = this.#text(member);
      const known = this.#byText.get(text);
      if (known) known.times += 1;
      else this.#byText.set(text, { name, schema: member, times: 1 });
      // What stands within a part that is known stands there once.
      if (!known) this.count(member);
    }
  }

  replaceWithin(schema: JsonSchema): JsonSchema {
    const changed: Record<string, unknown> = { ...schema };
    for (const keyword of ['properties', '$defs'] as const) {
      const given = schema[keyword] as Readonly<Record<string, JsonSchema>> | undefined;
      if (given)
        changed[keyword] = Object.fromEntries(
          Object.entries(given).map(([name, one]) => [name, this.#replaced(one)]),
        );
    }
    for (const keyword of ['items', 'additionalProperties'] as const)
      if (isSchema(schema[keyword])) changed[keyword] = this.#replaced(schema[keyword]);
    for (const keyword of ['anyOf', 'oneOf', 'allOf'] as const) {
      const given = schema[keyword];
      if (given) changed[keyword] = given.map((one) => this.#replaced(one));
    }
    return changed;
  }

  definitions(): Readonly<Record<string, JsonSchema>> {
    return Object.fromEntries([...this.#defined].sort(([one], [other]) => (one < other ? -1 : 1)));
  }

  #replaced(schema: JsonSchema): JsonSchema {
    const text = this.#text(schema);
    const part = this.#byText.get(text);
    if (!part || part.times < 2 || text.length < WORTH_CHARACTERS) return this.replaceWithin(schema);
    let name = this.#names.get(part);
    if (name === undefined) {
      name = this.#free(part.name);
      this.#names.set(part, name);
      this.#defined.set(name, part.schema);
      this.#defined.set(name, this.replaceWithin(part.schema));
    }
    return { $ref: `#/$defs/${name}` };
  }

  #free(name: string): string {
    for (let number = 1; ; number += 1) {
      const tried = number === 1 ? name : `${name}-${number}`;
      if (!this.#defined.has(tried)) return tried;
    }
  }

  #text(schema: JsonSchema): string {
    let text = this.#texts.get(schema);
    if (text === undefined) {
      text = JSON.stringify(schema);
      this.#texts.set(schema, text);
    }
    return text;
  }
}

function* members(schema: JsonSchema): Iterable<readonly [string, JsonSchema]> {
  yield* Object.entries(schema.properties ?? {});
  if (isSchema(schema.items)) yield ['item', schema.items];
  if (isSchema(schema.additionalProperties)) yield ['value', schema.additionalProperties];
  for (const keyword of ['anyOf', 'oneOf', 'allOf'] as const)
    for (const one of schema[keyword] ?? []) yield ['choice', one];
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null;
}

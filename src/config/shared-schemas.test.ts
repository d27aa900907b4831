import assert from 'node:assert/strict';
import { test } from 'node:test';
import { definitions } from '../../test/golden/definitions.ts';
import { configJsonSchema } from './json-schema.ts';
import type { JsonSchema } from './schema-walk.ts';
import { withSharedParts } from './shared-schemas.ts';

const long = (word: string): JsonSchema => ({
  type: 'object',
  properties: { name: { type: 'string', description: word.repeat(400) } },
});

test('what stands in two places is written once, under its key', () => {
  const one = { properties: { first: { properties: { cors: long('c') } }, cors: long('c') } };
  assert.deepEqual(withSharedParts(one), {
    properties: {
      first: { properties: { cors: { $ref: '#/$defs/cors' } } },
      cors: { $ref: '#/$defs/cors' },
    },
    $defs: { cors: long('c') },
  });
});

test('two that differ under the same key have names of their own', () => {
  const twice = { anyOf: [long('x'), long('y'), long('x'), long('y')] };
  const names = ['choice', 'choice-2', 'choice', 'choice-2'];
  const { properties } = withSharedParts({ properties: { a: twice } });
  assert.deepEqual(properties, { a: { anyOf: names.map((name) => ({ $ref: `#/$defs/${name}` })) } });
});

test('what is short, or stands once, stays where it is', () => {
  const schema = { properties: { a: { type: 'string' }, b: { type: 'string' }, c: long('c') } };
  assert.deepEqual(withSharedParts(schema), { ...schema, $defs: {} });
});

test('with its references put back it is the schema of the configuration', () => {
  const whole = configJsonSchema(definitions);
  const shared = withSharedParts(whole);
  const { $defs: own } = whole as { $defs: Record<string, unknown> };
  const { $defs, ...rest } = shared as unknown as { $defs: Record<string, JsonSchema> };
  const restored = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(restored);
    if (typeof value !== 'object' || value === null) return value;
    const name = /^#\/\$defs\/(.+)$/.exec(String((value as { $ref?: string }).$ref))?.[1];
    if (name !== undefined && !(name in own)) return restored($defs[name]);
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, restored(each)]));
  };
  assert.deepEqual({ ...(restored(rest) as object), $defs: own }, whole);
  assert.ok(JSON.stringify(shared).length < JSON.stringify(whole).length / 1.5);
});

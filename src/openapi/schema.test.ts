import assert from 'node:assert/strict';
import { test } from 'node:test';
import { schemaFaults } from '../../test/fixtures/json-schema-2020.ts';
import { DocumentProblem, References } from './references.ts';
import { type Direction, SchemaReader } from './schema.ts';

/** `schema` of a document with these `schemas`, with the definitions it needs. */
function read(schema: unknown, schemas: object = {}, direction: Direction = 'input') {
  const reader = new SchemaReader(new References({ components: { schemas } }));
  const converted = reader.read(schema, direction);
  const { schemas: $defs } = reader.definitions([converted], direction);
  const whole = Object.keys($defs).length > 0 ? { ...converted, $defs } : converted;
  assert.deepEqual(schemaFaults(whole), []);
  return whole;
}

const to = (name: string) => ({ $ref: `#/components/schemas/${name}` });

test('words of older dialects become those of 2020-12', () => {
  for (const [written, expected] of [
    [{ type: 'string', nullable: true }, { type: ['string', 'null'] }],
    [{ type: 'string', 'x-nullable': true }, { type: ['string', 'null'] }],
    [
      { type: 'string', enum: ['a', 'a'], nullable: true },
      { type: ['string', 'null'], enum: ['a', null] },
    ],
    [
      { type: 'integer', minimum: 1, exclusiveMinimum: true },
      { type: 'integer', exclusiveMinimum: 1 },
    ],
    [
      { type: 'integer', maximum: 9, exclusiveMaximum: false },
      { type: 'integer', maximum: 9 },
    ],
    [
      { type: 'integer', exclusiveMinimum: 1 },
      { type: 'integer', exclusiveMinimum: 1 },
    ],
    [
      { type: 'string', example: 'x' },
      { type: 'string', examples: ['x'] },
    ],
    [
      { type: 'string', examples: { one: { value: 'x' } } },
      { type: 'string', examples: ['x'] },
    ],
    [
      { type: 'string', format: 'byte' },
      { type: 'string', contentEncoding: 'base64' },
    ],
    [{ type: 'array' }, { type: 'array', items: {} }],
    [
      { type: 'array', items: [{ type: 'string' }], additionalItems: false },
      { type: 'array', prefixItems: [{ type: 'string' }], items: false },
    ],
    [
      { type: 'object', properties: { a: { type: 'string', required: true } } },
      { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] },
    ],
    [{ type: 'object', required: true }, { type: 'object' }],
    [
      { type: 'int', minimum: '3' },
      { type: 'integer', minimum: 3 },
    ],
    [{ type: 'any' }, {}],
    [{ type: 'string', pattern: '(?i)x' }, { type: 'string' }],
    [
      { type: 'string', pattern: '^x$', minLength: -1 },
      { type: 'string', pattern: '^x$' },
    ],
    [{ type: 'string', xml: {}, externalDocs: {}, 'x-own': 1, $id: 'y', $comment: 'z' }, { type: 'string' }],
    [
      { type: ['string', 'null'], const: 'a' },
      { type: ['string', 'null'], const: 'a' },
    ],
    [true, {}],
    [undefined, {}],
    ['nonsense', {}],
  ] as const)
    assert.deepEqual(read(written), expected, JSON.stringify(written));
});

test('what may be null beside other words is said as an alternative', () => {
  assert.deepEqual(read({ anyOf: [{ type: 'string' }], nullable: true, description: 'd' }), {
    description: 'd',
    anyOf: [{ anyOf: [{ type: 'string' }] }, { type: 'null' }],
  });
  const node = { type: 'object', properties: { next: { ...to('Node'), nullable: true } } };
  assert.deepEqual(read(to('Node'), { Node: node }), {
    $ref: '#/$defs/Node',
    $defs: {
      Node: { type: 'object', properties: { next: { anyOf: [{ $ref: '#/$defs/Node' }, { type: 'null' }] } } },
    },
  });
});

test('small references are written out, recursive and large ones are definitions', () => {
  const large = {
    type: 'object',
    properties: Object.fromEntries(Array.from({ length: 60 }, (_, at) => [`p${at}`, { type: 'string' }])),
  };
  const schemas = {
    Small: { type: 'string' },
    Large: large,
    One: { items: to('Other') },
    Other: { items: to('One') },
  };
  assert.deepEqual(read({ properties: { a: to('Small'), b: to('Small') } }, schemas), {
    properties: { a: { type: 'string' }, b: { type: 'string' } },
  });
  const two = read({ properties: { a: to('Large'), b: to('Large') } }, schemas) as { $defs: object };
  assert.deepEqual(Object.keys(two.$defs), ['Large']);
  const cycle = read(to('One'), schemas) as { $defs: object };
  assert.deepEqual(Object.keys(cycle.$defs), ['One', 'Other']);
});

test('a reference that leads to itself, nowhere, or out of the document is a problem of its own place', () => {
  for (const ref of [
    '#/components/schemas/Self',
    '#/components/schemas/Gone',
    'other.yaml#/X',
    'http://x/y',
    '#anchor',
    'Pet',
  ])
    assert.throws(() => read({ $ref: ref }, { Self: to('Self') }), DocumentProblem, ref);
  assert.throws(() => read({ $ref: 'other.yaml#/X' }), /externalReferences/);
});

test('pointers are decoded: percent, tilde, slash, and through other references', () => {
  const schemas = {
    'a/b~c d%': { type: 'string' },
    Outer: { properties: { 'x/y': { type: 'integer' } } },
    Alias: to('Outer'),
  };
  assert.deepEqual(read({ $ref: '#/components/schemas/a~1b~0c%20d%25' }, schemas), { type: 'string' });
  assert.deepEqual(read({ $ref: '#/components/schemas/Outer/properties/x~1y' }, schemas), {
    type: 'integer',
  });
  assert.deepEqual(read({ $ref: '#/components/schemas/Alias/properties/x~1y' }, schemas), {
    type: 'integer',
  });
  assert.deepEqual(read({ $ref: '#here' }, { Anchored: { $anchor: 'here', type: 'boolean' } }), {
    type: 'boolean',
  });
});

test('what stands beside a reference is kept', () => {
  const schemas = { Name: { type: 'string', description: 'inner' } };
  assert.deepEqual(read({ ...to('Name'), description: 'outer' }, schemas), {
    type: 'string',
    description: 'outer',
  });
  assert.deepEqual(read({ ...to('Name'), type: 'number' }, schemas), {
    allOf: [{ type: 'string', description: 'inner' }],
    type: 'number',
  });
});

test('the parts of an allOf become one object where they say nothing against each other', () => {
  const schemas = { Base: { type: 'object', properties: { id: { type: 'string' } }, required: ['id'] } };
  const own = { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] };
  assert.deepEqual(read({ allOf: [to('Base'), own], description: 'd' }, schemas), {
    type: 'object',
    description: 'd',
    properties: { id: { type: 'string' }, name: { type: 'string' } },
    required: ['id', 'name'],
  });
  const clash = { allOf: [to('Base'), { type: 'object', properties: { id: { type: 'integer' } } }] };
  assert.equal((read(clash, schemas) as { allOf: unknown[] }).allOf.length, 2);
});

test('members that only one side writes are left out on the other', () => {
  const schemas = { Id: { type: 'string', readOnly: true } };
  const schema = {
    type: 'object',
    properties: {
      id: to('Id'),
      own: { type: 'string', readOnly: true },
      secret: { type: 'string', writeOnly: true },
      name: { type: 'string' },
    },
    required: ['id', 'own', 'secret', 'name'],
  };
  const names = (direction: Direction) => {
    const { properties, required } = read(schema, schemas, direction) as {
      properties: object;
      required: string[];
    };
    assert.deepEqual(Object.keys(properties), required);
    return required;
  };
  assert.deepEqual(names('input'), ['secret', 'name']);
  assert.deepEqual(names('output'), ['id', 'own', 'name']);
  const split = {
    allOf: [{ properties: { id: { type: 'string', readOnly: true } } }, { $ref: '#/components/schemas/Big' }],
    required: ['id', 'a'],
  };
  const { required } = read(split, { Big: { type: 'object', minProperties: 1, properties: { a: {} } } }) as {
    required: string[];
  };
  assert.deepEqual(required, ['a']);
});

test('alternatives say which value of the discriminator stands for them', () => {
  const animal = (kind?: string) => ({
    type: 'object',
    properties: { kind: kind ? { type: 'string', enum: [kind] } : { type: 'string' } },
  });
  const schemas = { Cat: animal(), Dog: animal(), Cow: animal('cow') };
  const discriminator = { propertyName: 'kind', mapping: { hound: '#/components/schemas/Dog', pug: 'Dog' } };
  const { oneOf } = read({ oneOf: [to('Cat'), to('Dog'), to('Cow')], discriminator }, schemas) as {
    oneOf: unknown[];
  };
  const fixed = (kind: object) => ({ allOf: [animal()], properties: { kind }, required: ['kind'] });
  assert.deepEqual(oneOf, [fixed({ const: 'Cat' }), fixed({ enum: ['hound', 'pug'] }), animal('cow')]);
});

test('a result may have more than is written down; what is sent may not', () => {
  const schema = {
    type: 'object',
    properties: { at: { type: 'string', format: 'date-time', default: 'x' } },
    additionalProperties: false,
  };
  assert.deepEqual(read(schema, {}, 'output'), { type: 'object', properties: { at: { type: 'string' } } });
  assert.deepEqual(read(schema), schema);
  const bounded = {
    type: 'array',
    maxItems: 1,
    items: { oneOf: [{ type: 'integer', maximum: 3 }, { type: 'number' }], not: { const: 5 } },
  };
  const loose = { type: 'array', items: { anyOf: [{ type: 'integer' }, { type: 'number' }] } };
  assert.deepEqual(read(bounded, {}, 'output'), loose);
  assert.deepEqual(read(bounded), bounded);
});

test('names like those of Object.prototype are names', () => {
  const schema = JSON.parse(
    '{"type":"object","properties":{"__proto__":{"type":"string"},"constructor":{"type":"integer"}}}',
  );
  assert.equal(JSON.stringify(read(schema)), JSON.stringify(schema));
});

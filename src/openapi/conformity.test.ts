import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AjvJsonSchemaValidator as ValidatorV2 } from '@modelcontextprotocol/client/validators/ajv';
import { AjvJsonSchemaValidator as ValidatorV1 } from '@modelcontextprotocol/sdk/validation/ajv';
import fc from 'fast-check';
import { SEED } from '../../test/fixtures/json-samples.ts';
import { conformityTo } from './conformity.ts';
import { References } from './references.ts';
import { SchemaReader } from './schema.ts';
import type { Schema } from './schema-words.ts';

const { schema, value } = fc.letrec((tie) => ({
  schema: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.record({
      type: fc.constantFrom('string', 'integer', 'number', 'boolean', 'null', ['string', 'null']),
    }),
    fc.record({ enum: fc.subarray(['a', 'b', 1, null], { minLength: 1 }) }),
    fc.constantFrom({ $ref: '#/components/schemas/Tree' }, { $ref: '#/components/schemas/Odd' }, {}),
    fc.record({ type: fc.constant('array'), items: tie('schema') }),
    fc.record({ type: fc.constant('array'), items: fc.array(tie('schema'), { minLength: 1, maxLength: 2 }) }),
    fc.record(
      {
        type: fc.constant('object'),
        properties: fc.dictionary(fc.constantFrom('a', 'b', 'toString'), tie('schema')),
        required: fc.subarray(['a', 'toString']),
        additionalProperties: fc.oneof(fc.boolean(), tie('schema')),
        nullable: fc.boolean(),
      },
      { requiredKeys: ['properties'] },
    ),
    fc.record({ anyOf: fc.array(tie('schema'), { minLength: 1, maxLength: 3 }) }),
    fc.record({ oneOf: fc.array(tie('schema'), { minLength: 1, maxLength: 3 }) }),
    fc.record({ allOf: fc.array(tie('schema'), { minLength: 1, maxLength: 2 }) }),
  ),
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom('a', 'c', 1, 1.5, -0, true, null),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('a', 'b', 'toString', 'more'), tie('value'), { maxKeys: 3 }),
  ),
}));

const SCHEMAS = {
  Tree: {
    type: 'object',
    required: ['a'],
    properties: { a: { type: 'string' }, b: { type: 'array', items: { $ref: '#/components/schemas/Tree' } } },
  },
  Odd: { oneOf: [{ type: 'string' }, { type: 'array', items: { $ref: '#/components/schemas/Odd' } }] },
};

function outputSchema(written: unknown): Schema {
  const reader = new SchemaReader(new References({ components: { schemas: SCHEMAS } }));
  const data = reader.read(written, 'output');
  const root = { type: 'object', properties: { data }, required: ['data'] };
  return { ...root, $defs: reader.definitions([root], 'output').schemas };
}

test('what fits fits for the validators of both official clients, and nothing else does', () => {
  const clients = [new ValidatorV1(), new ValidatorV2()];
  let fitting = 0;
  fc.assert(
    fc.property(schema, value, (written, data) => {
      const root = outputSchema(written);
      const ours = conformityTo(root)({ data });
      if (ours === undefined) fitting += 1;
      for (const [at, client] of clients.entries()) {
        const theirs = client.getValidator(root as never)({ data });
        // Those of earlier revisions do not know `prefixItems`, and take more.
        if (at === 0 && theirs.valid && JSON.stringify(root).includes('prefixItems')) continue;
        assert.equal(theirs.valid, ours === undefined, `${theirs.errorMessage} / ${ours}`);
      }
    }),
    { seed: SEED, numRuns: 1000 },
  );
  assert.ok(fitting > 150, `only ${fitting} fit`);
});

test('what does not fit is named with its place', () => {
  const item = { type: 'object', properties: { id: { type: 'integer' } }, required: ['id'] };
  const faultOf = conformityTo({ type: 'object', properties: { data: { type: 'array', items: item } } });
  assert.equal(faultOf({ data: [{ id: 1 }, { id: '2' }] }), '/data/1/id is string, not integer');
  assert.equal(faultOf({ data: [{}] }), '/data/0/id is missing');
  assert.equal(faultOf({ data: null }), '/data is null, not array');
  assert.equal(faultOf({ data: [{ id: 1, more: 2 }], more: 3 }), undefined);
});

test('schemas that could be checked for ever are not', () => {
  const both = { anyOf: [{ $ref: '#/$defs/A' }, { $ref: '#/$defs/A' }] };
  assert.match(conformityTo({ ...both, $defs: { A: both } })({}) ?? '', /too intricate/);
  const list = { type: 'array', items: both };
  const nested: unknown = JSON.parse(`${'['.repeat(100)}${']'.repeat(100)}`);
  assert.match(conformityTo({ ...both, $defs: { A: { allOf: [list, both] } } })(nested) ?? '', /intricate/);
});

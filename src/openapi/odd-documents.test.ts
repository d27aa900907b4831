/** Whatever a document says, what comes out is valid or reported: nothing throws, nothing is invalid, nothing runs away. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SEED } from '../../test/fixtures/json-samples.ts';
import { schemaFaults } from '../../test/fixtures/json-schema-2020.ts';
import { description, VERSIONS } from '../../test/fixtures/pet-api.ts';
import { documentOf } from './document.ts';
import { planOf, type RequestPlan } from './plan.ts';
import { requestBuilder } from './request.ts';
import { ArgumentProblem } from './styles.ts';
import { parseText } from './text.ts';
import { readTools } from './tools.ts';

const WORDS = [
  ...[
    'type',
    'format',
    'nullable',
    'enum',
    'const',
    'default',
    'example',
    'examples',
    'title',
    'description',
    'required',
  ],
  ...[
    'minimum',
    'exclusiveMinimum',
    'maxLength',
    'pattern',
    'readOnly',
    'writeOnly',
    'multipleOf',
    'uniqueItems',
  ],
  ...[
    'properties',
    'items',
    'additionalProperties',
    'allOf',
    'oneOf',
    'anyOf',
    'not',
    'discriminator',
    'prefixItems',
  ],
];
const NAMES = ['A', 'B', 'C', 'a/b', 'x~y', '__proto__', ''];
const pointerTo = (name: string) =>
  `#/components/schemas/${encodeURIComponent(name.replaceAll('~', '~0').replaceAll('/', '~1'))}`;

const odd = fc.oneof(
  fc.constantFrom(
    null,
    true,
    false,
    0,
    -1,
    1.5,
    '',
    'string',
    'object',
    'array',
    'null',
    'int',
    '(',
    '\\p{x}',
    [],
    {},
    ['string', 'null'],
    ['a', 'a'],
  ),
  fc.string({ unit: 'grapheme', maxLength: 5 }),
);

const schema = fc.letrec((tie) => ({
  schema: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    odd,
    fc.constantFrom(...NAMES, 'gone').map((name) => ({ $ref: pointerTo(name) })),
    fc.dictionary(
      fc.constantFrom(...WORDS),
      fc.oneof(
        odd,
        tie('schema'),
        fc.array(tie('schema'), { maxLength: 3 }),
        fc.dictionary(fc.constantFrom(...NAMES), tie('schema'), { maxKeys: 3 }),
      ),
      { maxKeys: 6 },
    ),
  ),
})).schema;

const ALL = { style: 'grouped', selection: {}, outputSchemas: true } as const;

const parameter = fc.record({
  name: fc.constantFrom('id', 'x-y', 'tags', 'ä', ''),
  in: fc.constantFrom('path', 'query', 'header', 'cookie', 'body', 'formData'),
  schema,
  style: fc.constantFrom(undefined, 'form', 'simple', 'matrix', 'deepObject', 'nonsense'),
  required: odd,
  content: fc.constantFrom(undefined, {}, { 'application/json': { schema: { type: 'object' } } }),
});

const operation = fc.record({
  operationId: fc.oneof(odd, fc.constantFrom('same', 'same')),
  summary: odd,
  parameters: fc.oneof(odd, fc.array(parameter, { maxLength: 4 })),
  requestBody: fc.oneof(
    odd,
    fc.record({
      content: fc.dictionary(
        fc.constantFrom(
          'application/json',
          'multipart/form-data',
          'text/plain',
          'image/png',
          'application/x-www-form-urlencoded',
          '',
        ),
        fc.record({ schema, encoding: odd }),
      ),
    }),
  ),
  responses: fc.oneof(
    odd,
    fc.record({ 200: fc.record({ content: fc.record({ 'application/json': fc.record({ schema }) }) }) }),
  ),
  security: odd,
  tags: odd,
});

test('any document gives valid schemas, names and requests, or says what is wrong with it', () => {
  const schemas = fc.record(Object.fromEntries(NAMES.map((name) => [name, schema])));
  let tools = 0;
  fc.assert(
    fc.property(
      schemas,
      operation,
      operation,
      fc.constantFrom('grouped', 'flat'),
      (parts, get, post, style) => {
        const root = {
          openapi: '3.0.0',
          paths: { '/a/{id}': { get, post } },
          components: { schemas: parts },
        };
        const read = readTools(documentOf(root), { style, selection: {}, outputSchemas: true });
        assert.equal(read.tools.length + read.problems.length, 2);
        for (const tool of read.tools) {
          tools += 1;
          assert.match(tool.name, /^[A-Za-z0-9_.-]{1,64}$/);
          assert.deepEqual(schemaFaults(tool.entry.inputSchema), []);
          if (tool.entry.outputSchema) assert.deepEqual(schemaFaults(tool.entry.outputSchema), []);
          const build = requestBuilder(planOf(tool), { base: undefined, boundary: () => 'x' });
          for (const given of [{}, { path: { id: 'x' }, id: 'x' }, { path: { id: 'x' }, body: {} }]) {
            try {
              assert.match(build(given).path, /^\/a\/[^?#]/);
            } catch (error) {
              assert.ok(error instanceof ArgumentProblem, String(error));
            }
          }
        }
      },
    ),
    { seed: SEED, numRuns: 1500 },
  );
  assert.ok(tools > 500, `only ${tools} tools`);
});

test('the same API described in each version becomes the same tools', () => {
  const [swagger, older, newer] = VERSIONS.map((version) => {
    const { tools, problems } = readTools(documentOf(description(version) as Record<string, unknown>), {
      style: 'grouped',
      selection: {},
      outputSchemas: true,
    });
    assert.deepEqual(problems, []);
    return tools.map(({ entry }) => entry);
  });
  assert.deepEqual(older, newer);
  // `where` is an object in OpenAPI, which a parameter of Swagger cannot be.
  const comparable = (entries: unknown) =>
    JSON.parse(
      JSON.stringify(entries).replace(/"where":\{"type":"(?:object|string)"\}/g, '"where":{}'),
    ) as unknown;
  assert.deepEqual(comparable(swagger), comparable(newer));
});

test('names that mean something to JavaScript are names like any other', () => {
  const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf'];
  const parameters = names.map((name) => ({ name, in: 'query', required: true, schema: { type: 'string' } }));
  const properties = Object.fromEntries(names.map((name) => [name, { type: 'string' }]));
  const content = { 'application/json': { schema: { type: 'object', properties, required: names } } };
  const post = { operationId: '__proto__', parameters, requestBody: { required: true, content } };
  const text = JSON.stringify({
    openapi: '3.1.0',
    paths: { '/__proto__': { post }, '/constructor': { post: { ...post, operationId: 'constructor' } } },
    components: { schemas: JSON.parse('{"__proto__":{"type":"string"}}') as object },
  });
  for (const style of ['grouped', 'flat'] as const) {
    const { tools, problems } = readTools(documentOf(parseText(text)), { ...ALL, style });
    assert.deepEqual(problems, []);
    assert.deepEqual(
      tools.map(({ name }) => name),
      ['proto', 'constructor'],
    );
    for (const tool of tools) {
      assert.deepEqual(schemaFaults(tool.entry.inputSchema), []);
      const plan = JSON.parse(JSON.stringify(planOf(tool))) as RequestPlan;
      const build = requestBuilder(plan, { base: undefined, boundary: () => 'x' });
      const values = `{${names.map((name) => `"${name}":"v"`).join(',')}}`;
      const grouped = `{"query":${values},"body":${values}}`;
      const others = names.map((name) => `"body_${name}":"v"`).join(',');
      const flat = `${values.slice(0, -1)},${others}}`;
      const { path, body } = build(
        JSON.parse(style === 'grouped' ? grouped : flat) as Record<string, unknown>,
      );
      assert.equal(path.split('?')[1], names.map((name) => `${name}=v`).join('&'));
      assert.equal(body?.toString(), values);
      assert.throws(() => build({}), ArgumentProblem);
    }
  }
  assert.equal(({} as Record<string, unknown>)['v'], undefined);
});

test('odd templates of paths become paths, and never others than they say', () => {
  const get = { responses: {} };
  const paths = Object.fromEntries(
    [
      '/{a}{b}',
      '/{a}.{b}',
      '/{}',
      '/{a',
      '/a}',
      '/{a}/{a}',
      '/x//y',
      '/a?b=c#d',
      '/{a/b}',
      '/ä b',
      '/{a b}',
    ].map((path) => [path, { get }]),
  );
  const { tools, problems } = readTools(documentOf({ openapi: '3.1.0', paths }), ALL);
  assert.deepEqual(problems, []);
  const built = tools.map((tool) => {
    const given = Object.fromEntries(tool.layout.arguments.map(({ name }) => [name, 'v/w']));
    const build = requestBuilder(planOf(tool), { base: '/base', boundary: () => 'x' });
    return build(Object.keys(given).length > 0 ? { path: given } : {}).path;
  });
  assert.deepEqual(built, [
    '/base/v%2Fwv%2Fw',
    '/base/v%2Fw.v%2Fw',
    '/base/%7B%7D',
    '/base/%7Ba',
    '/base/a%7D',
    '/base/v%2Fw/v%2Fw',
    '/base/x//y',
    '/base/a?b=c',
    '/base/v%2Fw',
    '/base/%C3%A4%20b',
    '/base/v%2Fw',
  ]);
});

test('chains of references, and references to references, end', () => {
  const count = 20_000;
  const schemas = Object.fromEntries(
    Array.from({ length: count }, (_, at) => [
      `S${at}`,
      { $ref: `#/components/schemas/S${(at + 1) % count}` },
    ]),
  );
  const parameters = [{ name: 'a', in: 'query', schema: { $ref: '#/components/schemas/S0' } }];
  const paths = { '/a': { get: { parameters, responses: {} } }, '/b': { get: { responses: {} } } };
  const { tools, problems } = readTools(
    documentOf({ openapi: '3.1.0', paths, components: { schemas } }),
    ALL,
  );
  assert.deepEqual([tools.length, problems.length], [1, 1]);
  assert.match(problems[0]?.message ?? '', /leads back to itself/);
});

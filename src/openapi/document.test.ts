import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bundle } from './bundle.ts';
import { documentOf, readDocument } from './document.ts';
import { type Operation, readOperations } from './operations.ts';
import { parseText } from './text.ts';

function operationsOf(document: object): { operations: Operation[]; problems: string[] } {
  const problems: string[] = [];
  const report = ({ where, message }: { where: string; message: string }) =>
    void problems.push(`${where}: ${message}`);
  return { operations: readOperations(readDocument(JSON.stringify(document)), report), problems };
}

function only(document: object): Operation {
  const { operations, problems } = operationsOf(document);
  assert.deepEqual(problems, []);
  assert.equal(operations.length, 1);
  return operations[0] as Operation;
}

const answer = { 200: { description: 'ok' } };

test('JSON and YAML say the same, with or without a mark in front', () => {
  const json =
    '{"openapi":"3.1.0","info":{"title":"T"},"paths":{"/a":{"get":{"responses":{"200":{"description":"ok"}}}}}}';
  const yaml =
    'openapi: 3.1.0\ninfo: {title: T}\npaths:\n  /a:\n    get:\n      responses:\n        200: {description: ok}\n';
  for (const text of [json, `\uFEFF${json}`, yaml, `# note\n${yaml}`, json.replaceAll('"', "'")]) {
    const { version, title, root } = readDocument(text);
    assert.deepEqual({ version, title, root }, { version: '3.1.0', title: 'T', root: JSON.parse(json) });
  }
  assert.equal(readDocument('swagger: 2.0\npaths: {}').version, '2.0');
});

test('what is no description is refused with a reason', () => {
  const bomb = [
    'a: &a0 [x,x,x,x,x,x,x,x,x,x]',
    ...Array.from({ length: 8 }, (_, at) => `b${at}: &a${at + 1} [${Array(10).fill(`*a${at}`).join(',')}]`),
  ].join('\n');
  for (const [text, reason] of [
    ['', /no object/],
    ['[]', /no object/],
    ['just words', /no object/],
    ['{"openapi": "3.1.0"', /line 1/],
    ['{"info": {}}', /neither "openapi" nor "swagger"/],
    ['{"openapi": "3.1.0"}', /no "paths"/],
    ['{"openapi": "4.0.0", "paths": {}}', /version "4.0.0"/],
    ['{"swagger": "1.2", "paths": {}}', /version "1.2"/],
    [`{"openapi": "3.0.0", "paths": ${'['.repeat(5000)}${']'.repeat(5000)}}`, /nested deeper/],
    [`openapi: 3.0.0\npaths: ${'['.repeat(50_000)}`, /nested too deeply|deeper/],
    [`openapi: 3.0.0\n${bomb}`, /alias|values/i],
    [' '.repeat(33 * 1024 ** 2), /longer than 32 MiB/],
  ] as const)
    assert.throws(() => readDocument(text), reason, text.slice(0, 60));
});

test('an operation takes over what its path says, and replaces it by name and place', () => {
  const { parameters, base, summary } = only({
    openapi: '3.0.0',
    servers: [{ url: 'https://x.example/{version}/', variables: { version: { default: 'v2' } } }],
    paths: {
      '/a/{id}': {
        summary: 'of the path',
        parameters: [
          { name: 'id', in: 'path', required: true, schema: { type: 'string' } },
          { name: 'q', in: 'query', schema: { type: 'string' } },
          { $ref: '#/components/parameters/Page' },
          { name: 'Accept', in: 'header', schema: {} },
        ],
        get: {
          parameters: [{ name: 'q', in: 'query', required: true, schema: { type: 'integer' } }],
          responses: answer,
        },
      },
    },
    components: { parameters: { Page: { name: 'page', in: 'query', style: 'pipeDelimited', schema: {} } } },
  });
  assert.deepEqual(
    parameters.map(({ name, in: place, required, style, explode }) => [
      name,
      place,
      required,
      style,
      explode,
    ]),
    [
      ['id', 'path', true, 'simple', false],
      ['q', 'query', true, 'form', true],
      ['page', 'query', false, 'pipeDelimited', false],
    ],
  );
  assert.deepEqual({ base, summary }, { base: '/v2', summary: 'of the path' });
});

test('a path may be a reference, and a variable that nothing describes is a text', () => {
  const { parameters } = only({
    openapi: '3.1.0',
    paths: { '/a/{id}': { $ref: '#/components/pathItems/A' } },
    components: { pathItems: { A: { get: { responses: answer } } } },
  });
  assert.deepEqual(
    parameters.map(({ name, in: place, required }) => [name, place, required]),
    [['id', 'path', true]],
  );
});

test('an operation that cannot be read is left out, and the others stay', () => {
  const { operations, problems } = operationsOf({
    openapi: '3.0.0',
    paths: {
      '/good': { get: { responses: answer } },
      '/bad': { get: { parameters: [{ $ref: '#/gone' }] }, post: { parameters: [{ in: 'query' }] } },
      '/loop': { $ref: '#/paths/~1loop' },
      'x-extension': {},
    },
  });
  assert.deepEqual(
    operations.map(({ path }) => path),
    ['/good'],
  );
  assert.deepEqual(
    problems.map((problem) => problem.split(':')[0]),
    ['GET /bad', 'POST /bad', '/loop'],
  );
});

test('Swagger 2.0 takes the shape of OpenAPI 3', () => {
  const { operations, problems } = operationsOf({
    swagger: '2.0',
    host: 'api.example',
    basePath: '/v1',
    schemes: ['https'],
    consumes: ['application/json'],
    produces: ['application/json', 'application/xml'],
    parameters: {
      Limit: { name: 'limit', in: 'query', type: 'integer', maximum: 5 },
      Pet: { name: 'pet', in: 'body', required: true, schema: { $ref: '#/definitions/Pet' } },
    },
    definitions: { Pet: { type: 'object' } },
    paths: {
      '/pets': {
        parameters: [{ $ref: '#/parameters/Limit' }],
        get: {
          parameters: [
            {
              name: 'tags',
              in: 'query',
              type: 'array',
              items: { type: 'string' },
              collectionFormat: 'pipes',
            },
          ],
          responses: { 200: { schema: { $ref: '#/definitions/Pet' } } },
        },
        post: { parameters: [{ $ref: '#/parameters/Pet' }], responses: {} },
      },
      '/upload': {
        post: {
          consumes: ['multipart/form-data'],
          parameters: [
            { name: 'file', in: 'formData', type: 'file', required: true },
            {
              name: 'ids',
              in: 'formData',
              type: 'array',
              items: { type: 'string' },
              collectionFormat: 'multi',
            },
          ],
          responses: {},
        },
      },
    },
  });
  assert.deepEqual(problems, []);
  const [get, post, upload] = operations;
  assert.equal(get?.base, '/v1');
  assert.deepEqual(
    get?.parameters.map(({ name, style, explode, schema }) => ({ name, style, explode, schema })),
    [
      { name: 'limit', style: 'form', explode: true, schema: { type: 'integer', maximum: 5 } },
      {
        name: 'tags',
        style: 'pipeDelimited',
        explode: false,
        schema: { type: 'array', items: { type: 'string' } },
      },
    ],
  );
  assert.deepEqual(
    get?.replies[0]?.content.map(({ type }) => type),
    ['application/json', 'application/xml'],
  );
  assert.deepEqual(post?.body, {
    required: true,
    description: undefined,
    type: 'application/json',
    schema: { $ref: '#/definitions/Pet' },
    encoding: {},
  });
  assert.equal(upload?.body?.type, 'multipart/form-data');
  assert.deepEqual((upload?.body?.schema as { required: string[] } | undefined)?.required, ['file']);
  assert.deepEqual(upload?.body?.encoding['ids'], { style: 'form', explode: true });
});

test('other files are put into the document, whatever refers to what', async () => {
  const files: Record<string, string> = {
    'file:///api/paths/a.yaml':
      'get:\n  parameters: [{$ref: "../parts.json#/limit"}]\n  responses: {200: {description: ok}}\n',
    'file:///api/parts.json':
      '{"limit": {"name": "limit", "in": "query", "schema": {"$ref": "main.yaml#/components/schemas/Limit"}}, "own": {"$ref": "#/limit"}}',
  };
  const main =
    'openapi: 3.1.0\npaths:\n  /a: {$ref: paths/a.yaml}\ncomponents: {schemas: {Limit: {type: integer}}}\n';
  const read: string[] = [];
  const bundled = await bundle(parseText(main), {
    base: new URL('file:///api/main.yaml'),
    read: async (address) => {
      read.push(address.href);
      return files[address.href] ?? '';
    },
  });
  const document = documentOf(bundled);
  const [operation] = readOperations(document, ({ message }) => assert.fail(message));
  assert.deepEqual(document.references.follow(operation?.parameters[0]?.schema).value, { type: 'integer' });
  assert.deepEqual(read, Object.keys(files));
});

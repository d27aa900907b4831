import assert from 'node:assert/strict';
import { test } from 'node:test';
import { schemaFaults } from '../../test/fixtures/json-schema-2020.ts';
import { LIMITS } from '../core/limits.ts';
import { documentOf, readDocument } from './document.ts';
import { reviewTool } from './review.ts';
import { type ApiTool, readTools, type ToolOptions } from './tools.ts';

const STANDARD: ToolOptions = { style: 'grouped', selection: {}, outputSchemas: true };
const json = (schema: object) => ({ content: { 'application/json': { schema } } });
const ok = (schema?: object) => ({ 200: { description: 'ok', ...(schema && json(schema)) } });

function toolsOf(paths: object, options: Partial<ToolOptions> = {}, more: object = {}): readonly ApiTool[] {
  const text = JSON.stringify({ openapi: '3.1.0', paths, ...more });
  const { tools, problems } = readTools(readDocument(text), { ...STANDARD, ...options });
  assert.deepEqual(problems, []);
  for (const { entry } of tools)
    for (const schema of [entry.inputSchema, entry.outputSchema ?? {}])
      assert.deepEqual(schemaFaults(schema), []);
  return tools;
}

function toolOf(operation: object, options: Partial<ToolOptions> = {}, path = '/things/{id}'): ApiTool {
  const [tool] = toolsOf({ [path]: { post: { responses: ok(), ...operation } } }, options);
  assert.ok(tool);
  return tool;
}

const namesOf = (tools: readonly ApiTool[]) => tools.map(({ name }) => name);

test('names are readable, stable, different and short enough', () => {
  const get = (operationId?: string) => ({ get: { operationId, responses: ok() } });
  const paths = {
    '/': get(),
    '/users/{id}': get(),
    '/users/{id}/posts': get(),
    '/users/{user-id}.json': get(),
    '/a/b:run': get(),
    '/one': get('list things!'),
    '/two': get('list_things'),
    '/three': get('list things'),
    '/four': get('日本'),
    [`/${'long/'.repeat(20)}x`]: get(),
    [`/${'long/'.repeat(20)}y`]: get(),
  };
  const names = namesOf(toolsOf(paths));
  assert.deepEqual(names.slice(0, 9), [
    'get_root',
    'get_users_by_id',
    'get_users_by_id_posts',
    'get_users_by_user-id_json',
    'get_a_b_run',
    'list_things',
    'list_things_2',
    'list_things_3',
    'get_four',
  ]);
  assert.equal(new Set(names).size, names.length);
  for (const name of names) assert.match(name, /^[A-Za-z0-9_.-]{1,64}$/);
  assert.deepEqual(namesOf(toolsOf(paths)), names);
});

test('texts come from summary and description, and say what is deprecated', () => {
  const entry = (operation: object) => toolOf(operation).entry;
  assert.deepEqual(
    (({ title, description }) => ({ title, description }))(entry({ summary: 'Short', description: 'Long.' })),
    { title: 'Short', description: 'Long.' },
  );
  assert.equal(entry({ summary: 'Short', deprecated: true }).description, 'Deprecated. Short');
  assert.equal(entry({}).description, 'POST /things/{id}');
  assert.equal(entry({ summary: 'x'.repeat(65) }).title, undefined);
});

test('annotations come from the method', () => {
  const methods = ['get', 'head', 'put', 'post', 'patch', 'delete'];
  const tools = toolsOf({ '/a': Object.fromEntries(methods.map((method) => [method, { responses: ok() }])) });
  const hints = new Map(tools.map(({ operation, entry }) => [operation.method, entry.annotations]));
  const reads = { readOnlyHint: true, idempotentHint: true };
  const replaces = { readOnlyHint: false, destructiveHint: true, idempotentHint: true };
  const changes = { readOnlyHint: false, idempotentHint: false };
  assert.deepEqual(Object.fromEntries(hints), {
    GET: reads,
    HEAD: reads,
    PUT: replaces,
    DELETE: replaces,
    POST: changes,
    PATCH: changes,
  });
});

const PARAMETERS = [
  { name: 'id', in: 'path', required: true, schema: { type: 'string' } },
  { name: 'id', in: 'query', schema: { type: 'integer' }, description: 'Another.' },
  { name: 'X-Trace', in: 'header', required: true, schema: { type: 'string' } },
  { name: 'mood', in: 'cookie', schema: { type: 'string' } },
];
const BODY = {
  required: true,
  ...json({
    type: 'object',
    properties: { id: { type: 'boolean' }, name: { type: 'string' } },
    required: ['name'],
  }),
};

test('arguments stand in groups, each required if a member is', () => {
  const { entry } = toolOf({ parameters: PARAMETERS, requestBody: BODY });
  const schema = entry.inputSchema as {
    properties: Record<string, { properties: object }>;
    required: string[];
  };
  assert.deepEqual(
    Object.entries(schema.properties).map(([name, group]) => [name, Object.keys(group.properties)]),
    [
      ['path', ['id']],
      ['query', ['id']],
      ['header', ['X-Trace']],
      ['cookie', ['mood']],
      ['body', ['id', 'name']],
    ],
  );
  assert.deepEqual(schema.required, ['path', 'header', 'body']);
});

test('flat arguments stand beside each other; what clashes gets its place in front', () => {
  const schemaOf = (requestBody: object) =>
    toolOf({ parameters: PARAMETERS, requestBody }, { style: 'flat' }).entry.inputSchema as {
      properties: object;
      required: string[];
    };
  const schema = schemaOf(BODY);
  assert.deepEqual(Object.keys(schema.properties), ['id', 'query_id', 'X-Trace', 'mood', 'body_id', 'name']);
  assert.deepEqual(schema.required, ['id', 'X-Trace', 'name']);
  for (const body of [
    { ...BODY, required: false },
    json({ type: 'array', items: {} }),
    json({ type: 'object', properties: { a: {} }, additionalProperties: true }),
  ])
    assert.deepEqual(Object.keys(schemaOf(body).properties).slice(4), ['body']);
});

test('parameters that the credentials of the gateway fill are no arguments', () => {
  const provided = { place: 'header', names: ['x-trace'] } as const;
  const { entry } = toolOf({ parameters: PARAMETERS }, { provided });
  assert.deepEqual(Object.keys((entry.inputSchema as { properties: object }).properties), [
    'path',
    'query',
    'cookie',
  ]);
});

test('operations are selected by tag, path, method and name', () => {
  const operation = (tag: string, deprecated = false) => ({ tags: [tag], deprecated, responses: ok() });
  const paths = {
    '/users': { get: operation('users'), post: operation('users') },
    '/users/{id}': { delete: operation('admin') },
    '/old': { get: operation('users', true) },
  };
  const selected = (selection: ToolOptions['selection']) => namesOf(toolsOf(paths, { selection })).join(' ');
  assert.equal(selected({ tags: ['users'] }), 'get_users post_users get_old');
  assert.equal(selected({ tags: ['us*'], deprecated: false }), 'get_users post_users');
  assert.equal(selected({ paths: ['/users*'] }), 'get_users post_users delete_users_by_id');
  assert.equal(selected({ methods: ['GET'] }), 'get_users get_old');
  assert.equal(selected({ include: ['get_*', 'DELETE /users/*'] }), 'get_users delete_users_by_id get_old');
  assert.equal(selected({ include: ['*users*'], exclude: ['POST *'] }), 'get_users delete_users_by_id');
  assert.equal(selected({ tags: ['users'], methods: ['POST'] }), 'post_users');
  const preflight = { '/a': { options: operation('x'), trace: operation('x') } };
  assert.deepEqual(namesOf(toolsOf(preflight)), []);
  assert.deepEqual(namesOf(toolsOf(preflight, { selection: { methods: ['OPTIONS'] } })), ['options_a']);
});

test('a tool says what it returns where every success is JSON', () => {
  const output = (responses: object, options: Partial<ToolOptions> = {}) =>
    toolOf({ responses }, options).entry.outputSchema;
  const object = { type: 'object', properties: { a: { type: 'string' } } };
  assert.deepEqual(output(ok(object)), object);
  assert.deepEqual(output({ '2XX': json(object) }), object);
  assert.deepEqual(output({ default: json(object) }), object);
  assert.deepEqual(output({ ...ok(object), 404: json({ type: 'array' }) }), object);
  assert.deepEqual(output(ok({ properties: { a: {} } })), { type: 'object', properties: { a: {} } });
  assert.deepEqual(output({ ...ok(object), 201: json({ type: 'object' }) }), {
    anyOf: [object, { type: 'object' }],
    type: 'object',
  });
  assert.deepEqual(output(ok({ type: 'array', items: { type: 'integer' } })), {
    type: 'object',
    properties: { data: { type: 'array', items: { type: 'integer' } } },
    required: ['data'],
  });
  assert.ok((output(ok({ type: ['object', 'null'] })) as { properties: object }).properties);
  for (const responses of [
    {},
    ok(),
    { ...ok(object), 204: { description: 'none' } },
    { 200: { content: { 'application/json': { schema: object }, 'text/plain': {} } } },
    ok({}),
    ok({ type: 'object', title: 'x'.repeat(20_000) }),
  ])
    assert.equal(output(responses), undefined, JSON.stringify(responses).slice(0, 80));
  assert.equal(output(ok(object), { outputSchemas: false }), undefined);
});

test('files in a form are objects, raw bodies base64, other bodies text', () => {
  const body = (type: string, schema: object) =>
    (
      toolOf({ requestBody: { content: { [type]: { schema } } } }).entry.inputSchema as {
        properties: { body: Record<string, unknown> };
      }
    ).properties.body;
  const binary = { type: 'string', format: 'binary' };
  const form = body('multipart/form-data', {
    type: 'object',
    properties: { photo: binary, more: { type: 'array', items: binary }, note: { type: 'string' } },
  });
  const properties = form['properties'] as Record<
    string,
    { type: string; properties?: object; items?: { properties: object } }
  >;
  assert.deepEqual(Object.keys(properties['photo']?.properties ?? {}), [
    'text',
    'base64',
    'filename',
    'contentType',
  ]);
  assert.deepEqual(Object.keys(properties['more']?.items?.properties ?? {}), [
    'text',
    'base64',
    'filename',
    'contentType',
  ]);
  assert.deepEqual(properties['note'], { type: 'string' });
  assert.equal(body('image/png', binary)['contentEncoding'], 'base64');
  assert.equal(body('application/xml', { type: 'object' })['type'], 'string');
});

test('what suits a model badly is said', () => {
  const many = Array.from({ length: 20 }, (_, at) => ({ name: `p${at}`, in: 'query', schema: {} }));
  const bad = toolOf({
    deprecated: true,
    parameters: many,
    responses: { 200: { content: { 'application/pdf': {} } } },
  });
  const warnings = reviewTool(bad).join('\n');
  for (const expected of [/no description/, /21 arguments/, /application\/pdf/, /deprecated/, /operationId/])
    assert.match(warnings, expected);
  const good = toolOf({
    operationId: 'x',
    description: 'Makes a thing of another.',
    responses: ok({ type: 'object' }),
  });
  assert.deepEqual(reviewTool(good), []);
});

test('names and references of a document that means no good end in time', () => {
  const responses = ok();
  const count = LIMITS.apiOperations.value;
  const same = Object.fromEntries(
    Array.from({ length: count }, (_, at) => [`/p${at}`, { get: { operationId: 'same', responses } }]),
  );
  assert.equal(new Set(namesOf(toolsOf(same))).size, count);
  const long = `${'-'.repeat(500_000)}x`;
  assert.deepEqual(
    namesOf(
      toolsOf({
        '/a': { get: { operationId: `a${long}`, responses } },
        [`/${long}`]: { get: { responses } },
      }),
    ).map((name) => name.length <= 64),
    [true, true],
  );
  const chain = Object.fromEntries(
    Array.from({ length: count }, (_, at) => [
      `S${at}`,
      { items: { $ref: `#/components/schemas/S${at + 1}` } },
    ]),
  );
  const schemas = { ...chain, [`S${count}`]: { type: 'string' } };
  const body = { post: { requestBody: json({ $ref: '#/components/schemas/S0' }), responses } };
  const [tool] = toolsOf({ '/a': body }, {}, { components: { schemas } });
  const schema = tool?.entry.inputSchema as { $defs?: object } | undefined;
  assert.ok(Object.keys(schema?.$defs ?? {}).length > count / 4);
  assert.match(JSON.stringify(schema), /Too large to be written out/);
  assert.ok((tool?.json.length ?? 0) < LIMITS.apiToolSchema.value);
});

test('what is too much for a list of tools is left out, and said', () => {
  const { apiOperations: most, apiToolSchema: largest } = LIMITS;
  const get = { responses: ok() };
  const read = (paths: object) => {
    const { tools, problems } = readTools(documentOf({ openapi: '3.1.0', paths }), STANDARD);
    return { count: tools.length, said: problems.map(({ where, message }) => `${where}: ${message}`) };
  };
  const many = Object.fromEntries(Array.from({ length: most.value + 3 }, (_, at) => [`/p${at}`, { get }]));
  assert.deepEqual(read(many), {
    count: most.value,
    said: [
      `3 further operations: ${most.value} tools are as many as there can be: select with openapi.operations`,
    ],
  });
  const schema = { type: 'string', enum: ['x'.repeat(largest.value)] };
  const large = { get: { ...get, parameters: [{ name: 'a', in: 'query', schema }] } };
  const { count, said } = read({ '/large': large, '/small': { get } });
  assert.equal(count, 1);
  assert.match(said.join(), /^GET \/large: what it takes has 131 kB: too large for a tool$/);
  const parameters = Array.from({ length: 10_000 }, (_, at) => ({ name: `parameter-${at}`, in: 'query' }));
  assert.match(read({ '/wide': { get: { ...get, parameters } } }).said.join(), /^GET \/wide: .*too large/);
});

test('the cost of a document grows with its operations, not with what they share', () => {
  const schemas = Object.fromEntries(
    Array.from({ length: 300 }, (_, at) => [
      `S${at}`,
      {
        type: 'object',
        properties: Object.fromEntries(
          Array.from({ length: 20 }, (_p, to) => [
            `p${to}`,
            { $ref: `#/components/schemas/S${(at + to + 1) % 300}` },
          ]),
        ),
      },
    ]),
  );
  const paths = Object.fromEntries(
    Array.from({ length: 50 }, (_, at) => [
      `/p${at}`,
      { post: { requestBody: json({ $ref: `#/components/schemas/S${at}` }), responses: ok() } },
    ]),
  );
  const tools = toolsOf(paths, {}, { components: { schemas } });
  assert.equal(tools.length, 50);
});

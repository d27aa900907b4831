import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SEED } from '../../test/fixtures/json-samples.ts';
import type { ArgumentStyle } from './arguments.ts';
import { readDocument } from './document.ts';
import { parseExact } from './exact-numbers.ts';
import { planOf, type RequestPlan } from './plan.ts';
import { type ApiRequest, requestBuilder } from './request.ts';
import { ArgumentProblem } from './styles.ts';
import { readTools } from './tools.ts';

interface Options {
  readonly path?: string;
  readonly base?: string;
  readonly style?: ArgumentStyle;
  readonly method?: string;
}

const BOUNDARY = 'form-of-a-test';

/** What arguments of an operation become. */
function builder(
  operation: object,
  { path = '/things/{id}', base, style = 'grouped', method = 'post' }: Options = {},
) {
  const text = JSON.stringify({
    openapi: '3.0.0',
    servers: [{ url: '/v1' }],
    paths: { [path]: { [method]: { responses: {}, ...operation } } },
  });
  const { tools, problems } = readTools(readDocument(text), { style, selection: {}, outputSchemas: true });
  assert.deepEqual(problems, []);
  const [tool] = tools;
  assert.ok(tool);
  const build = requestBuilder(JSON.parse(JSON.stringify(planOf(tool))) as RequestPlan, {
    base,
    boundary: () => BOUNDARY,
  });
  return (given: object | string): ApiRequest =>
    build(parseExact(typeof given === 'string' ? given : JSON.stringify(given)) as Record<string, unknown>);
}

const query = (name: string, more: object = {}) => ({ name, in: 'query', schema: {}, ...more });
const body = (type: string, schema: object = {}, more: object = {}) => ({
  requestBody: { content: { [type]: { schema, ...more } } },
});
const textOf = ({ body: bytes }: ApiRequest) => bytes?.toString();
const headersOf = ({ headers }: ApiRequest) =>
  Object.fromEntries(headers.flatMap((name, at) => (at % 2 === 0 ? [[name, headers[at + 1]]] : [])));

test('path, query, headers, cookies and body go where they belong', () => {
  const build = builder({
    parameters: [
      query('q'),
      query('tags', { style: 'form', explode: false }),
      { name: 'X-Trace', in: 'header', schema: {} },
      { name: 'mood', in: 'cookie', schema: {} },
      { name: 'size', in: 'cookie', schema: {} },
    ],
    ...body('application/json'),
  });
  const given = {
    path: { id: 'a b/c' },
    query: { q: 'x&y', tags: ['1', '2'] },
    header: { 'X-Trace': 't' },
    cookie: { mood: 'so; so', size: 5 },
    body: { a: [1] },
  };
  const request = build(given);
  assert.equal(request.method, 'POST');
  assert.equal(request.path, '/v1/things/a%20b%2Fc?q=x%26y&tags=1,2');
  assert.deepEqual(headersOf(request), {
    accept: 'application/json, */*;q=0.5',
    'x-trace': 't',
    cookie: 'mood=so%3B%20so; size=5',
    'content-type': 'application/json',
  });
  assert.equal(textOf(request), '{"a":[1]}');
  const bare = build({ path: { id: 1 } });
  assert.deepEqual(
    [bare.path, bare.body, 'content-type' in headersOf(bare)],
    ['/v1/things/1', undefined, false],
  );
});

test('a path in the configuration takes the place of the one in the description', () => {
  assert.equal(builder({}, { base: '/other' })({ path: { id: 1 } }).path, '/other/things/1');
  assert.equal(builder({}, { base: '' })({ path: { id: 1 } }).path, '/things/1');
  assert.equal(builder({}, { path: '/a b/{id}:run' })({ path: { id: 1 } }).path, '/v1/a%20b/1:run');
});

test('a query in a path is kept, a fragment is not', () => {
  const build = builder({ parameters: [query('q')] }, { path: '/things/{id}?kind=a b#two' });
  assert.equal(build({ path: { id: 1 }, query: { q: 2 } }).path, '/v1/things/1?kind=a%20b&q=2');
});

test('an argument of the path leads to no other path', () => {
  const build = builder({});
  for (const id of ['..', '.', '../admin', 'a/../../b', '..\\x', 'x\\..', '%2e%2e', '', [], ['..'], null])
    assert.throws(() => build({ path: { id } }), ArgumentProblem, JSON.stringify(id));
  for (const [id, path] of [
    ['a..b', 'a..b'],
    ['...', '...'],
    ['%2ex', '%252ex'],
    ['a?b#c', 'a%3Fb%23c'],
    ['ä', '%C3%A4'],
    ['\r\n', '%0D%0A'],
  ] as const) {
    assert.equal(build({ path: { id } }).path, `/v1/things/${path}`);
  }
  const both = builder({}, { path: '/x/{a}{b}/y' });
  assert.throws(() => both({ path: { a: '.', b: '.' } }), ArgumentProblem);
  const label = builder({
    parameters: [{ name: 'id', in: 'path', required: true, style: 'label', schema: {} }],
  });
  assert.throws(() => label({ path: { id: '.' } }), ArgumentProblem);
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('.', '/', '\\', '%', '2', 'e', 'f', 'a', '?', '#', ' ') }),
      (id) => {
        let path: string;
        try {
          ({ path } = build({ path: { id } }));
        } catch (error) {
          assert.ok(error instanceof ArgumentProblem);
          return;
        }
        for (const decoded of [path, decodeURIComponent(path)]) {
          const { pathname } = new URL(
            `http://x${path === decoded ? path : `/${decoded.replace(/[?#]/g, '_').slice(1)}`}`,
          );
          assert.ok(pathname.startsWith('/v1/things/'), `${id} -> ${path} -> ${pathname}`);
        }
      },
    ),
    { seed: SEED, numRuns: 3000 },
  );
});

test('headers that the gateway or the message says are no arguments', () => {
  const names = [
    'Host',
    'Authorization',
    'Content-Length',
    'Cookie',
    'Transfer-Encoding',
    'X-Forwarded-For',
    'Proxy-Authorization',
    'Accept',
    'bad name',
    'X-Fine',
  ];
  const build = builder({ parameters: names.map((name) => ({ name, in: 'header', schema: {} })) });
  assert.equal(headersOf(build({ path: { id: 1 }, header: { 'X-Fine': 'y' } }))['x-fine'], 'y');
  for (const name of names.slice(0, -1))
    assert.throws(() => build({ path: { id: 1 }, header: { [name]: 'y' } }), ArgumentProblem, name);
});

test('missing and unknown arguments are said, with the place they belong to', () => {
  const build = builder({ parameters: [query('q', { required: true })] });
  assert.throws(() => build({ path: { id: 1 } }), /missing argument "query.q"/);
  assert.throws(() => build({ id: 1 }), /unknown argument "id": it belongs into "path"/);
  assert.throws(
    () => build({ path: { id: 1 }, query: { q: 1, z: 2 } }),
    /unknown argument "z" in "query"; there are: q/,
  );
  assert.throws(() => build({ path: 'x' }), /"path" has to be an object/);
  assert.throws(() => build({ path: { id: 1 }, query: null }), /missing argument "query.q"/);
  assert.throws(
    () => build('{"path":{"id":1,"__proto__":2},"query":{"q":1}}'),
    /unknown argument "__proto__"/,
  );
});

test('flat arguments become the same request', () => {
  const schema = { type: 'object', properties: { id: {}, name: {} }, required: ['name'] };
  const build = builder(
    { requestBody: { required: true, content: { 'application/json': { schema } } } },
    { style: 'flat' },
  );
  const request = build({ id: 7, body_id: 8, name: 'x' });
  assert.deepEqual([request.path, textOf(request)], ['/v1/things/7', '{"id":8,"name":"x"}']);
});

test('numbers travel as they were written, however long', () => {
  const build = builder({ parameters: [query('q')], ...body('application/json') });
  const long = '12345678901234567890';
  const request = build(
    `{"path":{"id":${long}},"query":{"q":[-${long},0.1234567890123456789]},"body":{"id":${long},"text":"${long} \\"${long}","e":1e5}}`,
  );
  assert.equal(request.path, `/v1/things/${long}?q=-${long}&q=0.1234567890123456789`);
  assert.equal(textOf(request), `{"id":${long},"text":"${long} \\"${long}","e":100000}`);
});

test('a body of JSON may come as its text where it has to be an object', () => {
  const object = builder(body('application/merge-patch+json', { type: 'object' }));
  const request = object({ path: { id: 1 }, body: '{"a":1}' });
  assert.deepEqual(
    [textOf(request), headersOf(request)['content-type']],
    ['{"a":1}', 'application/merge-patch+json'],
  );
  const anything = builder(body('application/json', { type: 'string' }));
  assert.equal(textOf(anything({ path: { id: 1 }, body: '{"a":1}' })), '"{\\"a\\":1}"');
});

test('a form is written by its styles', () => {
  const build = builder(
    body(
      'application/x-www-form-urlencoded',
      {},
      { encoding: { deep: { style: 'deepObject' }, joined: { explode: false } } },
    ),
  );
  const request = build({
    path: { id: 1 },
    body: { a: 'x y&z', list: [1, 2], joined: [1, 2], object: { b: 1 }, deep: { c: 2 }, none: null },
  });
  assert.equal(
    textOf(request),
    'a=x%20y%26z&list=1&list=2&joined=1,2&object=%7B%22b%22%3A1%7D&deep%5Bc%5D=2',
  );
  assert.throws(() => build({ path: { id: 1 }, body: [1] }), ArgumentProblem);
});

test('a multipart form carries fields, objects and files, and no name ends its header', async () => {
  const binary = { type: 'string', format: 'binary' };
  const schema = {
    type: 'object',
    properties: {
      one: binary,
      more: { type: 'array', items: binary },
      note: { type: 'string' },
      meta: { type: 'object' },
    },
  };
  const build = builder(body('multipart/form-data', schema));
  const png = Buffer.from([0x89, 0x50, 0x0d, 0x0a, 0xff]);
  const request = build({
    path: { id: 1 },
    body: {
      note: 'ä',
      meta: { a: 1 },
      'odd"\r\nname': 'x',
      one: { base64: png.toString('base64'), filename: 'a"\r\n.png', contentType: 'image/png' },
      more: [{ text: 'first' }, 'second'],
    },
  });
  const type = headersOf(request)['content-type'] as string;
  assert.equal(type, `multipart/form-data; boundary=${BOUNDARY}`);
  const form = await new Response(request.body as Uint8Array<ArrayBuffer>, {
    headers: { 'content-type': type },
  }).formData();
  const file = form.get('one') as File;
  assert.deepEqual(Buffer.from(await file.arrayBuffer()), png);
  assert.deepEqual([file.name, file.type], ['a"\r\n.png', 'image/png']);
  assert.equal(form.get('note'), 'ä');
  assert.equal(await (form.get('meta') as unknown as File | string).toString(), '{"a":1}');
  assert.equal(form.get('odd"\r\nname'), 'x');
  const texts = await Promise.all(form.getAll('more').map((each) => (each as File).text()));
  assert.deepEqual(texts, ['first', 'second']);
  for (const one of [{}, { text: 'a', base64: 'YQ==' }, { base64: '?' }, 5])
    assert.throws(() => build({ path: { id: 1 }, body: { one } }), ArgumentProblem, JSON.stringify(one));
});

test('other bodies are text or bytes', () => {
  const text = builder(body('application/xml'))({ path: { id: 1 }, body: '<a/>' });
  assert.deepEqual([textOf(text), headersOf(text)['content-type']], ['<a/>', 'application/xml']);
  const bytes = builder(body('application/octet-stream'));
  for (const coded of ['/+8=', '_-8', '/+ 8=\n', 'data:image/png;base64,/+8='])
    assert.deepEqual(bytes({ path: { id: 1 }, body: coded }).body, Buffer.from([0xff, 0xef]));
  assert.throws(() => bytes({ path: { id: 1 }, body: 'no base64!' }), ArgumentProblem);
});

test('what is accepted is what the description says comes back', () => {
  const accepted = (...types: string[]) => {
    const content = Object.fromEntries(types.map((type) => [type, {}]));
    return headersOf(builder({ responses: { 200: { content } } })({ path: { id: 1 } }))['accept'];
  };
  assert.equal(accepted(), 'application/json, */*;q=0.5');
  assert.equal(accepted('image/png'), 'image/png, */*;q=0.5');
  assert.equal(accepted('text/csv', 'application/json'), 'application/json, text/csv;q=0.9, */*;q=0.5');
  assert.equal(accepted('evil\r\nx: y/z'), 'application/json, */*;q=0.5');
});

/**
 * Schemathesis makes up requests from a description; each is turned into the tools/call that means the same, goes
 * through the gateway, and what arrives at the API is held against what was made up.
 */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { temporaryFolder } from '../fixtures/child-host.ts';
import { startGateway } from '../fixtures/gateway.ts';
import { DescriptionReader, type Found, type SentRequest } from '../fixtures/openapi-reader.ts';
import { run } from '../fixtures/programs.ts';
import { provideUvx } from '../fixtures/uvx.ts';

const text = { type: 'string' };
const texts = { type: 'array', items: text, minItems: 1, maxItems: 4 };
const responses = { 200: { description: 'ok' } };
const place = (where: string, name: string, schema: object, more: object = {}) => ({
  ...{ name, in: where, required: true, schema },
  ...more,
});
const body = (type: string, schema: object) => ({ required: true, content: { [type]: { schema } } });
const FORM = 'application/x-www-form-urlencoded';
const TREE = {
  type: 'object',
  required: ['name'],
  properties: {
    name: text,
    size: { type: 'number' },
    count: { type: 'integer', format: 'int64' },
    on: { type: 'boolean', nullable: true },
    children: { type: 'array', maxItems: 2, items: { $ref: '#/components/schemas/Tree' } },
  },
};

const DESCRIPTION = {
  openapi: '3.0.3',
  info: { title: 'Shapes', version: '1' },
  components: { schemas: { Tree: TREE } },
  paths: {
    '/path/{id}/{word}.txt': {
      get: {
        operationId: 'path',
        parameters: [place('path', 'id', { type: 'integer' }), place('path', 'word', text)],
        responses,
      },
    },
    '/labels/{label}/{list}/{matrix}': {
      get: {
        operationId: 'labels',
        parameters: [
          place('path', 'label', { type: 'integer' }, { style: 'label' }),
          place('path', 'list', { ...texts, items: { ...text, minLength: 1 } }),
          place('path', 'matrix', { type: 'boolean' }, { style: 'matrix' }),
        ],
        responses,
      },
    },
    '/query': {
      get: {
        operationId: 'query',
        parameters: [
          place('query', 'text', text),
          place('query', 'many', texts),
          place('query', 'joined', { ...texts, items: { type: 'integer' } }, { explode: false }),
          place(
            'query',
            'piped',
            { ...texts, items: { type: 'integer' } },
            { style: 'pipeDelimited', explode: false },
          ),
          place('query', 'a b[]', { type: 'boolean' }, { required: false }),
          place('query', 'number', { type: 'number' }, { required: false }),
        ],
        responses,
      },
    },
    '/headers': {
      get: {
        operationId: 'headers',
        parameters: [
          place('header', 'X-Text', text, { example: 'é' }),
          place('header', 'X-List', { ...texts, items: { type: 'integer' } }),
          place('cookie', 'mood', { type: 'string', pattern: '^[a-z]{1,9}$' }),
        ],
        responses,
      },
    },
    '/json': {
      post: {
        operationId: 'json',
        requestBody: body('application/json', { $ref: '#/components/schemas/Tree' }),
        responses,
      },
      put: { operationId: 'any', requestBody: body('application/json', {}), responses },
    },
    '/form': {
      post: {
        operationId: 'form',
        requestBody: body(FORM, {
          type: 'object',
          required: ['a'],
          properties: { a: text, b: { type: 'integer' }, c: texts },
        }),
        responses,
      },
    },
    '/text': { post: { operationId: 'text', requestBody: body('text/plain', text), responses } },
  },
};

/** What does not arrive as it was made up, and why that is right; `rare`: not every run has it. */
const EXPECTED: readonly { readonly what: RegExp; readonly why: string; readonly rare?: boolean }[] = [
  {
    what: /^refused: .*printable ASCII/,
    why: 'a header takes no other characters; a model should be told',
  },
  {
    what: /^refused: .*would lead to another path/,
    why: 'servers resolve dot segments, also encoded ones; most of them the fuzzer resolves itself',
    rare: true,
  },
];

const MAX_EXAMPLES = '60';
const BUDGET = '25';
const program = await provideUvx('schemathesis');
const missing = program.available ? undefined : program.reason;

test('requests that a fuzzer makes up arrive at the API as they were meant', {
  skip: missing,
}, async (t) => {
  const arrived: SentRequest[] = [];
  const api = await serve(t, async (request, response) => {
    arrived.push(await received(request));
    response.end();
  });
  const gateway = await startGateway({
    mcp: { targets: [{ name: 'shapes', openapi: { host: api, schema: JSON.stringify(DESCRIPTION) } }] },
  });
  t.after(() => gateway.stop());
  const client = new Client({ name: 'test', version: '1.0.0' });
  await client.connect(
    new StreamableHTTPClientTransport(new URL(gateway.url)) as Parameters<typeof client.connect>[0],
  );
  t.after(() => client.close());

  const differences = new Map<string, string>();
  const counts = new Map<string, number>();
  /** One after the other: what arrives then belongs to what was sent. */
  let last: Promise<void> = Promise.resolve();
  const front = await serve(t, async (request, response) => {
    const sent = await received(request);
    const before = last;
    let done = (): void => {};
    last = new Promise((resolve) => {
      done = resolve;
    });
    await before;
    const difference = await compared(sent).catch((error: unknown) => `failed: ${String(error)}`);
    if (difference !== undefined) differences.set(difference.slice(0, 300), `${sent.method} ${sent.path}`);
    done();
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });

  async function compared(sent: SentRequest): Promise<string | undefined> {
    const meant = await readBack(sent);
    if (!meant) return undefined;
    const { path, operationId, found } = meant;
    counts.set(operationId, (counts.get(operationId) ?? 0) + 1);
    arrived.length = 0;
    const result = await client.callTool({ name: operationId, arguments: argumentsOf(found) });
    const [only] = arrived;
    if (!only) return `refused: ${JSON.stringify(result.content)}`;
    const back = await reader.read(path, sent.method, only);
    if (isDeepStrictEqual(found, back)) return undefined;
    return `different: ${operationId} ${JSON.stringify([...found])} and ${JSON.stringify([...back])}`;
  }

  const cwd = temporaryFolder(t);
  const file = join(cwd, 'shapes.json');
  await writeFile(file, JSON.stringify(DESCRIPTION));
  const options = [
    '--checks',
    'not_a_server_error',
    '--mode',
    'positive',
    '--phases',
    'examples,coverage,fuzzing',
  ];
  const bounds = ['--max-examples', MAX_EXAMPLES, '--max-time', BUDGET, '--seed', '1', '--workers', '1'];
  const quiet = ['--generation-database', 'none', '--suppress-health-check', 'all', '--no-color'];
  const args = ['schemathesis', 'run', file, '--url', front, ...options, ...bounds, ...quiet];
  const { code, output } = await run('uvx', args, {
    cwd,
    env: { ...process.env, ...program.env },
    deadline: 120_000,
  });
  assert.equal(code, 0, output.slice(-2000));
  for (const path of Object.values(DESCRIPTION.paths))
    for (const { operationId } of Object.values(path) as { operationId: string }[])
      assert.ok(
        (counts.get(operationId) ?? 0) > 5,
        `${operationId} was tried ${counts.get(operationId)} times`,
      );
  const known = (difference: string) => EXPECTED.find(({ what }) => what.test(difference));
  const unexpected = [...differences].filter(([difference]) => !known(difference));
  assert.deepEqual(unexpected, []);
  for (const { what, why } of EXPECTED.filter(({ rare }) => !rare))
    assert.ok(
      [...differences.keys()].some((difference) => what.test(difference)),
      `nothing is ${what} (${why})`,
    );
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  console.log(
    `${total} requests made up, ${differences.size} of them not as they were, each for a listed reason`,
  );
});

const reader = new DescriptionReader(DESCRIPTION);

/** Which operation a request is for, and what it says; undefined: none (probes, paths that the fuzzer has shortened). */
async function readBack(sent: SentRequest) {
  for (const [path, item] of Object.entries(DESCRIPTION.paths)) {
    const operation = (item as Record<string, { operationId: string }>)[sent.method.toLowerCase()];
    if (!operation || !reader.isAt(path, sent.method, sent)) continue;
    return { path, operationId: operation.operationId, found: await reader.read(path, sent.method, sent) };
  }
  return undefined;
}

function argumentsOf(found: Found): Record<string, unknown> {
  const given: Record<string, Record<string, unknown>> = {};
  for (const [place, value] of found) {
    const [group = '', ...name] = place.split('.');
    if (group === 'body') given[group] = value as Record<string, unknown>;
    else given[group] = { ...given[group], [name.join('.')]: value };
  }
  return given;
}

async function received(request: IncomingMessage): Promise<SentRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) headers[name] = String(value);
  const whole = Buffer.concat(chunks);
  const sends = headers['content-type'] !== undefined;
  return { method: request.method ?? '', path: request.url ?? '', headers, body: sends ? whole : undefined };
}

/** Where it listens. */
async function serve(
  t: TestContext,
  answer: (...args: Parameters<RequestListener>) => Promise<void>,
): Promise<string> {
  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

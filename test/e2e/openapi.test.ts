/** HTTP APIs as MCP servers: a real API, described in each version, called by clients of both official SDKs. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  Client as ClientV2,
  StreamableHTTPClientTransport as TransportV2,
} from '@modelcontextprotocol/client';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { temporaryFolder, until } from '../fixtures/child-host.ts';
import { type GatewayProcess, launch, startGateway } from '../fixtures/gateway.ts';
import { schemaFaults } from '../fixtures/json-schema-2020.ts';
import { MODERN } from '../fixtures/mcp-modern.ts';
import { description, PetApi, PNG, VERSIONS } from '../fixtures/pet-api.ts';

interface Content {
  readonly type: string;
  readonly text?: string;
  readonly data?: string;
  readonly mimeType?: string;
}

interface Result {
  readonly content: readonly Content[];
  readonly structuredContent?: unknown;
  readonly isError?: boolean;
}

interface Tool {
  readonly name: string;
  readonly inputSchema: unknown;
  readonly outputSchema?: unknown;
  readonly annotations?: object;
}

interface Caller {
  tools(): Promise<Tool[]>;
  call(name: string, given: object): Promise<Result>;
  close(): Promise<void>;
}

const INFO = { name: 'test', version: '1.0.0' };

const CLIENTS: Readonly<Record<string, (url: string) => Promise<Caller>>> = {
  'SDK v1': async (url) => {
    const client = new ClientV1(INFO);
    // Its type lacks an optional member that the interface has under exactOptionalPropertyTypes.
    await client.connect(new TransportV1(new URL(url)) as Parameters<typeof client.connect>[0]);
    return callerOf(client as unknown as Official);
  },
  'SDK v2, legacy': (url) => v2(url, 'legacy'),
  'SDK v2, modern': (url) => v2(url, { pin: MODERN }),
};

interface Official {
  listTools(): Promise<{ tools: Tool[] }>;
  callTool(call: { name: string; arguments: object }): Promise<unknown>;
  close(): Promise<void>;
}

async function v2(url: string, mode: 'legacy' | { pin: string }): Promise<Caller> {
  const client = new ClientV2(INFO, { versionNegotiation: { mode } });
  await client.connect(new TransportV2(new URL(url)));
  return callerOf(client as unknown as Official);
}

function callerOf(client: Official): Caller {
  return {
    tools: async () => (await client.listTools()).tools,
    call: async (name, given) => (await client.callTool({ name, arguments: given })) as Result,
    close: () => client.close(),
  };
}

let api: PetApi;
before(async () => {
  api = await PetApi.start();
});
after(() => api.close());

const textOf = ({ content }: Result): string => content[0]?.text ?? '';

/** A gateway before the API, with these further settings of the target. */
async function gatewayFor(
  t: TestContext | undefined,
  openapi: object,
  target: object = {},
): Promise<GatewayProcess> {
  const gateway = await startGateway({
    mcp: { targets: [{ name: 'pets', openapi: { host: api.url, ...openapi }, ...target }] },
  });
  t?.after(() => gateway.stop());
  return gateway;
}

async function callerFor(t: TestContext, gateway: GatewayProcess): Promise<Caller> {
  const caller = await CLIENTS['SDK v1']?.(gateway.url);
  assert.ok(caller);
  t.after(() => caller.close());
  return caller;
}

for (const version of VERSIONS) {
  describe(`an API described by version ${version}`, () => {
    let gateway: GatewayProcess;
    before(async () => {
      gateway = await gatewayFor(undefined, { schema: JSON.stringify(description(version)) });
    });
    after(() => gateway?.stop());

    for (const [name, connect] of Object.entries(CLIENTS)) {
      test(`${name} lists its operations and calls them`, async (t) => {
        const client = await connect(gateway.url);
        t.after(() => client.close());
        const tools = await client.tools();
        assert.deepEqual(tools.map((tool) => tool.name).sort(), [
          'addPet',
          'addPhoto',
          'delete_pets_by_petId',
          'getPet',
          'getPhoto',
          'large',
          'listPets',
          'search',
        ]);
        for (const { name: tool, inputSchema, outputSchema } of tools) {
          assert.deepEqual(schemaFaults(inputSchema), [], tool);
          if (outputSchema !== undefined) assert.deepEqual(schemaFaults(outputSchema), [], tool);
        }
        await callsEverything(client);
      });
    }
  });
}

async function callsEverything(client: Caller): Promise<void> {
  const rex = await client.call('getPet', { path: { petId: 1 } });
  assert.deepEqual(rex.structuredContent, { id: 1, name: 'Rex', tag: null });
  assert.deepEqual(JSON.parse(textOf(rex)), rex.structuredContent);
  const listed = await client.call('listPets', {
    query: { limit: 1, tags: ['a b', 'c,d'] },
    header: { 'X-Request-Id': 'r1' },
  });
  assert.deepEqual(listed.structuredContent, { data: [rex.structuredContent] });
  assert.equal(api.last?.url, '/v1/pets?limit=1&tags=a%20b,c%2Cd');
  assert.equal(api.last?.headers['x-request-id'], 'r1');
  assert.match(String(api.last?.headers['user-agent']), /^agentgateway\//);
  const added = await client.call('addPet', { body: { name: 'Ada', tag: 'x' } });
  assert.equal((added.structuredContent as { name: string }).name, 'Ada');
  assert.equal(
    textOf(await client.call('delete_pets_by_petId', { path: { petId: 1 } })),
    'HTTP 204 No Content',
  );
  const photo = await client.call('getPhoto', { path: { petId: 1 } });
  assert.deepEqual(photo.content, [{ type: 'image', mimeType: 'image/png', data: PNG.toString('base64') }]);
  const file = { base64: PNG.toString('base64'), filename: 'rex.png', contentType: 'image/png' };
  const sent = await client.call('addPhoto', {
    path: { petId: 1 },
    body: { photo: file, note: 'from the side' },
  });
  assert.match(textOf(sent), /^multipart\/form-data; boundary=/);
  const form = await new Response(api.last?.body as Uint8Array<ArrayBuffer>, {
    headers: { 'content-type': textOf(sent) },
  }).formData();
  assert.deepEqual(Buffer.from(await (form.get('photo') as File).arrayBuffer()), PNG);
  assert.equal(form.get('note'), 'from the side');
  const found = await client.call('search', { body: { words: ['a', 'b c'], exact: true } });
  assert.equal(textOf(found), 'words=a&words=b%20c&exact=true');
  const large = textOf(await client.call('large', {}));
  assert.match(large.slice(-100), /x\n\[cut after 1048576 bytes: the reply is longer\]$/);
  const missing = await client.call('getPet', { path: { petId: 99 } });
  assert.deepEqual(
    [missing.isError, textOf(missing)],
    [true, 'HTTP 404 Not Found\nNot found: there is no pet 99'],
  );
  const calls = api.calls.length;
  for (const given of [
    { path: { petId: '..' } },
    { path: {} },
    { petId: 1 },
    { path: { petId: 1, more: 2 } },
  ])
    assert.equal((await client.call('getPet', given)).isError, true, JSON.stringify(given));
  const injected = await client.call('listPets', { header: { 'X-Request-Id': 'a\r\nX-Evil: 1' } });
  assert.equal(injected.isError, true);
  assert.equal(api.calls.length, calls, 'nothing of that has been sent');
}

test('no client refuses a reply that is otherwise than described: it comes as an error that has it', async (t) => {
  const gateway = await gatewayFor(t, { schema: JSON.stringify(description('3.1')) });
  t.after(() => {
    api.instead = undefined;
  });
  for (const connect of Object.values(CLIENTS)) {
    const client = await connect(gateway.url);
    t.after(() => client.close());
    // Clients know what is promised once they have listed it.
    await client.tools();
    for (const [instead, fault] of [
      [{ id: '1', name: 'Rex' }, /\/id is string, not integer/],
      [{ id: 1, name: null }, /\/name is null, not string/],
      [{ id: 1 }, /\/name is missing/],
    ] as const) {
      api.instead = instead;
      const result = await client.call('getPet', { path: { petId: 1 } });
      assert.deepEqual([result.isError, result.structuredContent], [true, undefined]);
      assert.match(textOf(result), fault);
      assert.ok(textOf(result).endsWith(JSON.stringify(instead)), textOf(result));
    }
    api.instead = { id: 1, name: 'Rex', tag: null, more: { than: ['promised'] } };
    const more = await client.call('getPet', { path: { petId: 1 } });
    assert.deepEqual(more.structuredContent, api.instead);
  }
});

test('arguments may be flat, operations selected, and the base path said by the configuration', async (t) => {
  const schema = JSON.stringify(description('3.1'));
  const gateway = await gatewayFor(t, {
    host: '127.0.0.1',
    port: api.port,
    path: '/v1/',
    schema,
    arguments: 'flat',
    operations: { tags: ['pets'], exclude: ['POST *'] },
  });
  const client = await callerFor(t, gateway);
  const tools = await client.tools();
  assert.deepEqual(
    tools.map(({ name }) => name),
    ['listPets', 'getPet', 'delete_pets_by_petId', 'large'],
  );
  assert.deepEqual((await client.call('getPet', { petId: 1 })).structuredContent, {
    id: 1,
    name: 'Rex',
    tag: null,
  });
});

test('credentials of the gateway go with each request, and without them it says what is missing', async (t) => {
  api.key = 'k3y-of-the-gateway';
  t.after(() => {
    api.key = undefined;
  });
  const schema = JSON.stringify(description('3.0'));
  const bare = await gatewayFor(t, { schema });
  await bare.said(/API wants credentials.*API key in the header X-Api-Key.*backendAuth/);
  const refused = await (await callerFor(t, bare)).call('getPet', { path: { petId: 1 } });
  assert.deepEqual(
    [refused.isError, textOf(refused)],
    [true, 'HTTP 401 Unauthorized\n{"message":"a key, please"}'],
  );
  const key = { value: api.key, location: { header: { name: 'X-Api-Key' } } };
  const gateway = await gatewayFor(t, { schema }, { policies: { backendAuth: { key } } });
  const client = await callerFor(t, gateway);
  assert.equal((await client.call('getPet', { path: { petId: 1 } })).isError, undefined);
  assert.doesNotMatch(gateway.log(), /API wants credentials/);
});

test('an API that is not there is an error of the call, and its tools are shown all the same', async (t) => {
  const gateway = await gatewayFor(t, {
    host: 'http://127.0.0.1:1',
    schema: JSON.stringify(description('3.0')),
  });
  const client = await callerFor(t, gateway);
  assert.equal((await client.tools()).length, 8);
  await assert.rejects(
    client.call('getPet', { path: { petId: 1 } }),
    /refused|could not be reached|connect/i,
  );
});

/** A client that listens; resolves to what resolves when it has been told of other tools. */
async function hearsOfChanges(
  t: TestContext,
  url: string,
  mode: 'legacy' | { pin: string },
): Promise<{ changed: Promise<void> }> {
  const client = new ClientV2(INFO, { versionNegotiation: { mode } });
  const changed = new Promise<void>((resolve) => {
    client.setNotificationHandler('notifications/tools/list_changed', () => resolve());
  });
  await client.connect(new TransportV2(new URL(url)));
  t.after(() => client.close());
  if (mode !== 'legacy') await client.listen({ toolsListChanged: true });
  return { changed };
}

test('the log says what the API answered, and what it was not asked', async (t) => {
  const gateway = await gatewayFor(t, { schema: JSON.stringify(description('3.0')) });
  const client = await callerFor(t, gateway);
  for (const given of [{ path: { petId: 404 } }, {}]) await client.call('getPet', given);
  await gateway.said(/tool_error.*upstream\.status\W+404.*UPSTREAM_STATUS/);
  await gateway.said(/tool_error.*INVALID_PARAMS/);
});

test('a description in a file is read again when it changes; one that is broken leaves the one before in force', async (t) => {
  const file = join(temporaryFolder(t), 'pets.json');
  const written = description('3.0') as { paths: Record<string, object> };
  await writeFile(file, JSON.stringify(written));
  const gateway = await gatewayFor(t, { schema: { file } });
  const client = await callerFor(t, gateway);
  assert.equal((await client.tools()).length, 8);
  const told = [
    await hearsOfChanges(t, gateway.url, 'legacy'),
    await hearsOfChanges(t, gateway.url, { pin: MODERN }),
  ];
  await writeFile(file, '{"openapi": ');
  await gateway.said(/API description not read again/);
  assert.equal((await client.tools()).length, 8);
  const { '/large': _, ...paths } = written.paths;
  await writeFile(file, JSON.stringify({ ...written, paths }));
  await until(async () => (await client.tools()).length === 7, 'the operation that is gone to go');
  assert.equal((await client.call('getPet', { path: { petId: 1 } })).isError, undefined);
  await Promise.all(told.map(({ changed }) => changed));
});

for (const [name, connect] of Object.entries(CLIENTS))
  test(`whoever comes after a change of the description sees it at once: ${name}`, async (t) => {
    const file = join(temporaryFolder(t), 'pets.json');
    const written = description('3.0') as { paths: Record<string, object> };
    await writeFile(file, JSON.stringify(written));
    const gateway = await gatewayFor(t, { schema: { file } });
    const before = await connect(gateway.url);
    assert.equal((await before.tools()).length, 8);
    await before.close();
    const { '/large': _, ...paths } = written.paths;
    await writeFile(file, JSON.stringify({ ...written, paths }));
    await gateway.said(/API description has changed/);
    const after = await connect(gateway.url);
    t.after(() => after.close());
    assert.equal((await after.tools()).length, 7);
  });

test('a target whose description is missing is down, says why, and comes up when it is there', async (t) => {
  const file = join(temporaryFolder(t), 'pets.yaml');
  const gateway = await gatewayFor(t, { schema: { file } });
  await gateway.said(/cannot read .*pets\.yaml: there is no such file/);
  await writeFile(file, JSON.stringify(description('3.1')));
  await gateway.said(/target is up/);
  assert.equal((await (await callerFor(t, gateway)).tools()).length, 8);
});

test('a description behind a URL may refer to others there, if that is allowed', async (t) => {
  api.description = JSON.stringify(description('3.0')).replaceAll(
    '#/components/schemas/Pet',
    'openapi.json#/components/schemas/Pet',
  );
  const schema = { url: `${api.url}/openapi.json` };
  const strict = await gatewayFor(t, { schema });
  await strict.said(/leads out of the document: set externalReferences: true/);
  const open = await gatewayFor(t, { schema, externalReferences: true });
  const client = await callerFor(t, open);
  assert.deepEqual((await client.call('getPet', { path: { petId: 1 } })).structuredContent, {
    id: 1,
    name: 'Rex',
    tag: null,
  });
});

test('a description that is none is refused with its place in the configuration', async () => {
  const config = JSON.stringify({
    mcp: { port: 3000, targets: [{ name: 'a', openapi: { host: 'http://x', schema: '{"openapi":"9"}' } }] },
  });
  const started = launch(['--validate-only', '-c', config]);
  await started.said(/version "9" is none of 2\.0, 3\.0, 3\.1/);
  await started.stop();
});

test('the guide prints what the command line says', async () => {
  const root = new URL('../../../', import.meta.url);
  const guide = await readFile(new URL('docs/guides/openapi.md', root), 'utf8');
  const [, file = '', printed = ''] =
    /\$ agentgateway openapi (\S+)\n([\s\S]*?)```/.exec(guide) ?? assert.fail('nothing is printed');
  const command = launch(['openapi', fileURLToPath(new URL(file, root))]);
  await command.said(/DELETE .*\n$/);
  assert.equal(command.log(), printed);
  await command.stop();
});

test('the command line shows the tools of a description, from a file and from a URL, or what is wrong with it', async (t) => {
  const file = join(temporaryFolder(t), 'pets.json');
  await writeFile(file, 'openapi: 3.0.0\npaths: {\n');
  const broken = launch(['openapi', file]);
  await broken.said(/pets\.json: the API description cannot be used: .* at line 3, column 1/);
  await broken.stop();
  api.description = JSON.stringify(description('2.0'));
  await writeFile(file, api.description);
  const text = launch(['openapi', file]);
  await text.said(/delete_pets_by_petId\s+DELETE \/pets\/\{petId\}/);
  await text.said(/"key" \(API key in the header X-Api-Key\), 8 operations/);
  await text.stop();
  const json = launch(['openapi', `${api.url}/openapi.json`, '--format', 'json', '--arguments', 'flat']);
  await json.said(/"credentials"[\s\S]*\}\n$/);
  const { tools } = JSON.parse(json.log()) as { tools: Tool[] };
  assert.deepEqual(tools.map(({ name }) => name).slice(0, 2), ['listPets', 'addPet']);
  await json.stop();
});

/**
 * The petstore as tools, in front of a mock server made of the same description: Prism refuses a request that is not
 * as described, and answers as described, so both directions are checked by somebody else's reading of the document.
 */
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import {
  Client as ClientV2,
  StreamableHTTPClientTransport as TransportV2,
} from '@modelcontextprotocol/client';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { fetchCorpus } from '../fixtures/api-corpus.ts';
import { temporaryFolder } from '../fixtures/child-host.ts';
import { startGateway } from '../fixtures/gateway.ts';
import { MODERN } from '../fixtures/mcp-modern.ts';
import { providePrism, startPrism } from '../fixtures/prism.ts';
import { sampleOf } from '../fixtures/schema-samples.ts';

const VERSIONS = ['2.0', '3.0', '3.1'] as const;
const fileOf = (version: string) => `${version}/json/petstore.json`;
const EXAMPLES = { name: '@readme/oas-examples', version: '8.2.2', files: VERSIONS.map(fileOf) };
const prism = await providePrism();
const documents = await fetchCorpus(EXAMPLES);
const missing = 'reason' in prism ? prism.reason : typeof documents === 'string' ? documents : undefined;

interface Tool {
  readonly name: string;
  readonly inputSchema: Readonly<Record<string, unknown>>;
  readonly outputSchema?: unknown;
}

interface Result {
  readonly content: readonly { readonly text?: string }[];
  readonly structuredContent?: unknown;
  readonly isError?: boolean;
}

interface Client {
  listTools(): Promise<{ tools: Tool[] }>;
  callTool(call: { name: string; arguments: object }): Promise<unknown>;
  close(): Promise<void>;
}

async function clients(t: TestContext, url: string): Promise<Record<string, Client>> {
  const v1 = new ClientV1({ name: 'test', version: '1.0.0' });
  await v1.connect(new TransportV1(new URL(url)) as Parameters<typeof v1.connect>[0]);
  t.after(() => v1.close());
  const v2 = new ClientV2(
    { name: 'test', version: '1.0.0' },
    { versionNegotiation: { mode: { pin: MODERN } } },
  );
  await v2.connect(new TransportV2(new URL(url)));
  t.after(() => v2.close());
  return { 'SDK v1': v1 as unknown as Client, 'SDK v2': v2 as unknown as Client };
}

/** As the Rust gateway's example has it, with credentials: a mock server wants what the description wants. */
async function world(t: TestContext, version: string) {
  assert.ok('main' in prism && typeof documents !== 'string');
  // Of Swagger it does not say what it takes, and the mock server then refuses every body.
  const types = { consumes: ['application/json'] };
  const written = JSON.parse(documents.get(fileOf(version)) ?? '') as object;
  const text = JSON.stringify(version === '2.0' ? { ...types, ...written } : written);
  const mock = await startPrism(prism.main, text, temporaryFolder(t));
  t.after(() => mock.process.stop());
  const openapi = { host: `127.0.0.1:${mock.port}`, path: '/', schema: text };
  const apiKey = { value: 'special-key', location: { header: { name: 'api_key' } } };
  const policies = { backendAuth: { key: 'a-token' } };
  const gateway = await startGateway({
    mcp: {
      targets: [
        { name: 'pets', openapi, policies },
        { name: 'flat', openapi: { ...openapi, arguments: 'flat' }, policies },
        { name: 'keyed', openapi, policies: { backendAuth: { key: apiKey } }, tools: { include: KEYED } },
      ],
    },
  });
  t.after(() => gateway.stop());
  return { mock, clients: await clients(t, gateway.url) };
}

/** Want an API key where the others want a token. */
const KEYED = ['getPetById', 'getInventory'];

/** Where no success is described the mock server answers with the first status that is. */
function answersWithFailure({ name }: Tool, version: string): boolean {
  assert.ok(typeof documents !== 'string');
  const { paths } = JSON.parse(documents.get(fileOf(version)) ?? '') as { paths: Record<string, object> };
  const operations = Object.values(paths).flatMap((item) => Object.values(item) as Described[]);
  const found = operations.find(({ operationId }) => name.endsWith(`_${operationId}`));
  return !Object.keys(found?.responses ?? {}).some((status) => /^(?:2|default)/.test(status));
}

interface Described {
  readonly operationId?: string;
  readonly responses?: object;
}

const textOf = ({ content }: Result) => content[0]?.text ?? '';

describe('the petstore, with a mock server made of its description', { skip: missing }, () => {
  for (const version of VERSIONS)
    test(`version ${version}: each request is as described, and each reply arrives`, async (t) => {
      const { clients: both } = await world(t, version);
      for (const [who, client] of Object.entries(both)) {
        const { tools } = await client.listTools();
        assert.ok(tools.length >= 40, `${tools.length} tools`);
        for (const tool of tools) {
          const { name, inputSchema, outputSchema } = tool;
          if (KEYED.some((one) => name.endsWith(one)) && !name.startsWith('keyed')) continue;
          for (const everything of [true, false]) {
            const given = withOneContent(sampleOf(inputSchema, { everything, plain: true }) as object);
            const result = (await client.callTool({ name, arguments: given })) as Result;
            const said = `${who}, ${name} ${JSON.stringify(given)}: ${textOf(result)}`;
            if (answersWithFailure(tool, version)) assert.match(said, /: HTTP 4\d\d [A-Z][A-Za-z ]+$/);
            else assert.ok(!result.isError, said);
            if (outputSchema !== undefined) assert.ok(result.structuredContent, said);
          }
        }
      }
    });

  test('what is not as described is refused by the API, and its reasons reach the model', async (t) => {
    const { clients: both, mock } = await world(t, '3.0');
    const direct = await fetch(`http://127.0.0.1:${mock.port}/pet`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer x' },
      body: '{"name":1}',
    });
    assert.equal(direct.status, 422, 'the mock server checks requests');
    await direct.text();
    for (const client of Object.values(both)) {
      const call = async (name: string, given: object) =>
        (await client.callTool({ name, arguments: given })) as Result;
      const wrong = await call('pets_addPet', { body: { name: 1 } });
      assert.equal(wrong.isError, true);
      assert.match(textOf(wrong), /^HTTP 422 Unprocessable Entity\nInvalid request: /);
      assert.match(textOf(wrong), /must have required property 'photoUrls'/);
      await assert.rejects(call(`pets_${KEYED[0]}`, { path: { petId: 1 } }), /refuses the credentials/);
    }
  });
});

/** A file is given as text or in base64. */
function withOneContent(given: object): object {
  return JSON.parse(JSON.stringify(given), (name, value: unknown) => {
    const file = value as { base64?: string; text?: string } | null;
    if (typeof file !== 'object' || file?.base64 === undefined) return value;
    const { text: _, ...rest } = file;
    return name === '' ? value : rest;
  }) as object;
}

/** MCP Apps: tools that bring a page of their own, through the gateway, for clients and servers of both eras. */
import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import {
  getToolUiResourceUri,
  RESOURCE_MIME_TYPE,
  RESOURCE_URI_META_KEY,
} from '@modelcontextprotocol/ext-apps/app-bridge';
import { APP } from '../fixtures/everything-server/apps.ts';
import { type RunningFixture, startHttpFixture } from '../fixtures/everything-server/http.ts';
import { MODERN } from '../fixtures/mcp-modern.ts';
import { type McpWorld, startWorld, type Upstream } from '../fixtures/mcp-world.ts';

const ERAS = ['legacy', 'modern'] as const;
const UI = 'io.modelcontextprotocol/ui';
const SHOWS = { extensions: { [UI]: { mimeTypes: [RESOURCE_MIME_TYPE] } } };
const MODES = { legacy: 'legacy', modern: { pin: MODERN } } as const;

const fixtures: RunningFixture[] = [];
const single = new Map<string, McpWorld>();
let merged: McpWorld;

before(async () => {
  const targets: Record<string, Upstream> = {};
  for (const eras of ERAS) {
    const fixture = await startHttpFixture({ port: 0, eras });
    fixtures.push(fixture);
    const own = { target: { mcp: { host: fixture.url } } };
    targets[eras] = own;
    single.set(eras, await startWorld({ targets: { [eras]: own } }));
  }
  merged = await startWorld({ targets });
});
after(async () => {
  await merged?.close();
  for (const world of single.values()) await world.close();
  for (const fixture of fixtures) await fixture.close();
});

async function clientOf(t: TestContext, world: McpWorld, era: 'legacy' | 'modern', capabilities: object) {
  const client = new Client(
    { name: 'test', version: '1.0.0' },
    { capabilities, versionNegotiation: { mode: MODES[era] } },
  );
  await client.connect(new StreamableHTTPClientTransport(new URL(world.gateway.url)));
  t.after(() => client.close());
  return client;
}

const said = async (client: Client, name: string): Promise<string> =>
  JSON.stringify((await client.callTool({ name, arguments: {} })).content);

for (const era of ERAS) {
  for (const server of ERAS) {
    describe(`a ${era} client before a ${server} server`, () => {
      for (const [how, prefix, uri] of [
        ['alone', '', APP],
        ['among several', `${server}_`, APP.replace('ui://', `ui://${server}+`)],
      ] as const) {
        const world = (): McpWorld => (prefix === '' ? single.get(server) : undefined) ?? merged;

        it(`${how} finds the page of a tool and reads it`, async (t) => {
          const client = await clientOf(t, world(), era, SHOWS);
          const { tools } = await client.listTools();
          const tool = tools.find(({ name }) => name === `${prefix}test_app`);
          assert.ok(tool);
          assert.equal(getToolUiResourceUri(tool), uri);
          assert.equal(tool._meta?.[RESOURCE_URI_META_KEY], uri, 'hosts older than the extension');
          const { resources } = await client.listResources();
          const listed = resources.find((each) => each.uri === uri);
          assert.deepEqual(listed?._meta, { ui: { csp: { connectDomains: ['https://example.com'] } } });
          const { contents } = await client.readResource({ uri });
          assert.deepEqual(contents, [
            {
              uri,
              mimeType: RESOURCE_MIME_TYPE,
              text: '<!doctype html><title>App</title>',
              _meta: { ui: { prefersBorder: true } },
            },
          ]);
        });

        it(`${how} and the server know of each other that there are apps`, async (t) => {
          const client = await clientOf(t, world(), era, SHOWS);
          assert.deepEqual(client.getServerCapabilities()?.extensions?.[UI], {});
          assert.match(await said(client, `${prefix}test_app`), /See the app/);
          const plain = await clientOf(t, world(), era, {});
          assert.match(await said(plain, `${prefix}test_app`), /shows no apps/);
        });
      }
    });
  }
}

/** The skills extension (SEP-2640): its methods name no server, so they pass where there is one. */
import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import { type RunningFixture, startHttpFixture } from '../fixtures/everything-server/http.ts';
import { McpHttpClient, namesOf } from '../fixtures/mcp-http.ts';
import { ModernClient } from '../fixtures/mcp-modern.ts';
import { type McpWorld, startWorld } from '../fixtures/mcp-world.ts';

const SKILLS = 'io.modelcontextprotocol/skills';
const GREETING = 'skill://greeting/SKILL.md';

let fixture: RunningFixture;
let single: McpWorld;
let merged: McpWorld;

before(async () => {
  fixture = await startHttpFixture({ port: 0, eras: 'modern' });
  const one = { target: { mcp: { host: fixture.url } } };
  single = await startWorld({ targets: { one } });
  merged = await startWorld({ targets: { one, two: {} } });
});
after(async () => {
  await single?.close();
  await merged?.close();
  await fixture?.close();
});

const CLIENTS = {
  modern: (url: string) => Promise.resolve(new ModernClient(url)),
  legacy: (url: string) => McpHttpClient.open(url),
};

for (const era of ['modern', 'legacy'] as const) {
  const open = async (t: TestContext, { gateway }: McpWorld): Promise<McpHttpClient> => {
    const client = await CLIENTS[era](gateway.url);
    t.after(() => client.close());
    return client;
  };
  const offered = async (client: McpHttpClient): Promise<string> =>
    JSON.stringify(era === 'legacy' ? client.initialized : await client.request('server/discover'));

  describe(`skills for ${era} clients`, () => {
    it('of one server are listed page by page, got and read', async (t) => {
      const client = await open(t, single);
      assert.match(await offered(client), new RegExp(`"${SKILLS}":\\{"directoryRead":true\\}`));
      const first = await client.request('skills/list');
      const { nextCursor: cursor } = first.result as { nextCursor: string };
      const next = await client.request('skills/list', { cursor });
      const uris = [first, next].flatMap((page) => namesOf(page, 'skills', 'uri'));
      assert.deepEqual(uris, ['skill://counting/SKILL.md', GREETING]);
      const got = await client.request('skills/get', { uri: GREETING });
      assert.match(JSON.stringify(got.result), /"frontmatter":\{"name":"greeting"/);
      const folder = await client.request('resources/directory/read', { uri: 'skill://greeting' });
      assert.ok(namesOf(folder, 'resources', 'uri').includes(GREETING));
      const read = await client.request('resources/read', { uri: GREETING });
      assert.match(JSON.stringify(read.result), /name: greeting/);
    });

    it('of several servers are not offered, but as the resources that they are', async (t) => {
      const client = await open(t, merged);
      assert.doesNotMatch(await offered(client), new RegExp(SKILLS));
      for (const method of ['skills/list', 'skills/get', 'resources/directory/read'])
        assert.equal((await client.request(method, { uri: GREETING })).error?.code, -32601, method);
      const read = await client.request('resources/read', { uri: `one+${GREETING}` });
      assert.match(JSON.stringify(read.result), /name: greeting/);
    });
  });
}

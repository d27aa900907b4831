/** Rules about MCP items and calls, over real servers of both eras, seen by clients of both. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { type RunningFixture, startHttpFixture } from '../fixtures/everything-server/http.ts';
import { type GatewayProcess, startGateway } from '../fixtures/gateway.ts';
import { McpHttpClient, namesOf, textOf } from '../fixtures/mcp-http.ts';
import { ModernClient } from '../fixtures/mcp-modern.ts';

const RULES = [
  'apiKey.role == "admin"',
  'mcp.tool.name == "test_simple_text"',
  'mcp.tool.name == "test_header_argument" && mcp.tool.arguments.region.startsWith("eu")',
  'has(mcp.prompt) && mcp.prompt.name == "test_simple_prompt"',
  'has(mcp.resource) && mcp.resource.name == "test://static-text"',
  { deny: 'mcp.tool.name == "test_error_handling"' },
  {
    require: '!has(mcp.tool) || mcp.tool.name != "test_image_content"',
    scopes: ['images:read'],
  },
];
const KEYS = [
  { key: 'key-of-admin', metadata: { role: 'admin' } },
  { key: 'key-of-guest', metadata: { role: 'guest' } },
];
const as = (who: string) => ({ headers: { authorization: `Bearer key-of-${who}` } });

for (const eras of ['legacy', 'modern'] as const) {
  describe(`rules in front of a ${eras} server`, () => {
    let server: RunningFixture;
    let gateway: GatewayProcess;
    before(async () => {
      server = await startHttpFixture({ port: 0, eras });
      const target = { name: 'fixture', mcp: { host: server.url } };
      const other = {
        name: 'other',
        mcp: { host: server.url },
        policies: { mcpAuthorization: { rules: [{ deny: 'true' }] } },
      };
      gateway = await startGateway({
        mcp: { targets: [target, other] },
        policies: { apiKey: { keys: KEYS }, mcpAuthorization: { rules: RULES } },
      });
    });
    after(async () => {
      await gateway?.stop();
      await server?.close();
    });

    const clients = {
      'a client with a session': (who: string) => McpHttpClient.open(gateway.url, as(who)),
      'a modern client': (who: string) => Promise.resolve(new ModernClient(gateway.url, as(who))),
    };
    for (const [name, open] of Object.entries(clients)) {
      test(`${name} is shown what it may use, and nothing of a target that is shut`, async () => {
        const guest = await open('guest');
        const tools = namesOf(await guest.request('tools/list'));
        assert.deepEqual(tools.sort(), ['fixture_test_header_argument', 'fixture_test_simple_text']);
        assert.deepEqual(namesOf(await guest.request('prompts/list'), 'prompts'), [
          'fixture_test_simple_prompt',
        ]);
        const resources = namesOf(await guest.request('resources/list'), 'resources', 'uri');
        assert.deepEqual(resources, ['fixture+test://static-text']);
        const all = namesOf(await (await open('admin')).request('tools/list'));
        assert.ok(all.length > 10 && all.every((tool) => tool.startsWith('fixture_')));
        assert.ok(!all.includes('fixture_test_error_handling'));
        guest.close();
      });

      test(`what ${name} may not use looks unknown`, async () => {
        const guest = await open('guest');
        const call = (tool: string, args = {}) =>
          guest.request('tools/call', { name: tool, arguments: args });
        assert.match(textOf(await call('fixture_test_simple_text')), /simple text/);
        for (const tool of [
          'fixture_test_error_handling',
          'other_test_simple_text',
          'fixture_nothing_like_it',
        ]) {
          const { error } = await call(tool);
          assert.deepEqual([error?.code, error?.message], [-32602, `Unknown tool: ${tool}`]);
        }
        const { error } = await guest.request('resources/read', { uri: 'fixture+test://static-binary' });
        assert.deepEqual([error?.code, /Unknown resource/.test(error?.message ?? '')], [-32602, true]);
      });
    }

    test('a rule on arguments decides when there are some', async () => {
      const guest = await McpHttpClient.open(gateway.url, as('guest'));
      const call = (region: string) =>
        guest.request('tools/call', { name: 'fixture_test_header_argument', arguments: { region } });
      assert.match(textOf(await call('eu-west')), /Region eu-west/);
      assert.match((await call('us-east')).error?.message ?? '', /Unknown tool/);
    });

    test('a rule with scopes says what a token would have to grant', async () => {
      const admin = new ModernClient(gateway.url, as('admin'));
      const answer = await admin.send(
        admin.message('tools/call', { name: 'fixture_test_image_content', arguments: {} }),
      );
      assert.equal(answer.status, 403);
      assert.match(String(answer.headers['www-authenticate']), /insufficient_scope.*scope="images:read"/);
    });
  });
}

test('rules that change are told to whoever listens, and hold at once', async (t) => {
  const server = await startHttpFixture({ port: 0, eras: 'both' });
  t.after(() => server.close());
  const gateway = await startGateway({
    mcp: { targets: [{ name: 'fixture', mcp: { host: server.url } }] },
    policies: { mcpAuthorization: { rules: ['1 == 1'] } },
  });
  t.after(() => gateway.stop());
  const client = await McpHttpClient.open(gateway.url);
  t.after(() => client.close());
  const stream = await client.listen();
  assert.ok(namesOf(await client.request('tools/list')).includes('test_error_handling'));
  const text = await readFile(gateway.file, 'utf8');
  await writeFile(gateway.file, text.replace('1 == 1', '!has(mcp.tool)'));
  await stream.method('notifications/tools/list_changed');
  assert.deepEqual(namesOf(await client.request('tools/list')), []);
  const { error } = await client.request('tools/call', { name: 'test_simple_text', arguments: {} });
  assert.equal(error?.code, -32602);
});

test('routes that name the same backend have their own rules, whichever of them comes last', async (t) => {
  const server = await startHttpFixture({ port: 0, eras: 'both' });
  t.after(() => server.close());
  const mcp = { targets: [{ name: 'fixture', mcp: { host: server.url } }] };
  const route = (path: string, policies: object) => ({
    matches: [{ path: { pathPrefix: path } }],
    policies,
    backends: [{ backend: 'tools' }],
  });
  const shut = { mcpAuthorization: { rules: [{ deny: 'true' }] } };
  const routes = [route('/first', shut), route('/open', {}), route('/last', shut)];
  const gateway = await startGateway(
    `backends: ${JSON.stringify([{ name: 'tools', mcp }])}\nbinds: [{port: 3000, listeners: [{routes: ${JSON.stringify(routes)}}]}]`,
  );
  t.after(() => gateway.stop());
  const shown = async (path: string) => {
    const client = await McpHttpClient.open(gateway.url.replace('/mcp', path));
    t.after(() => client.close());
    return namesOf(await client.request('tools/list')).length > 0;
  };
  assert.deepEqual([await shown('/first'), await shown('/open'), await shown('/last')], [false, true, false]);
});

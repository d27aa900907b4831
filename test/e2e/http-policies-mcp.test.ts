/** Policies that change headers, at routes to MCP servers: servers of both eras get them, and replies stream on. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { McpHttpClient, textOf } from '../fixtures/mcp-http.ts';
import { ModernClient } from '../fixtures/mcp-modern.ts';
import { type McpWorld, startWorld, type WorldOptions } from '../fixtures/mcp-world.ts';

async function world(t: TestContext, options: WorldOptions): Promise<McpWorld> {
  const made = await startWorld(options);
  t.after(() => made.close());
  return made;
}

const POLICIES = {
  requestHeaderModifier: { set: { 'x-env': 'prod', 'x-both': 'route' }, remove: ['x-secret'] },
  transformations: {
    request: { set: { 'x-asked': 'request.path' } },
    response: { set: { 'x-answered': 'request.method + " " + string(response.code)' } },
  },
  responseHeaderModifier: { add: { 'x-gateway': 'ours' } },
};

for (const era of ['legacy', 'modern'] as const) {
  test(`a ${era} server gets the headers of the route and of its target, the client those of the reply`, async (t) => {
    const target = { policies: { requestHeaderModifier: { set: { 'x-both': 'target' } } } };
    const made = await world(t, { targets: { one: { raw: { era }, target } }, policies: POLICIES });
    const headers = { 'x-secret': 's', 'x-both': 'mine' };
    const client =
      era === 'legacy'
        ? await McpHttpClient.open(made.gateway.url, { headers })
        : new ModernClient(made.gateway.url, { headers });
    t.after(() => client.close());
    textOf(await client.call('echo'));
    const calls = made
      .server('one')
      .control.received()
      .filter(({ method }) => method === 'tools/call');
    assert.deepEqual(
      calls.map(({ headers: got }) => [got['x-env'], got['x-both'], got['x-asked'], got['x-secret']]),
      [['prod', 'target', '/mcp', undefined]],
    );
  });
}

test('an event stream of a session begins with the headers, long before it ends', async (t) => {
  const made = await world(t, { targets: { one: { raw: {} } }, policies: POLICIES });
  const client = await McpHttpClient.open(made.gateway.url);
  t.after(() => client.close());
  const { response } = client.begin('GET');
  const stream = await response;
  t.after(() => stream.destroy());
  assert.deepEqual(
    [stream.statusCode, stream.headers['x-answered'], stream.headers['x-gateway']],
    [200, 'GET 200', 'ours'],
  );
  assert.equal(stream.headers['content-type'], 'text/event-stream');
});

test('what a route to MCP servers cannot do is a mistake in the configuration', async (t) => {
  for (const policies of [
    { transformations: { response: { set: { 'x-a': 'string(response.body)' } } } },
    { transformations: { request: { set: { ':path': '"/a"' } } } },
    { responseHeaderModifier: { remove: ['mcp-session-id'] } },
    { requestHeaderModifier: { set: { accept: 'text/html' } } },
  ])
    await assert.rejects(
      world(t, { targets: { one: { raw: {} } }, policies }),
      /with an `mcp` backend/,
      JSON.stringify(policies),
    );
});

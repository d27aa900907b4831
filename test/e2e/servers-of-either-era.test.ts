/** Which era a server is met in: over HTTP and as a child, sound and odd, and when that changes. */
import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Era } from '../../src/mcp/revisions.ts';
import { startHttpFixture } from '../fixtures/everything-server/http.ts';
import { startSseFixture } from '../fixtures/everything-server/sse.ts';
import { type ClientOptions, McpHttpClient, namesOf, textOf } from '../fixtures/mcp-http.ts';
import { ModernClient } from '../fixtures/mcp-modern.ts';
import { type McpWorld, startWorld, type Upstream } from '../fixtures/mcp-world.ts';
import { type OddReply, type OddRequest, type OddServer, startOddServer } from '../fixtures/odd-server.ts';
import type { RawOptions } from '../fixtures/raw-server/options.ts';

const FIXTURE = fileURLToPath(new URL('../fixtures/everything-server/main.js', import.meta.url));
const BOTH = ['legacy', 'modern'] as const;

/** What a test begins is closed with it. */
async function oddWorld(
  t: TestContext,
  eras: readonly Era[],
  odd?: (request: OddRequest) => OddReply,
): Promise<{ server: OddServer; world: McpWorld }> {
  const server = await startOddServer(eras, odd);
  t.after(() => server.close());
  const world = await startWorld({ targets: { one: { target: { mcp: { host: server.url } } } } });
  t.after(() => world.close());
  return { server, world };
}

function modernClient(t: TestContext, world: McpWorld, options: ClientOptions = {}): ModernClient {
  const client = new ModernClient(world.gateway.url, options);
  t.after(() => client.close());
  return client;
}

/** The first one. */
const verdict = async ({ gateway }: McpWorld): Promise<string> =>
  (await gateway.said(/target is (?:up|down)/))[0];

const requests = ({ received }: OddServer): string[] =>
  received.filter(({ id }) => id !== undefined).map(({ era, method }) => `${era} ${method}`);

describe('a server over HTTP', () => {
  it('that speaks both eras is spoken to in the era of each client', async (t) => {
    const { server, world } = await oddWorld(t, BOTH);
    const legacy = await world.client();
    assert.equal(textOf(await legacy.call('era')), 'legacy');
    assert.equal(textOf(await modernClient(t, world).call('era')), 'modern');
    const calls = server.received.filter(({ method }) => method === 'tools/call');
    assert.deepEqual(
      calls.map(({ headers }) => [
        headers['mcp-protocol-version'],
        headers['mcp-method'],
        headers['mcp-name'],
      ]),
      [
        ['2025-11-25', undefined, undefined],
        ['2026-07-28', 'tools/call', 'era'],
      ],
    );
  });

  for (const era of BOTH) {
    it(`that speaks ${era} alone serves clients of both`, async (t) => {
      const { world } = await oddWorld(t, [era]);
      const legacy = await world.client();
      assert.equal(textOf(await legacy.call('era')), era);
      assert.equal(textOf(await modernClient(t, world).call('era')), era);
    });
  }

  const ways: [string, (request: OddRequest) => OddReply][] = [
    ['hangs on', () => 'hang'],
    ['breaks the connection at', () => 'break'],
    ['answers 401 to', () => ({ status: 401 })],
    ['answers 404 without a word to', () => ({ status: 404 })],
    ['answers 500 to', () => ({ status: 500, body: 'unknown' })],
    ['answers an empty result to', ({ id }) => ({ status: 200, body: { jsonrpc: '2.0', id, result: {} } })],
  ];
  for (const [how, way] of ways) {
    it(`that ${how} server/discover is a legacy one`, async (t) => {
      const { server, world } = await oddWorld(t, ['legacy'], (request) =>
        request.method === 'server/discover' ? way(request) : undefined,
      );
      assert.equal(textOf(await (await world.client()).call('era')), 'legacy');
      assert.deepEqual(requests(server).slice(0, 2), ['modern server/discover', 'legacy initialize']);
    });
  }

  it('that refuses everything is down, with the refusal of initialize', async (t) => {
    const { world } = await oddWorld(t, [], () => ({ status: 503, body: 'closed for today' }));
    const client = new McpHttpClient(world.gateway.url);
    t.after(() => client.close());
    const { messages } = await client.initialize();
    assert.match(messages[0]?.error?.message ?? '', /target "one": .*HTTP 503: .*closed for today/);
  });

  for (const era of BOTH) {
    it(`that speaks ${era} alone and wants a login is met with the credentials of each client`, async (t) => {
      const { server, world } = await oddWorld(t, [era], ({ headers }) =>
        headers.authorization === 'Bearer good' ? undefined : { status: 401 },
      );
      const headers = { authorization: 'Bearer good' };
      assert.equal(textOf(await (await world.client({ headers })).call('era')), era);
      assert.equal(textOf(await modernClient(t, world, { headers }).call('era')), era);
      const stranger = new McpHttpClient(world.gateway.url);
      t.after(() => stranger.close());
      assert.equal((await stranger.initialize()).status, 401);
      const calls = server.received.filter(({ method }) => method === 'tools/call');
      assert.deepEqual(
        calls.map(({ era: spoken }) => spoken),
        [era, era],
      );
    });
  }

  it('is met in its other era when it changes, by clients of both, and without a new configuration', async (t) => {
    const { server, world } = await oddWorld(t, ['modern']);
    const legacy = await world.client();
    const modern = modernClient(t, world);
    assert.equal(textOf(await modern.call('era')), 'modern');
    assert.equal(textOf(await legacy.call('era')), 'modern');
    server.eras = ['legacy'];
    assert.equal(textOf(await modern.call('era')), 'legacy', 'the call that finds it out is made again');
    assert.equal(textOf(await legacy.call('era')), 'legacy');
    server.eras = ['modern'];
    server.odd = ({ era, id }) => (era === 'legacy' && id !== undefined ? { status: 404 } : undefined);
    const again = await world.client();
    assert.equal(textOf(await again.call('era')), 'modern');
  });
});

describe('a server of the old HTTP+SSE transport', () => {
  it('is found behind the URL of an mcp target', async (t) => {
    const fixture = await startSseFixture({ port: 0 });
    t.after(() => fixture.close());
    const world = await startWorld({ targets: { one: { target: { mcp: { host: fixture.url } } } } });
    t.after(() => world.close());
    for (const client of [await world.client(), modernClient(t, world)]) {
      const said = textOf(await client.call('test_simple_text'));
      assert.equal(said, 'This is a simple text response for testing.');
    }
  });
});

describe('the fixture on the second SDK', () => {
  let world: McpWorld;
  const started: { close(): Promise<void> }[] = [];
  before(async () => {
    const targets: Record<string, Upstream> = {};
    for (const eras of ['legacy', 'modern', 'both'] as const) {
      const fixture = await startHttpFixture({ port: 0, eras });
      started.push(fixture);
      targets[`http-${eras}`] = { target: { mcp: { host: fixture.url } } };
      const stdio = { cmd: process.execPath, args: [FIXTURE, '--stdio', '--eras', eras] };
      targets[`stdio-${eras}`] = { target: { stdio } };
    }
    const shared = { cmd: process.execPath, args: [FIXTURE, '--stdio'], lifecycle: 'shared' };
    targets['stdio-shared'] = { target: { stdio: shared } };
    world = await startWorld({ targets });
  });
  after(async () => {
    await world.close();
    for (const each of started) await each.close();
  });

  for (const name of ['http', 'stdio']
    .flatMap((over) => ['legacy', 'modern', 'both'].map((eras) => `${over}-${eras}`))
    .concat('stdio-shared')) {
    it(`${name} serves clients of both eras`, async (t) => {
      const modern = modernClient(t, world);
      for (const client of [await world.client(), modern]) {
        assert.ok(namesOf(await client.request('tools/list')).includes(`${name}_test_simple_text`));
        const said = textOf(await client.call(`${name}_test_simple_text`));
        assert.equal(said, 'This is a simple text response for testing.');
        const read = await client.request('resources/read', { uri: `${name}+test://static-text` });
        assert.match(JSON.stringify(read.result), /static text/i);
      }
    });
  }
});

describe('a child', () => {
  const odd: readonly [string, RawOptions][] = [
    ['dies when the first request is not initialize', { breaks: { 'server/discover': 99 } }],
    ['ignores what it does not know', { silent: ['server/discover'] }],
  ];
  for (const [how, raw] of odd) {
    it(`that ${how} is a legacy one, for clients of both eras`, async (t) => {
      const world = await startWorld({ targets: { one: { over: 'stdio', raw } } });
      t.after(() => world.close());
      const legacy = await world.client();
      assert.equal(textOf(await legacy.call('echo', { a: 1 })), '{"a":1}');
      assert.equal(textOf(await modernClient(t, world).call('echo', { b: 2 })), '{"b":2}');
      assert.equal(await verdict(world), 'target is up');
    });
  }

  for (const eras of ['legacy', 'modern', 'both']) {
    it(`of ${eras} eras that is slow to start is waited for`, async (t) => {
      const late = 'data:text/javascript,await new Promise((done) => setTimeout(done, 3500))';
      const args = ['--import', late, FIXTURE, '--stdio', '--eras', eras];
      // Shared: calls go over the connection that found out the era.
      const stdio = { cmd: process.execPath, args, lifecycle: 'shared' };
      const world = await startWorld({ targets: { one: { target: { stdio } } } });
      t.after(() => world.close());
      assert.equal(await verdict(world), 'target is up');
      const client = modernClient(t, world, { capabilities: { elicitation: {} } });
      const { result } = await client.call('test_input_required_result_elicitation');
      assert.equal(result?.['resultType'], eras === 'legacy' ? 'complete' : 'input_required');
    });
  }
});

// Sessions that go on in another process: a second gateway with the same key, or the same one after a restart.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { type GatewayProcess, startGateway } from '../fixtures/gateway.ts';
import { type ClientOptions, McpHttpClient, type Message, textOf } from '../fixtures/mcp-http.ts';
import { stdioTarget } from '../fixtures/mcp-world.ts';
import { type RawServer, startRawServer } from '../fixtures/raw-server/http.ts';

const newKey = (): string => randomBytes(32).toString('hex');

async function upstream(t: TestContext): Promise<RawServer> {
  const server = await startRawServer();
  t.after(() => server.close());
  return server;
}

interface Served {
  readonly key?: string;
  /** By name of the backend; each is served under a path of its name. */
  readonly backends: Readonly<Record<string, readonly object[]>>;
}

/** Named backends keep their identity whatever the port. */
async function gatewayOf(t: TestContext, { key, backends }: Served): Promise<GatewayProcess> {
  const names = Object.keys(backends);
  const named = names.map((name) => ({ name, mcp: { targets: backends[name] } }));
  const routes = names.map((name) => ({
    matches: [{ path: { pathPrefix: `/${name}` } }],
    backends: [{ backend: name }],
  }));
  const gateway = await startGateway({
    config: `gateways: {default: {port: 3000}}
backends: ${JSON.stringify(named)}
routes: ${JSON.stringify(routes)}`,
    settings: key === undefined ? {} : { session: { key } },
  });
  t.after(() => gateway.stop());
  return gateway;
}

const at = (gateway: GatewayProcess, backend: string): string => new URL(`/${backend}`, gateway.url).href;

/** A client with a session of its own. */
async function opened(t: TestContext, url: string, options?: ClientOptions): Promise<McpHttpClient> {
  const client = await McpHttpClient.open(url, options);
  t.after(() => client.close());
  return client;
}

/** A client that brings a session from elsewhere. */
function carried(t: TestContext, url: string, session: string | undefined): McpHttpClient {
  const client = new McpHttpClient(url);
  client.session = session;
  t.after(() => client.close());
  return client;
}

async function statuses(client: McpHttpClient): Promise<number[]> {
  const post = await client.send(client.message('tools/list'));
  const get = await client.begin('GET').response;
  get.resume();
  const deleted = await client.delete();
  return [post.status, get.statusCode ?? 0, deleted.status];
}

test('a session begun at one gateway goes on at another, as the same client', async (t) => {
  const server = await upstream(t);
  const served = { key: newKey(), backends: { web: [{ name: 'one', mcp: { host: server.url } }] } };
  const [first, second] = [await gatewayOf(t, served), await gatewayOf(t, served)];
  const here = await opened(t, at(first, 'web'), { capabilities: { sampling: {} } });
  assert.equal(textOf(await here.call('echo', { at: 'first' })), '{"at":"first"}');
  const there = carried(t, at(second, 'web'), here.session);
  // All at once: they are still one session.
  const calls = await Promise.all(Array.from({ length: 8 }, () => there.call('echo', { at: 'second' })));
  for (const call of calls) assert.equal(textOf(call), '{"at":"second"}');
  const begun = server.control.received().filter(({ method }) => method === 'initialize');
  const clients = begun.map(({ params }) => params as { capabilities: object; clientInfo: { name: string } });
  const ours = clients.filter(({ clientInfo }) => clientInfo.name === 'test');
  assert.deepEqual(
    ours.map(({ capabilities }) => capabilities),
    [{ sampling: {} }, { sampling: {} }],
  );
  // A question of the server finds the client where it is now.
  const question = { do: 'ask', method: 'sampling/createMessage', params: { messages: [] } } as const;
  const steps = [question, { do: 'resultAnswers' }] as const;
  const stream = await there.stream(there.message('tools/call', { name: 'script', arguments: { steps } }));
  const asked: Message = await stream.method('sampling/createMessage');
  await there.answer(asked.id, { answered: 'second' });
  assert.equal(textOf(await stream.message(({ result }) => result !== undefined)), '[{"answered":"second"}]');
  // The first has not let go of it.
  assert.equal(textOf(await here.call('echo', { at: 'first' })), '{"at":"first"}');
});

test('a listening stream opens at another gateway, and hears what the upstream says there', async (t) => {
  const server = await upstream(t);
  const served = { key: newKey(), backends: { web: [{ name: 'one', mcp: { host: server.url } }] } };
  const [first, second] = [await gatewayOf(t, served), await gatewayOf(t, served)];
  const { session } = await opened(t, at(first, 'web'));
  const stream = await carried(t, at(second, 'web'), session).listen();
  t.after(() => stream.close());
  await carried(t, at(second, 'web'), session).call('echo');
  assert.equal(server.control.notifyListeners('notifications/resources/updated', { uri: 'raw://one' }), 1);
  await stream.method('notifications/resources/updated');
});

test('a session with a child of its own stays where it began; a shared child serves it anywhere', async (t) => {
  const key = newKey();
  const server = await upstream(t);
  const served = {
    key,
    backends: {
      exclusive: [{ name: 'one', stdio: stdioTarget() }],
      mixed: [
        { name: 'one', stdio: stdioTarget() },
        { name: 'two', mcp: { host: server.url } },
      ],
      shared: [{ name: 'one', stdio: { ...stdioTarget(), lifecycle: 'shared' } }],
    },
  };
  const [first, second] = [await gatewayOf(t, served), await gatewayOf(t, served)];
  for (const backend of ['exclusive', 'mixed']) {
    const { session } = await opened(t, at(first, backend));
    assert.deepEqual(await statuses(carried(t, at(second, backend), session)), [404, 404, 404], backend);
  }
  const { session } = await opened(t, at(first, 'shared'));
  const there = carried(t, at(second, 'shared'), session);
  assert.equal(textOf(await there.call('echo', { any: 'where' })), '{"any":"where"}');
});

test('a deleted session stays dead, where it began and where it went on', async (t) => {
  const server = await upstream(t);
  const served = { key: newKey(), backends: { web: [{ name: 'one', mcp: { host: server.url } }] } };
  const [first, second] = [await gatewayOf(t, served), await gatewayOf(t, served)];
  const here = await opened(t, at(first, 'web'));
  const there = carried(t, at(second, 'web'), here.session);
  await there.call('echo');
  for (const client of [here, there]) {
    assert.equal((await client.delete()).status, 200);
    assert.deepEqual(await statuses(client), [404, 404, 404]);
  }
});

test('a token that was changed, or sealed with another key, or for another backend, is unknown', async (t) => {
  const server = await upstream(t);
  const target = { name: 'one', mcp: { host: server.url } };
  const served = { key: newKey(), backends: { web: [target], other: [target] } };
  const [first, second] = [await gatewayOf(t, served), await gatewayOf(t, served)];
  const foreign = await gatewayOf(t, { ...served, key: newKey() });
  const { session = '' } = await opened(t, at(first, 'web'));
  assert.deepEqual(await statuses(carried(t, at(foreign, 'web'), session)), [404, 404, 404]);
  for (const gateway of [first, second])
    assert.deepEqual(await statuses(carried(t, at(gateway, 'other'), session)), [404, 404, 404]);
  const changed = [0, 10, 60, session.length - 1].map((index) => {
    const other = session[index] === 'A' ? 'B' : 'A';
    return session.slice(0, index) + other + session.slice(index + 1);
  });
  for (const token of [
    ...changed,
    session.slice(1),
    session.slice(0, -4),
    `${session}AAAA`,
    'A'.repeat(5000),
    'x',
  ])
    assert.deepEqual(await statuses(carried(t, at(second, 'web'), token)), [404, 404, 404], token);
  assert.equal(textOf(await carried(t, at(second, 'web'), session).call('echo')), '{}');
});

test('a restarted gateway with the same key resumes its sessions, with a random one it does not', async (t) => {
  const server = await upstream(t);
  const backends = { web: [{ name: 'one', mcp: { host: server.url } }] };
  for (const [key, resumed] of [
    [newKey(), true],
    [undefined, false],
  ] as const) {
    const served = { ...(key && { key }), backends };
    const before = await gatewayOf(t, served);
    const { session } = await opened(t, at(before, 'web'));
    await before.stop();
    const client = carried(t, at(await gatewayOf(t, served), 'web'), session);
    const { status } = await client.send(client.message('tools/list'));
    assert.equal(status, resumed ? 200 : 404);
  }
});

/** Upstreams that want the client's own credentials: a single one is reached with them, several are not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Answer, McpHttpClient, namesOf, STREAM_FIRST, textOf } from '../fixtures/mcp-http.ts';
import { type McpWorld, startWorld } from '../fixtures/mcp-world.ts';
import type { RawOptions } from '../fixtures/raw-server/options.ts';

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const guarded: RawOptions = { http: { bearer: 'first', scopes: { echo: 'files:write' } } };
const CHALLENGE =
  /^Bearer resource_metadata="http:\/\/localhost:\d+\/\.well-known\/oauth-protected-resource\/mcp"$/;

function challenged({ status, headers, messages }: Answer): void {
  assert.equal(status, 401);
  assert.match(headers['www-authenticate'] ?? '', CHALLENGE);
  assert.equal(messages[0]?.error?.data?.['code'], 'UPSTREAM_CHALLENGE');
}

/** The headers of what reached the server since the last look. */
function authorizations(world: McpWorld, target: string, methods: readonly string[]): unknown[] {
  const { control } = world.server(target);
  return control
    .received()
    .filter(({ method = '' }) => methods.includes(method))
    .map(({ headers }) => headers['authorization']);
}

for (const over of ['mcp', 'sse'] as const) {
  test(`the challenge of a single ${over} server reaches the client, whose credentials then open it`, async (t) => {
    const world = await startWorld({ targets: { only: { over, raw: guarded } } });
    t.after(() => world.close());
    for (const headers of [{}, bearer('wrong')]) {
      const stranger = new McpHttpClient(world.gateway.url, { headers });
      t.after(() => stranger.close());
      challenged(await stranger.initialize());
    }
    const client = await world.client({ headers: bearer('first') });
    assert.ok(namesOf(await client.request('tools/list')).includes('whoami'));
    assert.match(textOf(await client.call('whoami')), /session/);
    assert.deepEqual(authorizations(world, 'only', ['tools/call']), ['Bearer first']);
  });

  test(`a session of a single ${over} server goes on with the credentials each request brings`, async (t) => {
    const world = await startWorld({ targets: { only: { over, raw: guarded } } });
    t.after(() => world.close());
    const client = await world.client({ headers: bearer('first') });
    const whoami = client.message('tools/call', { name: 'whoami' });
    const first = textOf((await client.send(whoami)).messages[0] ?? {});
    // What a stolen session id is worth without the credentials: nothing, lists included.
    challenged(await client.send(whoami, { authorization: undefined }));
    challenged(await client.send(client.message('tools/list'), { authorization: undefined }));
    world.server('only').control.setBearer('second');
    challenged(await client.send(whoami));
    const renewed = await client.send(whoami, bearer('second'));
    assert.equal(textOf(renewed.messages[0] ?? {}), first, 'the same upstream session');
    const listed = await client.send(client.message('tools/list'), bearer('second'));
    assert.ok(listed.messages[0]?.result);
  });
}

test('a session that began without credentials goes on with them once they are asked for', async (t) => {
  const world = await startWorld({ targets: { only: {} } });
  t.after(() => world.close());
  const client = await world.client();
  const whoami = client.message('tools/call', { name: 'whoami' });
  const first = textOf((await client.send(whoami)).messages[0] ?? {});
  world.server('only').control.setBearer('late');
  challenged(await client.send(whoami));
  const answer = await client.send(whoami, bearer('late'));
  assert.equal(textOf(answer.messages[0] ?? {}), first);
});

test('without its credentials a session is neither listened to, resumed, answered nor ended', async (t) => {
  const world = await startWorld({ targets: { only: { raw: { http: { bearer: 'mine' } } } } });
  t.after(() => world.close());
  const client = await world.client({ headers: bearer('mine') });
  await client.call('whoami');
  for (const authorization of [undefined, 'Bearer other']) {
    for (const [method, headers] of [
      ['GET', {}],
      ['GET', { 'last-event-id': '1-1' }],
      ['DELETE', {}],
    ] as const) {
      const response = await client.begin(method, undefined, { ...headers, authorization }).response;
      response.resume();
      assert.deepEqual([method, response.statusCode], [method, 401]);
    }
    const answer = { jsonrpc: '2.0', id: 1, result: {} };
    assert.equal((await client.send(answer, { authorization })).status, 401);
  }
  assert.match(textOf(await client.call('whoami')), /session/);
  assert.equal((await client.delete()).status, 200);
});

test('a demand for more scope reaches the client as it came', async (t) => {
  const world = await startWorld({ targets: { only: { raw: guarded } } });
  t.after(() => world.close());
  const client = await world.client({ headers: bearer('first') });
  const message = client.message('tools/call', { name: 'echo' });
  const { status, headers, messages } = await client.send(message);
  assert.equal(status, 403);
  assert.equal(headers['www-authenticate'], 'Bearer error="insufficient_scope", scope="files:write"');
  assert.equal(messages[0]?.id, message.id);
  const streamed = await client.send(message, STREAM_FIRST);
  assert.equal(streamed.status, 200);
  assert.equal(streamed.messages.at(-1)?.error?.data?.['code'], 'UPSTREAM_CHALLENGE');
  assert.match(textOf(await client.call('whoami')), /session/);
});

test('several servers never see the credentials of a client, and their challenges are no challenges of ours', async (t) => {
  const targets = { open: {}, closed: { raw: guarded } };
  const world = await startWorld({ targets, mcp: { failureMode: 'failOpen' } });
  t.after(() => world.close());
  const client = await world.client({ headers: bearer('first') });
  const names = namesOf(await client.request('tools/list'));
  assert.ok(names.length > 0 && names.every((name) => name.startsWith('open_')));
  await client.call('open_echo');
  const answer = await client.send(client.message('tools/call', { name: 'closed_whoami' }));
  assert.equal(answer.status, 200);
  assert.equal(answer.headers['www-authenticate'], undefined);
  assert.match(answer.messages[0]?.error?.message ?? '', /closed/);
  for (const target of ['open', 'closed'])
    assert.ok(
      world
        .server(target)
        .control.received()
        .every(({ headers }) => headers['authorization'] === undefined),
    );
});

test('of several servers that must all answer, one that wants a login fails the session by name', async (t) => {
  const world = await startWorld({ targets: { open: {}, closed: { raw: guarded } } });
  t.after(() => world.close());
  const client = new McpHttpClient(world.gateway.url, { headers: bearer('first') });
  t.after(() => client.close());
  const { status, headers, messages } = await client.initialize();
  assert.equal(status, 502);
  assert.equal(headers['www-authenticate'], undefined);
  assert.match(messages[0]?.error?.message ?? '', /target "closed".*401/);
});

test('credentials in the address of a target are sent, and never shown', async (t) => {
  const world = await startWorld({ targets: { open: {} } });
  t.after(() => world.close());
  const { port } = world.server('open');
  const own = await startWorld({
    targets: { only: { target: { mcp: { host: `http://me:hush@127.0.0.1:${port}/mcp` } } } },
  });
  t.after(() => own.close());
  const client = await own.client();
  await client.call('echo');
  const basic = `Basic ${Buffer.from('me:hush').toString('base64')}`;
  assert.ok(authorizations(world, 'open', ['tools/call']).includes(basic));
  await world.server('open').close();
  const { error } = await client.call('echo');
  assert.ok(error);
  assert.doesNotMatch(JSON.stringify(error) + own.gateway.log(), /hush/);
});

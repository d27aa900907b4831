/** MCP behind authentication: who has no token gets nowhere, and who has one gets nothing that is somebody else's. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AUDIENCE, ecKey, ISSUER, keySetText, token } from '../fixtures/issuer.ts';
import { McpHttpClient, namesOf, textOf } from '../fixtures/mcp-http.ts';
import { type McpWorld, startWorld } from '../fixtures/mcp-world.ts';

const key = ecKey('one');
const policies = { jwtAuth: { issuer: ISSUER, audiences: [AUDIENCE], jwks: keySetText(key) } };

/** As the gateway's own clock has it. */
async function as(sub: string, seconds = 3600): Promise<{ authorization: string }> {
  const exp = Math.floor(Date.now() / 1000) + seconds;
  return { authorization: `Bearer ${await token(key, { claims: { sub, exp } })}` };
}

/** What of the client's credentials reached the servers. */
function leaked(world: McpWorld, targets: readonly string[]): unknown[] {
  const received = targets.flatMap((target) => world.server(target).control.received());
  assert.ok(received.length > 0);
  return received.filter(({ headers }) => headers['authorization'] !== undefined);
}

test('a client needs a token, which no server gets to see', async (t) => {
  const world = await startWorld({ targets: { one: {}, two: {} }, policies });
  t.after(() => world.close());
  for (const headers of [{}, await as('ann', -3600), { authorization: 'Bearer x.y.z' }]) {
    const stranger = new McpHttpClient(world.gateway.url, { headers });
    t.after(() => stranger.close());
    const { status, headers: reply } = await stranger.initialize();
    assert.equal(status, 401);
    assert.match(reply['www-authenticate'] ?? '', /^Bearer/);
  }
  const client = await world.client({ headers: await as('ann') });
  assert.ok(namesOf(await client.request('tools/list')).includes('one_whoami'));
  assert.ok(textOf(await client.call('one_whoami')));
  assert.deepEqual(leaked(world, ['one', 'two']), []);
});

test('a single server, which gets the credentials of anonymous clients, does not get those that were checked', async (t) => {
  const world = await startWorld({ targets: { only: {} }, policies });
  t.after(() => world.close());
  const client = await world.client({ headers: await as('ann') });
  await client.call('whoami');
  assert.deepEqual(leaked(world, ['only']), []);
});

test('a session belongs to its owner: another valid token neither uses, listens to nor ends it', async (t) => {
  const world = await startWorld({ targets: { only: {} }, policies });
  t.after(() => world.close());
  const client = await world.client({ headers: await as('ann') });
  const whoami = client.message('tools/call', { name: 'whoami' });
  const mine = textOf((await client.send(whoami)).messages[0] ?? {});
  const thief = await as('bob');
  for (const body of [
    whoami,
    client.message('tools/list'),
    { jsonrpc: '2.0', method: 'notifications/cancelled' },
  ])
    assert.equal((await client.send(body, thief)).status, 404);
  for (const method of ['GET', 'DELETE']) {
    const { statusCode } = await client
      .begin(method, undefined, thief)
      .response.then((reply) => reply.resume());
    assert.equal(statusCode, 404, method);
  }
  for (const none of [{ authorization: undefined }, { authorization: 'Bearer x' }])
    assert.equal((await client.send(whoami, none)).status, 401);
  // A fresh token of the same person goes on where the old one was.
  const again = await client.send(whoami, await as('ann', 1800));
  assert.equal(textOf(again.messages[0] ?? {}), mine);
});

test('the older transport is guarded like the newer one', async (t) => {
  const world = await startWorld({ targets: { only: {} }, policies });
  t.after(() => world.close());
  await assert.rejects(world.sse());
  const client = await world.sse({ headers: await as('ann') });
  assert.ok(client);
  assert.deepEqual(leaked(world, ['only']), []);
});

test('who asks decides where rules say so, before anything of MCP is read', async (t) => {
  const rules = ['jwt.sub == "ann"'];
  const world = await startWorld({
    targets: { only: {} },
    policies: { ...policies, authorization: { rules } },
  });
  t.after(() => world.close());
  const client = await world.client({ headers: await as('ann') });
  assert.ok(await client.call('whoami'));
  const other = new McpHttpClient(world.gateway.url, { headers: await as('bob') });
  t.after(() => other.close());
  const { status, text } = await other.send('not even JSON');
  assert.equal(status, 403);
  assert.match(text, /FORBIDDEN/);
  assert.ok(!world.gateway.log().includes(String((await as('bob')).authorization.split('.')[2])));
});

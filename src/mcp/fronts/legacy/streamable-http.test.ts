import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FrontWorld, JSON_POST, StreamReader } from '../../../../test/fixtures/scripted-front.ts';
import type { ConnectorScript, ScriptedWire } from '../../../../test/fixtures/scripted-wire.ts';
import { replyHeaderOf, textOf } from '../../../../test/fixtures/test-exchange.ts';
import { settled } from '../../../../test/fixtures/test-ports.ts';
import { GatewayError } from '../../../core/errors.ts';
import type { Reply } from '../../../core/exchange.ts';

const TOOL: ConnectorScript = { tools: [{ name: 'a' }], on: { 'tools/call': () => ({ content: [] }) } };
const SILENT: ConnectorScript = { tools: [{ name: 'a' }], on: { 'tools/call': () => undefined } };
const PING = { jsonrpc: '2.0', id: 1, method: 'ping' };
const CALL = { name: 'a' };

const linkOf = (world: FrontWorld): ScriptedWire => {
  const wire = world.targets['one']?.connector.wires.findLast(({ options }) => options.purpose === 'session');
  assert.ok(wire, 'there is no link');
  return wire;
};

/** Status, JSON-RPC number and message of an error. */
async function failure(reply: Reply): Promise<unknown[]> {
  const { id, error } = JSON.parse(await textOf(reply)) as {
    id: unknown;
    error: { code: number; message: string };
  };
  return [reply.status, id, error.code, error.message.split(':')[0]];
}

describe('a session', () => {
  it('begins with initialize, under a token of its own', async () => {
    const world = new FrontWorld({ one: { ...TOOL, instructions: 'Hi.' } });
    const [one, two] = [await world.client(), await world.client()];
    assert.deepEqual(one.begun.result, {
      protocolVersion: '2025-11-25',
      capabilities: { tools: { listChanged: true } },
      serverInfo: { name: 'scripted', version: '1' },
      instructions: 'Hi.',
    });
    assert.notEqual(one.token, two.token);
    assert.deepEqual(await one.json('x', 'tools/call', CALL), {
      result: { content: [] },
      jsonrpc: '2.0',
      id: 'x',
    });
    assert.equal(world.table.size, 2);
  });

  it('agrees on the oldest revision of all, and on ours where the client’s is unknown', async () => {
    const world = new FrontWorld({ one: { ...TOOL, version: '2025-03-26' }, two: TOOL });
    assert.equal((await world.client()).begun.result['protocolVersion'], '2025-03-26');
    const fresh = new FrontWorld({ one: TOOL });
    assert.equal(
      (await fresh.client({ version: '2099-01-01' })).begun.result['protocolVersion'],
      '2025-11-25',
    );
  });

  it('does not begin when a server cannot be reached, beyond the cap, or without what is needed', async () => {
    const world = new FrontWorld({ one: TOOL }, { max: 1 });
    const initialize = (params: object, headers = {}): ReturnType<FrontWorld['handle']> =>
      world.handle({
        method: 'POST',
        headers: { ...JSON_POST, ...headers },
        body: { jsonrpc: '2.0', id: 'i', method: 'initialize', params },
      });
    await settled();
    assert.deepEqual(await failure(await initialize({})), [
      400,
      'i',
      -32602,
      'initialize needs "params.protocolVersion"',
    ]);
    const odd = { protocolVersion: '2025-11-25', capabilities: [] };
    assert.deepEqual((await failure(await initialize(odd))).slice(0, 3), [400, 'i', -32602]);
    const good = { protocolVersion: '2025-11-25', capabilities: {} };
    assert.equal((await initialize(good, { 'mcp-session-id': 'x' })).status, 400);
    assert.equal((await initialize(good)).status, 200);
    const beyond = await initialize(good);
    assert.deepEqual([beyond.status, replyHeaderOf(beyond, 'retry-after')], [503, '10']);
    const dead = new FrontWorld({ one: {} });
    const { connector } = dead.targets['one'] as NonNullable<FrontWorld['targets'][string]>;
    connector.refusal = new GatewayError('UPSTREAM_CONNECT', 'refused');
    await settled();
    const reply = await dead.handle({
      method: 'POST',
      headers: JSON_POST,
      body: { jsonrpc: '2.0', id: 'i', method: 'initialize', params: good },
    });
    assert.deepEqual(await failure(reply), [502, 'i', -32603, 'target "one"']);
  });

  it('is not found without its token, by another principal, or after its end', async () => {
    const world = new FrontWorld({ one: TOOL });
    const mine = await world.client({ principal: 'alice' });
    const post = (token: string | undefined, principal: string): ReturnType<FrontWorld['handle']> => {
      const headers = { ...JSON_POST, ...(token === undefined ? {} : { 'mcp-session-id': token }) };
      return world.handle({ method: 'POST', headers, body: PING, principal });
    };
    assert.deepEqual((await failure(await post(undefined, 'alice'))).slice(0, 3), [400, 1, -32000]);
    assert.deepEqual((await failure(await post('nonsense', 'alice'))).slice(0, 3), [404, 1, -32001]);
    assert.equal((await post(mine.token, 'mallory')).status, 404);
    assert.equal((await post(mine.token, 'alice')).status, 200);
    assert.equal((await mine.delete()).status, 200);
    assert.equal((await mine.delete()).status, 404);
    assert.equal((await post(mine.token, 'alice')).status, 404);
  });

  it('is found by a token in the query too, and ended by it', async () => {
    const world = new FrontWorld({ one: TOOL });
    const { token } = await world.client();
    const query = `a=b&sessionId=${token}`;
    const reply = await world.handle({ method: 'POST', headers: JSON_POST, body: PING, query });
    assert.equal(reply.status, 200);
    assert.equal((await world.handle({ method: 'DELETE', query })).status, 200);
    assert.equal(world.table.size, 0);
  });

  it('of another process with the same key goes on here, once however many requests come together', async () => {
    const { token } = await new FrontWorld({ one: TOOL }).client({ capabilities: { roots: {} } });
    const world = new FrontWorld({ one: TOOL }, { seed: 2 });
    await settled();
    const headers = { ...JSON_POST, 'mcp-session-id': token };
    const body = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: CALL };
    const replies = await Promise.all([1, 2, 3].map(() => world.handle({ method: 'POST', headers, body })));
    const texts = await Promise.all(replies.map(textOf));
    assert.ok(texts.some((text) => text.includes('"result"')));
    assert.equal(world.table.size, 1);
    const sessions = world.targets['one']?.connector.wires.filter(
      ({ options }) => options.purpose === 'session',
    );
    assert.deepEqual(
      sessions?.map((wire) => wire.received[0]?.params['capabilities']),
      [{ roots: {} }],
    );
    const stuck = new FrontWorld({ one: { ...TOOL, resumable: false } }, { seed: 3 });
    assert.equal((await stuck.handle({ method: 'POST', headers, body })).status, 404);
  });
});

describe('a request', () => {
  it('must be what the protocol says', async () => {
    const world = new FrontWorld({ one: TOOL });
    const client = await world.client();
    for (const [headers, status] of [
      [{ 'content-type': 'text/plain' }, 415],
      [{ 'content-type': undefined }, 415],
      [{ accept: 'application/json' }, 406],
      [{ accept: 'text/event-stream' }, 406],
      [{ 'mcp-protocol-version': '1999-01-01' }, 400],
      [{ 'mcp-protocol-version': '2025-06-18' }, 200],
      [{ accept: '*/*' }, 200],
      [{ accept: undefined }, 200],
      [{ 'content-type': 'Application/JSON; charset=utf-8' }, 200],
    ] as const)
      assert.equal((await client.post(PING, headers)).status, status, JSON.stringify(headers));
    assert.deepEqual(await failure(await client.post('{"jsonrpc":"2.0"')), [
      400,
      null,
      -32700,
      'invalid JSON at byte 16',
    ]);
    assert.deepEqual((await failure(await client.post('{"jsonrpc":"2.0","id":7}'))).slice(0, 3), [
      400,
      null,
      -32600,
    ]);
    assert.equal((await client.post({ ...PING, x: 'y'.repeat(10_000) })).status, 413);
    const put = await world.handle({ method: 'PUT' });
    assert.deepEqual([put.status, replyHeaderOf(put, 'allow')], [405, 'GET, POST, DELETE']);
    const upgrade = await world.handle({ method: 'GET', upgrade: 'websocket' });
    assert.equal(upgrade.status, 400);
  });

  it('that is none is taken without an answer', async () => {
    const client = await new FrontWorld({ one: TOOL }).client();
    for (const message of [
      { jsonrpc: '2.0', method: 'notifications/initialized' },
      { jsonrpc: '2.0', id: 99, result: {} },
    ]) {
      const reply = await client.post(message);
      assert.deepEqual([reply.status, await textOf(reply)], [202, '']);
    }
  });

  it('is answered with an error inside of 200 once it has a session', async () => {
    const client = await new FrontWorld({ one: TOOL, two: TOOL }).client();
    const reply = await client.request(1, 'tools/call', { name: 'x' });
    assert.deepEqual(await failure(reply), [200, 1, -32602, 'Unknown tool']);
  });

  it('notes its session for the log', async () => {
    const client = await new FrontWorld({ one: TOOL }).client();
    const { exchange } = await client.request(1, 'ping');
    assert.equal(exchange.record.session, client.session.id);
  });

  it('whose upstream wants a login is answered with its challenge', async () => {
    const challenge = new GatewayError('UPSTREAM_CHALLENGE', 'who are you?', {
      http: 401,
      headers: ['www-authenticate', 'Bearer'],
    });
    const refuse: ConnectorScript['on'] = {
      'tools/call': ({ wire, id }) => void wire.end(Number(id), challenge),
    };
    const client = await new FrontWorld({ one: { tools: [{ name: 'a' }], on: refuse } }).client();
    const reply = await client.request(1, 'tools/call', CALL);
    assert.deepEqual([reply.status, replyHeaderOf(reply, 'www-authenticate')], [401, 'Bearer']);
    assert.equal(client.session.busy, 0);
  });
});

describe('a batch', () => {
  it('is answered with an array, where its revision has batches', async () => {
    const world = new FrontWorld({ one: TOOL });
    const old = await world.client({ version: '2025-03-26' });
    const batch = [PING, { jsonrpc: '2.0', method: 'notifications/x' }, { ...PING, id: 'b' }];
    const answers = JSON.parse(await textOf(await old.post(batch))) as { id: unknown }[];
    assert.deepEqual(answers.map(({ id }) => id).sort(), [1, 'b']);
    assert.deepEqual(JSON.parse(await textOf(await old.post([PING]))), [
      { result: {}, jsonrpc: '2.0', id: 1 },
    ]);
    assert.equal((await old.post([{ jsonrpc: '2.0', method: 'notifications/x' }])).status, 202);
    assert.equal((await old.post([1, 2, 3, 4, 5, 6].map((id) => ({ ...PING, id })))).status, 400);
    assert.equal((await (await world.client()).post([PING])).status, 400);
  });

  it('becomes a stream of its answers when there is something else to say', async () => {
    const world = new FrontWorld({ one: SILENT });
    const old = await world.client({ version: '2025-03-26' });
    const call = {
      jsonrpc: '2.0',
      id: 2,
      method: 'tools/call',
      params: { ...CALL, _meta: { progressToken: 't' } },
    };
    const posted = old.post([PING, call]);
    await settled();
    const { id } = await linkOf(world).next('tools/call');
    linkOf(world).say(
      { method: 'notifications/progress', params: { progressToken: id, progress: 1 } },
      Number(id),
    );
    const reader = new StreamReader(await posted);
    linkOf(world).result(id, { done: true });
    await settled();
    assert.deepEqual(reader.messages, [
      { jsonrpc: '2.0', id: 1, result: {} },
      { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 't', progress: 1 } },
      { jsonrpc: '2.0', id: 2, result: { done: true } },
    ]);
    assert.equal(reader.end, 'ended');
  });
});

describe('a session stays while it is used', () => {
  it('by a call, by a listener, or by requests, and ends when it is idle', async () => {
    const world = new FrontWorld({ one: SILENT }, { idleMs: 10_000 });
    const [calling, listening, asking, idle] = [
      await world.client(),
      await world.client(),
      await world.client(),
      await world.client(),
    ];
    void calling.request(1, 'tools/call', CALL);
    const stream = await listening.get();
    for (let round = 0; round < 3; round += 1) {
      await world.ports.clock.advance(5000);
      if (round < 2) await asking.json(round, 'ping');
    }
    assert.equal(world.table.size, 2, 'the call has timed out by now');
    assert.equal((await idle.request(1, 'ping')).status, 404);
    await asking.json(9, 'ping');
    stream.leave();
    await world.ports.clock.advance(25_000);
    assert.equal(world.table.size, 0);
  });
});

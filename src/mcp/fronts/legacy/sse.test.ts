import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FrontWorld, StreamReader } from '../../../../test/fixtures/scripted-front.ts';
import type { ConnectorScript } from '../../../../test/fixtures/scripted-wire.ts';
import {
  type ExchangeScript,
  replyHeaderOf,
  testExchange,
  textOf,
} from '../../../../test/fixtures/test-exchange.ts';
import { settled } from '../../../../test/fixtures/test-ports.ts';

const TOOL: ConnectorScript = { tools: [{ name: 'a' }], on: { 'tools/call': () => ({ content: [] }) } };
const INITIALIZE = {
  jsonrpc: '2.0',
  id: 'i',
  method: 'initialize',
  params: {
    protocolVersion: '2024-11-05',
    capabilities: { roots: {} },
    clientInfo: { name: 'old', version: '1' },
  },
};

/** A client of the old transport. */
class SseClient {
  readonly world: FrontWorld;
  readonly reader: StreamReader;
  readonly address: string;
  readonly id: string;

  constructor(world: FrontWorld, reader: StreamReader) {
    this.world = world;
    this.reader = reader;
    this.address = reader.events[0]?.text ?? '';
    this.id = replyHeaderOf(reader.reply, 'mcp-session-id') ?? '';
  }

  static async connect(world: FrontWorld, script: ExchangeScript = {}): Promise<SseClient> {
    await settled();
    const headers = { accept: 'text/event-stream' };
    const reply = await world.handle({ method: 'GET', path: '/sse', headers, ...script });
    return new SseClient(world, new StreamReader(reply));
  }

  static async initialized(world: FrontWorld): Promise<SseClient> {
    const client = await SseClient.connect(world);
    await client.post(INITIALIZE);
    await settled();
    client.reader.events.length = 0;
    return client;
  }

  post(body: object | string, more: ExchangeScript = {}): ReturnType<FrontWorld['handle']> {
    const [path = '', query = ''] = this.address.split('?');
    return this.world.handle({
      method: 'POST',
      path,
      query,
      headers: { 'content-type': 'application/json' },
      body,
      ...more,
    });
  }
}

describe('the stream', () => {
  it('names the address for POSTs first: beside its own path where that leads to the same route', async () => {
    const world = new FrontWorld({ one: TOOL });
    const beside = await SseClient.connect(world, {
      path: '/deep/sse',
      serves: (path) => path === '/deep/message',
    });
    assert.deepEqual(
      [beside.reader.events[0]?.event, beside.address],
      ['endpoint', `/deep/message?sessionId=${beside.id}`],
    );
    const only = await SseClient.connect(world, { path: '/deep/sse', serves: () => false });
    assert.equal(only.address, `/deep/sse?sessionId=${only.id}`);
    assert.notEqual(only.id, beside.id);
  });

  it('carries every answer; the POSTs are only taken', async () => {
    const world = new FrontWorld({ one: TOOL });
    const client = await SseClient.connect(world);
    const reply = await client.post(INITIALIZE);
    assert.deepEqual([reply.status, await textOf(reply)], [202, 'Accepted']);
    await settled();
    const [, answer] = client.reader.events;
    assert.deepEqual([answer?.id, answer?.event, answer?.data?.['id']], [undefined, undefined, 'i']);
    await client.post({ jsonrpc: '2.0', method: 'notifications/initialized' });
    await client.post({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'a' } });
    await settled();
    assert.deepEqual(client.reader.messages.at(-1), { jsonrpc: '2.0', id: 1, result: { content: [] } });
    assert.equal(world.table.size, 1);
  });

  it('carries progress, questions and what belongs to no call', async () => {
    const world = new FrontWorld({ one: { ...TOOL, on: { 'tools/call': () => undefined } } });
    const client = await SseClient.initialized(world);
    const params = { name: 'a', _meta: { progressToken: 't' } };
    await client.post({ jsonrpc: '2.0', id: 1, method: 'tools/call', params });
    await settled();
    const wire = world.targets['one']?.connector.wires.at(-1);
    const id = Number(wire?.of('tools/call')[0]?.id);
    wire?.say({ method: 'notifications/progress', params: { progressToken: id, progress: 1 } }, id);
    wire?.say({ id: 'q', method: 'roots/list' }, id);
    wire?.say({ method: 'notifications/message', params: { level: 'info', data: 'x' } });
    const methods = client.reader.messages.map((message) => (message as { method: string }).method);
    assert.deepEqual(methods, ['notifications/progress', 'roots/list', 'notifications/message']);
    const question = client.reader.messages[1] as { id: number };
    await client.post({ jsonrpc: '2.0', id: question.id, result: { roots: [] } });
    await settled();
    assert.deepEqual(wire?.of('')[0]?.message, { jsonrpc: '2.0', id: 'q', result: { roots: [] } });
  });

  it('beats, and ends when nobody initializes', async () => {
    const world = new FrontWorld({ one: TOOL });
    const [idle, used] = [await SseClient.connect(world), await SseClient.initialized(world)];
    await world.ports.clock.advance(25_000);
    assert.equal(idle.reader.comments, 2);
    await world.ports.clock.advance(35_000);
    assert.deepEqual([idle.reader.end, used.reader.end], ['ended', 'open']);
    assert.equal((await idle.post(INITIALIZE)).status, 404);
  });

  it('needs a client that can read it, and room for its session', async () => {
    const world = new FrontWorld({ one: TOOL }, { max: 1 });
    await settled();
    assert.equal(
      (await world.handle({ method: 'GET', path: '/sse', headers: { accept: 'text/html' } })).status,
      406,
    );
    await SseClient.initialized(world);
    assert.equal((await world.handle({ method: 'GET', path: '/sse' })).status, 503);
  });

  it('counts as a session before it has one, so that streams cannot be opened without end', async () => {
    const world = new FrontWorld({ one: TOOL }, { max: 2 });
    const [one, two] = [await SseClient.connect(world), await SseClient.connect(world)];
    assert.equal((await world.handle({ method: 'GET', path: '/sse' })).status, 503);
    one.reader.leave();
    await SseClient.connect(world);
    await two.post(INITIALIZE);
    await settled();
    assert.equal(world.table.size, 1);
    assert.equal((await world.handle({ method: 'GET', path: '/sse' })).status, 503);
  });
});

describe('the session of a stream', () => {
  it('ends with it, and calls under way with the session', async () => {
    const world = new FrontWorld({ one: { ...TOOL, on: { 'tools/call': () => undefined } } });
    const client = await SseClient.initialized(world);
    await client.post({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'a' } });
    await settled();
    client.reader.leave();
    await settled();
    assert.equal(world.table.size, 0);
    assert.equal(world.targets['one']?.connector.wire.closed, true);
    assert.equal((await client.post(INITIALIZE)).status, 404);
    await world.targets['one']?.target.close();
    await world.table.close();
    world.front.close();
    assert.equal(world.ports.clock.waiting, 0);
  });

  it('keeps from being idle while the stream is open, and takes the stream with it when it is ended', async () => {
    const world = new FrontWorld({ one: TOOL }, { idleMs: 1000 });
    const client = await SseClient.initialized(world);
    await world.ports.clock.advance(20_000);
    assert.equal(world.table.size, 1);
    await world.table.close();
    assert.equal(client.reader.end, 'ended');
  });

  it('is initialized once, and before anything else', async () => {
    const world = new FrontWorld({ one: TOOL });
    const client = await SseClient.connect(world);
    await client.post({ jsonrpc: '2.0', id: 1, method: 'ping' });
    assert.match(JSON.stringify(client.reader.messages), /"id":1,.*not initialized yet/);
    await client.post(INITIALIZE);
    for (const id of [2, 3]) await client.post({ ...INITIALIZE, id });
    await settled();
    const ids = client.reader.messages.filter((message) =>
      JSON.stringify(message).includes('initialized already'),
    );
    assert.deepEqual(
      ids.map((message) => (message as { id: number }).id),
      [2, 3],
    );
    assert.equal(world.table.size, 1);
  });

  it('that cannot begin may be tried again', async () => {
    const world = new FrontWorld({ one: TOOL });
    const client = await SseClient.connect(world);
    await client.post({ ...INITIALIZE, params: {} });
    await client.post(INITIALIZE);
    await settled();
    assert.match(JSON.stringify(client.reader.messages[0]), /needs \\"params.protocolVersion\\"/);
    assert.equal(world.table.size, 1);
  });
});

describe('a POST', () => {
  it('belongs to the stream it names, by query or header, on its message path or the stream’s own', async () => {
    const world = new FrontWorld({ one: TOOL });
    const client = await SseClient.initialized(world);
    const ping = { jsonrpc: '2.0', id: 1, method: 'ping' };
    const json = { 'content-type': 'application/json' };
    for (const script of [
      { path: '/sse', query: `sessionId=${client.id}`, headers: json },
      { path: '/message', headers: { ...json, 'mcp-session-id': client.id } },
      { path: '/mcp', query: `x=1&sessionId=${client.id}`, headers: json },
    ])
      assert.equal((await world.handle({ method: 'POST', body: ping, ...script })).status, 202);
    await settled();
    assert.equal(client.reader.messages.length, 3);
  });

  it('of somebody else, to nobody, or with nonsense is refused', async () => {
    const world = new FrontWorld({ one: TOOL });
    const alice = await SseClient.connect(world, { principal: 'alice' });
    const ping = { jsonrpc: '2.0', id: 1, method: 'ping' };
    assert.equal((await alice.post(ping)).status, 404);
    assert.equal((await alice.post(ping, { principal: 'mallory' })).status, 404);
    assert.equal((await alice.post(ping, { principal: 'alice' })).status, 202);
    const stranger = { method: 'POST', path: '/message', query: 'sessionId=nonsense', body: ping };
    assert.equal(
      (await world.handle({ ...stranger, headers: { 'content-type': 'application/json' } })).status,
      404,
    );
    const mine = { principal: 'alice' };
    assert.equal((await alice.post('{', mine)).status, 400);
    assert.equal((await alice.post(ping, { ...mine, headers: {} })).status, 415);
    assert.equal((await alice.post({ ...ping, x: 'y'.repeat(10_000) }, mine)).status, 413);
  });

  it('may be a batch in the revision that has them, once there is a session', async () => {
    const batch = [1, 2].map((id) => ({ jsonrpc: '2.0', id, method: 'ping' }));
    const old = await SseClient.initialized(new FrontWorld({ one: TOOL }));
    const refused = await old.post(batch);
    assert.equal(refused.status, 400);
    assert.match(await textOf(refused), /only revision 2025-03-26/);
    const client = await SseClient.connect(new FrontWorld({ one: TOOL }));
    const early = await client.post(batch);
    assert.equal(early.status, 400);
    assert.match(await textOf(early), /before the session is initialized/);
    await client.post({ ...INITIALIZE, params: { ...INITIALIZE.params, protocolVersion: '2025-03-26' } });
    await settled();
    client.reader.events.length = 0;
    assert.equal((await client.post(batch)).status, 202);
    await settled();
    assert.equal(client.reader.messages.length, 2);
  });
});

it('an exchange is owned by the endpoint where its session began', async () => {
  const [one, other] = [new FrontWorld({ one: TOOL }), new FrontWorld({ one: TOOL }, { seed: 2 })];
  const client = await SseClient.connect(one);
  const { token } = await one.client();
  const owns = (world: FrontWorld, script: ExchangeScript): boolean => world.front.owns(testExchange(script));
  assert.equal(owns(one, { query: `sessionId=${client.id}` }), true);
  assert.equal(owns(other, { query: `sessionId=${client.id}` }), false);
  for (const world of [one, other]) assert.equal(owns(world, { headers: { 'mcp-session-id': token } }), true);
  assert.equal(owns(one, {}), false);
  assert.equal(owns(one, { headers: { 'mcp-session-id': 'nonsense' } }), false);
});

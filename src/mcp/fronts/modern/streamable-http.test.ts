import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FrontWorld, JSON_POST, StreamReader } from '../../../../test/fixtures/scripted-front.ts';
import { envelope, ModernClient, SUBSCRIPTION } from '../../../../test/fixtures/scripted-modern.ts';
import type { ConnectorScript, ScriptedWire } from '../../../../test/fixtures/scripted-wire.ts';
import { replyHeaderOf, testExchange, textOf } from '../../../../test/fixtures/test-exchange.ts';
import { settled } from '../../../../test/fixtures/test-ports.ts';
import { GatewayError } from '../../../core/errors.ts';

const TOOL: ConnectorScript = { tools: [{ name: 'a' }], on: { 'tools/call': () => ({ content: [] }) } };
const SILENT: ConnectorScript = { ...TOOL, on: { 'tools/call': () => undefined } };
const CALL = { name: 'a', arguments: {} };
const GONE = new GatewayError('CANCELLED', 'the client went away');

/** A call under way, in the hands of its server. */
async function underway(
  world: FrontWorld,
  client: ModernClient,
  params: Record<string, unknown> = CALL,
): Promise<{ posted: ReturnType<ModernClient['request']>; wire: ScriptedWire; id: number }> {
  const posted = client.request('tools/call', params);
  for (let turn = 0; turn < 20; turn += 1) await settled(1);
  const wire = world.targets['one']?.connector.wires.findLast((each) => each.of('tools/call').length > 0);
  assert.ok(wire, 'the call has not reached its server');
  return { posted, wire, id: Number(wire.of('tools/call').at(-1)?.id) };
}

const failure = async (reply: Awaited<ReturnType<ModernClient['request']>>): Promise<unknown[]> => {
  const { id, error } = JSON.parse(await textOf(reply));
  return [reply.status, id, error?.code];
};

describe('a modern request', () => {
  it('is answered on the URL of the legacy front, without a session', async () => {
    const world = new FrontWorld({ one: TOOL });
    const client = new ModernClient(world);
    const headers = { 'mcp-session-id': 'whatever', 'last-event-id': '1-1' };
    const reply = await client.request('tools/call', CALL, { id: 'x', headers });
    assert.deepEqual([reply.status, replyHeaderOf(reply, 'mcp-session-id')], [200, undefined]);
    const { id, result } = JSON.parse(await textOf(reply));
    assert.deepEqual([id, result.resultType, result.content], ['x', 'complete', []]);
    assert.equal(world.table.size, 0);
    const legacy = await world.client();
    assert.deepEqual((await legacy.json(1, 'tools/call', CALL))['result'], { content: [] });
  });

  it('is discovered, and lists what there is', async () => {
    const world = new FrontWorld({ one: TOOL });
    const client = new ModernClient(world);
    const { result = {} } = await client.json('server/discover');
    assert.equal((result['supportedVersions'] as string[])[0], '2026-07-28');
    assert.deepEqual((await client.json('tools/list')).result?.['tools'], TOOL.tools);
  });

  it('that is wrong is told so with its id, by HTTP too', async () => {
    const world = new FrontWorld({ one: TOOL, two: TOOL });
    const client = new ModernClient(world);
    const named = { headers: { 'mcp-name': 'b' } };
    assert.deepEqual(await failure(await client.request('tools/call', CALL, named)), [400, 1, -32020]);
    assert.deepEqual(await failure(await client.request('ping')), [404, 2, -32601]);
    assert.deepEqual(await failure(await client.request('no/such')), [404, 3, -32601]);
    const unknown = { _meta: { 'io.modelcontextprotocol/protocolVersion': '2027-01-01' } };
    const other = { headers: { 'mcp-protocol-version': '2027-01-01' } };
    assert.deepEqual(await failure(await client.request('tools/list', unknown, other)), [400, 4, -32022]);
    const bare = { jsonrpc: '2.0', id: 5, method: 'tools/list', params: {} };
    const modern = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/list' };
    assert.deepEqual(await failure(await client.post(bare, modern)), [400, 5, -32602]);
    assert.deepEqual(
      await failure(await client.post(bare, { 'mcp-method': 'tools/list' })),
      [400, 5, -32602],
    );
    assert.deepEqual(await failure(await client.post('{"jsonrpc":', modern)), [400, null, -32700]);
  });

  it('that fails is an answer like any other', async () => {
    const world = new FrontWorld({ one: TOOL, two: TOOL });
    const client = new ModernClient(world);
    assert.deepEqual(
      await failure(await client.request('tools/call', { name: 'one_nothing' })),
      [200, 1, -32602],
    );
  });

  it('needs the content types of every POST, and a body of bounded length', async () => {
    const world = new FrontWorld({ one: TOOL });
    const client = new ModernClient(world);
    const sent = (headers: object): ReturnType<ModernClient['request']> =>
      client.request('tools/list', {}, { headers: { ...headers } });
    assert.equal((await sent({ 'content-type': 'text/plain' })).status, 415);
    assert.equal((await sent({ accept: 'application/json' })).status, 406);
    assert.equal((await client.request('tools/list', { x: 'x'.repeat(20_000) })).status, 413);
  });

  it('may be a notification, which is taken and means nothing', async () => {
    const world = new FrontWorld({ one: TOOL });
    const client = new ModernClient(world);
    const body = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } };
    const reply = await client.post(body, { 'mcp-protocol-version': '2026-07-28' });
    assert.deepEqual([reply.status, await textOf(reply)], [202, '']);
    const enveloped = { ...body, params: { _meta: envelope() } };
    assert.equal((await client.post(enveloped)).status, 202);
    const contrary = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/list' };
    assert.deepEqual(await failure(await client.post(body, contrary)), [400, null, -32020]);
  });

  it('comes alone: no batch, no answer, and by POST', async () => {
    const world = new FrontWorld({ one: TOOL });
    const client = new ModernClient(world);
    const modern = { 'mcp-protocol-version': '2026-07-28' };
    const request = { jsonrpc: '2.0', id: 1, method: 'tools/list', params: { _meta: envelope() } };
    assert.deepEqual(await failure(await client.post([request], modern)), [400, null, -32600]);
    assert.equal((await client.post([request])).status, 400);
    assert.deepEqual(await failure(await client.post({ jsonrpc: '2.0', id: 1, result: {} }, modern)), [
      400,
      null,
      -32600,
    ]);
    for (const method of ['GET', 'DELETE']) {
      const headers = { ...modern, accept: 'text/event-stream' };
      const reply = await world.handle({ method, headers });
      assert.deepEqual([reply.status, replyHeaderOf(reply, 'allow')], [405, 'POST']);
    }
    const legacy = await world.client({ version: '2025-03-26' });
    const mixed = await legacy.post([request]);
    assert.deepEqual(await failure(mixed), [400, null, -32600]);
  });

  it('whose upstream wants a login is answered with its challenge', async () => {
    const challenge = new GatewayError('UPSTREAM_CHALLENGE', 'log in', {
      headers: ['www-authenticate', 'Bearer'],
    });
    const refuse: ConnectorScript['on'] = {
      'tools/call': ({ wire, id }) => void wire.end(Number(id), challenge),
    };
    const world = new FrontWorld({ one: { ...TOOL, on: refuse } });
    const reply = await new ModernClient(world).request('tools/call', CALL);
    assert.deepEqual([reply.status, replyHeaderOf(reply, 'www-authenticate')], [401, 'Bearer']);
  });
});

describe('a call under way', () => {
  it('becomes a stream with what its server says before the result', async () => {
    const world = new FrontWorld({ one: SILENT });
    const client = new ModernClient(world);
    const params = { ...CALL, _meta: { progressToken: 'mine' } };
    const { posted, wire, id } = await underway(world, client, params);
    wire.say({ method: 'notifications/progress', params: { progressToken: id, progress: 1 } }, id);
    const stream = new StreamReader(await posted);
    wire.result(id, { content: [] });
    await settled();
    const [progress, answer] = stream.messages as [{ params: object }, { id: unknown }];
    assert.deepEqual(progress.params, { progressToken: 'mine', progress: 1 });
    assert.deepEqual([answer.id, stream.end, stream.messages.length], [1, 'ended', 2]);
  });

  it('says only as much of its log as the client wants to hear', async () => {
    for (const [logLevel, heard] of [
      [undefined, 0],
      ['warning', 1],
      ['debug', 2],
    ] as const) {
      const world = new FrontWorld({ one: SILENT });
      const client = new ModernClient(world, logLevel === undefined ? {} : { logLevel });
      const { posted, wire, id } = await underway(world, client);
      for (const level of ['info', 'error'])
        wire.say({ method: 'notifications/message', params: { level, data: level } }, id);
      wire.result(id, { content: [] });
      const text = await textOf(await posted);
      assert.equal(text.split('notifications/message').length - 1, heard, String(logLevel));
    }
  });

  it('is cancelled at its server when the client goes away, before and after the stream began', async () => {
    for (const streaming of [false, true]) {
      const world = new FrontWorld({ one: SILENT });
      const exchange = testExchange({
        method: 'POST',
        headers: {
          ...JSON_POST,
          'mcp-protocol-version': '2026-07-28',
          'mcp-method': 'tools/call',
          'mcp-name': 'a',
        },
        body: {
          jsonrpc: '2.0',
          id: 1,
          method: 'tools/call',
          params: { ...CALL, _meta: { ...envelope(), progressToken: 1 } },
        },
      });
      await settled();
      const answered = world.front.handle(exchange);
      await settled(10);
      const wire = world.targets['one']?.connector.wire;
      const id = Number(wire?.of('tools/call')[0]?.id);
      if (streaming) {
        wire?.say({ method: 'notifications/progress', params: { progressToken: id, progress: 1 } }, id);
        await answered;
      }
      exchange.cancel.cancel(GONE);
      await settled();
      assert.deepEqual(wire?.of('notifications/cancelled')[0]?.params['requestId'], id);
      await answered;
    }
  });

  it('is kept alive', async () => {
    const world = new FrontWorld({ one: SILENT }, { limits: { heartbeatMs: 300 } });
    const { posted, wire, id } = await underway(world, new ModernClient(world));
    await world.ports.clock.advance(300);
    const stream = new StreamReader(await posted);
    await world.ports.clock.advance(300);
    assert.equal(stream.comments, 1);
    wire.result(id, { content: [] });
    await settled();
    assert.deepEqual([stream.messages.length, stream.end], [1, 'ended']);
  });
});

const ELICIT = {
  id: 'q',
  method: 'elicitation/create',
  params: { message: 'Who?', requestedSchema: { type: 'object', properties: {} } },
};
const ANSWER = { action: 'accept', content: { name: 'x' } };

/** Enough for the questions that a server asks together to have come. */
const GATHERING = 10;

describe('a question of a legacy server', () => {
  /** A call whose server has asked, and what the client was told. */
  async function asked(principal = 'alice') {
    const world = new FrontWorld({ one: SILENT });
    const client = new ModernClient(world, { capabilities: { elicitation: {} }, principal });
    const { posted, wire, id } = await underway(world, client);
    wire.say(ELICIT, id);
    await world.ports.clock.advance(GATHERING);
    const reply = await posted;
    const { result } = JSON.parse(await textOf(reply));
    return { world, client, wire, id, result, reply };
  }
  const again = (result: Record<string, unknown>, responses?: object): Record<string, unknown> => ({
    ...CALL,
    requestState: result['requestState'],
    ...(responses && { inputResponses: responses }),
  });

  it('ends the request with input_required; sent again with the answer, the call goes on', async () => {
    const { client, wire, id, result, reply } = await asked();
    assert.deepEqual([reply.status, result.resultType], [200, 'input_required']);
    const [[key, request]] = Object.entries(result.inputRequests) as [[string, { method: string }]];
    assert.equal(request.method, 'elicitation/create');
    const retried = client.request('tools/call', again(result, { [key]: ANSWER }), { id: 'again' });
    await settled(10);
    const answer = wire.received.find(({ message }) => message['id'] === 'q');
    assert.deepEqual(answer?.message['result'], ANSWER);
    wire.result(id, { content: [{ type: 'text', text: 'hello x' }] });
    const { id: own, result: last } = JSON.parse(await textOf(await retried));
    assert.deepEqual([own, last.resultType, last.content.length], ['again', 'complete', 1]);
  });

  it('is asked again when the answer is missing', async () => {
    const { world, client, result } = await asked();
    const next = client.json('tools/call', again(result));
    await settled(10);
    await world.ports.clock.advance(GATHERING);
    assert.deepEqual((await next).result?.['inputRequests'], result.inputRequests);
  });

  it('waits for the client that was asked and for the same request, and for nobody else', async () => {
    const { world, client, result } = await asked();
    const mallory = new ModernClient(world, { capabilities: { elicitation: {} }, principal: 'mallory' });
    const params = again(result, {});
    for (const [who, sent] of [
      [mallory, params],
      [client, { ...params, arguments: { other: true } }],
      [client, { ...params, requestState: `${String(params['requestState'])}x` }],
      [client, { ...params, requestState: 'x' }],
      [client, { ...params, requestState: 7 }],
    ] as const) {
      const reply = await who.request('tools/call', sent);
      const [status, , code] = await failure(reply);
      assert.deepEqual([status, code], [400, -32602], JSON.stringify(sent).slice(0, 200));
    }
    const welcome = client.request('tools/call', params);
    await settled(10);
    await world.ports.clock.advance(GATHERING);
    assert.equal((await welcome).status, 200);
  });

  it('is withdrawn when the client does not come back', async () => {
    const { world, client, wire, id, result } = await asked();
    await world.ports.clock.advance(10 * 60_000);
    assert.deepEqual(wire.of('notifications/cancelled')[0]?.params['requestId'], id);
    const [status, , code] = await failure(await client.request('tools/call', again(result, {})));
    assert.deepEqual([status, code], [400, -32602]);
  });

  it('is refused for a client that cannot be asked', async () => {
    const world = new FrontWorld({ one: SILENT });
    const client = new ModernClient(world, { capabilities: { roots: {} } });
    const { posted, wire, id } = await underway(world, client);
    wire.say(ELICIT, id);
    await settled();
    const answer = wire.received.find(({ message }) => message['id'] === 'q');
    assert.ok(answer?.message['error']);
    wire.result(id, { content: [] });
    assert.equal((await posted).status, 200);
  });

  it('that is refused and makes the call fail is a capability that the client lacks', async () => {
    const world = new FrontWorld({ one: SILENT });
    const { posted, wire, id } = await underway(world, new ModernClient(world));
    wire.say(ELICIT, id);
    await settled();
    wire.error(id, -32603, 'nobody answers me');
    const reply = await posted;
    assert.equal(reply.status, 400);
    const { error } = JSON.parse(await textOf(reply));
    assert.deepEqual([error.code, error.data.requiredCapabilities], [-32021, { elicitation: {} }]);
  });
});

describe('subscriptions/listen', () => {
  it('is acknowledged, and hears of changes with its own id on each', async () => {
    const world = new FrontWorld({ one: TOOL });
    const client = new ModernClient(world);
    const stream = await client.listen({ toolsListChanged: true }, 'mine');
    const { connector } = world.targets['one'] ?? {};
    assert.ok(connector);
    connector.script.tools = [{ name: 'a' }, { name: 'b' }];
    connector.wires[0]?.say({ method: 'notifications/tools/list_changed' });
    await world.ports.clock.advance(1000);
    await settled();
    const messages = stream.messages as { method: string; params: { _meta: Record<string, unknown> } }[];
    assert.deepEqual(
      messages.map(({ method }) => method),
      ['notifications/subscriptions/acknowledged', 'notifications/tools/list_changed'],
    );
    for (const { params } of messages) assert.equal(params._meta[SUBSCRIPTION], 'mine');
  });

  it('ends with a result when the gateway stops', async () => {
    const world = new FrontWorld({ one: TOOL });
    const stream = await new ModernClient(world).listen({ toolsListChanged: true }, 7);
    world.endpoint.drain();
    const last = stream.messages.at(-1) as { id: number; result: { _meta: Record<string, unknown> } };
    assert.deepEqual([last.id, last.result._meta[SUBSCRIPTION], stream.end], [7, 7, 'ended']);
  });

  it('does not begin any more while the gateway stops; calls do', async () => {
    const world = new FrontWorld({ one: TOOL });
    const client = new ModernClient(world);
    world.front.drain();
    const reply = await client.request('subscriptions/listen', { notifications: { toolsListChanged: true } });
    assert.deepEqual(await failure(reply), [503, 1, -32603]);
    assert.equal((await client.request('tools/call', CALL)).status, 200);
  });

  it('costs nothing any more when the client has left', async () => {
    const world = new FrontWorld({ one: TOOL });
    const client = new ModernClient(world);
    const stream = await client.listen({ toolsListChanged: true });
    stream.leave();
    await world.ports.clock.advance(20_000);
    const rest = world.ports.clock.waiting;
    const another = await client.listen({ toolsListChanged: true });
    assert.equal(world.ports.clock.waiting, rest + 1, 'the heart beats');
    another.leave();
    await world.ports.clock.advance(20_000);
    assert.equal(world.ports.clock.waiting, rest);
  });

  it('needs a filter', async () => {
    const world = new FrontWorld({ one: TOOL });
    const reply = await new ModernClient(world).request('subscriptions/listen');
    assert.deepEqual(await failure(reply), [400, 1, -32602]);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FrontWorld } from '../../../../test/fixtures/scripted-front.ts';
import { envelope, type ModernOptions, SUBSCRIPTION } from '../../../../test/fixtures/scripted-modern.ts';
import type { ConnectorScript, ScriptedWire } from '../../../../test/fixtures/scripted-wire.ts';
import { settled } from '../../../../test/fixtures/test-ports.ts';
import { LIMITS } from '../../../core/limits.ts';
import { connectChannel } from '../channel.ts';

const TOOL: ConnectorScript = { tools: [{ name: 'a' }], on: { 'tools/call': () => ({ content: [] }) } };
const SILENT: ConnectorScript = { ...TOOL, on: { 'tools/call': () => undefined } };
const CALL = { name: 'a' };

interface Line {
  readonly id?: unknown;
  readonly method?: string;
  readonly params?: Record<string, unknown> & { readonly _meta?: Record<string, unknown> };
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly code: number; readonly data?: { readonly code?: string } };
}

/** One program at the other end of standard input and output. */
class Client {
  readonly world: FrontWorld;
  readonly lines: Line[] = [];
  ended = 0;
  readonly receiver: ReturnType<typeof connectChannel>;

  constructor(script: ConnectorScript = TOOL) {
    this.world = new FrontWorld({ one: script });
    this.receiver = connectChannel(this.world.endpoint, {
      unread: 0,
      send: (message) => void this.lines.push(JSON.parse(message.toString()) as Line),
      ended: () => {
        this.ended += 1;
      },
    });
  }

  say(message: object): void {
    this.receiver.receive(Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...message })));
  }

  request(id: number | string, method: string, params: object = {}, options: ModernOptions = {}): void {
    const _meta = { ...envelope(options), ...(params as { _meta?: object })._meta };
    this.say({ id, method, params: { ...params, _meta } });
  }

  cancel(requestId: number | string): void {
    this.say({ method: 'notifications/cancelled', params: { requestId } });
  }

  /** The wire that carries the call, and its id there. */
  async underway(
    id: number | string,
    options: ModernOptions = {},
  ): Promise<{ wire: ScriptedWire; id: number }> {
    this.request(id, 'tools/call', { ...CALL, _meta: { progressToken: id } }, options);
    for (let turn = 0; turn < 20; turn += 1) await settled(1);
    const { wires } = this.world.targets['one']?.connector ?? { wires: [] };
    const wire = wires.findLast((each) => each.of('tools/call').length > 0);
    assert.ok(wire);
    return { wire, id: Number(wire.of('tools/call').at(-1)?.id) };
  }

  answer(id: number | string): Line | undefined {
    return this.lines.find((line) => line.id === id && line.method === undefined);
  }
}

describe('a channel', () => {
  it('serves modern requests without a handshake, and the handshake too', async () => {
    const client = new Client();
    await settled();
    client.request(1, 'server/discover');
    client.request('two', 'tools/call', CALL);
    const params = {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 'c', version: '1' },
    };
    client.say({ id: 3, method: 'initialize', params });
    client.say({ id: 4, method: 'tools/call', params: CALL });
    await client.receiver.settled();
    assert.ok(client.answer(1)?.result?.['supportedVersions']);
    assert.equal(client.answer('two')?.result?.['resultType'], 'complete');
    assert.equal(client.answer(3)?.result?.['protocolVersion'], '2025-11-25');
    assert.deepEqual(client.answer(4)?.result, { content: [] });
  });

  it('answers what is wrong, with its id', async () => {
    const client = new Client();
    await settled();
    const version = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' };
    client.say({ id: 1, method: 'tools/list', params: { _meta: version } });
    client.request(2, 'ping');
    client.request(3, 'tools/list', { _meta: { 'io.modelcontextprotocol/protocolVersion': '2027-01-01' } });
    client.request(4, 'subscriptions/listen', { notifications: [] });
    client.request(5, 'tools/call', { ...CALL, requestState: 'x' });
    client.request(6, 'initialize');
    await client.receiver.settled();
    assert.deepEqual(
      client.lines.map(({ id, error }) => [id, error?.code]),
      [
        [1, -32602],
        [2, -32601],
        [3, -32022],
        [4, -32602],
        [5, -32602],
        [6, -32601],
      ],
    );
  });

  it('carries progress and the result of each call, and asks by input_required', async () => {
    const client = new Client(SILENT);
    const { wire, id } = await client.underway('c', { capabilities: { elicitation: {} } });
    wire.say({ method: 'notifications/progress', params: { progressToken: id, progress: 1 } }, id);
    const params = { message: 'Who?', requestedSchema: { type: 'object', properties: {} } };
    wire.say({ id: 'q', method: 'elicitation/create', params }, id);
    await client.world.ports.clock.advance(10);
    await client.receiver.settled();
    assert.deepEqual(client.lines[0]?.params, { progressToken: 'c', progress: 1 });
    const { requestState, inputRequests } = client.answer('c')?.result ?? {};
    const [key] = Object.keys(inputRequests as object) as [string];
    const retry = { ...CALL, requestState, inputResponses: { [key]: { action: 'decline' } } };
    client.request('again', 'tools/call', retry, { capabilities: { elicitation: {} } });
    await settled(10);
    wire.result(id, { content: [] });
    await client.receiver.settled();
    assert.equal(client.answer('again')?.result?.['resultType'], 'complete');
  });

  it('is told by a notification that a call is cancelled, and says nothing more of it', async () => {
    const client = new Client(SILENT);
    const { wire, id } = await client.underway(1);
    client.cancel(2);
    client.cancel('1');
    assert.equal(wire.of('notifications/cancelled').length, 0, 'these are other requests');
    client.cancel(1);
    wire.say({ method: 'notifications/progress', params: { progressToken: id, progress: 1 } }, id);
    await client.receiver.settled();
    assert.deepEqual(wire.of('notifications/cancelled')[0]?.params['requestId'], id);
    assert.deepEqual(client.lines, []);
    client.request(1, 'tools/list');
    await client.receiver.settled();
    assert.ok(client.answer(1)?.result, 'the id is free again');
  });

  it('has one request under an id, and a bounded number of them', async () => {
    const client = new Client(SILENT);
    const { wire, id } = await client.underway(1);
    client.request(1, 'tools/list');
    await settled();
    assert.equal(client.answer(1)?.error?.code, -32600);
    for (let more = 2; more <= LIMITS.callsInFlight.value + 1; more += 1)
      client.request(more, 'tools/call', CALL);
    assert.equal(client.lines.at(-1)?.error?.data?.code, 'OVERLOADED');
    wire.result(id, { content: [] });
    void client.receiver.close();
    await client.receiver.settled();
  });

  it('cancels what is under way when it is closed', async () => {
    const client = new Client(SILENT);
    const { wire, id } = await client.underway(1);
    void client.receiver.close();
    await client.receiver.settled();
    assert.deepEqual(wire.of('notifications/cancelled')[0]?.params['requestId'], id);
  });
});

describe('listening over a channel', () => {
  const changed = async ({ world }: Client, name: string): Promise<void> => {
    const { connector } = world.targets['one'] ?? {};
    assert.ok(connector);
    connector.script.tools = [{ name: 'a' }, { name }];
    connector.wires[0]?.say({ method: 'notifications/tools/list_changed' });
    await world.ports.clock.advance(1000);
    await settled();
  };

  it('is acknowledged, tags each message with its request, and holds nothing up', async () => {
    const client = new Client();
    await settled();
    client.request('one', 'subscriptions/listen', { notifications: { toolsListChanged: true } });
    client.request('two', 'subscriptions/listen', { notifications: { toolsListChanged: true } });
    await client.receiver.settled();
    await settled();
    await changed(client, 'b');
    for (const id of ['one', 'two'])
      assert.deepEqual(
        client.lines.filter(({ params }) => params?._meta?.[SUBSCRIPTION] === id).map(({ method }) => method),
        ['notifications/subscriptions/acknowledged', 'notifications/tools/list_changed'],
      );
  });

  it('ends when it is cancelled, without a word', async () => {
    const client = new Client();
    await settled();
    client.request('l', 'subscriptions/listen', { notifications: { toolsListChanged: true } });
    await settled();
    client.cancel('l');
    await changed(client, 'b');
    assert.equal(client.lines.length, 1);
  });

  it('ends with a result and its cancellation when the gateway stops', async () => {
    const client = new Client();
    await settled();
    client.request('l', 'subscriptions/listen', { notifications: { toolsListChanged: true } });
    await settled();
    client.world.endpoint.drain();
    const [, result, cancelled] = client.lines;
    const { _meta } = (result?.result ?? {}) as { _meta?: Record<string, unknown> };
    assert.equal(_meta?.[SUBSCRIPTION], 'l');
    assert.deepEqual([cancelled?.method, cancelled?.params], ['notifications/cancelled', { requestId: 'l' }]);
    client.cancel('l');
    assert.equal(client.lines.length, 3);
  });
});

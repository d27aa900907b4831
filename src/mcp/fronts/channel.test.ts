import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FrontWorld } from '../../../test/fixtures/scripted-front.ts';
import type { ConnectorScript } from '../../../test/fixtures/scripted-wire.ts';
import { settled } from '../../../test/fixtures/test-ports.ts';
import { LIMITS } from '../../core/limits.ts';
import { connectChannel } from './channel.ts';

const TOOL: ConnectorScript = { tools: [{ name: 'a' }], on: { 'tools/call': () => ({ content: [] }) } };
const INITIALIZE = {
  jsonrpc: '2.0',
  id: 'i',
  method: 'initialize',
  params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'c', version: '1' } },
};
const PING = { jsonrpc: '2.0', id: 1, method: 'ping' };

class Client {
  readonly world: FrontWorld;
  /** Lines as they were written. */
  readonly lines: string[] = [];
  ended = 0;
  /** Bytes the client leaves unread. */
  unread = 0;
  readonly receiver: ReturnType<typeof connectChannel>;

  constructor(script: ConnectorScript = TOOL) {
    this.world = new FrontWorld({ one: script });
    const unread = (): number => this.unread;
    this.receiver = connectChannel(this.world.endpoint, {
      get unread() {
        return unread();
      },
      send: (message) => void this.lines.push(message.toString()),
      ended: () => {
        this.ended += 1;
      },
    });
  }

  static async initialized(script: ConnectorScript = TOOL): Promise<Client> {
    const client = new Client(script);
    await settled();
    client.say(INITIALIZE);
    await settled();
    client.lines.length = 0;
    return client;
  }

  say(message: object | string): void {
    this.receiver.receive(Buffer.from(typeof message === 'string' ? message : JSON.stringify(message)));
  }

  get messages(): { id?: unknown; error?: { code: number } }[] {
    return this.lines.map((line) => JSON.parse(line) as Client['messages'][number]);
  }
}

test('a client that writes everything at once gets every answer, the first one first', async () => {
  const client = new Client();
  client.say(INITIALIZE);
  client.say({ jsonrpc: '2.0', method: 'notifications/initialized' });
  client.say({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'a' } });
  client.say({ ...PING, id: 2 });
  await client.receiver.settled();
  assert.equal(client.messages[0]?.id, 'i');
  assert.deepEqual(client.messages.map(({ id }) => id).sort(), [1, 2, 'i']);
});

test('what is no message is answered with an error', async () => {
  const client = await Client.initialized();
  for (const text of [
    '',
    'hello',
    '{"jsonrpc":"2.0"}',
    '[]',
    '{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}',
  ])
    client.say(text);
  assert.deepEqual(
    client.messages.map(({ id, error }) => [id, error?.code]),
    [-32700, -32700, -32600, -32600, -32600].map((code) => [null, code]),
  );
});

test('before initialize a request is refused and everything else ignored', async () => {
  const client = new Client();
  client.say(PING);
  client.say({ jsonrpc: '2.0', method: 'notifications/initialized' });
  client.say({ jsonrpc: '2.0', id: 7, result: {} });
  await settled();
  assert.deepEqual(
    client.messages.map(({ id, error }) => [id, error?.code]),
    [[1, -32600]],
  );
});

test('batches are for the revision that has them, once there is a session', async () => {
  const batch = JSON.stringify([PING, { ...PING, id: 2 }]);
  const client = new Client();
  await settled();
  client.say(batch);
  client.say({ ...INITIALIZE, params: { ...INITIALIZE.params, protocolVersion: '2025-03-26' } });
  await client.receiver.settled();
  client.say(batch);
  await client.receiver.settled();
  assert.deepEqual(
    client.messages.map(({ id, error }) => [id, error?.code]),
    [
      [null, -32600],
      ['i', undefined],
      [1, undefined],
      [2, undefined],
    ],
  );
  const newer = await Client.initialized();
  newer.say(batch);
  await newer.receiver.settled();
  assert.match(newer.lines.join(), /"id":null.*only revision 2025-03-26/);
});

test('a second initialize begins nothing, however often it comes', async () => {
  const client = await Client.initialized();
  for (let time = 0; time < 3; time += 1) client.say({ ...INITIALIZE, id: time });
  await settled();
  assert.deepEqual(
    client.messages.map(({ error }) => error?.code),
    [-32600, -32600, -32600],
  );
  assert.equal(client.world.table.size, 1);
});

test('a result with line ends is one line', async () => {
  const client = await Client.initialized({
    tools: [{ name: 'a' }],
    on: {
      'tools/call': ({ wire, id }) => {
        wire.say(`{"jsonrpc":"2.0","id":${id},"result":{\n  "content": [\r\n]\n}}`, Number(id));
        return undefined;
      },
    },
  });
  client.say({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'a' } });
  await client.receiver.settled();
  assert.equal(client.lines.length, 1);
  assert.doesNotMatch(client.lines[0] ?? '', /[\r\n]/);
  assert.deepEqual(client.messages, [{ result: { content: [] }, jsonrpc: '2.0', id: 1 }]);
});

test('what servers say by themselves comes out the same way', async () => {
  const client = await Client.initialized();
  client.say({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'a' } });
  await client.receiver.settled();
  client.world.targets['one']?.connector.wire.say({
    method: 'notifications/message',
    params: { level: 'info' },
  });
  assert.match(client.lines.at(-1) ?? '', /notifications\/message/);
});

test('a client that does not read loses log messages and progress, which are counted, and then the channel', async () => {
  const client = await Client.initialized();
  client.say({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'a' } });
  await client.receiver.settled();
  client.lines.length = 0;
  const wire = client.world.targets['one']?.connector.wire;
  const log = { method: 'notifications/message', params: { level: 'info', data: 'x' } };
  client.unread = LIMITS.readerQueue.value - 200;
  wire?.say(log);
  client.unread = LIMITS.readerQueue.value;
  wire?.say(log);
  client.say(PING);
  await client.receiver.settled();
  assert.equal(client.lines.length, 2, 'one message and the answer');
  assert.deepEqual(client.world.ports.counted, ['mcp_messages_dropped_total log']);
  assert.equal(client.ended, 0);
  client.unread = LIMITS.upstreamMessage.value;
  for (const id of [2, 3]) client.say({ ...PING, id });
  client.say('nonsense');
  await client.receiver.settled();
  assert.deepEqual([client.ended, client.lines.length], [1, 2]);
});

test('the session ends with the channel, and the channel with the session', async () => {
  const gone = await Client.initialized();
  gone.receiver.close();
  await settled();
  assert.equal(gone.world.table.size, 0);
  const stopped = await Client.initialized();
  await stopped.world.table.close();
  assert.equal(stopped.ended, 1);
});

test('a gateway that stops lets a call finish before it ends the channel', async () => {
  const client = await Client.initialized({ tools: [{ name: 'a' }], on: { 'tools/call': () => undefined } });
  client.say({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'a' } });
  await settled();
  client.world.endpoint.drain();
  assert.equal(client.ended, 0);
  const wire = client.world.targets['one']?.connector.wire;
  wire?.result(wire.of('tools/call')[0]?.id, { done: true });
  await settled();
  assert.deepEqual(client.messages, [{ result: { done: true }, jsonrpc: '2.0', id: 1 }]);
  assert.ok(client.ended > 0);
});

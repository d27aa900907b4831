import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type FrontClient,
  FrontWorld,
  JSON_POST,
  StreamReader,
} from '../../../../test/fixtures/scripted-front.ts';
import type { ConnectorScript, ScriptedWire } from '../../../../test/fixtures/scripted-wire.ts';
import { replyHeaderOf, replyOf, testExchange } from '../../../../test/fixtures/test-exchange.ts';
import { settled } from '../../../../test/fixtures/test-ports.ts';

const SILENT: ConnectorScript = { tools: [{ name: 'a' }], on: { 'tools/call': () => undefined } };
/** Of the fronts of a FrontWorld. */
const HEARTBEAT = 10_000;
const CALL = { name: 'a', _meta: { progressToken: 't' } };
const PROGRESS = {
  jsonrpc: '2.0',
  method: 'notifications/progress',
  params: { progressToken: 't', progress: 1 },
};

/** One call under way, and what its server does with it. */
class Under {
  readonly world: FrontWorld;
  readonly client: FrontClient;
  readonly posted: ReturnType<FrontClient['request']>;
  readonly id: number;
  readonly wire: ScriptedWire;

  constructor(world: FrontWorld, client: FrontClient, posted: Under['posted']) {
    this.world = world;
    this.client = client;
    this.posted = posted;
    const wire = world.targets['one']?.connector.wires.at(-1);
    const received = wire?.of('tools/call').at(-1);
    assert.ok(wire && received);
    this.wire = wire;
    this.id = Number(received.id);
  }

  progress(): void {
    this.wire.say(
      { method: 'notifications/progress', params: { progressToken: this.id, progress: 1 } },
      this.id,
    );
  }

  result(value: object): void {
    this.wire.result(this.id, value);
  }
}

async function calling(
  { version = '2025-11-25', capabilities = {}, heartbeatMs = HEARTBEAT } = {},
  headers = {},
): Promise<Under> {
  const world = new FrontWorld({ one: SILENT }, { limits: { heartbeatMs } });
  const client = await world.client({ version, capabilities });
  const posted = client.post({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: CALL }, headers);
  await settled();
  return new Under(world, client, posted);
}

describe('the answer to a POST', () => {
  it('is plain JSON when it comes alone and soon', async () => {
    const under = await calling();
    under.result({ n: 1 });
    assert.equal(replyHeaderOf(await under.posted, 'content-type'), 'application/json');
  });

  it('becomes a stream with the first thing that is said before, and ends with the answer', async () => {
    const under = await calling();
    under.progress();
    const reader = new StreamReader(await under.posted);
    under.result({ n: 1 });
    await settled();
    const [priming, ...events] = reader.events;
    assert.deepEqual([priming?.id, priming?.retry, priming?.text], ['1-1', '1000', '']);
    assert.deepEqual(
      events.map(({ id, data }) => [id, data]),
      [
        ['1-2', PROGRESS],
        ['1-3', { jsonrpc: '2.0', id: 1, result: { n: 1 } }],
      ],
    );
    assert.equal(reader.end, 'ended');
  });

  it('has no empty event for clients that could not read one', async () => {
    const under = await calling({ version: '2025-06-18' });
    under.progress();
    const reader = new StreamReader(await under.posted);
    assert.deepEqual(reader.messages, [PROGRESS]);
    assert.equal(reader.events.length, 1);
  });

  it('becomes a stream after a heartbeat, so that nothing in between cuts it, and beats from then on', async () => {
    const under = await calling({ version: '2025-06-18', heartbeatMs: 300 });
    const { clock } = under.world.ports;
    const answered = (): Promise<boolean> =>
      Promise.race([under.posted.then(() => true), settled().then(() => false)]);
    await clock.advance(299);
    assert.equal(await answered(), false);
    await clock.advance(151);
    assert.equal(await answered(), true);
    const reader = new StreamReader(await under.posted);
    await clock.advance(310);
    assert.ok(reader.comments > 0);
    under.result({ n: 1 });
    await settled();
    assert.deepEqual(reader.messages, [{ jsonrpc: '2.0', id: 1, result: { n: 1 } }]);
  });

  it('is a stream at once for a client that prefers one', async () => {
    const under = await calling({}, { accept: 'text/event-stream, application/json' });
    const reader = new StreamReader(await under.posted);
    assert.equal(reader.end, 'open');
    under.result({});
    await settled();
    assert.equal(reader.end, 'ended');
  });

  it('carries the questions of its server, whose answers come by other POSTs', async () => {
    const under = await calling({ capabilities: { roots: {} } });
    under.wire.say({ id: 'q', method: 'roots/list' }, under.id);
    const reader = new StreamReader(await under.posted);
    const question = reader.messages[0] as { id: number; method: string };
    assert.equal(question.method, 'roots/list');
    assert.equal(
      (await under.client.post({ jsonrpc: '2.0', id: question.id, result: { roots: [] } })).status,
      202,
    );
    await settled();
    assert.deepEqual(under.wire.of('')[0]?.message, { jsonrpc: '2.0', id: 'q', result: { roots: [] } });
  });
});

describe('a client that loses its stream', () => {
  it('finds the rest with the id of the last event it saw', async () => {
    const under = await calling();
    under.progress();
    const reader = new StreamReader(await under.posted);
    reader.leave();
    under.progress();
    under.result({ n: 1 });
    await settled();
    const again = await under.client.get({ 'last-event-id': '1-2' });
    assert.deepEqual(again.messages, [PROGRESS, { jsonrpc: '2.0', id: 1, result: { n: 1 } }]);
    assert.equal(again.end, 'ended');
    const once = await under.client.get({ 'last-event-id': '1-4' });
    assert.deepEqual([once.messages, once.end], [[], 'ended']);
  });

  it('finds what is still to come', async () => {
    const under = await calling();
    under.progress();
    new StreamReader(await under.posted).leave();
    const again = await under.client.get({ 'last-event-id': '1-1' });
    under.result({ n: 1 });
    await settled();
    assert.deepEqual(again.messages, [PROGRESS, { jsonrpc: '2.0', id: 1, result: { n: 1 } }]);
  });

  it('before anything was written to it finds everything, and its call goes on', async () => {
    const world = new FrontWorld({ one: SILENT });
    const client = await world.client();
    const headers = { ...JSON_POST, 'mcp-session-id': client.token };
    const body = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: CALL };
    const exchange = testExchange({ method: 'POST', headers, body });
    const posted = world.front.handle(exchange).then((answer) => ({ ...replyOf(answer), exchange }));
    await settled();
    const under = new Under(world, client, posted);
    exchange.cancel.cancel(new Error('the client has gone'));
    assert.equal(under.wire.of('notifications/cancelled').length, 0);
    under.progress();
    under.result({ n: 1 });
    await posted;
    const again = await client.get({ 'last-event-id': '1-0' });
    assert.deepEqual(again.messages, [PROGRESS, { jsonrpc: '2.0', id: 1, result: { n: 1 } }]);
  });

  it('listens where its event id means nothing', async () => {
    const world = new FrontWorld({ one: SILENT });
    const client = await world.client();
    for (const id of ['x', 'g-5', '../1', '1-99999999999999999999']) {
      const reader = await client.get({ 'last-event-id': id });
      assert.equal(reader.end, 'open', id);
    }
  });

  it('takes nobody away from the listener when the answer of a POST is no longer known', async () => {
    const world = new FrontWorld({ one: SILENT });
    const client = await world.client();
    const listener = await client.get();
    assert.equal((await client.get({ 'last-event-id': '99-1' })).end, 'ended');
    assert.equal(listener.end, 'open');
  });
});

describe('an upstream that closes its stream for a while', () => {
  it('has the same done to the client, which comes back for the answer', async () => {
    const under = await calling();
    under.wire.options.events.resumable?.(under.id);
    const reader = new StreamReader(await under.posted);
    under.wire.options.events.paused?.(under.id, 300);
    assert.deepEqual(
      reader.events.map(({ id, retry }) => [id, retry]),
      [
        ['1-1', '1000'],
        ['1-2', '300'],
      ],
    );
    assert.equal(reader.end, 'ended');
    const again = await under.client.get({ 'last-event-id': '1-2' });
    under.result({ n: 1 });
    await settled();
    assert.deepEqual(again.messages, [{ jsonrpc: '2.0', id: 1, result: { n: 1 } }]);
  });

  it('has it not where the client could not come back', async () => {
    const under = await calling({ version: '2025-06-18' });
    under.wire.options.events.resumable?.(under.id);
    under.wire.options.events.paused?.(under.id, 300);
    under.result({ n: 1 });
    assert.equal(replyHeaderOf(await under.posted, 'content-type'), 'application/json');
  });
});

describe('the listening stream', () => {
  const say = (world: FrontWorld, data: string): void =>
    world.targets['one']?.connector.wires
      .at(-1)
      ?.say({ method: 'notifications/message', params: { level: 'info', data } });

  async function listening(): Promise<{ world: FrontWorld; client: FrontClient; reader: StreamReader }> {
    const world = new FrontWorld({ one: { ...SILENT, on: { 'tools/call': () => ({}) } } });
    const client = await world.client();
    await client.json(1, 'tools/call', CALL);
    return { world, client, reader: await client.get() };
  }

  it('carries what belongs to no call, and beats while it is quiet', async () => {
    const { world, reader } = await listening();
    say(world, 'a');
    assert.deepEqual(
      reader.events.map(({ id, data }) => [id, data?.['params']]),
      [['g-1', { level: 'info', data: 'a' }]],
    );
    await world.ports.clock.advance(25_000);
    assert.equal(reader.comments, 2);
  });

  it('is one: a second listener takes its place', async () => {
    const { world, client, reader } = await listening();
    const second = await client.get();
    assert.equal(reader.end, 'ended');
    say(world, 'b');
    assert.equal(second.events.length, 1);
    reader.leave();
    say(world, 'c');
    assert.equal(second.events.length, 2);
  });

  it('goes on where it broke off', async () => {
    const { world, client, reader } = await listening();
    say(world, 'a');
    reader.leave();
    say(world, 'while nobody listened');
    const again = await client.get({ 'last-event-id': 'g-1' });
    say(world, 'c');
    assert.deepEqual(
      again.events.map(({ id }) => id),
      ['g-2'],
    );
  });

  it('costs nothing when it is over', async () => {
    const { world, client, reader } = await listening();
    const timers = world.ports.clock.waiting;
    reader.leave();
    await world.ports.clock.advance(HEARTBEAT);
    assert.ok(world.ports.clock.waiting < timers);
    assert.equal(client.session.busy, 0);
  });

  it('ends with its session, and when the gateway stops', async () => {
    const { client, reader } = await listening();
    await client.delete();
    assert.equal(reader.end, 'ended');
    const stopping = await listening();
    stopping.world.endpoint.drain();
    assert.equal(stopping.reader.end, 'ended');
  });

  it('needs a client that can read it', async () => {
    const world = new FrontWorld({ one: SILENT });
    const { token } = await world.client();
    const reply = await world.handle({
      method: 'GET',
      headers: { 'mcp-session-id': token, accept: 'text/html' },
    });
    assert.equal(replyOf(reply).status, 406);
  });
});

it('many finished streams are not kept for ever', async () => {
  const world = new FrontWorld({ one: SILENT });
  const client = await world.client();
  for (let id = 1; id <= 40; id += 1) {
    const posted = client.request(id, 'tools/call', CALL);
    await settled();
    const under = new Under(world, client, posted);
    under.progress();
    new StreamReader(await posted);
    under.result({ n: id });
  }
  await settled();
  const old = await client.get({ 'last-event-id': '1-1' });
  assert.deepEqual([old.messages, old.end], [[], 'ended'], 'the first stream is forgotten');
  const recent = await client.get({ 'last-event-id': '40-2' });
  assert.deepEqual([recent.messages, recent.end], [[{ jsonrpc: '2.0', id: 40, result: { n: 40 } }], 'ended']);
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ScriptedRequest, ScriptedUpstream } from '../../../test/fixtures/scripted-upstream.ts';
import { FakeClock, settled } from '../../../test/fixtures/test-ports.ts';
import { GatewayError } from '../../core/errors.ts';
import { Cancel } from '../../lib/cancel.ts';
import type { Wire } from '../definition.ts';
import { openSseWire } from './sse-wire.ts';

const broken = new GatewayError('UPSTREAM_CLOSED', 'broken');
const MESSAGE = { request: 1, method: 'tools/call', name: 'a', cancel: undefined, headers: undefined };

class World {
  readonly upstream = new ScriptedUpstream();
  readonly cancel = new Cancel();
  readonly heard: string[] = [];
  readonly opened: Promise<Wire>;
  readonly stream: ScriptedRequest;

  constructor() {
    this.opened = openSseWire(
      {
        upstream: this.upstream.http,
        url: new URL('http://upstream.example/deep/sse?key=1'),
        fixed: [],
        headers: ['authorization', 'client'],
        clock: new FakeClock(),
        maxMessage: 1000,
        events: {
          message: (message, origin) => void this.heard.push(`${origin}: ${message}`),
          closed: (error) => void this.heard.push(`closed ${(error as GatewayError).code}`),
        },
      },
      this.cancel,
    );
    this.opened.catch(() => undefined);
    this.stream = this.upstream.last;
  }

  /** With the address for POSTs named. */
  static async open(
    endpoint = '/message?sessionId=7',
  ): Promise<{ world: World; wire: Wire; stream: ScriptedRequest }> {
    const world = new World();
    world.stream.stream();
    await settled();
    world.stream.write(`event: endpoint\ndata: ${endpoint}\n\n`);
    return { world, wire: await world.opened, stream: world.stream };
  }
}

const refused = (code: string, pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof GatewayError);
  assert.equal(error.code, code);
  assert.match(error.message, pattern);
  return true;
};

describe('opening', () => {
  it('is a long GET, and done when the server has named the address for POSTs', async () => {
    const world = new World();
    const { request } = world.stream;
    assert.deepEqual([request.method, request.path, request.long], ['GET', '/deep/sse?key=1', true]);
    assert.deepEqual(
      [world.stream.header('accept'), world.stream.header('authorization')],
      ['text/event-stream', 'client'],
    );
    world.stream.stream();
    await settled();
    const state = Promise.race([world.opened.then(() => 'open'), settled().then(() => 'waiting')]);
    assert.equal(await state, 'waiting');
    world.stream.write('event: endpoint\ndata: post?id=7\n\n');
    const wire = await world.opened;
    void wire.send(Buffer.from('{}'), MESSAGE);
    assert.equal(world.upstream.last.request.path, '/deep/post?id=7');
    assert.equal(wire.relates, false);
  });

  it('takes a full address of the same origin, and no other', async () => {
    const { world, wire } = await World.open('http://upstream.example/message');
    void wire.send(Buffer.from('{}'), MESSAGE);
    assert.equal(world.upstream.last.request.path, '/message');
    for (const [endpoint, pattern] of [
      ['http://evil.example/message', /another origin: http:\/\/evil.example/],
      ['https://upstream.example/message', /another origin/],
      ['//evil.example/x', /another origin/],
      ['http://[', /not a URL/],
    ] as const) {
      const other = new World();
      other.stream.stream();
      await settled();
      other.stream.write(`event: endpoint\ndata: ${endpoint}\n\n`);
      await assert.rejects(other.opened, refused('UPSTREAM_PROTOCOL', pattern));
      assert.ok(other.stream.cancelled, 'the stream is closed');
    }
  });

  it('fails with what the server said, when its stream ends, or when it takes too long', async () => {
    const status = new World();
    status.stream.reply(500, {}, 'disk full');
    await assert.rejects(status.opened, refused('UPSTREAM_STATUS', /HTTP 500: disk full/));
    const ended = new World();
    ended.stream.stream();
    await settled();
    ended.stream.end();
    await assert.rejects(ended.opened, refused('UPSTREAM_CLOSED', /ended its event stream/));
    const lost = new World();
    lost.stream.fail(broken);
    await assert.rejects(lost.opened, broken);
    for (const begun of [false, true]) {
      const late = new World();
      if (begun) late.stream.stream();
      await settled();
      late.cancel.cancel(new GatewayError('UPSTREAM_TIMEOUT', 'too late'));
      await assert.rejects(late.opened, refused('UPSTREAM_TIMEOUT', /too late/));
      assert.ok(late.stream.cancelled);
    }
  });
});

describe('an open wire', () => {
  it('brings messages over its stream, whatever they belong to', async () => {
    const { world, stream } = await World.open();
    stream.event({ id: 1, result: {} });
    stream.write('event: other\ndata: {"not":"a message"}\n\n:comment\n\ndata:\n\n');
    stream.event({ method: 'x' });
    assert.deepEqual(world.heard, [
      'undefined: {"jsonrpc":"2.0","id":1,"result":{}}',
      'undefined: {"jsonrpc":"2.0","method":"x"}',
    ]);
  });

  it('sends by POST, with the revision and the headers of the message', async () => {
    const { world, wire } = await World.open();
    wire.agreed?.('2024-11-05');
    const sent = wire.send(Buffer.from('{"id":1}'), { ...MESSAGE, headers: ['traceparent', 't'] });
    const { last } = world.upstream;
    assert.deepEqual(
      [last.request.method, last.request.path, last.text],
      ['POST', '/message?sessionId=7', '{"id":1}'],
    );
    assert.deepEqual(
      ['content-type', 'authorization', 'mcp-protocol-version', 'traceparent'].map((name) =>
        last.header(name),
      ),
      ['application/json', 'client', '2024-11-05', 't'],
    );
    last.reply(202, {}, 'Accepted');
    await sent;
  });

  it('says when a message was not taken', async () => {
    const { world, wire } = await World.open();
    for (const [status, code] of [
      [404, 'UPSTREAM_SESSION_LOST'],
      [500, 'UPSTREAM_STATUS'],
      [401, 'UPSTREAM_CHALLENGE'],
    ] as const) {
      const sent = wire.send(Buffer.from('{}'), MESSAGE);
      world.upstream.last.reply(status, { 'www-authenticate': 'Bearer' }, 'no');
      await assert.rejects(sent, refused(code, /./));
    }
  });

  it('is gone with its stream, once', async () => {
    for (const end of ['end', 'fail', 'flood'] as const) {
      const { world, stream } = await World.open();
      if (end === 'end') stream.end();
      else if (end === 'fail') stream.fail(broken);
      else stream.write(`data: ${'x'.repeat(1200)}`);
      await settled();
      assert.deepEqual(world.heard, [
        end === 'flood' ? 'closed UPSTREAM_MESSAGE_TOO_LARGE' : 'closed UPSTREAM_CLOSED',
      ]);
    }
  });

  it('that we close ends its stream and tells nobody', async () => {
    const { world, wire, stream } = await World.open();
    await wire.close();
    assert.ok(stream.cancelled);
    await settled();
    assert.deepEqual(world.heard, []);
  });
});

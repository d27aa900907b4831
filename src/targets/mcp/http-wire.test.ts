import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { broken, WireWorld } from '../../../test/fixtures/http-wire.ts';
import type { ScriptedRequest } from '../../../test/fixtures/scripted-upstream.ts';
import { settled } from '../../../test/fixtures/test-ports.ts';
import { GatewayError } from '../../core/errors.ts';
import { Cancel } from '../../lib/cancel.ts';

const answer = (result: object): string => `1: ${JSON.stringify({ jsonrpc: '2.0', id: 1, result })}`;

describe('a message', () => {
  it('is a POST, with what was agreed on and the headers of its own', async () => {
    const world = await WireWorld.initialized();
    void world.send({ headers: ['traceparent', 't'] });
    const { request, text } = world.upstream.last;
    assert.deepEqual([request.method, request.path, text], ['POST', '/mcp?key=1', '{"id":1}']);
    assert.deepEqual(
      ['content-type', 'accept', 'mcp-session-id', 'mcp-protocol-version', 'traceparent'].map((name) =>
        world.upstream.last.header(name),
      ),
      ['application/json', 'application/json, text/event-stream', 'session-7', '2025-06-18', 't'],
    );
  });

  it('carries the headers of the client unless the target has its own', async () => {
    const mine = new WireWorld({ headers: ['authorization', 'client'] });
    void mine.send();
    assert.equal(mine.upstream.last.header('authorization'), 'client');
    const own = new WireWorld({ fixed: ['authorization', 'target'], headers: ['authorization', 'client'] });
    void own.send();
    assert.deepEqual(own.upstream.last.request.headers.filter((each) => each === 'authorization').length, 1);
    assert.equal(own.upstream.last.header('authorization'), 'target');
  });

  it('is answered by JSON, whole or in pieces, or by nothing', async () => {
    const world = await WireWorld.initialized();
    const whole = world.send();
    world.upstream.last.json({ id: 1, result: { n: 1 } });
    assert.equal(await whole, 'done');
    const pieces = world.send();
    world.upstream.last.open(200, { 'content-type': 'Application/JSON; charset=utf-8' });
    world.upstream.last.write('{"jsonrpc":"2.0","id":1,');
    await settled();
    world.upstream.last.write('"result":{"n":2}}');
    world.upstream.last.end();
    assert.equal(await pieces, 'done');
    assert.deepEqual(world.heard, [answer({ n: 1 }), answer({ n: 2 })]);
    for (const status of [202, 204, 200]) {
      const nothing = world.send({ request: undefined, method: 'notifications/x' });
      world.upstream.last.reply(status);
      assert.equal(await nothing, 'done', String(status));
    }
    assert.equal(world.heard.length, 2);
  });

  it('longer than the limit is refused', async () => {
    const world = await WireWorld.initialized();
    for (const cut of [false, true]) {
      const sent = world.send();
      const { last } = world.upstream;
      if (cut) {
        last.open(200, { 'content-type': 'application/json' });
        last.write('x'.repeat(600));
        last.write('x'.repeat(600));
      } else last.reply(200, { 'content-type': 'application/json' }, 'x'.repeat(1200));
      assert.match(await sent, /^UPSTREAM_MESSAGE_TOO_LARGE .* 1000 bytes/);
    }
    assert.deepEqual(world.heard, []);
  });

  it('is refused by a status, or by an answer of another kind', async () => {
    const world = await WireWorld.initialized();
    for (const [status, type, body, pattern] of [
      [500, 'text/plain', 'disk full', /^UPSTREAM_STATUS the upstream answered HTTP 500: disk full/],
      [404, 'text/plain', '', /^UPSTREAM_SESSION_LOST/],
      [400, 'text/plain', 'Bad Request: No valid session ID provided', /^UPSTREAM_SESSION_LOST/],
      [400, 'text/plain', 'Bad Request: no such tool', /^UPSTREAM_STATUS .*HTTP 400/],
      [200, 'text/html', '<html>', /^UPSTREAM_PROTOCOL .*"text\/html"/],
      [200, '', '', /^UPSTREAM_PROTOCOL .*no content type/],
      [302, '', '', /^UPSTREAM_STATUS/],
      [
        401,
        'application/json',
        '{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"x"}}',
        /^UPSTREAM_CHALLENGE/,
      ],
    ] as const) {
      const sent = world.send();
      world.upstream.last.reply(status, type === '' ? {} : { 'content-type': type }, body);
      assert.match(await sent, pattern);
    }
    assert.deepEqual(world.heard, []);
    const first = new WireWorld();
    const unknown = first.send({ method: 'initialize' });
    first.upstream.last.reply(404, {}, 'no such page');
    assert.match(
      await unknown,
      /^UPSTREAM_STATUS .*HTTP 404: no such page/,
      'without a session there is none to lose',
    );
  });

  it('may be answered by an error in JSON under another status, when it is an answer to this very request', async () => {
    const world = await WireWorld.initialized();
    for (const [id, heard] of [
      ['1', true],
      [' 1', true],
      ['12', false],
      ['"1"', false],
    ] as const) {
      const sent = world.send();
      const body = `{"jsonrpc":"2.0","id":${id},"error":{"code":-1,"message":"\\"id\\":1"}}`;
      world.upstream.last.reply(400, { 'content-type': 'application/json' }, body);
      assert.equal((await sent) === 'done', heard, id);
      assert.equal(world.heard.splice(0).length, heard ? 1 : 0);
    }
  });

  it('that cannot be sent says why, and one that is cancelled is given up', async () => {
    const world = await WireWorld.initialized();
    const lost = world.send();
    world.upstream.last.fail(broken);
    assert.equal(await lost, 'UPSTREAM_CLOSED broken');
    const cancel = new Cancel();
    const given = world.send({ cancel });
    cancel.cancel(new GatewayError('CANCELLED', 'enough'));
    assert.equal(await given, 'CANCELLED enough');
  });
});

describe('an answer stream', () => {
  /** A call whose answer stream has begun. */
  async function streaming(
    cancel?: Cancel,
  ): Promise<{ world: WireWorld; sent: Promise<string>; stream: ScriptedRequest }> {
    const world = await WireWorld.initialized();
    const sent = world.send({ cancel });
    const stream = world.upstream.last;
    stream.stream();
    return { world, sent, stream };
  }

  it('brings every message of its request, and is done when it ends', async () => {
    const { world, sent, stream } = await streaming();
    stream.event({ method: 'notifications/progress' });
    stream.event({ id: 1, result: {} });
    stream.end();
    assert.equal(await sent, 'done');
    assert.deepEqual(world.heard, ['1: {"jsonrpc":"2.0","method":"notifications/progress"}', answer({})]);
  });

  it('that a server keeps open behind its answer is closed after a while', async () => {
    const { world, sent, stream } = await streaming();
    stream.event({ id: 1, result: {} });
    await world.clock.advance(4999);
    assert.equal(stream.cancelled, undefined);
    await world.clock.advance(1);
    assert.ok(stream.cancelled);
    assert.equal(await sent, 'done');
    const ended = await streaming();
    ended.stream.event({ id: 1, result: {} });
    ended.stream.end();
    await ended.sent;
    assert.equal(ended.world.clock.waiting, 0);
  });

  it('that breaks without an event id cannot be resumed', async () => {
    const { world, sent, stream } = await streaming();
    stream.event({ method: 'x' });
    stream.fail(broken);
    assert.equal(await sent, 'UPSTREAM_CLOSED broken');
    assert.equal(world.upstream.requests.length, 2);
  });

  it('that breaks is resumed after its last event, when the server said', async () => {
    const { world, sent, stream } = await streaming();
    stream.write('retry: 300\n\n');
    stream.event({ method: 'x' }, 'e-1');
    stream.fail(broken);
    await world.clock.advance(299);
    assert.equal(world.upstream.requests.length, 2);
    await world.clock.advance(1);
    const again = world.upstream.last;
    assert.deepEqual([again.request.method, again.request.long], ['GET', true]);
    assert.deepEqual(
      ['last-event-id', 'accept', 'content-type', 'mcp-session-id'].map((name) => again.header(name)),
      ['e-1', 'text/event-stream', undefined, 'session-7'],
    );
    again.stream();
    again.event({ id: 1, result: { n: 1 } });
    again.end();
    assert.equal(await sent, 'done');
    assert.deepEqual(world.heard, ['1 resumable', '1: {"jsonrpc":"2.0","method":"x"}', answer({ n: 1 })]);
  });

  it('that ends before its answer is a pause, and the client is told', async () => {
    const { world, sent, stream } = await streaming();
    stream.write('id: e-1\nretry: 500\ndata:\n\n');
    stream.end();
    await settled();
    assert.deepEqual(world.heard, ['1 resumable', '1 paused 500']);
    await world.clock.advance(500);
    world.upstream.last.stream();
    world.upstream.last.event({ id: 1, result: {} });
    world.upstream.last.end();
    assert.equal(await sent, 'done');
  });

  it('is resumed a few times without anything new, and as often as there is something new', async () => {
    const { world, sent, stream } = await streaming();
    stream.write('id: e-0\nretry: 0\ndata:\n\n');
    stream.end();
    await world.clock.advance(249);
    assert.equal(world.upstream.requests.length, 2, 'a server cannot ask for a loop without a pause');
    await world.clock.advance(1);
    for (let event = 1; event <= 8; event += 1) {
      if (event > 1) await world.clock.advance(250);
      world.upstream.last.stream();
      world.upstream.last.write(`id: e-${event}\ndata:\n\n`);
      world.upstream.last.end();
    }
    const before = world.upstream.requests.length;
    assert.equal(before, 2 + 8);
    let waited = 0;
    for (let over = false; !over && waited < 50; waited += 1) {
      await world.clock.advance(250);
      const { last } = world.upstream;
      last.stream();
      last.end();
      over = await Promise.race([sent.then(() => true), settled().then(() => false)]);
    }
    assert.equal(await sent, 'done', 'the link finds that there was no answer');
    assert.ok(
      world.upstream.requests.length - before <= 5,
      `${world.upstream.requests.length - before} resumes`,
    );
  });

  it('is not resumed when the server refuses, or nobody waits any more', async () => {
    const refused = await streaming();
    refused.stream.event({ method: 'x' }, 'e-1');
    refused.stream.fail(broken);
    await refused.world.clock.advance(1000);
    refused.world.upstream.last.reply(405);
    assert.equal(await refused.sent, 'UPSTREAM_CLOSED broken');
    const cancel = new Cancel();
    const given = await streaming(cancel);
    given.stream.event({ method: 'x' }, 'e-1');
    cancel.cancel(new GatewayError('CANCELLED', 'enough'));
    await given.sent;
    await given.world.clock.advance(60_000);
    assert.equal(given.world.upstream.requests.length, 2);
  });

  it('whose pause is cut short by the end of the call, or of the wire, leaves no timer', async () => {
    for (const how of ['call', 'wire']) {
      const cancel = new Cancel();
      const { world, sent, stream } = await streaming(cancel);
      stream.event({ method: 'x' }, 'e-1');
      stream.fail(broken);
      await settled();
      assert.equal(world.clock.waiting, 1, how);
      if (how === 'call') cancel.cancel(new GatewayError('CANCELLED', 'enough'));
      else {
        const closed = world.wire.close();
        world.upstream.last.reply(200);
        await closed;
      }
      assert.equal(world.clock.waiting, 0, how);
      assert.equal(await sent, 'done', how);
      const resumed = world.upstream.requests.filter(({ request }) => request.method === 'GET');
      assert.deepEqual(resumed, [], how);
    }
  });

  it('with an event longer than the limit fails', async () => {
    const { world, sent, stream } = await streaming();
    stream.write(`data: ${'x'.repeat(1200)}`);
    assert.match(await sent, /^UPSTREAM_MESSAGE_TOO_LARGE/);
    assert.equal(stream.cancelled instanceof GatewayError, true);
    assert.deepEqual(world.heard, []);
  });
});

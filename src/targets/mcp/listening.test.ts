import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { broken, WireWorld } from '../../../test/fixtures/http-wire.ts';
import { settled } from '../../../test/fixtures/test-ports.ts';

describe('listening', () => {
  it('is a GET, once, and what it brings belongs to no request', async () => {
    const world = await WireWorld.initialized();
    const heard = world.wire.listen();
    void world.wire.listen();
    const { last } = world.upstream;
    assert.deepEqual(
      [last.request.method, last.request.long, last.header('mcp-session-id')],
      ['GET', true, 'session-7'],
    );
    last.stream();
    await heard;
    last.event({ method: 'x' }, 'g-1');
    await settled();
    assert.deepEqual(world.heard, ['undefined: {"jsonrpc":"2.0","method":"x"}']);
    assert.equal(world.upstream.requests.length, 2);
  });

  it('settles and is left alone when the server has no such stream', async () => {
    for (const status of [405, 404, 400, 501]) {
      const world = await WireWorld.initialized();
      const heard = world.wire.listen();
      world.upstream.last.reply(status);
      await heard;
      await world.clock.advance(600_000);
      assert.deepEqual([world.upstream.requests.length, world.heard], [2, []], String(status));
    }
  });

  it('goes on after its last event when the stream ends, and with growing pauses when it fails', async () => {
    const world = await WireWorld.initialized();
    void world.wire.listen();
    world.upstream.last.stream();
    world.upstream.last.event({ method: 'x' }, 'g-1');
    await settled();
    world.upstream.last.end();
    await world.clock.advance(1000);
    assert.equal(world.upstream.last.header('last-event-id'), 'g-1');
    for (const pause of [2000, 4000, 8000]) {
      const before = world.upstream.requests.length;
      world.upstream.last.fail(broken);
      await world.clock.advance(pause - 1);
      assert.equal(world.upstream.requests.length, before, `${pause}`);
      await world.clock.advance(1);
      assert.equal(world.upstream.requests.length, before + 1, `${pause}`);
    }
    assert.equal(world.upstream.last.header('last-event-id'), 'g-1');
  });

  it('goes on after a pause that grows when streams end without a message, whatever the server asks for', async () => {
    const world = await WireWorld.initialized();
    void world.wire.listen();
    for (const pause of [500, 1000, 2000, 4000, 8000, 8000]) {
      const { last } = world.upstream;
      const before = world.upstream.requests.length;
      last.stream();
      last.write('retry: 0\n\n');
      await settled();
      last.end();
      await world.clock.advance(pause - 1);
      assert.equal(world.upstream.requests.length, before, `${pause}`);
      await world.clock.advance(1);
      assert.equal(world.upstream.requests.length, before + 1, `${pause}`);
    }
    for (const pause of [250, 250]) {
      const { last } = world.upstream;
      const before = world.upstream.requests.length;
      last.stream();
      last.write('retry: 0\n\n');
      last.event({ method: 'x' });
      await settled();
      last.end();
      await world.clock.advance(pause - 1);
      assert.equal(world.upstream.requests.length, before);
      await world.clock.advance(1);
      assert.equal(world.upstream.requests.length, before + 1);
    }
  });

  it('goes on soon after an idle stream was cut', async () => {
    const world = await WireWorld.initialized();
    void world.wire.listen();
    for (const requests of [3, 4, 5]) {
      world.upstream.last.stream();
      await world.clock.advance(60_000);
      world.upstream.last.end();
      await world.clock.advance(1000);
      assert.equal(world.upstream.requests.length, requests);
    }
  });

  it('ends the wire when the server has forgotten the session in the meantime', async () => {
    const world = await WireWorld.initialized();
    void world.wire.listen();
    world.upstream.last.stream();
    await settled();
    world.upstream.last.end();
    await world.clock.advance(2000);
    world.upstream.last.reply(404);
    await settled();
    assert.deepEqual(world.heard, ['closed the upstream no longer knows the session']);
  });

  it('stops when nobody listens any more, and can begin again', async () => {
    const world = await WireWorld.initialized();
    void world.wire.listen();
    const first = world.upstream.last;
    first.stream();
    await settled();
    world.wire.unlisten();
    assert.ok(first.cancelled);
    await world.clock.advance(60_000);
    assert.equal(world.upstream.requests.length, 2);
    void world.wire.listen();
    assert.equal(world.upstream.requests.length, 3);
  });
});

describe('the end', () => {
  it('ends the upstream session, once, and everything that listens', async () => {
    const world = await WireWorld.initialized();
    void world.wire.listen();
    const listening = world.upstream.last;
    listening.stream();
    await settled();
    const closed = world.wire.close();
    void world.wire.close();
    const { last } = world.upstream;
    assert.deepEqual([last.request.method, last.header('mcp-session-id')], ['DELETE', 'session-7']);
    last.fail(broken);
    await closed;
    assert.ok(listening.cancelled);
    await world.clock.advance(60_000);
    assert.equal(world.upstream.requests.length, 3);
    await world.wire.listen();
    assert.deepEqual([world.upstream.requests.length, world.heard], [3, []]);
  });

  it('without a session asks nothing', async () => {
    const world = new WireWorld();
    await world.wire.close();
    assert.equal(world.upstream.requests.length, 0);
  });
});

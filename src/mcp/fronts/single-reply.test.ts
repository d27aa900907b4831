import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { StreamReader } from '../../../test/fixtures/scripted-front.ts';
import {
  replyHeaderOf,
  type TestExchange,
  testExchange,
  textOf,
} from '../../../test/fixtures/test-exchange.ts';
import { settled, type TestPorts, testPorts } from '../../../test/fixtures/test-ports.ts';
import { GatewayError } from '../../core/errors.ts';
import type { Reply } from '../../core/exchange.ts';
import { readMessage } from '../message.ts';
import { Heart } from './heart.ts';
import { SingleReply } from './single-reply.ts';

const HEARTBEAT = 10_000;
const PROGRESS = Buffer.from('{"jsonrpc":"2.0","method":"notifications/progress","params":{}}');
const RESULT = [Buffer.from('{"result":'), Buffer.from('{"a":1},"jsonrpc":"2.0","id":7}')];
const REQUEST = readMessage(Buffer.from('{"jsonrpc":"2.0","id":7,"method":"tools/call"}'));
const gone = new GatewayError('CANCELLED', 'the client went away');

/** One POST that waits. */
class World {
  readonly ports: TestPorts = testPorts();
  readonly exchange: TestExchange = testExchange({ method: 'POST' });
  readonly left: Error[] = [];
  readonly heart = new Heart(this.ports.clock, HEARTBEAT);
  readonly reply: SingleReply;

  constructor({ maxQueue = 1000 } = {}) {
    const options = { heart: this.heart, limits: { maxQueue }, ports: this.ports };
    this.reply = new SingleReply(options, this.exchange, REQUEST);
    this.reply.awaits({ leave: (_reply, reason) => void this.left.push(reason) });
  }

  /** Undefined as long as it is not known how the POST is answered. */
  async seen(): Promise<Reply | undefined> {
    const nothing = new Promise<undefined>((resolve) => setImmediate(() => resolve(undefined)));
    return Promise.race([this.reply.reply, nothing]);
  }

  async stream(): Promise<StreamReader> {
    return new StreamReader(await this.reply.reply);
  }
}

describe('the answer to one POST', () => {
  it('is JSON when there is nothing but the result, in the pieces it came in', async () => {
    const world = new World();
    assert.equal(await world.seen(), undefined);
    world.reply.answer(404, RESULT);
    const reply = await world.reply.reply;
    assert.deepEqual([reply.status, replyHeaderOf(reply, 'content-type')], [404, 'application/json']);
    assert.deepEqual(reply.body.pieces(), RESULT);
  });

  it('is a stream as soon as something is said before; it has no ids and ends with the result', async () => {
    const world = new World();
    world.reply.notify(PROGRESS, 'progress');
    const stream = await world.stream();
    assert.equal(replyHeaderOf(stream.reply, 'x-accel-buffering'), 'no');
    world.reply.answer(400, RESULT);
    assert.deepEqual(
      stream.events.map(({ id, retry, data }) => [id, retry, data?.['id'] ?? data?.['method']]),
      [
        [undefined, undefined, 'notifications/progress'],
        [undefined, undefined, 7],
      ],
    );
    assert.deepEqual([stream.reply.status, stream.end], [200, 'ended']);
    assert.deepEqual(world.left, []);
  });

  it('is a stream when the client has waited for a heartbeat, and is kept alive while it is quiet', async () => {
    const world = new World();
    await world.ports.clock.advance(HEARTBEAT / 2);
    assert.equal(await world.seen(), undefined);
    await world.ports.clock.advance(HEARTBEAT / 2);
    const stream = await world.stream();
    await world.ports.clock.advance(HEARTBEAT);
    assert.equal(stream.comments, 1);
    world.reply.notify(PROGRESS, 'progress');
    await world.ports.clock.advance(HEARTBEAT / 2);
    assert.equal(stream.comments, 1, 'it was not quiet for so long');
    world.reply.answer(200, RESULT);
    await world.ports.clock.advance(HEARTBEAT);
    assert.deepEqual([stream.comments, world.ports.clock.waiting], [1, 0], 'no timer is left');
  });

  it('may be an HTTP error with headers of its own, and in the stream the same error', async () => {
    const challenge = new GatewayError('UPSTREAM_CHALLENGE', 'log in', {
      headers: ['www-authenticate', 'Bearer'],
    });
    const early = new World();
    early.reply.refuse(challenge);
    const reply = await early.reply.reply;
    assert.deepEqual([reply.status, replyHeaderOf(reply, 'www-authenticate')], [401, 'Bearer']);
    assert.equal(JSON.parse(await textOf(reply)).id, 7);
    assert.equal(early.exchange.record.reason, 'UPSTREAM_CHALLENGE');
    const late = new World();
    late.reply.notify(PROGRESS, 'progress');
    const stream = await late.stream();
    late.reply.refuse(challenge);
    const last = stream.events.at(-1);
    assert.equal(last?.data?.['id'], 7);
    assert.match(last?.text ?? '', /"message":"log in"/);
    assert.equal(stream.end, 'ended');
  });

  it('is given once', async () => {
    const world = new World();
    world.reply.answer(200, RESULT);
    world.reply.answer(500, [Buffer.from('{}')]);
    world.reply.refuse(gone);
    world.reply.notify(PROGRESS, 'progress');
    world.exchange.cancel.cancel(gone);
    assert.equal((await world.reply.reply).body.whole()?.toString(), Buffer.concat(RESULT).toString());
    assert.deepEqual(world.left, []);
  });
});

describe('a client that goes away', () => {
  it('gives its request up, before there was a reply', async () => {
    const world = new World();
    world.exchange.cancel.cancel(gone);
    assert.deepEqual(world.left, [gone]);
    assert.equal((await world.reply.reply).status, 499, 'nobody waits for a reply that never comes');
    await world.ports.clock.advance(HEARTBEAT);
    assert.equal(world.ports.clock.waiting, 0);
  });

  it('gives it up by closing the stream, once', async () => {
    const world = new World();
    world.reply.notify(PROGRESS, 'progress');
    const stream = await world.stream();
    stream.leave();
    world.exchange.cancel.cancel(gone);
    assert.equal(world.left.length, 1);
    world.reply.answer(200, RESULT);
    assert.deepEqual(stream.messages.length, 1);
  });

  it('does so by reading too slowly for answers; progress is dropped and counted', async () => {
    const world = new World({ maxQueue: 200 });
    world.reply.notify(PROGRESS, 'progress');
    const stream = await world.stream();
    stream.reply.body.pause();
    for (let at = 0; at < 5; at += 1) world.reply.notify(PROGRESS, 'log');
    assert.ok(world.ports.counted.includes('mcp_messages_dropped_total log'));
    assert.deepEqual(world.left, []);
    for (let at = 0; at < 5; at += 1) world.reply.notify(PROGRESS, 'keep');
    await settled();
    assert.deepEqual([world.left.length, (stream.end as GatewayError).code], [1, 'OVERLOADED']);
  });
});

it('one timer serves every reply of a front', async () => {
  const { ports, heart } = new World();
  const limits = { maxQueue: 1000 };
  const replies = Array.from({ length: 100 }, () => {
    const reply = new SingleReply({ heart, limits, ports }, testExchange({ method: 'POST' }), REQUEST);
    reply.awaits({ leave() {} });
    return reply;
  });
  assert.equal(ports.clock.waiting, 1);
  for (const reply of replies) reply.answer(200, RESULT);
  heart.close();
  assert.equal(ports.clock.waiting, 0);
});

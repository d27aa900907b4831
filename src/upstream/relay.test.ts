import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { afterEach, describe, test } from 'node:test';
import { collect, listening, signal } from '../../test/e2e/http-harness.ts';
import type { GatewayError } from '../core/errors.ts';
import { Relay, type RelayOptions } from './relay.ts';

const opened: { destroy(): void }[] = [];
afterEach(() => {
  for (const each of opened.splice(0)) each.destroy();
});

/** Two ends of one connection. */
async function pair(): Promise<[Socket, Socket]> {
  const server = createServer({ allowHalfOpen: true });
  const port = await listening(server);
  const near = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const [[far]] = await Promise.all([once(server, 'connection') as Promise<[Socket]>, once(near, 'connect')]);
  server.close();
  for (const each of [near, far]) opened.push(each.on('error', () => {}));
  return [near, far];
}

interface Joined {
  readonly relay: Relay;
  readonly client: Socket;
  readonly upstream: Socket;
  readonly counts: { bytesIn: number; bytesOut: number };
  /** Its code, or undefined. */
  readonly over: Promise<string | undefined>;
}

async function joined(times: Partial<Pick<RelayOptions, 'idleMs' | 'halfOpenMs'>> = {}): Promise<Joined> {
  const [client, near] = await pair();
  const [far, upstream] = await pair();
  const counts = { bytesIn: 0, bytesOut: 0 };
  const silence = { idleMs: 60_000, halfOpenMs: 60_000, ...times };
  const relay = new Relay({ client: near, upstream: far, endpoint: 'there', counts, ...silence });
  return { relay, client, upstream, counts, over: relay.over.then((error) => error?.code) };
}

describe('a relay', () => {
  test('carries a megabyte each way at the same time, and counts it', async () => {
    const { client, upstream, counts, over } = await joined();
    const [there, back] = [randomBytes(1_200_000), randomBytes(1_300_000)];
    client.end(there);
    upstream.end(back);
    const [got, answer] = await Promise.all([collect(upstream), collect(client)]);
    assert.ok(got.equals(there) && answer.equals(back));
    assert.equal(await over, undefined);
    assert.deepEqual(counts, { bytesIn: there.length, bytesOut: back.length });
  });

  test('gives the answer to a client that has ended what it says', async () => {
    const { client, upstream, over } = await joined();
    const answer = collect(client);
    client.end('question');
    assert.equal(String((await once(upstream, 'data'))[0]), 'question');
    await once(upstream, 'end');
    upstream.write('an');
    await new Promise(setImmediate);
    upstream.end('swer');
    assert.equal((await answer).toString(), 'answer');
    assert.equal(await over, undefined);
  });

  test('takes no more from a side than the other reads', async () => {
    const { client, upstream, counts } = await joined();
    upstream.pause();
    const full = signal();
    const chunk = Buffer.alloc(64 * 1024);
    const push = (): void => {
      while (client.write(chunk));
    };
    client.on('drain', push);
    push();
    // Nobody tells that nothing happens: it is so when the count stays the same over many turns.
    let [before, same] = [-1, 0];
    const look = (): void => {
      same = counts.bytesIn === before ? same + 1 : 0;
      before = counts.bytesIn;
      if (same > 200) full.fire();
      else setTimeout(look, 1);
    };
    look();
    await full.fired;
    const waiting = counts.bytesIn;
    assert.ok(waiting < 16 * 1024 * 1024, `${waiting} bytes are under way`);
    upstream.resume();
    while (counts.bytesIn < waiting + 10 * chunk.length) await new Promise(setImmediate);
  });

  test('breaks off one side where the other breaks off, in either direction', async () => {
    const first = await joined();
    const broken = once(first.upstream, 'error');
    first.upstream.resume();
    first.client.resetAndDestroy();
    assert.equal((await broken)[0].code, 'ECONNRESET');
    assert.equal(await first.over, 'CANCELLED');
    const second = await joined();
    const lost = once(second.client, 'error');
    second.client.resume();
    second.upstream.resetAndDestroy();
    assert.equal((await lost)[0].code, 'ECONNRESET');
    assert.equal(await second.over, 'UPSTREAM_CLOSED');
  });

  test('still delivers the last words of a side that hears nothing any more', async () => {
    const { client, upstream, over } = await joined();
    upstream.end('goodbye');
    // What comes now is answered with a reset.
    upstream.once('finish', () => upstream.destroy());
    await once(upstream, 'close');
    const heard = collect(client);
    client.write('are you there?');
    assert.equal((await heard).toString(), 'goodbye');
    client.end();
    assert.equal(await over, undefined);
  });

  test('ends when nobody says anything for long, sooner where one side has ended', async () => {
    const idle = await joined({ idleMs: 50 });
    idle.client.resume();
    idle.upstream.resume();
    assert.equal(await idle.over, 'CONNECTION_IDLE');
    const half = await joined({ halfOpenMs: 50 });
    half.upstream.resume();
    half.client.resume();
    half.client.end('and then?');
    assert.equal(await half.over, 'CONNECTION_IDLE');
  });

  test('that is cut is broken off on both sides, with the reason', async () => {
    const { relay, client, upstream, over } = await joined();
    const gone = [client, upstream].map((side) => once(side.resume(), 'error'));
    relay.cut({ code: 'ROUTE_NOT_FOUND' } as GatewayError);
    for (const [error] of await Promise.all(gone)) assert.equal(error.code, 'ECONNRESET');
    assert.equal(await over, 'ROUTE_NOT_FOUND');
  });

  test('of a side that is gone already is over at once', async () => {
    const [client, near] = await pair();
    const [far] = await pair();
    client.destroy();
    near.destroy();
    await once(near, 'close');
    const { over } = new Relay({
      client: near,
      upstream: far,
      endpoint: 'there',
      idleMs: 1000,
      halfOpenMs: 1000,
      counts: { bytesIn: 0, bytesOut: 0 },
    });
    assert.equal((await over)?.code, 'CANCELLED');
    assert.ok(far.destroyed);
  });
});

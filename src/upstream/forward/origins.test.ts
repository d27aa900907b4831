import assert from 'node:assert/strict';
import { createServer, type ServerResponse } from 'node:http';
import { afterEach, describe, test } from 'node:test';
import { closing, listening } from '../../../test/e2e/http-harness.ts';
import { LIMITS } from '../../core/limits.ts';
import { silentLog } from '../../core/ports.ts';
import { AllowList } from '../../lib/allow-list.ts';
import { FakeClock } from '../../testing/index.ts';
import { connectionOf } from '../connection.ts';
import { Destinations } from '../destinations.ts';
import type { HttpUpstream } from '../http.ts';
import { Origins } from './origins.ts';

const opened: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

function origins(most?: number): { origins: Origins; clock: FakeClock } {
  const clock = new FakeClock();
  const destinations = new Destinations(new AllowList(['127.0.0.0/8:*']));
  const made = new Origins({
    destinations,
    tls: undefined,
    connection: connectionOf({}, LIMITS.connect.value),
    clock,
    log: silentLog,
    ...(most && { most }),
  });
  opened.push(() => made.close());
  return { origins: made, clock };
}

async function server(): Promise<{ port: number; waiting: ServerResponse[]; asked: Promise<void> }> {
  const waiting: ServerResponse[] = [];
  let heard: () => void = () => {};
  const asked = new Promise<void>((resolve) => {
    heard = resolve;
  });
  const made = createServer((request, response) => {
    if (request.url === '/later') {
      response.write('begun');
      waiting.push(response);
      heard();
    } else response.end('now');
  });
  const port = await listening(made);
  opened.push(() => closing(made));
  return { port, waiting, asked };
}

const at = (port: number, host = '127.0.0.1') => ({
  host,
  port,
  address: Uint8Array.from(host.split('.'), Number),
  usual: [80],
});

const ask = (path: string) => (upstream: HttpUpstream) =>
  upstream.request({ method: 'GET', path, headers: [], body: undefined });

describe('upstreams that clients name', () => {
  test('are opened once for each place', async () => {
    const { port } = await server();
    const { origins: all } = origins();
    const first = await all.use(at(port), async (upstream) => upstream);
    assert.equal(await all.use(at(port), async (upstream) => upstream), first);
    assert.notEqual(await all.use(at(port, '127.0.0.2'), async (upstream) => upstream), first);
    assert.equal(all.size, 2);
  });

  test('make room for others, the one not used for longest first', async () => {
    const { port } = await server();
    const { origins: all } = origins(2);
    const same = async (upstream: HttpUpstream) => upstream;
    const one = await all.use(at(port), same);
    const two = await all.use(at(port, '127.0.0.2'), same);
    await all.use(at(port), same);
    await all.use(at(port, '127.0.0.3'), same);
    assert.equal(all.size, 2);
    assert.equal(await all.use(at(port), same), one);
    await assert.rejects(ask('/')(two), { code: 'UPSTREAM_CLOSED' });
  });

  test('do not make room while anything is under way', async () => {
    const { port, waiting, asked } = await server();
    const { origins: all } = origins(1);
    const reply = await all.use(at(port), ask('/later'));
    await asked;
    await assert.rejects(all.use(at(port, '127.0.0.2'), ask('/')), { code: 'OVERLOADED' });
    const body = reply.body.collect(100);
    waiting[0]?.end(' and ended');
    assert.equal((await body).toString(), 'begun and ended');
    const other = await all.use(at(port, '127.0.0.2'), async () => 'there');
    assert.equal(other, 'there');
  });

  test('are forgotten when nobody has used them for a while', async () => {
    const { port } = await server();
    const { origins: all, clock } = origins();
    const reply = await all.use(at(port), ask('/'));
    await reply.body.collect(100);
    await clock.advance(LIMITS.forwardIdle.value / 2);
    assert.equal(all.size, 1);
    await clock.advance(LIMITS.forwardIdle.value);
    assert.equal(all.size, 0);
  });

  test('are no more once all is closed', async () => {
    const { port } = await server();
    const { origins: all } = origins();
    await all.use(at(port), async () => {});
    await all.close();
    await assert.rejects(all.use(at(port), ask('/')), { code: 'UPSTREAM_CLOSED' });
  });
});

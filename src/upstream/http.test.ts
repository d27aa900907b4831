import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { closing, Stage, signal } from '../../test/e2e/http-harness.ts';
import { GatewayError } from '../core/errors.ts';
import { type Closable, Scope, SharedPool } from '../core/scope.ts';
import { Cancel } from '../lib/cancel.ts';
import {
  HttpUpstream,
  httpUpstream,
  replyHeader,
  type UpstreamOrigin,
  type UpstreamRequest,
} from './http.ts';

const stage = new Stage();

async function upstreamTo(handler: RequestListener, options: Partial<UpstreamOrigin> = {}) {
  const { server, port } = await stage.server(handler);
  return { server, upstream: upstream({ origin: `http://127.0.0.1:${port}`, ...options }) };
}

function upstream(options: Partial<UpstreamOrigin> & { origin: string }): HttpUpstream {
  const made = new HttpUpstream({ connectTimeoutMs: 5_000, ...options });
  stage.own(() => made.close());
  return made;
}

function get(rest: Partial<UpstreamRequest> = {}): UpstreamRequest {
  return { method: 'GET', path: '/', headers: [], body: undefined, ...rest };
}

async function text(from: HttpUpstream, request: UpstreamRequest): Promise<string> {
  return (await (await from.request(request)).body.collect(1_000_000)).toString();
}

/** A server that answers when told to. */
function held(): {
  handler: RequestListener;
  arrived: Promise<void>;
  answer: () => void;
  closed: Promise<void>;
} {
  const arrived = signal();
  const closed = signal();
  let response: ServerResponse | undefined;
  const handler = (request: IncomingMessage, incoming: ServerResponse): void => {
    response = incoming;
    request.socket.on('close', () => closed.fire());
    arrived.fire();
  };
  return { handler, arrived: arrived.fired, answer: () => response?.end('late'), closed: closed.fired };
}

describe('a request', () => {
  test('brings status, headers with lower-case names, and a body that is whole at once when it is short', async () => {
    const { upstream } = await upstreamTo((_, response) =>
      response.writeHead(201, { 'X-A': 'b' }).end('short'),
    );
    const reply = await upstream.request(get());
    assert.equal(reply.status, 201);
    assert.equal(replyHeader(reply, 'x-a'), 'b');
    assert.equal(replyHeader(reply, 'x-none'), undefined);
    assert.equal(replyHeader({ headers: ['Cache-Control', 'no-store'] }, 'cache-control'), 'no-store');
    assert.equal(reply.body.whole()?.toString(), 'short');
  });

  test('without a head in time fails with UPSTREAM_TIMEOUT', async () => {
    const { handler } = held();
    const { upstream } = await upstreamTo(handler);
    await assert.rejects(upstream.request(get({ headersTimeoutMs: 30 })), { code: 'UPSTREAM_TIMEOUT' });
  });

  test('to nobody fails with UPSTREAM_CONNECT, the origin and the reason of the system', async () => {
    const { server, upstream } = await upstreamTo(() => {});
    await closing(server);
    const message = `cannot connect to ${upstream.origin}: connect ECONNREFUSED`;
    await assert.rejects(upstream.request(get()), (error: GatewayError) => {
      return error.code === 'UPSTREAM_CONNECT' && error.message.startsWith(message);
    });
  });

  test('to a name that does not exist says so', async () => {
    const nowhere = upstream({ origin: 'http://nowhere.invalid' });
    await assert.rejects(nowhere.request(get()), { code: 'UPSTREAM_CONNECT', message: /nowhere\.invalid/ });
  });

  test('that HTTP cannot express is the fault of the request', async () => {
    const { upstream } = await upstreamTo((_, response) => response.end());
    await assert.rejects(upstream.request(get({ path: '/a b' })), { code: 'BAD_REQUEST' });
    await assert.rejects(upstream.request(get({ headers: ['x', 'a\nb'] })), { code: 'BAD_REQUEST' });
  });

  test('reaches a server behind a Unix socket', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'upstream-'));
    const path = join(folder, 's');
    const server = createServer((incoming, response) => response.end(incoming.url)).listen(path);
    await once(server, 'listening');
    stage.own(async () => {
      await closing(server);
      await rm(folder, { recursive: true });
    });
    const local = upstream({ origin: 'http://localhost', unixSocket: path });
    assert.equal(await text(local, get({ path: '/x' })), '/x');
    const missing = upstream({ origin: 'http://localhost', unixSocket: `${path}2` });
    await assert.rejects(text(missing, get()), { message: new RegExp(`^cannot connect to unix:${path}2: `) });
  });
});

describe('cancelling', () => {
  test('before the head ends the request with the reason given, and the connection', async () => {
    const { handler, arrived, closed } = held();
    const { upstream } = await upstreamTo(handler);
    const cancel = new Cancel();
    const asked = upstream.request(get({ cancel }));
    await arrived;
    cancel.cancel(new GatewayError('UPSTREAM_TIMEOUT', 'too slow for us'));
    await assert.rejects(asked, { code: 'UPSTREAM_TIMEOUT', message: 'too slow for us' });
    await closed;
  });

  test('before anything was sent rejects at once', async () => {
    const cancel = new Cancel();
    cancel.cancel(new Error('never mind'));
    const { upstream } = await upstreamTo(() => assert.fail('reached'));
    await assert.rejects(upstream.request(get({ cancel })), { code: 'CANCELLED' });
    const meanwhile = new Cancel();
    const asked = upstream.request(get({ cancel: meanwhile, long: true }));
    meanwhile.cancel(new Error('never mind'));
    await assert.rejects(asked, { code: 'CANCELLED' });
    assert.equal(upstream.longCount, 0);
  });

  test('in mid-body fails the body and ends the connection', async () => {
    const closed = signal();
    const { upstream } = await upstreamTo((_, response) => {
      response.on('close', () => closed.fire());
      response.write('begin');
    });
    const cancel = new Cancel();
    const { body } = await upstream.request(get({ cancel }));
    const whole = body.collect(1000);
    cancel.cancel(new Error('enough'));
    await assert.rejects(whole, { code: 'CANCELLED' });
    await closed.fired;
  });

  test('by the reader of the body does the same', async () => {
    const closed = signal();
    const { upstream } = await upstreamTo((_, response) => {
      response.on('close', () => closed.fire());
      response.write('begin');
    });
    const { body } = await upstream.request(get());
    body.cancel(new Error('enough'));
    await closed.fired;
  });

  test('leaves other requests alone', async () => {
    const { handler, arrived, answer } = held();
    const { upstream } = await upstreamTo(handler);
    const kept = text(upstream, get());
    await arrived;
    const cancel = new Cancel();
    const dropped = upstream.request(get({ cancel }));
    cancel.cancel(new Error('x'));
    await assert.rejects(dropped, { code: 'CANCELLED' });
    answer();
    assert.equal(await kept, 'late');
  });
});

describe('a body', () => {
  test('waits while it is paused', async () => {
    const chunk = Buffer.alloc(1024 * 1024, 'x');
    const { upstream } = await upstreamTo((_, response) => {
      for (let i = 0; i < 8; i += 1) response.write(chunk);
      response.end();
    });
    const { body } = await upstream.request(get());
    let got = 0;
    let resumed = 0;
    const ended = signal();
    body.to({
      data(part) {
        got += part.length;
        body.pause();
        setImmediate(() => {
          resumed += 1;
          body.resume();
        });
      },
      end: () => ended.fire(),
      fail: (error) => assert.ifError(error),
    });
    await ended.fired;
    assert.equal(got, 8 * chunk.length);
    assert.ok(resumed > 8);
  });

  test('that nobody reads yet does not pile up', async () => {
    let sent = 0;
    const { upstream } = await upstreamTo((_, response) => {
      const chunk = Buffer.alloc(64 * 1024, 'x');
      const more = (): void => {
        while (sent < 64 * 1024 * 1024) {
          sent += chunk.length;
          if (!response.write(chunk)) {
            response.once('drain', more);
            return;
          }
        }
        response.end();
      };
      more();
    });
    const { body } = await upstream.request(get());
    for (let turn = 0; turn < 500; turn += 1) await new Promise(setImmediate);
    assert.ok(sent < 24 * 1024 * 1024, `${sent} bytes were taken`);
    assert.equal((await body.collect(100 * 1024 * 1024)).length, 64 * 1024 * 1024);
  });

  test('brings its trailers to the end', async () => {
    const { upstream } = await upstreamTo((_, response) => {
      response.writeHead(200, { trailer: 'X-Sum' });
      response.write('data');
      response.addTrailers({ 'X-Sum': '42' });
      response.end();
    });
    const { body } = await upstream.request(get());
    const ended = signal<readonly string[] | undefined>();
    body.to({ data() {}, end: ended.fire, fail: (error) => assert.ifError(error) });
    assert.deepEqual(await ended.fired, ['x-sum', '42']);
  });
});

describe('connections', () => {
  test('for calls are bounded: what exceeds them waits and is served', async () => {
    let open = 0;
    let most = 0;
    const waiting: ServerResponse[] = [];
    const { server, upstream } = await upstreamTo((_, response) => {
      waiting.push(response);
      if (waiting.length === 256) for (const each of waiting) each.end('ok');
      else if (waiting.length > 256) response.end('ok');
    });
    server.on('connection', (socket) => {
      open += 1;
      most = Math.max(most, open);
      socket.on('close', () => {
        open -= 1;
      });
    });
    const asked = Array.from({ length: 300 }, () => text(upstream, get()));
    assert.deepEqual(new Set(await Promise.all(asked)), new Set(['ok']));
    assert.equal(most, 256);
  });

  test('of long answers are counted and their own, and end with them', async () => {
    const sockets = new Set<unknown>();
    const responses: ServerResponse[] = [];
    const { upstream } = await upstreamTo((incoming, response) => {
      sockets.add(incoming.socket);
      responses.push(response);
      response.write('event');
    });
    const replies = await Promise.all([1, 2, 3].map(() => upstream.request(get({ long: true }))));
    assert.deepEqual([upstream.longCount, sockets.size], [3, 3]);
    for (const response of responses) response.end();
    for (const { body } of replies) await body.collect(100);
    assert.equal(upstream.longCount, 0);
  });

  test('of long answers are there for the next one; one that has died meanwhile costs a GET nothing', async () => {
    const sockets: Socket[] = [];
    const { upstream } = await upstreamTo((incoming, response) => {
      const known = sockets.includes(incoming.socket);
      if (!known) sockets.push(incoming.socket);
      if (known && incoming.url === '/dies') incoming.socket.destroy();
      else response.end('ok');
    });
    const stream = (path: string): Promise<string> => text(upstream, get({ path, long: true }));
    assert.deepEqual([await stream('/'), await stream('/'), sockets.length], ['ok', 'ok', 1]);
    assert.deepEqual([await stream('/dies'), sockets.length], ['ok', 2]);
  });

  test('are all ended by close, and what is under way fails', async () => {
    const { handler, arrived, closed } = held();
    const { upstream } = await upstreamTo(handler);
    const asked = upstream.request(get());
    await arrived;
    await Promise.all([assert.rejects(asked, { code: 'UPSTREAM_CLOSED' }), upstream.close()]);
    await closed;
    await assert.rejects(upstream.request(get()), { code: 'UPSTREAM_CLOSED' });
  });

  test('are shared by everyone who names the same origin in the same way', async () => {
    const pool = new SharedPool<Closable>();
    const lasting = {
      hold<T extends Closable>(scope: Scope, name: string, make: () => T): T {
        const { value, release } = pool.acquire(name, make);
        scope.defer(release);
        return value as T;
      },
    };
    const scope = new Scope();
    stage.own(() => scope.close());
    const options = { origin: 'http://api.example', connectTimeoutMs: 1000 };
    const one = httpUpstream(lasting, scope, options);
    assert.equal(
      httpUpstream(lasting, scope, { ...options, origin: 'http://API.example:80/', tls: {} }),
      one,
    );
    assert.notEqual(httpUpstream(lasting, scope, { ...options, connectTimeoutMs: 2000 }), one);
    assert.notEqual(httpUpstream(lasting, scope, { ...options, tls: { hostname: 'x' } }), one);
  });
});

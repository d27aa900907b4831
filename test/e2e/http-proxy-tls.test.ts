/** The `host` backend towards https upstreams: certificates, HTTP/2 by ALPN, HTTP/1.1 where that is refused. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:http';
import { createSecureServer, type Http2SecureServer, type ServerHttp2Stream } from 'node:http2';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { describe, test } from 'node:test';
import { cert, key } from '../fixtures/tls.ts';
import { closing, collect, get, listening, Stage, signal, type TestProxy } from './http-harness.ts';

const trusted = { backendTLS: { root: cert, hostname: 'upstream.test' } };
const stage = new Stage();

function proxyTo(upstream: string, policies: Record<string, unknown> = trusted): Promise<TestProxy> {
  return stage.proxyTo(upstream, { policies });
}

/** An HTTP/2 upstream; `sessions` counts its connections. */
async function http2Upstream(
  handle: (stream: ServerHttp2Stream, path: string) => void,
): Promise<{ server: Http2SecureServer; port: number; sessions: () => number }> {
  const server = createSecureServer({ cert, key });
  let count = 0;
  const sockets = new Set<{ destroy(): void }>();
  server.on('session', (session) => {
    count += 1;
    sockets.add(session);
    session.on('error', () => {});
  });
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    handle(stream, headers[':path'] ?? '');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stage.own(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });
  return { server, port: (server.address() as AddressInfo).port, sessions: () => count };
}

describe('an https upstream', () => {
  async function httpsUpstream(): Promise<number> {
    const server = createServer({ cert, key }, (incoming, response) =>
      response.end(`${incoming.httpVersion} ok`),
    );
    const port = await listening(server);
    stage.own(() => closing(server));
    return port;
  }

  test('whose certificate nobody vouches for is refused, and the error says why', async () => {
    const proxy = await proxyTo(`https://127.0.0.1:${await httpsUpstream()}`, {});
    const { status, body } = await get(proxy.port);
    assert.equal(status, 502);
    assert.match(body, /UPSTREAM_CONNECT.*self-signed certificate/);
  });

  test('is refused under another name than its certificate has', async () => {
    const port = await httpsUpstream();
    const proxy = await proxyTo(`https://127.0.0.1:${port}`, {
      backendTLS: { root: cert, hostname: 'other.test' },
    });
    const { status, body } = await get(proxy.port);
    assert.equal(status, 502);
    assert.match(body, /UPSTREAM_CONNECT.*other\.test/);
  });

  test('that speaks only HTTP/1.1 is served over it, also again', async () => {
    const proxy = await proxyTo(`https://127.0.0.1:${await httpsUpstream()}`);
    for (let i = 0; i < 3; i += 1) assert.equal((await get(proxy.port)).body, '1.1 ok');
  });

  test('is meant where backendTLS stands beside host:port', async () => {
    const proxy = await proxyTo(`127.0.0.1:${await httpsUpstream()}`);
    assert.equal((await get(proxy.port)).body, '1.1 ok');
  });
});

describe('an HTTP/2 upstream', () => {
  test('gets request headers and body, and its reply comes back', async () => {
    const { port } = await http2Upstream(async (stream, path) => {
      const body = (await collect(stream)).toString();
      stream.respond({ ':status': 201, 'x-path': path, 'set-cookie': ['a=1', 'b=2'] });
      stream.end(`got ${body}`);
    });
    const proxy = await proxyTo(`https://127.0.0.1:${port}`);
    const reply = await get(proxy.port, { method: 'POST', path: '/p?q', body: 'data' });
    assert.deepEqual([reply.status, reply.headers['x-path'], reply.body], [201, '/p?q', 'got data']);
    assert.deepEqual(reply.headers['set-cookie'], ['a=1', 'b=2']);
  });

  test('is reached over one connection by many requests at a time', async () => {
    const waiting: ServerHttp2Stream[] = [];
    const { port, sessions } = await http2Upstream((stream) => {
      waiting.push(stream);
      if (waiting.length < 10) return;
      for (const each of waiting) {
        each.respond({ ':status': 200 });
        each.end('ok');
      }
    });
    const proxy = await proxyTo(`https://127.0.0.1:${port}`);
    const replies = await Promise.all(Array.from({ length: 10 }, () => get(proxy.port)));
    assert.deepEqual(new Set(replies.map((reply) => reply.body)), new Set(['ok']));
    assert.equal(sessions(), 1);
  });

  test('whose trailers overtake a slow reader loses no data', async () => {
    const size = 2 * 1024 * 1024;
    const { port } = await http2Upstream((stream) => {
      stream.respond({ ':status': 200 }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': 'all' }));
      stream.end(Buffer.alloc(size, 'x'));
    });
    const proxy = await proxyTo(`https://127.0.0.1:${port}`);
    const outgoing = request({ host: '127.0.0.1', port: proxy.port, agent: false }).end();
    const [reply] = (await once(outgoing, 'response')) as [IncomingMessage];
    let got = 0;
    for await (const chunk of reply) {
      got += (chunk as Buffer).length;
      await new Promise(setImmediate);
    }
    assert.equal(got, size);
    assert.equal(reply.trailers['x-sum'], 'all');
  });

  test('that resets the stream in mid-body breaks the reply', async () => {
    const { port } = await http2Upstream((stream) => {
      stream.respond({ ':status': 200 });
      stream.write('half', () => stream.destroy(new Error('broken')));
    });
    const proxy = await proxyTo(`https://127.0.0.1:${port}`);
    await assert.rejects(get(proxy.port));
    await proxy.ended(1);
    assert.equal(proxy.records[0]?.reason, 'UPSTREAM_CLOSED');
  });

  test('that loses its connection in mid-body breaks the reply', async () => {
    const { server, port } = await http2Upstream((stream) => {
      stream.respond({ ':status': 200 });
      stream.write('half', () => socket?.destroy());
    });
    let socket: { destroy(): void } | undefined;
    server.on('secureConnection', (each) => {
      socket = each;
    });
    const proxy = await proxyTo(`https://127.0.0.1:${port}`);
    await assert.rejects(get(proxy.port));
  });

  test('that goes away is connected to anew', async () => {
    const { port, sessions } = await http2Upstream((stream) => {
      stream.respond({ ':status': 200 });
      stream.end('ok');
      stream.session?.close();
    });
    const proxy = await proxyTo(`https://127.0.0.1:${port}`);
    for (let i = 0; i < 3; i += 1) assert.equal((await get(proxy.port)).body, 'ok');
    assert.ok(sessions() >= 2);
  });

  test('that refuses a stream unprocessed is asked once more', async () => {
    let asked = 0;
    const { port } = await http2Upstream((stream) => {
      asked += 1;
      if (asked === 1) {
        stream.close(7);
        return;
      }
      stream.respond({ ':status': 200 });
      stream.end('second');
    });
    const proxy = await proxyTo(`https://127.0.0.1:${port}`);
    assert.equal((await get(proxy.port, { method: 'DELETE' })).body, 'second');
    assert.equal(asked, 2);
  });

  test('learns when the client leaves', async () => {
    const closed = signal();
    const { port } = await http2Upstream((stream) => {
      stream.on('close', () => closed.fire());
      stream.respond({ ':status': 200 });
      stream.write('begin');
    });
    const proxy = await proxyTo(`https://127.0.0.1:${port}`);
    const outgoing = request({ host: '127.0.0.1', port: proxy.port, agent: false }).end();
    outgoing.on('error', () => {});
    const [reply] = (await once(outgoing, 'response')) as [IncomingMessage];
    reply.on('error', () => {});
    await once(reply, 'data');
    outgoing.destroy();
    await closed.fired;
  });

  test('does not take half an upload for a whole one when the client leaves', async () => {
    const started = signal();
    const ended = signal<string>();
    const { port } = await http2Upstream((stream) => {
      stream.once('data', () => started.fire());
      stream.on('end', () => ended.fire('in good order'));
      stream.on('aborted', () => ended.fire('aborted'));
    });
    const proxy = await proxyTo(`https://127.0.0.1:${port}`);
    const outgoing = request({ host: '127.0.0.1', port: proxy.port, method: 'POST', agent: false });
    outgoing.on('error', () => {});
    outgoing.write('half');
    await started.fired;
    outgoing.destroy();
    assert.equal(await ended.fired, 'aborted');
  });
});

/** The HTTP data path when one end fails: upstreams that die, lie or stay silent, clients that vanish. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import { collect, get, Stage, signal } from './http-harness.ts';

const stage = new Stage();
/** More than the buffers of a connection hold. */
const LONG = 24 * 1024 * 1024;

describe('an upstream that misbehaves', () => {
  test('by dying in mid-body breaks the reply, which must not look complete', async () => {
    const proxy = await stage.proxied((_, response) => {
      response.write('half of it');
      setImmediate(() => response.socket?.destroy());
    });
    await assert.rejects(get(proxy.port), (error: NodeJS.ErrnoException) => error.code === 'ECONNRESET');
    await proxy.ended(1);
    assert.equal(proxy.records[0]?.reason, 'UPSTREAM_CLOSED');
  });

  test('by sending less than it promised breaks the reply as well', async () => {
    const port = await stage.rawUpstream((socket) =>
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort'),
    );
    const proxy = await stage.proxyTo(`127.0.0.1:${port}`);
    await assert.rejects(get(proxy.port));
  });

  test('by answering garbage is named in a 502', async () => {
    const port = await stage.rawUpstream((socket) => socket.end('\x00\x01 not http at all\r\n\r\n'));
    const proxy = await stage.proxyTo(`127.0.0.1:${port}`);
    const { status, body } = await get(proxy.port);
    assert.equal(status, 502);
    assert.equal(JSON.parse(body).error.code, 'UPSTREAM_PROTOCOL');
  });

  test('by not being there is named in a 502 with the reason', async () => {
    const proxy = await stage.proxyToNowhere();
    const { status, body } = await get(proxy.port);
    assert.equal(status, 502);
    assert.match(
      body,
      new RegExp(`cannot connect to http://127.0.0.1:${proxy.upstreamPort}: connect ECONNREFUSED`),
    );
  });

  test('by never answering holds nothing once the client has left', async () => {
    const asked = signal();
    const left = signal();
    const proxy = await stage.proxied((incoming) => {
      incoming.socket.on('close', left.fire);
      asked.fire();
    });
    const outgoing = request({ host: '127.0.0.1', port: proxy.port, agent: false }).end();
    outgoing.on('error', () => {});
    await asked.fired;
    outgoing.destroy();
    await left.fired;
    await proxy.ended(1);
    assert.equal(proxy.records[0]?.reason, 'CANCELLED');
    assert.equal(proxy.acceptor.inFlight, 0);
  });

  test('by answering before the upload is over is believed', async () => {
    const proxy = await stage.proxied((incoming, response) => {
      response.writeHead(413, { connection: 'close' }).end('too much');
      incoming.resume();
    });
    const outgoing = request({ host: '127.0.0.1', port: proxy.port, method: 'POST', agent: false });
    outgoing.on('error', () => {});
    outgoing.write('some');
    const [reply] = (await once(outgoing, 'response')) as [IncomingMessage];
    assert.equal(reply.statusCode, 413);
    assert.equal((await collect(reply)).toString(), 'too much');
    outgoing.destroy();
  });

  for (const [framing, size] of [
    ['Transfer-Encoding: chunked', `${LONG.toString(16)}\r\n`],
    [`Content-Length: ${LONG}`, ''],
  ])
    test(`by answering early is believed by who reads no answer before having sent all: ${framing}`, async () => {
      const port = await stage.rawUpstream((socket) => {
        socket.end('HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 8\r\n\r\ntoo much');
      });
      const proxy = await stage.proxyTo(`127.0.0.1:${port}`);
      const socket = connect(proxy.port, '127.0.0.1');
      stage.own(async () => socket.destroy());
      socket.write(`POST / HTTP/1.1\r\nHost: a\r\n${framing}\r\n\r\n${size}`);
      await new Promise<void>((resolve, reject) => {
        socket
          .once('error', reject)
          .write(Buffer.alloc(LONG), (error) => (error ? reject(error) : resolve()));
      });
      socket.end('\r\n0\r\n\r\n');
      assert.match((await collect(socket)).toString(), /^HTTP\/1\.1 413 .*too much$/s);
    });
});

describe('a client that vanishes', () => {
  test('in mid-upload aborts the upstream request', async () => {
    const started = signal();
    const closed = signal<boolean>();
    const proxy = await stage.proxied((incoming) => {
      incoming.on('error', () => {});
      incoming.once('data', () => started.fire());
      incoming.on('close', () => closed.fire(incoming.complete));
    });
    const outgoing = request({ host: '127.0.0.1', port: proxy.port, method: 'POST', agent: false });
    outgoing.on('error', () => {});
    outgoing.write('part one');
    await started.fired;
    outgoing.destroy();
    assert.equal(await closed.fired, false, 'half an upload passed for a whole one');
  });

  test('in mid-download stops the upstream', async () => {
    const closed = signal();
    const proxy = await stage.proxied((_, response) => {
      response.on('close', () => closed.fire());
      response.write('begin');
    });
    const outgoing = request({ host: '127.0.0.1', port: proxy.port, agent: false }).end();
    outgoing.on('error', () => {});
    const [reply] = (await once(outgoing, 'response')) as [IncomingMessage];
    reply.on('error', () => {});
    await once(reply, 'data');
    outgoing.destroy();
    await closed.fired;
  });
});

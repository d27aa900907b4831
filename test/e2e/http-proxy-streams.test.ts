// needs: curl
/** The HTTP data path under load and abuse: long bodies, WebSocket, HTTP/2 clients, request smuggling. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingMessage, request } from 'node:http';
import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2 } from 'node:http2';
import { Readable } from 'node:stream';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { WebSocket, WebSocketServer } from 'ws';
import { closing, collect, get, listening, raw, Stage, signal, type TestProxy } from './http-harness.ts';

const stage = new Stage();

const MIB = 1024 * 1024;
const LONG = 50 * MIB;
/** Kernel buffers on the way hold a few MiB; a proxy that collects the body would hold all of it. */
const IN_FLIGHT = 24 * MIB;

/** `LONG` bytes; tells how many have been taken. */
function longBody(): { stream: Readable; taken: () => number } {
  let taken = 0;
  const chunk = Buffer.alloc(64 * 1024, 'x');
  const stream = new Readable({
    read() {
      if (taken >= LONG) {
        this.push(null);
        return;
      }
      taken += chunk.length;
      this.push(chunk);
    },
  });
  return { stream, taken: () => taken };
}

/** Reads slowly; returns the length and the most that was ever on the way. */
async function readSlowly(
  stream: AsyncIterable<Buffer>,
  taken: () => number,
): Promise<{ length: number; most: number }> {
  let length = 0;
  let most = 0;
  for await (const chunk of stream) {
    length += chunk.length;
    // Gives the sender every chance to run ahead.
    for (let turn = 0; turn < 3; turn += 1) await new Promise(setImmediate);
    most = Math.max(most, taken() - length);
  }
  return { length, most };
}

describe('50 MiB with a slow reader', () => {
  test('come down without being collected', async () => {
    const { stream, taken } = longBody();
    const proxy = await stage.proxied((_, response) => stream.pipe(response));
    const outgoing = request({ host: '127.0.0.1', port: proxy.port, agent: false }).end();
    const [reply] = (await once(outgoing, 'response')) as [IncomingMessage];
    const { length, most } = await readSlowly(reply, taken);
    assert.equal(length, LONG);
    assert.ok(most < IN_FLIGHT, `${most} bytes on the way`);
  });

  test('go up without being collected', async () => {
    const { stream, taken } = longBody();
    const proxy = await stage.proxied(async (incoming, response) => {
      response.end(JSON.stringify(await readSlowly(incoming, taken)));
    });
    const outgoing = request({ host: '127.0.0.1', port: proxy.port, method: 'POST', agent: false });
    stream.pipe(outgoing);
    const [reply] = (await once(outgoing, 'response')) as [IncomingMessage];
    const { length, most } = JSON.parse((await collect(reply)).toString());
    assert.equal(length, LONG);
    assert.ok(most < IN_FLIGHT, `${most} bytes on the way`);
  });

  test('come down to an HTTP/2 client without being collected', async () => {
    const { stream, taken } = longBody();
    const proxy = await stage.proxied((_, response) => stream.pipe(response));
    const reply = http2Client(proxy.port).request({ ':path': '/' });
    const { length, most } = await readSlowly(reply, taken);
    assert.equal(length, LONG);
    assert.ok(most < IN_FLIGHT, `${most} bytes on the way`);
  });
});

describe('a WebSocket through the proxy', () => {
  async function echo(): Promise<TestProxy> {
    const server = createServer();
    const sockets = new WebSocketServer({ server, handleProtocols: () => 'chat' });
    sockets.on('connection', (socket, incoming) => {
      socket.send(`hello ${incoming.url} for ${incoming.headers['x-forwarded-for']}`);
      socket.on('message', (data, binary) => socket.send(data, { binary }));
    });
    const port = await listening(server);
    stage.own(async () => {
      for (const each of sockets.clients) each.terminate();
      sockets.close();
      await closing(server);
    });
    return stage.proxyTo(`127.0.0.1:${port}`);
  }

  test('carries messages both ways, and its closing', async () => {
    const proxy = await echo();
    const socket = new WebSocket(`ws://127.0.0.1:${proxy.port}/room?x=1`, ['chat']);
    const [hello] = await once(socket, 'message');
    assert.equal(String(hello), 'hello /room?x=1 for 127.0.0.1');
    assert.equal(socket.protocol, 'chat');
    const big = Buffer.alloc(300_000, 'b');
    socket.send(big);
    const [back] = await once(socket, 'message');
    assert.ok(big.equals(back as Buffer));
    socket.close(4001, 'enough');
    const [code] = await once(socket, 'close');
    assert.equal(code, 4001);
    await proxy.ended(1);
    assert.equal(proxy.records[0]?.status, 101);
  });

  test('ends upstream when the client vanishes', async () => {
    const server = createServer();
    const closed = new Promise<void>((resolve) => {
      server.once('upgrade', (_, socket) => {
        socket.on('error', () => {});
        socket.on('end', () => {
          socket.end();
          resolve();
        });
        socket.write(
          'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nearly',
        );
        socket.resume();
      });
    });
    const port = await listening(server);
    stage.own(() => closing(server));
    const proxy = await stage.proxyTo(`127.0.0.1:${port}`);
    const outgoing = request({
      host: '127.0.0.1',
      port: proxy.port,
      headers: { connection: 'upgrade', upgrade: 'websocket' },
    });
    outgoing.end();
    const [, socket, head] = await once(outgoing, 'upgrade');
    const first = (head as Buffer).length > 0 ? head : (await once(socket, 'data'))[0];
    assert.equal(String(first), 'early');
    socket.destroy();
    await closed;
    await proxy.ended(1);
    assert.equal(proxy.acceptor.connections, 0);
  });

  test('refused by the upstream shows its status, headers and body', async () => {
    const server = createServer();
    server.on('upgrade', (_, socket) => {
      socket.end(
        'HTTP/1.1 403 Forbidden\r\nX-Why: tired\r\nContent-Length: 6\r\nConnection: close\r\n\r\nno way',
      );
    });
    const port = await listening(server);
    stage.own(() => closing(server));
    const proxy = await stage.proxyTo(`127.0.0.1:${port}`);
    const reply = await get(proxy.port, { headers: { connection: 'upgrade', upgrade: 'websocket' } });
    assert.deepEqual([reply.status, reply.headers['x-why'], reply.body], [403, 'tired', 'no way']);
  });

  test('to an upstream that is gone is a 502', async () => {
    const proxy = await stage.proxyToNowhere();
    const reply = await get(proxy.port, { headers: { connection: 'upgrade', upgrade: 'websocket' } });
    assert.equal(reply.status, 502);
  });
});

function http2Client(port: number): ClientHttp2Session {
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  session.on('error', () => {});
  stage.own(async () => session.destroy());
  return session;
}

async function http2Reply(stream: ClientHttp2Stream): Promise<{ status: number; body: string }> {
  const [headers] = await once(stream, 'response');
  return { status: headers[':status'], body: (await collect(stream)).toString() };
}

describe('an HTTP/2 client', () => {
  test('gets many replies over one connection', async () => {
    const proxy = await stage.proxied(async (incoming, response) => {
      response.end(
        `${incoming.method} ${incoming.url} ${(await collect(incoming)).toString()} ${incoming.headers.cookie}`,
      );
    });
    const session = http2Client(proxy.port);
    const replies = ['a', 'b', 'c'].map((body) => {
      const stream = session.request({ ':method': 'POST', ':path': '/x', cookie: ['k=1', 'l=2'] });
      stream.end(body);
      return http2Reply(stream);
    });
    const bodies = (await Promise.all(replies)).map((reply) => reply.body);
    assert.deepEqual(bodies, ['POST /x a k=1; l=2', 'POST /x b k=1; l=2', 'POST /x c k=1; l=2']);
    assert.equal(proxy.acceptor.connections, 1);
  });

  test('gets trailers', async () => {
    const proxy = await stage.proxied((_, response) => {
      response.writeHead(200, { trailer: 'x-sum' });
      response.write('data');
      response.addTrailers({ 'x-sum': '42' });
      response.end();
    });
    const stream = http2Client(proxy.port).request({ ':path': '/' });
    const trailers = once(stream, 'trailers');
    assert.equal((await http2Reply(stream)).body, 'data');
    assert.equal((await trailers)[0]['x-sum'], '42');
  });

  test('sees a stream reset when the upstream dies in mid-body', async () => {
    const proxy = await stage.proxied((_, response) => {
      response.write('half');
      setImmediate(() => response.socket?.destroy());
    });
    const stream = http2Client(proxy.port).request({ ':path': '/' });
    await assert.rejects(http2Reply(stream));
    assert.notEqual(stream.rstCode, 0);
  });

  test('that resets its stream frees the upstream', async () => {
    const freed = signal();
    const proxy = await stage.proxied((_, response) => {
      response.on('close', () => freed.fire());
      response.write('begin');
    });
    const stream = http2Client(proxy.port).request({ ':path': '/' });
    stream.on('error', () => {});
    await once(stream, 'data');
    stream.close(8);
    await freed.fired;
    await proxy.ended(1);
    assert.equal(proxy.records[0]?.reason, 'CANCELLED');
  });
});

describe('a request that parsers may disagree about', () => {
  const cases = {
    'Content-Length with Transfer-Encoding':
      'Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'two different Content-Lengths': 'Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcd',
    'a Content-Length with a sign': 'Content-Length: +4\r\n\r\nabcd',
    'a Transfer-Encoding that is not chunked last': 'Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n',
    'a space before the colon': 'Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n',
    'a folded header': 'X-A: b\r\n Transfer-Encoding: chunked\r\n\r\n',
    'a bare carriage return in a header': 'X-A: b\rTransfer-Encoding: chunked\r\n\r\n',
    'a second Host': 'Host: b\r\n\r\n',
    'a NUL in a header': 'X-A: b\0c\r\n\r\n',
  };
  for (const [name, rest] of Object.entries(cases)) {
    test(`is refused: ${name}`, async () => {
      let reached = 0;
      const proxy = await stage.proxied((_, response) => {
        reached += 1;
        response.end();
      });
      assert.match(await raw(proxy.port, `POST / HTTP/1.1\r\nHost: a\r\n${rest}`), /^HTTP\/1\.1 400 /);
      assert.equal(reached, 0);
    });
  }

  test('breaks off upstream when a chunk is malformed', async () => {
    const proxy = await stage.proxied(async (incoming, response) => {
      const whole = await collect(incoming).then(
        () => true,
        () => false,
      );
      completed.push(whole);
      response.end();
    });
    const completed: boolean[] = [];
    const head = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';
    const text = await raw(proxy.port, `${head}3\r\nabc\r\nzz\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n`);
    assert.match(text, /^HTTP\/1\.1 400 /);
    assert.ok(!completed.includes(true));
  });
});

describe('curl', () => {
  const curl = async (...args: string[]): Promise<string> => {
    return (await promisify(execFile)('curl', ['-sS', '--max-time', '20', ...args])).stdout;
  };

  test('is served over HTTP/1.1, prior-knowledge HTTP/2 and with an h2c offer', async () => {
    const proxy = await stage.proxied(async (incoming, response) =>
      response.end(`${incoming.method} ${await collect(incoming)}`),
    );
    const url = `http://127.0.0.1:${proxy.port}/`;
    assert.equal(await curl(url), 'GET ');
    assert.equal(await curl(url, '--http2-prior-knowledge', '-d', 'two'), 'POST two');
    assert.equal(await curl(url, '--http2', '-d', 'offer'), 'POST offer');
    assert.equal(await curl(url, '-H', 'Expect: 100-continue', '-d', 'waited'), 'POST waited');
    assert.equal(await curl(url, '-H', 'Transfer-Encoding: chunked', '-d', 'chunks'), 'POST chunks');
  });
});

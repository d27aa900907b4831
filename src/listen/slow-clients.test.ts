/** Clients that take their time, on bare sockets: with a request, with a reply, with a connection. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect as connectHttp2, constants } from 'node:http2';
import { connect, type Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { describe, test } from 'node:test';
import { collect, get, signal } from '../../test/e2e/http-harness.ts';
import { Accepting, reply } from '../../test/fixtures/accepting.ts';
import { settled } from '../../test/fixtures/test-ports.ts';
import type { Answer, Exchange } from '../core/exchange.ts';
import { Flow } from '../lib/flow.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { DEFAULT_LIMITS } from './limits.ts';

const accepting = new Accepting();
const hello = async (): Promise<Answer> => reply('hello');
const MIB = 1024 * 1024;

/** A connection that is not closed from our side. */
function dial(port: number): Socket {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.on('error', () => undefined);
  accepting.own(async () => socket.destroy());
  return socket;
}

/** Everything that comes until the other side ends. */
async function rest(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
  });
  await once(socket, 'end');
  socket.end();
  return text;
}

function withClock(): { clock: FakeClock; ports: typeof accepting.ports } {
  const clock = new FakeClock();
  return { clock, ports: { ...accepting.ports, clock } };
}

describe('an upload', () => {
  test('that drips is refused when its time is over, however steadily it drips', async () => {
    const { clock, ports } = withClock();
    const reading = signal();
    const read = async ({ body }: Exchange): Promise<Answer> => {
      reading.fire();
      return reply((await body.read(1000)).toString());
    };
    const { port, acceptor } = await accepting.open(read, { ports });
    const socket = dial(port);
    const answered = rest(socket);
    socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\n');
    await reading.fired;
    for (let second = 0; second < 61; second += 1) {
      socket.write('x');
      await clock.advance(1000);
    }
    const [record] = await accepting.recorded(1);
    assert.equal(record?.reason, 'REQUEST_TIMEOUT');
    // What is left of the upload is thrown away for a while, then the connection is.
    await clock.advance(5000);
    const text = await answered;
    assert.match(text, /^HTTP\/1\.1 408 /);
    assert.match(text, /"code":"REQUEST_TIMEOUT".*within 60 s/);
    assert.equal(acceptor.connections, 0);
  });

  test('in time is none the worse for it, and leaves no timer behind', async () => {
    const { clock, ports } = withClock();
    const read = async ({ body }: Exchange): Promise<Answer> => reply((await body.read(1000)).toString());
    const { port } = await accepting.open(read, { ports });
    const outgoing = request({ port, host: '127.0.0.1', method: 'POST', agent: false });
    outgoing.write('a');
    await settled();
    await clock.advance(30_000);
    outgoing.end('b');
    const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
    assert.equal((await collect(incoming)).toString(), 'ab');
    await clock.advance(10_000);
    assert.equal(clock.waiting, 0);
  });

  test('that is passed on may pause as long as its upstream does, and no longer than a minute by itself', async () => {
    const { clock, ports } = withClock();
    const taken: { exchange: Exchange; stream: Readable }[] = [];
    const pass = (exchange: Exchange): Promise<Answer> => {
      taken.push({ exchange, stream: exchange.body.stream() as Readable });
      return new Promise((_, reject) => exchange.cancel.onCancel(reject));
    };
    const { port } = await accepting.open(pass, { ports });
    const outgoing = request({ port, host: '127.0.0.1', method: 'POST', agent: false });
    outgoing.on('error', () => undefined);
    outgoing.write('a');
    while (taken.length === 0) await settled();
    const { exchange, stream } = taken[0] as (typeof taken)[number];
    await clock.advance(600_000);
    assert.equal(exchange.cancel.reason, undefined);
    stream.on('data', () => undefined);
    await once(stream, 'resume');
    await clock.advance(59_000);
    assert.equal(exchange.cancel.reason, undefined);
    const answered = once(outgoing, 'response') as Promise<[IncomingMessage]>;
    await clock.advance(10_000);
    const [incoming] = await answered;
    assert.equal(incoming.statusCode, 408);
    incoming.resume();
    assert.equal((await accepting.recorded(1))[0]?.reason, 'REQUEST_TIMEOUT');
  });

  test('may pause as long as it likes in a call over gRPC', async () => {
    const { clock, ports } = withClock();
    const taken: { exchange: Exchange; stream: Readable }[] = [];
    const pass = (exchange: Exchange): Promise<Answer> => {
      taken.push({ exchange, stream: exchange.body.stream() as Readable });
      return new Promise((_, reject) => exchange.cancel.onCancel(reject));
    };
    const { port } = await accepting.open(pass, { ports });
    const client = connectHttp2(`http://127.0.0.1:${port}`);
    accepting.own(async () => client.destroy());
    const type = { 'content-type': 'application/grpc' };
    const outgoing = client.request({ ':method': 'POST', ...type });
    outgoing.on('error', () => undefined);
    outgoing.write('a');
    const paused = async (): Promise<Exchange> => {
      while (taken.length === 0) await settled();
      const { exchange, stream } = taken.pop() as (typeof taken)[number];
      stream.on('data', () => undefined);
      await once(stream, 'data');
      return exchange;
    };
    const exchange = await paused();
    await clock.advance(600_000);
    assert.equal(exchange.cancel.reason, undefined);
    outgoing.close(constants.NGHTTP2_CANCEL);
    await accepting.recorded(1);

    const claiming = request({ port, host: '127.0.0.1', method: 'POST', headers: type, agent: false });
    const answered = once(claiming, 'response') as Promise<[IncomingMessage]>;
    claiming.write('a');
    await paused();
    await clock.advance(600_000);
    const [incoming] = await answered;
    assert.equal(incoming.statusCode, 408, 'over HTTP/1.1 it is none, whatever its header says');
    incoming.resume();
  });

  test('may pause once there is a reply: the two are talking', async () => {
    const { clock, ports } = withClock();
    const flow = new Flow();
    const echo = async ({ body }: Exchange): Promise<Answer> => {
      (body.stream() as Readable).on('data', (chunk: Buffer) => flow.push(chunk)).on('end', () => flow.end());
      return reply(flow);
    };
    const { port } = await accepting.open(echo, { ports });
    const outgoing = request({ port, host: '127.0.0.1', method: 'POST', agent: false });
    outgoing.write('a');
    const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
    await once(incoming, 'readable');
    await clock.advance(600_000);
    outgoing.end('b');
    assert.equal((await collect(incoming)).toString(), 'ab');
  });
});

describe('a reply that nobody reads', () => {
  const limits = { replyPauseMs: 1000 };
  const ask = (port: number): Socket => {
    const socket = dial(port);
    socket.pause();
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    return socket;
  };

  test('ends its connection, whole or streamed, and the record says why', async () => {
    const bodies = { whole: () => Flow.of(Buffer.alloc(32 * MIB)), streamed: endless };
    for (const [what, body] of Object.entries(bodies)) {
      const before = accepting.records.length;
      const flow = body();
      const { port } = await accepting.open(async () => reply(flow), { limits });
      ask(port);
      const record = (await accepting.recorded(before + 1))[before];
      assert.match(record?.error ?? '', /read nothing of its reply for 1 s/, what);
      assert.equal(record?.reason, 'CANCELLED', what);
    }
  });

  test('is not one that was read late, nor one that has nothing to say', async () => {
    const flow = new Flow();
    const { port } = await accepting.open(async ({ path }) => reply(path === '/' ? endless() : flow), {
      limits,
    });
    const reader = request({ port, host: '127.0.0.1', path: '/read', agent: false }).end();
    const [incoming] = (await once(reader, 'response')) as [IncomingMessage];
    let read = 0;
    incoming.on('data', (chunk: Buffer) => {
      read += chunk.length;
    });
    for (let sent = 0; sent < 32; sent += 1) flow.push(Buffer.alloc(MIB));
    while (read < 32 * MIB) await once(incoming, 'data');
    // It has been silent for longer than the limit when another one, begun later, has been cut off.
    ask(port);
    await accepting.recorded(1);
    flow.end();
    await once(incoming, 'end');
    assert.equal(incoming.complete, true);
  });
});

/** As much as is taken. */
function endless(): Flow {
  const flow = new Flow();
  setImmediate(() => {
    for (let sent = 0; sent < 64; sent += 1) flow.push(Buffer.alloc(MIB));
  });
  return flow;
}

describe('a connection', () => {
  test('beyond the limit of its port is closed, and another is served when one has gone', async () => {
    const { port, acceptor } = await accepting.open(hello, { limits: { connections: 2 } });
    const held = [dial(port), dial(port)];
    for (const socket of held) {
      socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      await once(socket, 'data');
    }
    await assert.rejects(get(port), { code: 'ECONNRESET' });
    assert.deepEqual(accepting.refused, ['limit']);
    held[0]?.destroy();
    while (acceptor.connections > 1) await settled();
    assert.equal((await get(port)).status, 200);
  });

  test('that idles is closed', async () => {
    const { port, acceptor } = await accepting.open(hello, { limits: { keepAliveTimeoutMs: 100 } });
    const socket = dial(port);
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.match(await rest(socket), /^HTTP\/1\.1 200 /);
    while (acceptor.connections > 0) await settled();
  });

  test('that is old enough ends with its next reply, or at once where it idles', async () => {
    const { clock, ports } = withClock();
    const finish = signal();
    const asked = signal();
    const { port } = await accepting.open(
      async ({ path }) => {
        if (path === '/slow') {
          asked.fire();
          await finish.fired;
        }
        return reply('done');
      },
      { ports, limits: { connectionMs: 60_000 } },
    );
    const [idle, busy] = [dial(port), dial(port)];
    idle.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(idle, 'data');
    busy.write('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n');
    await asked.fired;
    const [idleEnds, busySays] = [once(idle, 'end'), rest(busy)];
    await clock.advance(60_000);
    idle.resume();
    await idleEnds;
    finish.fire();
    assert.match(await busySays, /connection: close\r\n/i);
  });

  test('is held to limits that come with a reload', async () => {
    const { port, acceptor } = await accepting.open(hello);
    const socket = dial(port);
    const many = `GET / HTTP/1.1\r\nHost: a\r\n${'x: y\r\n'.repeat(20)}\r\n`;
    socket.write(many);
    assert.match(String(await once(socket, 'data')), /^HTTP\/1\.1 200 /);
    acceptor.configure({ ...DEFAULT_LIMITS, headerCount: 10, headerBytes: 2000 });
    socket.write(many);
    assert.match(String(await once(socket, 'data')), /^HTTP\/1\.1 431 /);
    assert.equal((await get(port, { headers: { large: 'x'.repeat(3000) } })).status, 431);
  });
});

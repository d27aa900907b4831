/** What HTTP/2 lets a client do to a server, frame by frame: none of it may last, none of it may harm the others. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { collect, get } from '../../test/e2e/http-harness.ts';
import { Accepting, reply } from '../../test/fixtures/accepting.ts';
import {
  beginning,
  END_STREAM,
  FRAME,
  frame,
  framesOf,
  GET_ROOT,
  get as getFrame,
  INITIAL_WINDOW_SIZE,
  PREFACE,
  reset,
} from '../../test/fixtures/raw-http2.ts';
import { settled } from '../../test/fixtures/test-ports.ts';
import type { Answer } from '../core/exchange.ts';
import { Flow } from '../lib/flow.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import type { AcceptorOptions } from './acceptor.ts';

const accepting = new Accepting();
const hello = async (): Promise<Answer> => reply('hello');
const never = (): Promise<Answer> => new Promise(() => undefined);

class Raw {
  readonly socket: Socket;
  #received = Buffer.alloc(0);

  constructor(port: number, { reads = true } = {}) {
    // Never ends by itself, whatever the other side does.
    this.socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    this.socket.on('error', () => undefined);
    if (reads) {
      this.socket.on('data', (chunk: Buffer) => {
        this.#received = Buffer.concat([this.#received, chunk]);
      });
    }
    accepting.own(async () => this.socket.destroy());
  }

  send(frames: readonly Buffer[]): void {
    if (this.socket.writable) this.socket.write(Buffer.concat(frames));
  }

  get types(): number[] {
    return framesOf(this.#received).map(({ type }) => type);
  }

  /** Resolves when a frame of that type has come. */
  async got(type: number): Promise<void> {
    while (!this.types.includes(type)) await once(this.socket, 'data');
  }

  /** Resolves when it has been told to go, or has been cut off. */
  ended(): Promise<void> {
    return Promise.race([this.got(FRAME.goAway), this.over()]);
  }

  async over(): Promise<void> {
    if (!this.socket.readableEnded && !this.socket.destroyed)
      await Promise.race([once(this.socket, 'end'), once(this.socket, 'close')]);
  }
}

function open(handle: AcceptorOptions['handle'] = hello, options: Partial<AcceptorOptions> = {}) {
  const clock = new FakeClock();
  const opened = accepting.open(handle, { ports: { ...accepting.ports, clock }, ...options });
  return opened.then((acceptor) => ({ ...acceptor, clock }));
}

async function serves(port: number): Promise<void> {
  assert.equal((await get(port)).body, 'hello');
  const client = connectHttp2(`http://127.0.0.1:${port}`);
  const stream = client.request({ ':path': '/' });
  assert.equal((await collect(stream)).toString(), 'hello');
  client.destroy();
}

describe('a flood of', () => {
  const times = (count: number, make: (at: number) => Buffer): Buffer[] =>
    Array.from({ length: count }, (_, at) => make(at));
  const floods: Record<string, readonly Buffer[]> = {
    'streams that are reset at once': times(4000, (at) =>
      Buffer.concat([getFrame(2 * at + 1), reset(2 * at + 1)]),
    ),
    'settings that are never read': times(20_000, () => frame({ type: FRAME.settings })),
    'pings whose answers are never read': times(50_000, () =>
      frame({ type: FRAME.ping, payload: Buffer.alloc(8) }),
    ),
    'header frames without end': [
      frame({ type: FRAME.headers, flags: END_STREAM, stream: 1, payload: GET_ROOT }),
      ...times(200, () => frame({ type: FRAME.continuation, stream: 1, payload: Buffer.alloc(1000, 0x82) })),
    ],
    'empty header frames': [
      frame({ type: FRAME.headers, flags: END_STREAM, stream: 1, payload: GET_ROOT }),
      ...times(20_000, () => frame({ type: FRAME.continuation, stream: 1 })),
    ],
    'frames that mean nothing': times(200, () =>
      frame({ type: FRAME.windowUpdate, stream: 0, payload: Buffer.alloc(4) }),
    ),
  };
  for (const [what, frames] of Object.entries(floods)) {
    test(`${what} ends the connection, and no other`, async () => {
      const { port, clock, acceptor } = await open();
      const reads = !what.includes('never read');
      const raw = new Raw(port, { reads });
      raw.send([beginning(), ...frames]);
      if (reads) await raw.ended();
      await serves(port);
      // Node only tells the client to go; one that does not is cut off when it has idled.
      for (let second = 0; second < 75; second += 5) await clock.advance(5000);
      while (acceptor.connections > 0) await settled();
    });
  }

  test('streams beyond the limit is refused, stream by stream', async () => {
    const { port } = await open(never, { limits: { streams: 3 } });
    const raw = new Raw(port);
    raw.send([beginning(), ...times(4, (at) => getFrame(2 * at + 1))]);
    await raw.got(FRAME.reset);
    assert.equal(raw.types.filter((type) => type === FRAME.reset).length, 1);
  });
});

describe('headers over HTTP/2', () => {
  test('may name the host twice if they agree', async () => {
    const { port } = await open(async ({ authority }) => reply(authority));
    const client = connectHttp2(`http://127.0.0.1:${port}`);
    accepting.own(async () => client.destroy());
    for (const [host, status] of [
      ['A.test', 200],
      ['b.test', 400],
    ] as const) {
      const stream = client.request({ ':path': '/', ':authority': 'a.test', host });
      const [head] = await once(stream, 'response');
      assert.equal(head[':status'], status);
      stream.resume();
    }
  });

  test('larger than allowed do not reach the handler', async () => {
    let reached = 0;
    const count = async (): Promise<Answer> => {
      reached += 1;
      return reply('hello');
    };
    const { port } = await open(count, { limits: { headerBytes: 2000 } });
    const client = connectHttp2(`http://127.0.0.1:${port}`);
    accepting.own(async () => client.destroy());
    client.on('error', () => undefined);
    const stream = client.request({ ':path': '/', large: 'x'.repeat(3000) });
    const [head] = await once(stream, 'response');
    assert.equal(head[':status'], 431);
    assert.equal(JSON.parse((await collect(stream)).toString()).error.code, 'HEADERS_TOO_LARGE');
    assert.equal(reached, 0);
    await serves(port);
  });
});

describe('an HTTP/2 connection', () => {
  const limits = { keepAliveTimeoutMs: 60_000 };

  test('that says nothing, or pings and nothing else, is closed like any idle one', async () => {
    const { port, clock, acceptor } = await open(hello, { limits });
    const raws = { silent: new Raw(port), pinging: new Raw(port), half: new Raw(port) };
    raws.silent.send([beginning()]);
    raws.pinging.send([beginning()]);
    raws.half.send([beginning(), Buffer.from([0, 0, 100, FRAME.headers, 0, 0, 0, 0, 1])]);
    for (const raw of Object.values(raws)) await raw.got(FRAME.settings);
    for (let second = 0; second < 60; second += 10) {
      raws.pinging.send([frame({ type: FRAME.ping, payload: Buffer.alloc(8) })]);
      raws.half.send([Buffer.from([0x82])]);
      await clock.advance(10_000);
    }
    await Promise.all(Object.values(raws).map((raw) => raw.over()));
    // They do not close their end.
    await clock.advance(5_000);
    while (acceptor.connections > 0) await settled();
  });

  test('that never sends its settings is closed, too', async () => {
    const { port, clock, acceptor } = await open(hello, { limits });
    const raw = new Raw(port);
    raw.send([PREFACE]);
    await raw.got(FRAME.settings);
    await clock.advance(60_000);
    await raw.over();
    await clock.advance(5_000);
    while (acceptor.connections > 0) await settled();
  });

  test('stays while a stream is open, and its time counts from the last one', async () => {
    const flow = new Flow();
    const { port, clock, acceptor } = await open(async () => reply(flow), { limits });
    const client = connectHttp2(`http://127.0.0.1:${port}`);
    accepting.own(async () => client.destroy());
    const stream = client.request({ ':path': '/' });
    await once(stream, 'response');
    await clock.advance(600_000);
    flow.push(Buffer.from('late'));
    flow.end();
    assert.equal((await collect(stream)).toString(), 'late');
    while (accepting.records.length === 0) await settled();
    await clock.advance(59_000);
    assert.equal(acceptor.connections, 1);
    const closed = once(client, 'close');
    await clock.advance(60_000);
    await closed;
  });

  test('that is old enough takes no new streams and ends with those it has', async () => {
    const flow = new Flow();
    const { port, clock } = await open(async () => reply(flow), { limits: { connectionMs: 90_000 } });
    const client = connectHttp2(`http://127.0.0.1:${port}`);
    accepting.own(async () => client.destroy());
    const stream = client.request({ ':path': '/' });
    await once(stream, 'response');
    const [told, closed] = [once(client, 'goaway'), once(client, 'close')];
    await clock.advance(90_000);
    await told;
    flow.push(Buffer.from('to the end'));
    flow.end();
    assert.equal((await collect(stream)).toString(), 'to the end');
    await closed;
  });

  test('whose client does not answer pings is broken, where they are asked for', async () => {
    const { port, clock } = await open(never, { limits: { pingMs: 30_000, pongMs: 10_000 } });
    const dead = new Raw(port);
    dead.send([beginning(), getFrame(1)]);
    const alive = connectHttp2(`http://127.0.0.1:${port}`);
    accepting.own(async () => alive.destroy());
    alive.request({ ':path': '/' }).on('error', () => undefined);
    await Promise.all([dead.got(FRAME.settings), once(alive, 'remoteSettings')]);
    const pinged = once(alive, 'ping');
    await clock.advance(30_000);
    await Promise.all([dead.got(FRAME.ping), pinged]);
    for (let turn = 0; turn < 10; turn += 1) await settled();
    await clock.advance(10_000);
    await dead.over();
    assert.equal(alive.closed, false);
  });

  test('tells of its settings', async () => {
    const { port } = await open(hello, {
      limits: { streams: 7, windowBytes: 100_000, frameBytes: 20_000, http2HeaderBytes: 5000 },
    });
    const client = connectHttp2(`http://127.0.0.1:${port}`);
    accepting.own(async () => client.destroy());
    const [settings] = await once(client, 'remoteSettings');
    assert.equal(settings.maxConcurrentStreams, 7);
    assert.equal(settings.initialWindowSize, 100_000);
    assert.equal(settings.maxFrameSize, 20_000);
    assert.equal(settings.maxHeaderListSize, 5000);
  });
});

test('a reply over HTTP/2 whose client leaves no room for it ends, whole or streamed', async () => {
  const bodies: readonly (() => Flow)[] = [
    () => Flow.of(Buffer.alloc(1024 * 1024)),
    () => {
      const flow = new Flow();
      setImmediate(() => {
        for (let sent = 0; sent < 10; sent += 1) flow.push(Buffer.alloc(100_000));
      });
      return flow;
    },
  ];
  for (const body of bodies) {
    const before = accepting.records.length;
    const flow = body();
    const { port } = await open(async () => reply(flow), { limits: { replyPauseMs: 150 } });
    const raw = new Raw(port);
    raw.send([beginning({ [INITIAL_WINDOW_SIZE]: 0 }), getFrame(1)]);
    const record = (await accepting.recorded(before + 1))[before];
    assert.match(record?.error ?? '', /read nothing of its reply/);
    await raw.got(FRAME.reset);
  }
});

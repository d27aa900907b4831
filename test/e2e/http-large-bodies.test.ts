/** Bodies far larger than the gateway may hold, both ways and over each HTTP version: its memory at the highest, and who waits. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import {
  type ClientHttp2Stream,
  connect,
  createServer as createHttp2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { until } from '../fixtures/child-host.ts';
import { FOOTPRINT_IS_KNOWN } from '../fixtures/footprint.ts';
import { type GatewayProcess, startGateway } from '../fixtures/gateway.ts';
import { closing, collect, listening, signal } from './http-harness.ts';

const PATIENCE_MS = 120_000;
const MIB = 1024 * 1024;
const LARGE = 320 * MIB;
/** Beyond what it has at rest: room for a lazy collector, and none for such a body. */
const GROWTH = 100 * MIB;
const PIECE = Buffer.alloc(256 * 1024, 'x');

const opened: (() => Promise<unknown> | undefined)[] = [];
after(async () => {
  for (const close of opened.reverse()) await close();
});

/** The largest resident set since `forget`. Linux. */
const peak = {
  forget: ({ pid }: GatewayProcess): void => writeFileSync(`/proc/${pid}/clear_refs`, '5'),
  bytes: ({ pid }: GatewayProcess): number => {
    const [, kib] = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Number(kib) * 1024;
  },
};

/** Writes `LARGE` bytes, no faster than they are taken; tells how many those were. */
async function pour(into: Writable, taken: (bytes: number) => void = () => {}): Promise<void> {
  for (let bytes = 0; bytes < LARGE && !into.destroyed; bytes += PIECE.length) {
    const room = into.write(PIECE);
    taken(bytes + PIECE.length);
    if (!room)
      await new Promise<void>((resolve) => {
        const go = (): void => {
          into.off('drain', go).off('close', go);
          resolve();
        };
        into.on('drain', go).on('close', go);
      });
  }
  into.end();
}

async function sizeOf(from: Readable): Promise<number> {
  let bytes = 0;
  for await (const chunk of from) bytes += (chunk as Buffer).length;
  return bytes;
}

type Incoming = IncomingMessage | Http2ServerRequest;
type Outgoing = ServerResponse | Http2ServerResponse;

/** What arrives at `/stuck` and is not read. */
let stuck = signal<Incoming>();

/** `/count` says how much has come, `/pour` sends, `/stuck` reads nothing, `/refuse` answers at once. */
function serve(incoming: Incoming, response: Outgoing): void {
  response.on('error', () => {});
  incoming.on('error', () => {});
  if (incoming.url === '/pour') void pour(response as Writable);
  else if (incoming.url === '/stuck') stuck.fire(incoming);
  else if (incoming.url === '/refuse') {
    response.statusCode = 413;
    (response as Writable).end('too much');
  } else void sizeOf(incoming).then((bytes) => (response as Writable).end(String(bytes)));
}

const head = (incoming: Incoming) => [
  incoming.headers['content-length'],
  incoming.headers['transfer-encoding'],
];

describe('320 MiB', {
  skip: !FOOTPRINT_IS_KNOWN && 'memory is read from /proc',
  timeout: PATIENCE_MS,
}, () => {
  let gateway: GatewayProcess;
  let port: number;
  const heads: unknown[] = [];
  before(async () => {
    const noting = (incoming: Incoming, response: Outgoing): void => {
      heads.push(head(incoming));
      serve(incoming, response);
    };
    const http1 = createServer(noting);
    const sessions = new Set<ServerHttp2Session>();
    const http2 = createHttp2Server(noting).on('session', (session) => void sessions.add(session));
    http2.listen(0, '127.0.0.1');
    await once(http2, 'listening');
    const upstreams = { one: await listening(http1), two: (http2.address() as AddressInfo).port };
    opened.push(
      () => closing(http1),
      () => {
        for (const session of sessions) session.destroy();
        return new Promise((resolve) => http2.close(resolve));
      },
    );
    const route = (hostname: string, at: number, policies: object) => ({
      hostnames: [hostname],
      backends: [{ host: `127.0.0.1:${at}`, policies }],
    });
    const routes = [
      { ...route('key.test', upstreams.one, {}), policies: { apiKey: { keys: [{ key: 'k' }] } } },
      route('one.test', upstreams.one, {}),
      route('two.test', upstreams.two, { http: { version: '2' } }),
    ];
    gateway = await startGateway(`binds:\n- port: 3000\n  listeners: ${JSON.stringify([{ routes }])}\n`);
    opened.push(() => gateway.stop());
    port = Number(new URL(gateway.url).port);
    // What the first bytes cost is not theirs.
    for (const host of ['one.test', 'two.test']) assert.equal((await upload1(host, 0)).body, '0');
  });

  interface Got {
    readonly status: number | undefined;
    readonly body: string;
  }

  async function upload1(host: string, length: number | undefined, path = '/count'): Promise<Got> {
    const headers = { host, ...(length === undefined ? {} : { 'content-length': length }) };
    const outgoing = request({ host: '127.0.0.1', port, method: 'POST', path, headers, agent: false });
    outgoing.on('error', () => {});
    const replied = once(outgoing, 'response') as Promise<[IncomingMessage]>;
    if (length === 0) outgoing.end();
    else void pour(outgoing);
    const [reply] = await replied;
    return { status: reply.statusCode, body: (await collect(reply)).toString() };
  }

  function stream2(host: string, path: string, method: string): ClientHttp2Stream {
    const session = connect(`http://127.0.0.1:${port}`);
    session.on('error', () => {});
    opened.push(async () => session.destroy());
    const stream = session.request({ ':authority': host, ':path': path, ':method': method });
    stream.on('error', () => {});
    return stream;
  }

  async function upload2(host: string, path = '/count'): Promise<Got> {
    const stream = stream2(host, path, 'POST');
    const replied = once(stream, 'response');
    void pour(stream);
    const [headers] = await replied;
    let body = '';
    stream.on('data', (chunk: Buffer) => {
      body += chunk;
    });
    // By 'end' alone: a stream that is over before its upload is "premature" to node, and in good order to RFC 9113 (8.1).
    await once(stream, 'end');
    return { status: headers[':status'], body };
  }

  async function download1(host: string): Promise<number> {
    const outgoing = request({
      host: '127.0.0.1',
      port,
      path: '/pour',
      headers: { host },
      agent: false,
    }).end();
    const [reply] = (await once(outgoing, 'response')) as [IncomingMessage];
    return sizeOf(reply);
  }

  const download2 = async (host: string): Promise<number> => sizeOf(stream2(host, '/pour', 'GET').end());

  for (const [what, move] of [
    ['up over HTTP/1.1 with a length', async () => Number((await upload1('one.test', LARGE)).body)],
    ['up over HTTP/1.1 in chunks', async () => Number((await upload1('one.test', undefined)).body)],
    ['up over HTTP/1.1 to HTTP/2', async () => Number((await upload1('two.test', LARGE)).body)],
    ['up over HTTP/2 to HTTP/1.1', async () => Number((await upload2('one.test')).body)],
    ['up over HTTP/2 to HTTP/2', async () => Number((await upload2('two.test')).body)],
    ['down over HTTP/1.1', () => download1('one.test')],
    ['down over HTTP/1.1 from HTTP/2', () => download1('two.test')],
    ['down over HTTP/2 from HTTP/1.1', () => download2('one.test')],
    ['down over HTTP/2 from HTTP/2', () => download2('two.test')],
  ] as const)
    test(`go ${what} whole, and are never held`, async () => {
      peak.forget(gateway);
      const before = peak.bytes(gateway);
      assert.equal(await move(), LARGE);
      const growth = peak.bytes(gateway) - before;
      assert.ok(growth < GROWTH, `the gateway has grown by ${Math.round(growth / MIB)} MiB`);
    });

  test('kept their framing', () => {
    assert.deepEqual(heads[2], [String(LARGE), undefined]);
    assert.deepEqual(heads[3], [undefined, 'chunked']);
    assert.deepEqual(heads[4], [String(LARGE), undefined]);
  });

  for (const version of ['HTTP/1.1', 'HTTP/2'] as const)
    for (const host of ['one.test', 'two.test'])
      test(`make a client over ${version} wait whose server reads nothing (${host}); one that leaves frees it`, async () => {
        stuck = signal<Incoming>();
        const outgoing: Writable =
          version === 'HTTP/2'
            ? stream2(host, '/stuck', 'POST')
            : request({
                host: '127.0.0.1',
                port,
                method: 'POST',
                path: '/stuck',
                headers: { host },
                agent: false,
              });
        outgoing.on('error', () => {});
        let sent = 0;
        void pour(outgoing, (bytes) => {
          sent = bytes;
        });
        const incoming = await stuck.fired;
        // Whatever fits into the buffers on the way has gone when nothing moves any more.
        for (let before = -1; before !== sent; ) {
          before = sent;
          await new Promise((resolve) => setTimeout(resolve, 300));
        }
        assert.ok(sent < 64 * MIB, `${sent / MIB} MiB are on the way`);
        const aborted = signal();
        incoming.once('aborted', () => aborted.fire());
        const left = gateway.log().split('CANCELLED').length;
        outgoing.destroy();
        // What has not been read hides the end of a connection from node, but not that of a stream.
        if (version === 'HTTP/2')
          await until(() => gateway.log().split('CANCELLED').length > left, 'the request is given up');
        incoming.resume();
        await aborted.fired;
      });

  test('that are refused early are answered: by the server, and by the gateway', async () => {
    for (const host of ['one.test', 'two.test']) {
      assert.deepEqual(await upload1(host, LARGE, '/refuse'), { status: 413, body: 'too much' });
      assert.deepEqual(await upload2(host, '/refuse'), { status: 413, body: 'too much' });
    }
    peak.forget(gateway);
    const before = peak.bytes(gateway);
    assert.equal((await upload1('key.test', LARGE)).status, 401);
    assert.equal((await upload1('key.test', undefined)).status, 401);
    assert.equal((await upload2('key.test')).status, 401);
    assert.ok(peak.bytes(gateway) - before < GROWTH);
  });

  test('leave nothing behind', async () => {
    assert.equal((await upload1('one.test', 0)).body, '0');
    assert.equal((await upload1('two.test', 0)).body, '0');
  });
});

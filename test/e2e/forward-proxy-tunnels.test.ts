/** Tunnels of the forward proxy over their life: bytes both ways, ends of one side, silence, peers that vanish, reloads. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { describe, test } from 'node:test';
import { dynamicBackend } from '../../src/backends/dynamic/index.ts';
import { startGateway } from '../fixtures/gateway.ts';
import {
  closing,
  collect,
  listening,
  type ProxyOptions,
  raw,
  Stage,
  signal,
  type TestProxy,
} from './http-harness.ts';

const stage = new Stage();

type Rest = Omit<ProxyOptions, 'upstream' | 'definition'>;

const forwarding = (rest: Rest = {}): Promise<TestProxy> =>
  stage.proxyTo(
    { allow: ['127.0.0.1:*'] },
    { definition: dynamicBackend(), limits: { connect: 'route' }, ...rest },
  );

/** A server whose sockets may be half open, and are kept. */
async function peer(
  serve: (socket: Socket) => void,
): Promise<{ port: number; sockets: Socket[]; server: Server }> {
  const sockets: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    serve(socket);
  });
  const port = await listening(server);
  stage.own(() => {
    for (const socket of sockets) socket.destroy();
    return closing(server);
  });
  return { port, sockets, server };
}

/** A tunnel that stands, half open at will. */
async function tunnel(proxy: number, to: number, early = ''): Promise<Socket> {
  const socket = connect({ port: proxy, host: '127.0.0.1', allowHalfOpen: true });
  stage.own(async () => void socket.destroy());
  socket.on('error', () => {});
  socket.write(`CONNECT 127.0.0.1:${to} HTTP/1.1\r\nHost: x\r\n\r\n${early}`);
  const [head] = (await once(socket, 'data')) as [Buffer];
  assert.match(head.toString(), /^HTTP\/1.1 200 OK\r\n\r\n/);
  const rest = head.subarray(head.indexOf('\r\n\r\n') + 4);
  socket.pause();
  if (rest.length > 0) socket.unshift(rest);
  return socket;
}

/** Whatever breaks it. */
const closed = (stream: Duplex): Promise<void> => new Promise((resolve) => stream.once('close', resolve));

/** Up to the end of what it says; it may go on to listen. */
async function heard(socket: Duplex): Promise<string> {
  let all = '';
  socket.on('data', (chunk: Buffer) => {
    all += chunk.toString();
  });
  socket.resume();
  await once(socket, 'end');
  return all;
}

const echo = (socket: Socket): void => void socket.pipe(socket);

describe('a tunnel', () => {
  test('carries bytes both ways, and says in the log how many', async () => {
    const { port } = await peer(echo);
    const proxy = await forwarding();
    const socket = await tunnel(proxy.port, port);
    const sent = Buffer.alloc(3_000_000, 'abcdefg');
    socket.end(sent);
    assert.ok((await collect(socket)).equals(sent));
    await proxy.ended(1);
    const [record] = proxy.records;
    assert.equal(record?.endpoint, `127.0.0.1:${port}`);
    assert.deepEqual(
      [
        record?.method,
        record?.host,
        record?.path,
        record?.status,
        record?.bytesIn,
        record?.bytesOut,
        record?.reason,
      ],
      ['CONNECT', `127.0.0.1:${port}`, '/', 200, sent.length, sent.length, undefined],
    );
  });

  test('takes what the client has sent before it was told to', async () => {
    const { port } = await peer(echo);
    const proxy = await forwarding();
    const socket = await tunnel(proxy.port, port, 'early ');
    socket.end('and late');
    assert.equal((await collect(socket)).toString(), 'early and late');
    await proxy.ended(1);
    assert.equal(proxy.records[0]?.bytesIn, 14);
  });

  test('lets either side end first and still be answered', async () => {
    const { port } = await peer((socket) => {
      heard(socket).then((all) => socket.end(`heard ${all}`));
    });
    const proxy = await forwarding();
    const first = await tunnel(proxy.port, port);
    first.end('all of it');
    assert.equal(await heard(first), 'heard all of it');

    const { fired, fire } = signal<string>();
    const { port: talker } = await peer((socket) => {
      socket.end('only listening now');
      heard(socket).then(fire);
    });
    const second = await tunnel(proxy.port, talker);
    assert.equal(await heard(second), 'only listening now');
    second.end('the last word');
    assert.equal(await fired, 'the last word');
    await proxy.ended(2);
    assert.deepEqual(
      proxy.records.map(({ reason }) => reason),
      [undefined, undefined],
    );
  });

  test('breaks for both when one side breaks', async () => {
    const { port, sockets } = await peer(() => {});
    const proxy = await forwarding();
    const client = await tunnel(proxy.port, port);
    const vanished = closed(sockets[0] as Socket);
    client.resetAndDestroy();
    await vanished;
    const other = await tunnel(proxy.port, port);
    const broken = closed(other);
    other.resume();
    sockets[1]?.resetAndDestroy();
    await broken;
    assert.ok(other.errored);
    await proxy.ended(2);
    assert.deepEqual(
      proxy.records.map(({ reason }) => reason),
      ['CANCELLED', 'UPSTREAM_CLOSED'],
    );
  });

  test('ends when nothing is said for too long', async () => {
    const { port, sockets } = await peer(() => {});
    const proxy = await forwarding({ settings: { connectionIdle: 150 } });
    const client = await tunnel(proxy.port, port);
    client.resume();
    await Promise.all([closed(client), closed(sockets[0] as Socket)]);
    await proxy.ended(1);
    assert.equal(proxy.records[0]?.reason, 'CONNECTION_IDLE');
  });

  test('ends sooner when one side has ended and the other says nothing', async () => {
    const { port } = await peer((socket) => socket.resume());
    const proxy = await forwarding({ settings: { connectionHalfOpen: 150 } });
    const client = await tunnel(proxy.port, port);
    client.end('a question');
    client.resume();
    await closed(client);
    await proxy.ended(1);
    assert.equal(proxy.records[0]?.reason, 'CONNECTION_IDLE');
  });

  test('does not read what nobody takes', async () => {
    const chunk = Buffer.alloc(64 * 1024);
    let sent = 0;
    const { port } = await peer((socket) => {
      const more = (): void => {
        while (sent < 256 * 1024 * 1024) {
          sent += chunk.length;
          if (!socket.write(chunk)) return void socket.once('drain', more);
        }
      };
      more();
    });
    const proxy = await forwarding();
    const client = await tunnel(proxy.port, port);
    let before = -1;
    while (sent !== before) {
      before = sent;
      for (let turn = 0; turn < 200; turn += 1) await new Promise(setImmediate);
    }
    assert.ok(sent < 64 * 1024 * 1024, `${sent} bytes were taken for a client that reads none`);
    client.destroy();
    await proxy.ended(1);
  });

  test('is one of so many', async () => {
    const { port } = await peer(echo);
    const proxy = await forwarding({ settings: { tunnels: 2 } });
    const first = await tunnel(proxy.port, port);
    await tunnel(proxy.port, port);
    const connects = `CONNECT 127.0.0.1:${port} HTTP/1.1\r\nHost: x\r\n\r\n`;
    assert.match(await raw(proxy.port, connects), /^HTTP\/1.1 503 [\s\S]*OVERLOADED/);
    first.destroy();
    await proxy.ended(2);
    await tunnel(proxy.port, port);
  });

  test('to a port where nobody listens is refused like any server that cannot be reached', async () => {
    const { port, server } = await peer(() => {});
    await closing(server);
    const proxy = await forwarding();
    const answer = await raw(proxy.port, `CONNECT 127.0.0.1:${port} HTTP/1.1\r\nHost: x\r\n\r\n`);
    assert.match(answer, /^HTTP\/1.1 502 [\s\S]*UPSTREAM_CONNECT/);
  });
});

describe('over HTTP/2', () => {
  async function session(port: number): Promise<ClientHttp2Session> {
    const opened = connectHttp2(`http://127.0.0.1:${port}`);
    stage.own(async () => void opened.destroy());
    await once(opened, 'connect');
    return opened;
  }

  test('each stream is a tunnel of its own, with ends of its own', async () => {
    const { port, sockets } = await peer(echo);
    const proxy = await forwarding();
    const client = await session(proxy.port);
    const streams = Array.from({ length: 5 }, () =>
      client.request({ ':method': 'CONNECT', ':authority': `127.0.0.1:${port}` }),
    );
    const told = await Promise.all(
      streams.map(async (stream, at) => {
        const [headers] = (await once(stream, 'response')) as [{ ':status': number }];
        assert.equal(headers[':status'], 200);
        stream.end(`stream ${at}`);
        return (await collect(stream)).toString();
      }),
    );
    assert.deepEqual(told, ['stream 0', 'stream 1', 'stream 2', 'stream 3', 'stream 4']);
    await proxy.ended(5);
    assert.deepEqual(
      new Set(proxy.records.map(({ bytesIn, bytesOut, status }) => [bytesIn, bytesOut, status].join())),
      new Set(['8,8,200']),
    );
    assert.equal(sockets.length, 5);
    assert.equal(client.closed, false);
  });

  test('a server that breaks off resets the stream, a client that leaves closes the connection', async () => {
    const { port, sockets } = await peer(() => {});
    const proxy = await forwarding();
    const client = await session(proxy.port);
    const open = async () => {
      const stream = client.request({ ':method': 'CONNECT', ':authority': `127.0.0.1:${port}` });
      stream.on('error', () => {});
      await once(stream, 'response');
      return stream;
    };
    const first = await open();
    const reset = closed(first);
    sockets[0]?.resetAndDestroy();
    await reset;
    assert.notEqual(first.rstCode, 0);
    const second = await open();
    const left = sockets[1] as Socket;
    const ended = once(left.resume(), 'end');
    second.close(8);
    await ended;
    await proxy.ended(2);
    assert.equal(proxy.records[1]?.reason, 'CANCELLED');
    // Nobody is there any more: the first bytes are answered with a reset, which the next ones meet.
    while (left.writable) {
      left.write('too late');
      await new Promise(setImmediate);
    }
  });

  test('it is refused where it is not asked for, and where it leads nowhere', async () => {
    const { port } = await peer(() => {});
    const status = async (proxy: TestProxy, authority: string) => {
      const stream = (await session(proxy.port)).request({ ':method': 'CONNECT', ':authority': authority });
      const [headers] = (await once(stream, 'response')) as [{ ':status': number }];
      stream.resume();
      return headers[':status'];
    };
    assert.equal(await status(await forwarding({ limits: {} }), `127.0.0.1:${port}`), 405);
    assert.equal(await status(await forwarding(), '10.0.0.1:443'), 403);
    assert.equal(await status(await forwarding(), 'no-port.test'), 400);
  });
});

describe('200 tunnels', () => {
  const config = (allow: string, { mode = 'route', deny = '' } = {}) => `
frontendPolicies:
  connect:
    mode: ${mode}
binds:
  - port: 3000
    listeners:
      - routes:
          - policies:
              authorization:
                rules: [{deny: 'request.host == "${deny}"'}, {allow: "true"}]
            backends:
              - dynamic:
                  allow: [${allow}]
`;

  test('outlive a reload that still allows them, end with one that does not, and with the gateway', async () => {
    const { port, sockets } = await peer(echo);
    const gateway = await startGateway({ config: config(`"127.0.0.1:${port}"`) });
    stage.own(() => gateway.stop());
    const own = Number(new URL(gateway.url).port);
    const settings = `config: {adminAddr: off, statsAddr: "${new URL(gateway.statsUrl).host}"}\n`;
    const save = (allow: string) =>
      writeFile(gateway.file, settings + config(allow).replaceAll('port: 3000', `port: ${own}`));
    const all = await Promise.all(Array.from({ length: 200 }, () => tunnel(own, port)));
    const answered = (text: string) =>
      Promise.all(
        all.map(async (socket) => {
          socket.resume().write(text);
          const [chunk] = (await once(socket, 'data')) as [Buffer];
          assert.equal(chunk.toString(), text);
        }),
      );
    await answered('before');
    await save(`"127.0.0.1:${port}", other.test`);
    await gateway.said(/configuration reloaded/);
    await answered('after');
    assert.equal(sockets.length, 200);
    const cut = Promise.all(all.map(closed));
    await save('other.test');
    await cut;
    assert.ok(all.every(({ destroyed }) => destroyed));
    const refused = await raw(own, `CONNECT 127.0.0.1:${port} HTTP/1.1\r\nHost: x\r\n\r\n`);
    assert.match(refused, /^HTTP\/1.1 403 /);
    await save(`"127.0.0.1:${port}"`);
    let last: Socket | undefined;
    while (!last) last = await tunnel(own, port).catch(() => undefined);
    const ended = closed(last);
    last.resume();
    await gateway.stop();
    await ended;
  });

  test('end with a reload that no longer takes CONNECT, or that changes the rules of the route', async () => {
    const { port } = await peer(echo);
    const allow = `"127.0.0.1:${port}"`;
    const gateway = await startGateway({ config: config(allow) });
    stage.own(() => gateway.stop());
    const own = Number(new URL(gateway.url).port);
    const settings = `config: {adminAddr: off, statsAddr: "${new URL(gateway.statsUrl).host}"}\n`;
    const save = (rules: Parameters<typeof config>[1]) =>
      writeFile(gateway.file, settings + config(allow, rules).replaceAll('port: 3000', `port: ${own}`));
    const first = await tunnel(own, port);
    const denied = closed(first.resume());
    await save({ deny: `127.0.0.1:${port}` });
    await denied;
    await save({});
    let second: Socket | undefined;
    while (!second) second = await tunnel(own, port).catch(() => undefined);
    const cut = closed(second.resume());
    await save({ mode: 'deny' });
    await cut;
    assert.match(await raw(own, `CONNECT 127.0.0.1:${port} HTTP/1.1\r\nHost: x\r\n\r\n`), /^HTTP\/1.1 405 /);
  });
});

/** How upstreams are connected to: the version of HTTP, timeouts, keepalives, Unix sockets and what is wrong with them. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import {
  connect as connectHttp2,
  createServer as createHttp2Server,
  createSecureServer,
  type Http2SecureServer,
  type Http2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { GatewayError } from '../../src/core/errors.ts';
import { startGateway } from '../fixtures/gateway.ts';
import { cert, key } from '../fixtures/tls.ts';
import { closing, get, Stage } from './http-harness.ts';
import { gatewayTo, upstream } from './policy-world.ts';

const stage = new Stage();
const PATIENCE_MS = 30_000;
const GRPC = { 'content-type': 'application/grpc+proto' };
const insecure = { backendTLS: { insecure: true } };

function answer(
  incoming: IncomingMessage | Http2ServerRequest,
  response: ServerResponse | Http2ServerResponse,
): void {
  response.setHeader('x-version', incoming.httpVersion);
  (response as ServerResponse).end();
}

async function listeningHttp2(server: Http2Server | Http2SecureServer): Promise<() => number> {
  const sessions = new Set<ServerHttp2Session>();
  let count = 0;
  server.on('session', (session: ServerHttp2Session) => {
    count += 1;
    sessions.add(session.on('error', () => {}));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stage.own(() => {
    for (const session of sessions) session.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return () => count;
}

const portOf = (server: Http2Server | Http2SecureServer): number => (server.address() as AddressInfo).port;

/** Of a call over gRPC, which comes over HTTP/2. */
async function versionOfCall(port: number): Promise<unknown> {
  const client = connectHttp2(`http://127.0.0.1:${port}`);
  stage.own(async () => client.destroy());
  const stream = client.request({ ':method': 'POST', ...GRPC });
  stream.end('x');
  const [head] = await once(stream, 'response');
  stream.resume();
  return head['x-version'] ?? head['grpc-message'];
}

describe('HTTP towards an upstream', { timeout: PATIENCE_MS }, () => {
  const versionOf = async (port: number, headers = {}): Promise<unknown> => {
    const { status, headers: got, body } = await get(port, { method: 'POST', headers, body: 'x' });
    return status === 200 ? got['x-version'] : body;
  };

  test('without TLS is HTTP/1.1, HTTP/2 for gRPC alone', async () => {
    const plain = await stage.server(answer);
    assert.equal(await versionOf((await stage.proxyTo(`127.0.0.1:${plain.port}`)).port), '1.1');
    const prior = createHttp2Server(answer);
    await listeningHttp2(prior);
    const { port } = await stage.proxyTo(`127.0.0.1:${portOf(prior)}`);
    assert.equal(await versionOfCall(port), '2.0');
    assert.match(String(await versionOf(port, GRPC)), /UPSTREAM_/, 'no call, whatever it says');
    assert.match(String(await versionOf(port, { 'content-type': 'application/grpc-web' })), /UPSTREAM_/);
  });

  test('is HTTP/2 for everything where that is written: many requests, one connection', async () => {
    const server = createHttp2Server(answer);
    const sessions = await listeningHttp2(server);
    const policies = { http: { version: '2' } };
    const { port } = await stage.proxyTo(`127.0.0.1:${portOf(server)}`, { policies });
    const all = await Promise.all(Array.from({ length: 20 }, () => versionOf(port)));
    assert.deepEqual(new Set(all), new Set(['2.0']));
    assert.equal(sessions(), 1);
  });

  test('is HTTP/1.1 where that is written, for gRPC too', async () => {
    const plain = await stage.server(answer);
    const policies = { http: { version: '1.1' }, ...insecure };
    const { port } = await stage.proxyTo(`http://127.0.0.1:${plain.port}`, { policies });
    assert.equal(await versionOfCall(port), '1.1');
    const both = createSecureServer({ cert, key, allowHTTP1: true }, answer);
    await listeningHttp2(both);
    const secure = await stage.proxyTo(`https://127.0.0.1:${portOf(both)}`, { policies });
    assert.equal(await versionOf(secure.port), '1.1');
    const open = await stage.proxyTo(`https://127.0.0.1:${portOf(both)}`, { policies: insecure });
    assert.equal(await versionOf(open.port), '2.0');
  });

  test('is an error where the upstream has another version than is written', async () => {
    const { port } = await stage.server(answer);
    const policies = { http: { version: '2' } };
    const plain = await stage.proxyTo(`127.0.0.1:${port}`, { policies });
    assert.match(String(await versionOf(plain.port)), /UPSTREAM_PROTOCOL.*does not speak HTTP\/2/);
    const contradiction = { ...policies, backendTLS: { insecure: true, alpn: ['http/1.1'] } };
    await assert.rejects(
      stage.proxyTo(`https://127.0.0.1:${port}`, { policies: contradiction }),
      (error: GatewayError) => error.code === 'CONFIG_INVALID' && /http\.version is 2/.test(error.message),
    );
  });

  test('is HTTP/1.1 for upgrades, whatever is written', async () => {
    const { server, port } = await stage.server();
    server.on('upgrade', (incoming, socket) => {
      socket.on('error', () => {});
      socket.end(`HTTP/1.1 418 ${incoming.httpVersion}\r\nContent-Length: 0\r\n\r\n`);
    });
    const proxy = await stage.proxyTo(`127.0.0.1:${port}`, { policies: { http: { version: '2' } } });
    const { status } = await get(proxy.port, { headers: { connection: 'upgrade', upgrade: 'websocket' } });
    assert.equal(status, 418);
  });

  test('that dies under HTTP/2 without TLS breaks what is under way and is connected to anew', async () => {
    const server = createHttp2Server((incoming, response) => {
      if (incoming.url !== '/die') return answer(incoming, response);
      response.write('half', () => socket?.destroy());
    });
    let socket: Socket | undefined;
    server.on('connection', (each: Socket) => {
      socket = each;
    });
    const sessions = await listeningHttp2(server);
    const { port } = await stage.proxyTo(`127.0.0.1:${portOf(server)}`, {
      policies: { http: { version: '2' } },
    });
    await assert.rejects(get(port, { path: '/die' }));
    assert.equal(await versionOf(port), '2.0');
    assert.equal(sessions(), 2);
  });
});

describe('an upstream', { timeout: PATIENCE_MS }, () => {
  test('that does not answer in http.requestTimeout is left for the next one, then it is 504', async () => {
    const slow = await upstream(() => {});
    const policies = { retry: { attempts: 1, backoff: '1ms', codes: [504] } };
    const running = await gatewayTo({
      '/': { policies, to: slow, backend: { http: { requestTimeout: '200ms' } } },
    });
    const { status, body } = await running.get('/');
    assert.equal(status, 504);
    assert.match(body, /200 ms \(http\.requestTimeout\)/);
    assert.equal((await slow.whole(2)).length, 2);
  });

  test('whose TLS handshake takes longer than tcp.connectTimeout is given up', async () => {
    const port = await stage.rawUpstream(() => {});
    const policies = { ...insecure, tcp: { connectTimeout: 150 } };
    const proxy = await stage.proxyTo(`https://127.0.0.1:${port}`, { policies });
    const { status, body } = await get(proxy.port);
    assert.equal(status, 502);
    assert.match(body, /handshake for 150 ms/);
  });

  test('is looked after as tcp.keepalives says', {
    skip: process.platform !== 'linux' && 'timers of sockets are read from /proc',
  }, async () => {
    for (const [keepalives, timer] of [
      [undefined, 2],
      [{ enabled: true, time: 5000 }, 2],
      [{ enabled: false, time: 5000 }, 0],
    ] as const) {
      const { port } = await stage.server(answer);
      const policies = { tcp: { ...(keepalives && { keepalives }) } };
      const proxy = await stage.proxyTo(`127.0.0.1:${port}`, { policies });
      await get(proxy.port);
      const found = (await timersTo(port)).at(-1);
      assert.equal(found?.timer, timer);
      if (keepalives?.enabled) assert.ok((found?.ms ?? 0) <= 5000, `${found?.ms}`);
    }
  });

  test('of MCP or with an OpenAPI description is spoken to as is written', async () => {
    const versions: string[] = [];
    const server = createHttp2Server((incoming, response) => {
      versions.push(`${incoming.url} ${incoming.httpVersion}`);
      response.statusCode = 404;
      response.end();
    });
    await listeningHttp2(server);
    const host = `http://127.0.0.1:${portOf(server)}`;
    const policies = { http: { version: '2' }, tcp: { connectTimeout: '2s' } };
    const gateway = await startGateway({
      mcp: { targets: [{ name: 'a', mcp: { host: `${host}/mcp` }, policies }] },
    });
    stage.own(() => gateway.stop());
    assert.ok(versions.length > 0);
    assert.deepEqual(new Set(versions), new Set(['/mcp 2.0']));
  });

  test('is told to be wrong where its keys are', async () => {
    const wrong = (policies: object): Promise<unknown> =>
      startGateway(
        `binds:\n- port: 3000\n  listeners: ${JSON.stringify([{ routes: [{ backends: [{ host: 'a:1', policies }] }] }])}\n`,
      );
    await assert.rejects(wrong({ tcp: { keepalives: { interval: '3m' } } }), /not supported here yet/);
    await assert.rejects(wrong({ tcp: { connectTimeout: 0 } }), /longer than 0/);
    await assert.rejects(wrong({ http: { version: '3' } }), /version/);
    const targets = [
      { name: 'a', mcp: { host: 'http://a.test/mcp' }, policies: { http: { requestTimeout: '1s' } } },
    ];
    await assert.rejects(startGateway({ mcp: { targets } }), /requestTimeout.*not supported here yet/);
  });
});

/** Connections to a port of 127.0.0.1 and the timer that runs for each (2: keepalive), as the system tells. */
async function timersTo(port: number): Promise<{ timer: number; ms: number }[]> {
  const text = await readFile('/proc/net/tcp', 'utf8');
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  return text
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , remote, state]) => remote?.endsWith(`:${hex}`) && state === '01')
    .map((fields) => {
      const [timer = '', left = ''] = (fields[5] ?? '').split(':');
      return { timer: Number.parseInt(timer, 16), ms: Number.parseInt(left, 16) * 10 };
    });
}

describe('a Unix socket', { timeout: PATIENCE_MS }, () => {
  async function folder(): Promise<string> {
    const made = await mkdtemp(join(tmpdir(), 'unix-'));
    stage.own(() => rm(made, { recursive: true }));
    return made;
  }

  test('is an upstream like any other: bodies both ways, and HTTP/2', async () => {
    const path = join(await folder(), 's');
    const server = createServer((incoming, response) => {
      response.setHeader('x-host', incoming.headers.host ?? '');
      incoming.pipe(response);
    }).listen(path);
    stage.own(() => closing(server));
    await once(server, 'listening');
    const proxy = await stage.proxyTo(`unix:${path}`);
    const body = 'x'.repeat(3_000_000);
    const got = await get(proxy.port, { method: 'POST', body, headers: { host: 'app.test' } });
    assert.deepEqual([got.status, got.headers['x-host'], got.body === body], [200, 'localhost', true]);

    const second = join(await folder(), 's');
    const http2 = createHttp2Server(answer);
    http2.listen(second);
    await once(http2, 'listening');
    stage.own(() => new Promise((resolve) => http2.close(resolve)));
    const grpc = await stage.proxyTo(`unix:${second}`);
    assert.equal(await versionOfCall(grpc.port), '2.0');
  });

  test('that is not there, is none, or is closed to us is named in a 502 with the reason', async () => {
    const made = await folder();
    await writeFile(join(made, 'file'), '');
    for (const [name, reason] of [
      ['none', 'ENOENT'],
      ['file', 'ECONNREFUSED|ENOTSOCK'],
    ] as const) {
      const proxy = await stage.proxyTo(`unix:${join(made, name)}`);
      const { status, body } = await get(proxy.port);
      assert.equal(status, 502);
      assert.match(body, new RegExp(`UPSTREAM_CONNECT.*(?:${reason}).*${join(made, name)}`));
      const upgrade = await get(proxy.port, { headers: { connection: 'upgrade', upgrade: 'websocket' } });
      assert.equal(upgrade.status, 502);
    }
  });

  test('that may not be opened is named as well', {
    skip: process.getuid?.() === 0 && 'everything may be opened by root',
  }, async () => {
    const path = join(await folder(), 's');
    const server = createServer().listen(path);
    stage.own(() => closing(server));
    await once(server, 'listening');
    await chmod(path, 0);
    const { status, body } = await get((await stage.proxyTo(`unix:${path}`)).port);
    assert.equal(status, 502);
    assert.match(body, /EACCES/);
  });

  test('that appears later, or anew, is found', async () => {
    const path = join(await folder(), 's');
    const proxy = await stage.proxyTo(`unix:${path}`);
    assert.equal((await get(proxy.port)).status, 502);
    for (let times = 0; times < 2; times += 1) {
      const server = createServer(answer).listen(path);
      await once(server, 'listening');
      assert.equal((await get(proxy.port)).status, 200);
      await closing(server);
      await rm(path, { force: true });
    }
    const outgoing = request({ host: '127.0.0.1', port: proxy.port, agent: false }).end();
    const [reply] = (await once(outgoing, 'response')) as [IncomingMessage];
    assert.equal(reply.statusCode, 502);
    reply.resume();
  });
});

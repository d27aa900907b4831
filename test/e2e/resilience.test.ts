/** Upstreams over HTTP that are slow, dead, reset or fail for a while, and what timeout, retry, delay and health make of it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { appendFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { after, describe, test } from 'node:test';
import { type GatewayProcess, startGateway } from '../fixtures/gateway.ts';
import { freePort } from '../fixtures/programs.ts';
import { closing, collect, type Got, get, listening, signal } from './http-harness.ts';

const PATIENCE_MS = 30_000;
const opened: (() => Promise<unknown> | undefined)[] = [];
after(async () => {
  for (const close of opened.reverse()) await close();
});

interface Upstream {
  readonly port: number;
  readonly server: Server;
  readonly seen: { readonly method: string; readonly body: string; readonly attempt: unknown }[];
}

type Deed = (response: ServerResponse, request: IncomingMessage, number: number) => void;

/** A server that notes each request with its body, then does as told. */
async function upstream(deed: Deed): Promise<Upstream> {
  const seen: Upstream['seen'] = [];
  const server = createServer(async (incoming, response) => {
    response.on('error', () => {});
    const body = incoming.headers['x-unread'] ? '' : (await collect(incoming)).toString();
    seen.push({ method: incoming.method ?? '', body, attempt: incoming.headers['x-retry-attempt'] });
    deed(response, incoming, seen.length);
  });
  const port = await listening(server);
  opened.push(() => closing(server));
  return { port, server, seen };
}

interface Route {
  readonly path: string;
  readonly policies?: object;
  readonly to: readonly { readonly port: number; readonly policies?: object }[];
}

interface Running {
  readonly gateway: GatewayProcess;
  get(path: string, options?: Parameters<typeof get>[1]): Promise<Got>;
  readonly port: number;
}

async function gatewayTo(...routes: readonly Route[]): Promise<Running> {
  const built = routes.map(({ path, policies = {}, to }) => ({
    matches: [{ path: { pathPrefix: path } }],
    policies,
    backends: to.map((each) => ({ host: `127.0.0.1:${each.port}`, policies: each.policies ?? {} })),
  }));
  const config = `binds:\n- port: 3000\n  listeners: ${JSON.stringify([{ routes: built }])}\n`;
  const gateway = await startGateway(config);
  opened.push(() => gateway.stop());
  const port = Number(new URL(gateway.url).port);
  return { gateway, port, get: (path, options) => get(port, { path, ...options }) };
}

const codeOf = ({ body }: Got): unknown => (JSON.parse(body) as { error?: { code?: string } }).error?.code;
const ok: Deed = (response) => void response.end('ok');
const failing =
  (times: number, status = 503): Deed =>
  (response, _request, number) =>
    void response.writeHead(number <= times ? status : 200).end(`reply ${number}`);

describe('timeout', async () => {
  const streaming = signal<ServerResponse>();
  const cut = signal();
  const slow = await upstream((response, incoming) => {
    if (incoming.url === '/t/never') response.once('close', () => cut.fire());
    else if (incoming.url === '/t/body') response.write('first');
    else if (incoming.url === '/t/stream') streaming.fire(response);
  });
  slow.server.on('upgrade', (_request, socket: Socket) => {
    socket.on('error', () => {});
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
    socket.pipe(socket);
    opened.push(async () => void socket.destroy());
  });
  const policies = { timeout: { requestTimeout: '400ms' } };
  const running = await gatewayTo(
    { path: '/t', policies, to: [slow] },
    { path: '/try', policies: { timeout: { backendRequestTimeout: '300ms' } }, to: [slow] },
    {
      path: '/late',
      policies: { timeout: { requestTimeout: '200ms' }, delay: { duration: '1h' } },
      to: [slow],
    },
  );
  /** Takes as long as the timeout, for whatever else is to outlast it. */
  const timePasses = async (): Promise<void> =>
    assert.equal((await running.get('/t/other')).status, 504, 'the timeout is over');

  test('a request that is not answered gets 504, and the upstream is told', async () => {
    const got = await running.get('/t/never');
    assert.deepEqual([got.status, codeOf(got)], [504, 'UPSTREAM_TIMEOUT']);
    await cut.fired;
    assert.equal(codeOf(await running.get('/try')), 'UPSTREAM_TIMEOUT');
  });

  test('a request that is still being sent gets it as well', async () => {
    const outgoing = request({
      host: '127.0.0.1',
      port: running.port,
      path: '/t/upload',
      method: 'POST',
      headers: { 'x-unread': '1' },
    });
    outgoing.on('error', () => {});
    outgoing.write(Buffer.alloc(100_000));
    const [reply] = (await once(outgoing, 'response')) as [IncomingMessage];
    assert.equal(reply.statusCode, 504);
    outgoing.destroy();
  });

  test('a reply that has begun is not cut', async () => {
    const outgoing = request({ host: '127.0.0.1', port: running.port, path: '/t/body', agent: false });
    outgoing.end();
    const [reply] = (await once(outgoing, 'response')) as [IncomingMessage];
    const [first] = (await once(reply, 'data')) as [Buffer];
    assert.equal(String(first), 'first');
    await timePasses();
    assert.equal(reply.destroyed, false);
    outgoing.destroy();
  });

  test('a stream that somebody listens to is not, even before it has begun', async () => {
    const listened = running.get('/t/stream', { headers: { accept: 'text/event-stream' } });
    const stream = await streaming.fired;
    await timePasses();
    stream.writeHead(200, { 'content-type': 'text/event-stream' }).end('data: late\n\n');
    const got = await listened;
    assert.deepEqual([got.status, got.body], [200, 'data: late\n\n']);
  });

  test('a tunnel is not', async () => {
    const outgoing = request({
      host: '127.0.0.1',
      port: running.port,
      path: '/t/tunnel',
      headers: { connection: 'Upgrade', upgrade: 'echo' },
    });
    outgoing.end();
    const [, socket] = (await once(outgoing, 'upgrade')) as [IncomingMessage, Socket];
    opened.push(async () => void socket.destroy());
    await timePasses();
    socket.write('still there');
    assert.equal(String(((await once(socket, 'data')) as [Buffer])[0]), 'still there');
  });

  test('a delay counts as part of it, and what is delayed is not sent', async () => {
    const before = slow.seen.length;
    assert.equal(codeOf(await running.get('/late')), 'UPSTREAM_TIMEOUT');
    assert.equal(slow.seen.length, before);
  });
});

describe('retry', () => {
  const again = (retry: object = {}, more: object = {}) => ({
    retry: { attempts: 2, backoff: '5ms', codes: [503], ...retry },
    ...more,
  });

  test('an upstream that fails for a while is asked again with the same request', async () => {
    const server = await upstream(failing(2));
    const running = await gatewayTo({ path: '/', policies: again(), to: [server] });
    const got = await running.get('/', { method: 'POST', body: 'the body' });
    assert.deepEqual([got.status, got.body], [200, 'reply 3']);
    assert.deepEqual(server.seen, [
      { method: 'POST', body: 'the body', attempt: undefined },
      { method: 'POST', body: 'the body', attempt: '1' },
      { method: 'POST', body: 'the body', attempt: '2' },
    ]);
    const metrics = await get(Number(new URL(running.gateway.statsUrl).port), { path: '/metrics' });
    assert.match(metrics.body, /^agentgateway_http_retries_total 2$/m);
  });

  test('one that fails on gives its last answer', async () => {
    const server = await upstream(failing(100));
    const running = await gatewayTo({ path: '/', policies: again(), to: [server] });
    const got = await running.get('/');
    assert.deepEqual([got.status, got.body, server.seen.length], [503, 'reply 3', 3]);
  });

  test('large bodies and such of unknown length stream through once', async () => {
    const server = await upstream(failing(100));
    const running = await gatewayTo({ path: '/', policies: again(), to: [server] });
    const large = Buffer.alloc(70_000, 'x');
    assert.equal((await running.get('/', { method: 'POST', body: large })).status, 503);
    const headers = { 'transfer-encoding': 'chunked' };
    assert.equal((await running.get('/', { method: 'POST', body: 'x', headers })).status, 503);
    assert.deepEqual(
      server.seen.map(({ body }) => body.length),
      [70_000, 1],
    );
  });

  test('a connection that resets before the reply is tried again where that does no harm', async () => {
    const server = await upstream((response, _request, number) => {
      if (number % 3 === 0) response.end('third');
      else response.destroy();
    });
    const running = await gatewayTo({ path: '/', policies: again(), to: [server] });
    assert.equal((await running.get('/', { method: 'PUT', body: 'x' })).body, 'third');
    assert.equal(codeOf(await running.get('/', { method: 'POST', body: 'x' })), 'UPSTREAM_CLOSED');
    assert.deepEqual(server.seen.map(({ method }) => method).join(' '), 'PUT PUT PUT POST');
  });

  test('one that resets in mid-body is not: the reply has been passed on', async () => {
    const server = await upstream((response) => {
      response.writeHead(200, { 'content-length': 1000 }).write('half');
      setImmediate(() => response.destroy());
    });
    const running = await gatewayTo({ path: '/', policies: again(), to: [server] });
    await assert.rejects(running.get('/', { method: 'PUT' }));
    assert.equal(server.seen.length, 1);
  });

  test('all tries end with the request', async () => {
    const server = await upstream(failing(1000));
    const policies = again({ attempts: 200, backoff: '50ms' }, { timeout: { requestTimeout: '400ms' } });
    const running = await gatewayTo({ path: '/', policies, to: [server] });
    const got = await running.get('/');
    assert.deepEqual([got.status, codeOf(got)], [504, 'UPSTREAM_TIMEOUT']);
    assert.ok(server.seen.length > 1 && server.seen.length < 200, `${server.seen.length} tries`);
  });

  test('each try has a timeout of its own', async () => {
    const server = await upstream((response, _request, number) => {
      if (number === 3) response.end('third');
    });
    const policies = again({}, { timeout: { backendRequestTimeout: '250ms', requestTimeout: '20s' } });
    const running = await gatewayTo({ path: '/', policies, to: [server] });
    assert.equal((await running.get('/')).body, 'third');
    assert.equal(server.seen.length, 3);
  });

  test('a backend that is not there is left for the next one', async () => {
    const server = await upstream(ok);
    const nowhere = { port: await freePort() };
    const running = await gatewayTo({ path: '/', policies: again({ attempts: 1 }), to: [nowhere, server] });
    for (let count = 0; count < 6; count += 1) assert.equal((await running.get('/')).status, 200);
    assert.equal(server.seen.length, 6);
  });

  test('a precondition says what is sent again', async () => {
    const server = await upstream(failing(100));
    const policies = again({ precondition: 'request.method == "GET"' });
    const running = await gatewayTo({ path: '/', policies, to: [server] });
    await running.get('/', { method: 'DELETE' });
    assert.equal(server.seen.length, 1);
    await running.get('/');
    assert.equal(server.seen.length, 4);
  });
});

describe('health', () => {
  const policies = { health: { eviction: { duration: '1h', consecutiveFailures: 2 } } };

  test('a backend that fails gets nothing new until its time is over, over reloads as well', async () => {
    const sick = await upstream(failing(1000, 500));
    const well = await upstream(ok);
    const to = [
      { port: sick.port, policies },
      { port: well.port, policies },
    ];
    const running = await gatewayTo({ path: '/', to });
    const statuses = async (count: number): Promise<number[]> => {
      const all: number[] = [];
      for (let at = 0; at < count; at += 1) all.push((await running.get('/')).status);
      return all;
    };
    assert.deepEqual(await statuses(8), [500, 200, 500, 200, 200, 200, 200, 200]);
    const metrics = async (): Promise<string> =>
      (await get(Number(new URL(running.gateway.statsUrl).port), { path: '/metrics' })).body;
    const evicted = /agentgateway_backend_evicted\{backend="[^"]+\[0\]"\} 1/;
    assert.match(await metrics(), evicted);
    await appendFile(running.gateway.file, '# changed\n');
    await running.gateway.said(/configuration reloaded/);
    assert.deepEqual(await statuses(4), [200, 200, 200, 200]);
    assert.match(await metrics(), evicted);
    assert.equal(sick.seen.length, 2);
  });

  test('when all have failed, all are used: what recovers is found', async () => {
    const one = await upstream(failing(2));
    const other = await upstream(failing(2));
    const to = [
      { port: one.port, policies },
      { port: other.port, policies },
    ];
    const running = await gatewayTo({ path: '/', to });
    const statuses: number[] = [];
    for (let at = 0; at < 6; at += 1) statuses.push((await running.get('/')).status);
    assert.deepEqual(statuses, [503, 503, 503, 503, 200, 200]);
  });
});

test('a delay holds requests back, and lets go of one whose client leaves', {
  timeout: PATIENCE_MS,
}, async () => {
  const server = await upstream(ok);
  const running = await gatewayTo({
    path: '/',
    policies: { delay: { duration: 'request.path == "/slow" ? duration("1h") : duration("1ms")' } },
    to: [server],
  });
  const outgoing = request({ host: '127.0.0.1', port: running.port, path: '/slow', agent: false });
  outgoing.on('error', () => {});
  outgoing.end();
  await once(outgoing, 'socket');
  assert.equal((await running.get('/')).status, 200);
  outgoing.destroy();
  await running.gateway.said(/CANCELLED/);
  assert.equal(server.seen.length, 1);
});

/** Checks of backends: real servers that die, hang, fail and come back, and where requests go meanwhile. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { until } from '../fixtures/child-host.ts';
import { type GatewayProcess, startGateway } from '../fixtures/gateway.ts';
import { freePort, type Started, start, untilListening } from '../fixtures/programs.ts';
import { cert, key } from '../fixtures/tls.ts';
import { closing, get, listening } from './http-harness.ts';

const PATIENCE_MS = 60_000;
const opened: (() => Promise<unknown> | undefined)[] = [];
after(async () => {
  for (const close of opened.reverse()) await close();
});

/** Answers with its name, in a process of its own. */
async function server(name: string, at: number): Promise<Started> {
  const text = `require('node:http').createServer((_, response) => response.end('${name}')).listen(${at}, '127.0.0.1')`;
  const started = start(process.execPath, ['-e', text]);
  opened.push(() => started.stop());
  await untilListening(at, started);
  return started;
}

async function inProcess(handler: RequestListener): Promise<number> {
  const made = createServer(handler);
  const port = await listening(made);
  opened.push(() => closing(made));
  return port;
}

interface Backend {
  readonly host: string;
  readonly check?: object;
  readonly eviction?: object;
  readonly policies?: object;
}

const backends = (all: readonly Backend[]): object[] =>
  all.map(({ host, check, eviction, policies }) => ({
    host,
    policies: { ...(check && { health: { check, ...(eviction && { eviction }) } }), ...policies },
  }));

const configOf = (routes: readonly object[]): string =>
  `binds:\n- port: 3000\n  listeners: ${JSON.stringify([{ routes }])}\n`;

interface Running {
  readonly gateway: GatewayProcess;
  get(path?: string): Promise<string>;
  /** What so many requests are answered with, each answer once. */
  answers(count?: number): Promise<Set<string>>;
  metrics(): Promise<string>;
}

async function running(...routes: object[]): Promise<Running> {
  const adminAddr = `127.0.0.1:${await freePort()}`;
  const gateway = await startGateway({ config: configOf(routes), settings: { adminAddr } });
  opened.push(() => gateway.stop());
  const port = Number(new URL(gateway.url).port);
  const ask = async (path = '/'): Promise<string> => (await get(port, { path })).body;
  return {
    gateway,
    get: ask,
    answers: async (count = 8) => {
      const all = new Set<string>();
      for (let at = 0; at < count; at += 1) all.add(await ask());
      return all;
    },
    metrics: async () => (await get(Number(new URL(gateway.statsUrl).port), { path: '/metrics' })).body,
  };
}

const lines = ({ gateway }: Running, pattern: RegExp): number =>
  gateway
    .log()
    .split('\n')
    .filter((line) => pattern.test(line)).length;

const DOWN = /checks find a backend down/;
const BACK = /checks find the backend well again/;
const quick = { interval: '100ms', timeout: '500ms', unhealthyThreshold: 2 };

describe('a backend that is checked', { timeout: PATIENCE_MS }, () => {
  test('gets nothing while it is dead, and its share again when it is back; the log says so once', async () => {
    const at = await freePort();
    const other = await inProcess((_, response) => response.end('other'));
    const dying = await server('first', at);
    const place = await running({
      backends: backends([
        { host: `127.0.0.1:${at}`, check: { path: '/healthz', ...quick } },
        { host: `127.0.0.1:${other}`, check: { ...quick } },
      ]),
    });
    assert.deepEqual(await place.answers(), new Set(['first', 'other']));
    process.kill(dying.pid, 'SIGKILL');
    const [line] = await place.gateway.said(/.*checks find a backend down.*/);
    assert.match(line, /ECONNREFUSED/);
    assert.match(line, new RegExp(`http://127\\.0\\.0\\.1:${at}`));
    assert.deepEqual(await place.answers(), new Set(['other']));
    assert.match(await place.metrics(), /^agentgateway_backend_up\{backend="[^"]+\[0\]"\} 0$/m);
    assert.match(await place.metrics(), /^agentgateway_backend_evicted\{backend="[^"]+\[0\]"\} 1$/m);
    await server('again', at);
    await place.gateway.said(BACK);
    assert.deepEqual(await place.answers(), new Set(['again', 'other']));
    assert.match(await place.metrics(), /^agentgateway_backend_up\{backend="[^"]+\[0\]"\} 1$/m);
    assert.match(await place.metrics(), /^agentgateway_health_checks_total\{outcome="failed"\} [2-9]\d*$/m);
    assert.deepEqual([lines(place, DOWN), lines(place, BACK)], [1, 1]);
  });

  test('is left out when it hangs, whichever port still takes connections', async () => {
    const at = await freePort();
    const hanging = await server('hanging', at);
    const other = await inProcess((_, response) => response.end('other'));
    const place = await running({
      backends: backends([
        { host: `127.0.0.1:${at}`, check: { path: '/', ...quick, timeout: '200ms' } },
        { host: `127.0.0.1:${other}` },
      ]),
    });
    await place.answers();
    process.kill(hanging.pid, 'SIGSTOP');
    await place.gateway.said(/no answer within 200 ms/);
    assert.deepEqual(await place.answers(), new Set(['other']));
    process.kill(hanging.pid, 'SIGCONT');
    await place.gateway.said(BACK);
    assert.deepEqual(await place.answers(), new Set(['hanging', 'other']));
  });

  test('is judged by its status alone, and asked by name', async () => {
    const asked: IncomingMessage[] = [];
    let status = 204;
    const at = await inProcess((incoming, response) => {
      if (incoming.url !== '/live?deep=1') return void response.end('working');
      asked.push(incoming);
      response.writeHead(status).end();
    });
    const other = await inProcess((_, response) => response.end('other'));
    const check = {
      path: '/live?deep=1',
      method: 'HEAD',
      host: 'app.internal',
      headers: { 'x-probe': 'yes' },
      expectedStatuses: [204, '300-301'],
      ...quick,
    };
    const place = await running({
      backends: backends([{ host: `127.0.0.1:${at}`, check }, { host: `127.0.0.1:${other}` }]),
    });
    assert.deepEqual(await place.answers(), new Set(['working', 'other']));
    status = 200;
    await place.gateway.said(/it answers 200/);
    assert.deepEqual(await place.answers(), new Set(['other']));
    status = 301;
    await place.gateway.said(BACK);
    const { method, headers } = asked[0] as IncomingMessage;
    assert.deepEqual(
      [method, headers['user-agent'], headers.host, headers['x-probe']],
      ['HEAD', 'agentgateway-health', 'app.internal', 'yes'],
    );
  });

  test('is back in service at once when a check finds it, whatever requests have met before', async () => {
    const status = { '/': 200, '/healthz': 200 };
    const at = await inProcess(({ url }, response) => {
      response.writeHead(status[url as keyof typeof status]).end('sick');
    });
    const other = await inProcess((_, response) => response.end('other'));
    const check = { path: '/healthz', ...quick };
    const place = await running({
      backends: backends([
        { host: `127.0.0.1:${at}`, check, eviction: { duration: '1h' } },
        { host: `127.0.0.1:${other}` },
      ]),
    });
    status['/'] = 500;
    await place.answers();
    // Well to checks, and evicted for what requests have met.
    assert.deepEqual(await place.answers(), new Set(['other']));
    assert.match(await place.metrics(), /^agentgateway_backend_up\{backend="[^"]+\[0\]"\} 1$/m);
    status['/healthz'] = 500;
    await place.gateway.said(DOWN);
    Object.assign(status, { '/': 200, '/healthz': 200 });
    await place.gateway.said(BACK);
    assert.deepEqual(await place.answers(), new Set(['sick', 'other']));
  });

  test('is used when no other one is left', async () => {
    const nowhere = await freePort();
    const other = await freePort();
    const place = await running({
      backends: backends([
        { host: `127.0.0.1:${nowhere}`, check: quick },
        { host: `127.0.0.1:${other}`, check: quick },
      ]),
    });
    for (const at of [nowhere, other]) await place.gateway.said(new RegExp(`127.0.0.1:${at}.*ECONNREFUSED`));
    const all = [...(await place.answers())];
    assert.equal(all.length, 2, String(all));
    assert.ok(all.every((body) => body.includes('UPSTREAM_CONNECT')));
  });
});

describe('over a reload', { timeout: PATIENCE_MS }, () => {
  test('what checks have found stays known, is asked once for all who want to know, and ends when nobody does', async () => {
    const checks: string[] = [];
    const at = await inProcess((incoming, response) => {
      if (incoming.url === '/healthz') checks.push(incoming.url);
      response.writeHead(incoming.url === '/healthz' ? 503 : 200).end('sick');
    });
    const other = await inProcess((_, response) => response.end('other'));
    const check = { path: '/healthz', interval: '1h' };
    const both = backends([{ host: `127.0.0.1:${at}`, check }, { host: `127.0.0.1:${other}` }]);
    const routes = [{ matches: [{ path: { pathPrefix: '/second' } }], backends: both }, { backends: both }];
    const place = await running(...routes);
    await place.gateway.said(DOWN);
    const { file } = place.gateway;
    const text = await readFile(file, 'utf8');
    const times = (pattern: RegExp, count: number): Promise<void> =>
      until(() => lines(place, pattern) >= count, `${count} of ${pattern}`);
    let reloads = 0;
    const reload = async (to: string): Promise<void> => {
      await writeFile(file, to);
      reloads += 1;
      await times(/configuration reloaded/, reloads);
    };
    await reload(`${text}# changed\n`);
    assert.deepEqual(await place.answers(), new Set(['other']));
    assert.equal(await place.get('/second'), 'other');
    assert.deepEqual([checks.length, lines(place, DOWN)], [1, 1]);
    await reload(text.replaceAll('"interval":"1h"', '"interval":"2h"'));
    await times(DOWN, 2);
    assert.equal(checks.length, 2);
    await reload(text.replaceAll(/"health":\{[^}]*\}\}/g, ''));
    assert.deepEqual(await place.answers(), new Set(['sick', 'other']));
    assert.doesNotMatch(await place.metrics(), /agentgateway_backend_up\{/);
  });
});

describe('a check', { timeout: PATIENCE_MS }, () => {
  test('goes to Unix sockets and over TLS like requests', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'checked-'));
    opened.push(() => rm(folder, { recursive: true }));
    const path = join(folder, 's');
    const local = createServer((_, response) => response.end('local')).listen(path);
    await once(local, 'listening');
    await chmod(path, 0o777);
    const secure = createHttpsServer({ cert, key }, (_, response) => response.end('secure'));
    const port = await listening(secure);
    opened.push(
      () => closing(local),
      () => closing(secure),
    );
    const check = { path: '/', ...quick };
    const place = await running({
      backends: backends([
        { host: `unix:${path}`, check },
        { host: `https://127.0.0.1:${port}`, check, policies: { backendTLS: { insecure: true } } },
        // Nobody vouches for it.
        { host: `https://127.0.0.1:${port}`, check: quick },
      ]),
    });
    const [line] = await place.gateway.said(/.*checks find a backend down.*/);
    assert.match(line, /self-signed/);
    assert.deepEqual(await place.answers(12), new Set(['local', 'secure']));
    await closing(local);
    await place.gateway.said(/unix:.*ENOENT/);
    assert.deepEqual(await place.answers(), new Set(['secure']));
  });

  test('asks the health service of gRPC', async () => {
    const asked: Buffer[] = [];
    const state = { code: 1 };
    const made = createHttp2Server();
    made.on('stream', (stream, headers) => {
      stream.on('error', () => {});
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        asked.push(Buffer.concat([Buffer.from(`${headers[':path']} `), ...chunks]));
        stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
        stream.end(Buffer.from([0, 0, 0, 0, 2, 8, state.code]));
      });
    });
    made.listen(0, '127.0.0.1');
    await once(made, 'listening');
    opened.push(() => new Promise((resolve) => made.close(resolve)));
    const { port } = made.address() as AddressInfo;
    const place = await running({
      backends: backends([{ host: `127.0.0.1:${port}`, check: { grpc: { service: 'shop' }, ...quick } }]),
    });
    state.code = 2;
    await place.gateway.said(/it says NOT_SERVING/);
    state.code = 1;
    await place.gateway.said(BACK);
    assert.equal(String(asked[0]), '/grpc.health.v1.Health/Check \0\0\0\0\x06\n\x04shop');
  });

  test('is for backends of HTTP alone', async () => {
    const mcp = { targets: [{ name: 'a', stdio: { cmd: 'true' } }] };
    const config = configOf([{ backends: [{ mcp, policies: { health: { check: {} } } }] }]);
    await assert.rejects(startGateway({ config }), /health\.check: only `host` backends can be checked/);
  });
});

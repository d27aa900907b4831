import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { GatewayError } from '../core/errors.ts';
import { adminApp, startAdmin } from './dump.ts';
import type { Serving } from './serve.ts';
import { type StatsSource, startStats, statsApp } from './stats.ts';

const SOURCE: StatsSource = {
  ready: () => ({ ready: true, detail: { targets: { everything: 'up' } } }),
  metrics: async () => '# TYPE x counter\nx 1\n',
};

interface Answer {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
}

function get(where: {
  port?: number;
  host?: string;
  socketPath?: string;
  path: string;
  headers?: Record<string, string>;
}) {
  return new Promise<Answer>((resolve, reject) => {
    const outgoing = request({ agent: false, ...where }, async (reply) => {
      let text = '';
      for await (const chunk of reply) text += chunk;
      resolve({ status: reply.statusCode, headers: reply.headers, text });
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}

function own<T extends Serving>(t: TestContext, serving: T): T {
  t.after(() => serving.close());
  return serving;
}

function portOf(serving: Serving): number {
  return Number(/:(\d+)$/.exec(serving.address)?.[1]);
}

test('metrics are served as Prometheus text', async (t) => {
  const port = portOf(own(t, await startStats('127.0.0.1:0', SOURCE)));
  const answer = await get({ host: '127.0.0.1', port, path: '/metrics' });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
  assert.equal(answer.text, '# TYPE x counter\nx 1\n');
});

test('ready says 200 with the target states, and 503 with them when the gateway is not', async () => {
  const ready = await statsApp('0.0.0.0:1', SOURCE).request('/healthz/ready');
  assert.equal(ready.status, 200);
  assert.deepEqual(await ready.json(), { ready: true, targets: { everything: 'up' } });
  const down = { ...SOURCE, ready: () => ({ ready: false, detail: { targets: { everything: 'down' } } }) };
  const waiting = await statsApp('0.0.0.0:1', down).request('/healthz/ready');
  assert.equal(waiting.status, 503);
  assert.deepEqual(await waiting.json(), { ready: false, targets: { everything: 'down' } });
  assert.equal((await statsApp('0.0.0.0:1', down).request('/healthz')).status, 200);
});

test('what is not served is 404', async () => {
  assert.equal((await statsApp('0.0.0.0:1', SOURCE).request('/config_dump')).status, 404);
  assert.equal((await statsApp('0.0.0.0:1', { ready: SOURCE.ready }).request('/metrics')).status, 404);
  assert.equal(
    (await adminApp('localhost:1', { dump: () => ({}) }).request('/', { headers: { host: 'localhost' } }))
      .status,
    404,
  );
});

test('localhost answers on both loopback families under one port', async (t) => {
  const port = portOf(own(t, await startStats('localhost:0', SOURCE)));
  assert.equal((await get({ host: '127.0.0.1', port, path: '/healthz' })).status, 200);
  const v6 = await get({ host: '::1', port, path: '/healthz' }).catch(
    (error: NodeJS.ErrnoException) => error.code,
  );
  // A machine without IPv6 serves 127.0.0.1 alone.
  assert.ok(v6 === 'EADDRNOTAVAIL' || v6 === 'EAFNOSUPPORT' || (v6 as Answer).status === 200, String(v6));
});

test('a port alone means loopback', async (t) => {
  const serving = own(t, await startStats(':0', SOURCE));
  assert.match(serving.address, /^localhost:\d+$/);
});

test('a taken port is an error that says so', async (t) => {
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
  t.after(() => holder.close());
  const { port } = holder.address() as AddressInfo;
  for (const host of ['127.0.0.1', 'localhost']) {
    await assert.rejects(startStats(`${host}:${port}`, SOURCE), (error: GatewayError) => {
      assert.equal(error.code, 'LISTEN_FAILED');
      assert.match(error.message, new RegExp(`^stats address ${host}:${port}: already in use`));
      return true;
    });
  }
});

test('a text that is no address is an error that quotes it', async () => {
  await assert.rejects(
    startStats('nonsense', SOURCE),
    /stats address "nonsense" is not host:port or unix:\/path/,
  );
});

async function socketFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'stats-'));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

test('a Unix socket serves its owner only, and a second server is refused', async (t) => {
  const socketPath = join(await socketFolder(t), 's');
  const first = own(t, await startStats(`unix:${socketPath}`, SOURCE));
  assert.equal(first.address, `unix:${socketPath}`);
  assert.equal((await stat(socketPath)).mode & 0o777, 0o600);
  assert.equal((await get({ socketPath, path: '/healthz' })).status, 200);
  await assert.rejects(startStats(`unix:${socketPath}`, SOURCE), /already in use/);
});

test('the socket that a killed process left is replaced', async (t) => {
  const socketPath = join(await socketFolder(t), 's');
  const source = `require('node:net').createServer().listen(${JSON.stringify(socketPath)}, () => console.log('up'))`;
  const child = spawn(process.execPath, ['-e', source], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');
  own(t, await startStats(`unix:${socketPath}`, SOURCE));
  assert.equal((await get({ socketPath, path: '/healthz' })).status, 200);
});

test('a file that is no socket is left alone', async (t) => {
  const path = join(await socketFolder(t), 'precious');
  await writeFile(path, 'mine');
  await assert.rejects(startStats(`unix:${path}`, SOURCE), GatewayError);
  assert.equal(await readFile(path, 'utf8'), 'mine');
});

test('a source that fails is a 500 without secrets', async (t) => {
  const metrics = () => Promise.reject(new Error('reading https://u:pw@host/ failed'));
  const port = portOf(own(t, await startStats('127.0.0.1:0', { ...SOURCE, metrics })));
  const answer = await get({ host: '127.0.0.1', port, path: '/metrics' });
  assert.equal(answer.status, 500);
  assert.equal(answer.text, 'reading https://[redacted]@host/ failed\n');
});

test('closing frees the port although a client keeps its connection open', async (t) => {
  const first = await startStats('127.0.0.1:0', SOURCE);
  const agent = new Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  await new Promise<void>((resolve, reject) => {
    const outgoing = request({ agent, host: '127.0.0.1', port: portOf(first), path: '/healthz' }, (reply) => {
      reply.resume().on('end', resolve);
    });
    outgoing.on('error', reject).end();
  });
  await first.close();
  own(t, await startStats(first.address, SOURCE));
});

test('the config dump is redacted JSON', async (t) => {
  const dump = () => ({ version: '0.1.0', plan: { sessionKey: 'abc-secret', binds: [{ port: 3000 }] } });
  const port = portOf(own(t, await startAdmin('127.0.0.1:0', { dump })));
  const answer = await get({ host: '127.0.0.1', port, path: '/config_dump' });
  assert.equal(answer.status, 200);
  assert.deepEqual(JSON.parse(answer.text), {
    version: '0.1.0',
    plan: { sessionKey: '[redacted]', binds: [{ port: 3000 }] },
  });
});

test('the admin address refuses foreign host names and origins on loopback', async () => {
  const app = adminApp('localhost:15000', { dump: () => ({}) });
  const status = async (headers: Record<string, string>) =>
    (await app.request('/config_dump', { headers })).status;
  assert.equal(await status({ host: 'localhost:15000' }), 200);
  assert.equal(await status({ host: '[::1]:15000', origin: 'http://localhost:5173' }), 200);
  assert.equal(await status({ host: 'evil.example:15000' }), 403);
  assert.equal(await status({ host: 'localhost.evil.example' }), 403);
  assert.equal(await status({}), 403);
  assert.equal(await status({ host: 'localhost:15000', origin: 'https://evil.example' }), 403);
  assert.equal(await status({ host: 'localhost:15000', origin: 'null' }), 403);
});

test('the stats address refuses foreign host names on loopback', async () => {
  const app = statsApp('localhost:15020', SOURCE);
  for (const path of ['/healthz/ready', '/healthz', '/metrics']) {
    assert.equal((await app.request(path, { headers: { host: 'localhost:15020' } })).status, 200);
    assert.equal((await app.request(path, { headers: { host: 'evil.example:15020' } })).status, 403);
  }
});

test('readiness shows errors without their secrets', async () => {
  const error = 'connect https://u:pw@host/?api_key=abc failed';
  const detail = { targets: [{ name: 'auth', state: 'down', error }] };
  const app = statsApp('0.0.0.0:15020', { ready: () => ({ ready: true, detail }) });
  const answer = await app.request('/healthz/ready');
  assert.equal(answer.headers.get('content-type'), 'application/json');
  assert.deepEqual(await answer.json(), {
    ready: true,
    targets: [
      { name: 'auth', state: 'down', error: 'connect https://[redacted]@host/?api_key=[redacted] failed' },
    ],
  });
});

test('an admin address open to the network does not check host names', async () => {
  const app = adminApp('0.0.0.0:15000', { dump: () => ({}) });
  assert.equal((await app.request('/config_dump', { headers: { host: 'gateway.internal' } })).status, 200);
});

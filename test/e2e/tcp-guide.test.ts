// needs: redis-server openssl
/** What the guide about connections prints, as it is printed, with real programs at both ends. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { Authority, pemOf } from '../fixtures/certificates.ts';
import { until } from '../fixtures/child-host.ts';
import { Connections, echo } from '../fixtures/connections.ts';
import { type GatewayProcess, startGateway } from '../fixtures/gateway.ts';
import { logLines, metric, samples, save } from '../fixtures/gateway-state.ts';
import { freePort } from '../fixtures/programs.ts';
import { NO_REDIS, startRedis } from '../fixtures/redis.ts';
import { askHttps } from '../fixtures/tls-client.ts';
import { collect, raw, Stage } from './http-harness.ts';

const GUIDE = readFileSync(fileURLToPath(new URL('../../../docs/guides/tcp.md', import.meta.url)), 'utf8');
const PRINTED = [...GUIDE.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text = '']) => text);
const servers = new Connections();
const stage = new Stage();

async function run(
  t: TestContext,
  at: number,
  changes: Readonly<Record<string, string | number>>,
): Promise<GatewayProcess> {
  const gateway = await startGateway(changed(PRINTED[at] ?? '', changes));
  t.after(() => gateway.stop());
  return gateway;
}

/** Each place that is named has to be there. */
function changed(text: string, changes: Readonly<Record<string, string | number>>): string {
  return Object.entries(changes).reduce((before, [from, to]) => {
    assert.ok(before.includes(from), from);
    return before.replaceAll(from, String(to));
  }, text);
}

test('a Redis behind a TCP gateway: commands, values of a megabyte, and a kill', {
  skip: NO_REDIS,
}, async (t) => {
  const redis = await startRedis();
  t.after(() => redis.stop());
  const [port, none] = [await freePort(), await freePort()];
  const own = new URL(redis.url).port;
  const gateway = await run(t, 0, {
    6390: port,
    'localhost:6379': `127.0.0.1:${none}`,
    'localhost:6380': `127.0.0.1:${own}`,
  });
  const client = new Redis({ host: '127.0.0.1', port, retryStrategy: () => null });
  t.after(() => client.disconnect());
  client.on('error', () => {});
  const value = 'x'.repeat(1_500_000);
  await client.set('key', value);
  assert.equal(await client.get('key'), value);
  assert.equal(await metric(gateway.statsUrl, 'connections_open'), 1);
  await redis.kill();
  await until(() => client.status === 'end', 'the client is told');
  await until(async () => (await metric(gateway.statsUrl, 'connections_total')) === 1, 'it is counted');
  const find = () => logLines(gateway).find(({ msg }) => msg === 'connection');
  await until(() => find() !== undefined, 'it is logged');
  const line = find() ?? {};
  assert.ok(Number(line['bytes.received']) > value.length && Number(line['bytes.sent']) > value.length);
  const { listener, route, endpoint, protocol, reason } = line;
  assert.deepEqual(
    { listener, route, endpoint, protocol, reason },
    { listener: 'cache', route: 'cache', endpoint: `127.0.0.1:${own}`, protocol: 'tcp', reason: undefined },
  );
  const bytes = await samples(gateway.statsUrl, 'connection_bytes_total');
  const sent = 'listener="cache",route="cache",direction="sent"';
  assert.equal(bytes.get(sent), line['bytes.sent']);
  const refused = connect(port, '127.0.0.1');
  assert.equal((await collect(refused)).length, 0);
  await until(() => gateway.log().includes('UPSTREAM_CONNECT'), 'the log says why');
});

test('one port with HTTPS and TLS by name, asked by openssl', async (t) => {
  if (spawnSync('openssl', ['version']).status !== 0) return t.skip('openssl is not installed');
  const authority = new Authority();
  t.after(() => authority.remove());
  const [www, queue, orders] = ['www.example.com', 'queue.example.com', 'orders.db.example.com'].map((name) =>
    authority.issue(name),
  ) as [ReturnType<Authority['issue']>, ReturnType<Authority['issue']>, ReturnType<Authority['issue']>];
  const web = await stage.server((_, response) => response.end('web'));
  const inner = await servers.tlsUpstream(pemOf(orders), echo('orders\n'));
  const plain = await servers.upstream(echo('queue\n'));
  const port = await freePort();
  const changes = {
    8443: port,
    '/etc/gateway/www.crt': www.cert,
    '/etc/gateway/www.key': www.key,
    '/etc/gateway/queue.crt': queue.cert,
    '/etc/gateway/queue.key': queue.key,
    'localhost:8080': `127.0.0.1:${web.port}`,
    'localhost:5433': `127.0.0.1:${inner}`,
    'localhost:5672': `127.0.0.1:${plain}`,
  };
  const gateway = await run(t, 1, changes);
  assert.equal((await askHttps({ port, ca: authority.rootPem, authority: 'www.example.com' })).body, 'web');
  const ask = async (name: string): Promise<string> => {
    const args = [
      's_client',
      '-connect',
      `127.0.0.1:${port}`,
      '-servername',
      name,
      '-CAfile',
      authority.root,
    ];
    const child = spawn('openssl', [...args, '-verify_return_error', '-verify_hostname', name]);
    t.after(() => child.kill());
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += chunk));
    const over = () => child.exitCode !== null || /^(?:orders|queue)$/m.test(text);
    await until(over, 'it is through or turned away');
    child.stdin.end();
    child.kill();
    return text;
  };
  assert.match(await ask('orders.db.example.com'), /Verification: OK[\s\S]*^orders$/m);
  assert.match(await ask('queue.example.com'), /Verification: OK[\s\S]*^queue$/m);
  assert.match(await ask('users.db.example.com'), /unrecognized name|alert number 112/);
  // The same again, after a reload that takes the queue away.
  const text = changed(PRINTED[1] ?? '', { ...changes, 'queue.example.com': 'other.example.com' });
  await save(gateway, `config: {statsAddr: "${new URL(gateway.statsUrl).host}", adminAddr: "off"}\n${text}`);
  assert.match(await ask('queue.example.com'), /unrecognized name|alert number 112/);
});

test('behind a load balancer the address of the header is the client’s', async (t) => {
  const web = await stage.server(({ headers }, response) =>
    response.end(`for ${headers['x-forwarded-for']}`),
  );
  const port = await freePort();
  const gateway = await run(t, 2, { 8080: port, 'localhost:9000': `127.0.0.1:${web.port}` });
  const request = 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';
  const answer = await raw(port, `PROXY TCP6 2001:db8::7 2001:db8::1 1234 443\r\n${request}`, 'open');
  assert.match(answer, /for 2001:db8::7/);
  await until(() => logLines(gateway).some((line) => line['src.addr'] === '2001:db8::7'), 'the log has it');
  assert.equal(await raw(port, request, 'open').catch(() => ''), '');
  assert.equal(await metric(gateway.statsUrl, 'proxy_headers_refused_total'), 1);
});

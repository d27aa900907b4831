/** `backendTLS` as configured: towards MCP servers and plain ones, per target, through loads and reloads. */
import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { join } from 'node:path';
import { after, afterEach, describe, test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { Authority, type Pair, pemOf } from '../fixtures/certificates.ts';
import { until } from '../fixtures/child-host.ts';
import { type GatewayProcess, launch, startGateway } from '../fixtures/gateway.ts';
import { McpHttpClient, textOf } from '../fixtures/mcp-http.ts';
import { startRawServer } from '../fixtures/raw-server/http.ts';
import { closing, listening } from './http-harness.ts';

const authority = new Authority();
const served = authority.issue('search.test', { names: 'DNS:search.test,URI:spiffe://search.test/a' });
const closings: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closings.splice(0).reverse()) await close();
});
after(() => authority.remove());

/** TLS in front of a server that has none, a connection for each request; keeps who came. */
async function secured(url: string, mutual: boolean): Promise<{ port: number; clients: string[] }> {
  const clients: string[] = [];
  const options = { ...pemOf(served), requestCert: mutual, ca: authority.rootPem };
  const server = createSecureServer(options, (incoming, reply) => {
    clients.push(String((incoming.socket as TLSSocket).getPeerCertificate().subject?.CN ?? 'nobody'));
    const { method, headers } = incoming;
    const onward = request(new URL(incoming.url ?? '/', url), { method, headers }, (answer) => {
      reply.writeHead(answer.statusCode ?? 500, { ...answer.headers, connection: 'close' });
      answer.pipe(reply);
    });
    onward.on('error', () => reply.destroy());
    reply.on('close', () => onward.destroy());
    incoming.pipe(onward);
  });
  server.on('tlsClientError', () => {});
  const port = await listening(server);
  closings.push(() => closing(server));
  return { port, clients };
}

async function mcpServer(mutual = false): Promise<{ port: number; clients: string[] }> {
  const raw = await startRawServer({ http: { listening: false } });
  closings.push(() => raw.close());
  return secured(raw.url, mutual);
}

async function gatewayOf(options: Parameters<typeof startGateway>[0]): Promise<GatewayProcess> {
  const gateway = await startGateway(options);
  closings.push(() => gateway.stop());
  return gateway;
}

const target = (port: number, backendTLS: object) => ({
  mcp: { host: `https://127.0.0.1:${port}/mcp` },
  policies: { backendTLS },
});
const own = (): Pair => ({ cert: join(authority.folder, 'own.pem'), key: join(authority.folder, 'own.key') });

function put({ cert, key }: Pair): void {
  copyFileSync(cert, own().cert);
  copyFileSync(key, own().key);
}

describe('targets', () => {
  test('each have their own: what one believes and shows is not what another does', async () => {
    const one = await mcpServer(true);
    const other = await mcpServer();
    put(authority.issue('gateway', { usage: 'clientAuth' }));
    const { root } = authority;
    const targets = [
      { name: 'proved', ...target(one.port, { root, hostname: 'search.test', ...own() }) },
      { name: 'bare', ...target(one.port, { root, hostname: 'search.test' }) },
      { name: 'spiffe', ...target(other.port, { root, subjectAltNames: ['spiffe://search.test/a'] }) },
      { name: 'stranger', ...target(other.port, { root, subjectAltNames: ['spiffe://search.test/b'] }) },
      { name: 'unknown', ...target(other.port, { insecureHost: true }) },
      { name: 'any', ...target(other.port, { insecure: true }) },
    ];
    const { url, log, statsUrl } = await gatewayOf({ mcp: { targets, failureMode: 'failOpen' } });
    const client = await McpHttpClient.open(url);
    closings.push(async () => client.close());
    for (const name of ['proved', 'spiffe', 'any'])
      assert.equal(textOf(await client.call(`${name}_echo`, { message: 'hi' })).length > 0, true, name);
    assert.ok(one.clients.length > 0 && one.clients.every((name) => name === 'gateway'), String(one.clients));
    const ready = (await (await fetch(`${statsUrl}/healthz/ready`)).json()) as {
      targets: Record<string, { state: string; error?: string }>;
    };
    const states = Object.entries(ready.targets).map(([name, { state }]) => `${name} ${state}`);
    assert.deepEqual(states.sort(), [
      'any up',
      'bare down',
      'proved up',
      'spiffe up',
      'stranger down',
      'unknown down',
    ]);
    assert.match(ready.targets['stranger']?.error ?? '', /none of backendTLS\.subjectAltNames/);
    const warnings = log()
      .split('\n')
      .filter((line) => line.includes('backendTLS.insecure'));
    assert.deepEqual(warnings.map((line) => (JSON.parse(line) as { target: string }).target).sort(), [
      'any',
      'unknown',
    ]);
  });

  test('show a certificate that was replaced, without a reload', async () => {
    const { port, clients } = await mcpServer(true);
    put(authority.issue('first', { usage: 'clientAuth' }));
    const backendTLS = { root: authority.root, hostname: 'search.test', ...own() };
    const { url, said } = await gatewayOf({
      mcp: { targets: [{ name: 'one', ...target(port, backendTLS) }] },
    });
    put(authority.issue('second', { usage: 'clientAuth' }));
    const client = await McpHttpClient.open(url);
    closings.push(async () => client.close());
    assert.ok((await client.call('echo', {})).result);
    assert.deepEqual([clients[0], clients.at(-1)], ['first', 'second']);
    await said(/backendTLS: files have changed and are in force/);
  });
});

describe('a plain upstream', () => {
  test('is reached by host and port over TLS, with the certificate of the gateway', async () => {
    const plain = createServer((_, reply) => reply.end('there'));
    const at = await listening(plain);
    closings.push(() => closing(plain));
    const { port, clients } = await secured(`http://127.0.0.1:${at}`, true);
    const pair = pemOf(authority.issue('gateway', { usage: 'clientAuth' }));
    const backendTLS = { root: authority.rootPem, insecureHost: true, ...pair };
    const routes = [{ backends: [{ host: `127.0.0.1:${port}`, policies: { backendTLS } }] }];
    const config = `binds: [{port: 3000, listeners: [{routes: ${JSON.stringify(routes)}}]}]`;
    const { url } = await gatewayOf({ config });
    assert.equal(await (await fetch(url)).text(), 'there');
    assert.deepEqual(clients, ['gateway']);
  });
});

describe('settings that cannot work', () => {
  const config = (backendTLS: object): string =>
    `config: {statsAddr: "off", adminAddr: "off"}\n${JSON.stringify({
      mcp: { port: 0, targets: [{ name: 'one', ...target(1, backendTLS) }] },
    }).slice(1, -1)}`.replace('"mcp":', 'mcp: ');

  test('keep the gateway from starting, with the key that is wrong', async () => {
    const [one, other] = [authority.issue('a'), authority.issue('b')];
    const file = join(authority.folder, 'config.yaml');
    for (const [backendTLS, message] of [
      [{ root: '/no/such' }, /https:\/\/127\.0\.0\.1:1: backendTLS\.root: \/no\/such: no such file/],
      [{ cert: one.cert, key: other.key }, /backendTLS\.key: it is not the key of the certificate/],
      [{ cert: one.cert }, /needs `key`/],
      [{ insecure: true, root: authority.root }, /has no meaning beside `insecure`/],
    ] as const) {
      writeFileSync(file, config(backendTLS));
      const started = launch(['-f', file]);
      await until(() => started.exitCode() !== undefined, 'it leaves');
      assert.notEqual(started.exitCode(), 0);
      assert.match(started.log(), message);
    }
    rmSync(file);
  });

  test('leave what was before in force when they come with a reload', async () => {
    const { port } = await mcpServer();
    const right = { root: authority.root, hostname: 'search.test' };
    const { url, file, said } = await gatewayOf({
      mcp: { targets: [{ name: 'one', ...target(port, right) }] },
    });
    writeFileSync(
      file,
      readFileSync(file, 'utf8').replace('"hostname"', '"cert": "/no/such", "key": "/no/key", "hostname"'),
    );
    await said(/backendTLS\.cert: \/no\/such: no such file.*configuration not reloaded/);
    const client = await McpHttpClient.open(url);
    closings.push(async () => client.close());
    assert.ok((await client.call('echo', {})).result);
  });
});

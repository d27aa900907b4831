/** Listeners with TLS in a whole gateway: which one answers for a name, what a reload changes, and what must not mix. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, writeFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { Agent } from 'node:https';
import { join } from 'node:path';
import { after, beforeEach, describe, type TestContext, test } from 'node:test';
import { host } from '../../src/backends/host/index.ts';
import type { Definitions } from '../../src/config/definitions.ts';
import { loadConfig } from '../../src/config/load.ts';
import { systemClock } from '../../src/core/ports.ts';
import { NO_SIGNALS } from '../../src/core/signals.ts';
import { Gateway } from '../../src/gateway.ts';
import { Authority, pemOf } from '../fixtures/certificates.ts';
import { type LogEntry, recordedLog, temporaryFolder } from '../fixtures/child-host.ts';
import { askHttp2, askHttps } from '../fixtures/tls-client.ts';
import { collect, get, raw, Stage } from './http-harness.ts';

const definitions: Definitions = { policies: [], backends: [host] };
const authority = new Authority();
const clients = new Authority('clients.test');
after(() => {
  for (const each of [authority, clients]) each.remove();
});
const ca = authority.rootPem;
const pairs = Object.fromEntries(
  ['a.test', 'b.test', '*.wild.test', 'rest.test'].map((name) => [name, authority.issue(name)]),
);
const client = pemOf(clients.issue('client', { usage: 'clientAuth' }));
const stage = new Stage();

/** An upstream that says what it was asked, and by which route. */
let upstream: number;
beforeEach(async () => {
  const { port } = await stage.server((incoming, response) => {
    response.end(`${incoming.headers['x-forwarded-proto']} ${incoming.url}`);
  });
  upstream = port;
});

interface Listener {
  readonly hostname?: string;
  readonly [key: string]: unknown;
}

class World {
  readonly logged: LogEntry[] = [];
  readonly gateway: Gateway;

  constructor(t: TestContext) {
    const log = recordedLog(this.logged);
    const ports = { clock: systemClock, log, env: {}, signals: NO_SIGNALS, random: randomBytes };
    this.gateway = new Gateway({ definitions, ports, address: undefined, listen: true, drainMs: 1000 });
    t.after(() => this.gateway.close());
  }

  /** One port. Each listener forwards to the upstream. */
  async serve(listeners: readonly Listener[]): Promise<void> {
    const routes = [{ hostnames: ['*'], backends: [{ host: `localhost:${upstream}` }] }];
    const binds = [{ port: 0, listeners: listeners.map((listener) => ({ ...listener, routes })) }];
    const text = JSON.stringify({ config: { statsAddr: 'off', adminAddr: 'off' }, binds });
    const plan = loadConfig({ text, file: 'config', definitions, env: {}, cwd: '/', folder: '/' });
    await this.gateway.apply(plan);
  }

  get port(): number {
    return this.gateway.listening()[0]?.port ?? 0;
  }
}

const https = (hostname: string | undefined, more: Record<string, unknown> = {}): Listener => ({
  ...(hostname && { hostname }),
  protocol: 'HTTPS',
  tls: { ...pairs[hostname ?? 'rest.test'], ...more },
});

/** Which name the certificate is for that a client gets who asks for `servername`. */
async function shownTo(port: number, servername: string): Promise<string> {
  const { connect } = await import('node:tls');
  const socket = connect({ port, host: '127.0.0.1', ca, servername, checkServerIdentity: () => undefined });
  try {
    await once(socket, 'secureConnect');
    return String(socket.getPeerCertificate().subject.CN);
  } finally {
    socket.destroy();
  }
}

describe('listeners of one port', () => {
  test('show each name its own certificate: the exact one, the wildcard, the one for the rest', async (t) => {
    const world = new World(t);
    await world.serve([https('a.test'), https('*.wild.test'), https(undefined)]);
    const shown = await Promise.all(
      ['a.test', 'A.TEST', 'x.wild.test', 'x.y.wild.test', 'other.test', ''].map((name) =>
        shownTo(world.port, name),
      ),
    );
    assert.deepEqual(shown, ['a.test', 'a.test', '*.wild.test', '*.wild.test', 'rest.test', 'rest.test']);
    const { body, status } = await askHttps({ port: world.port, ca, path: '/p?q' });
    assert.deepEqual([status, body], [200, 'https /p?q']);
    assert.equal((await askHttp2({ port: world.port, ca, path: '/p?q' })).body, 'https /p?q');
  });

  test('turn a client away whose name none of them has, or that asks for none', async (t) => {
    const world = new World(t);
    await world.serve([https('a.test'), https('b.test')]);
    for (const name of ['other.test', ''])
      await assert.rejects(shownTo(world.port, name), /unrecognized name/);
    assert.deepEqual(
      world.logged.map(({ fields }) => (fields as { reason?: string }).reason),
      ['unknown_name', 'unknown_name'],
    );
  });

  test('let a client in that asks for no name where there is but one answer', async (t) => {
    const world = new World(t);
    await world.serve([https('a.test')]);
    assert.equal(await shownTo(world.port, ''), 'a.test');
    const { status } = await askHttps({
      port: world.port,
      ca,
      servername: '',
      checkServerIdentity: () => undefined,
    });
    assert.equal(status, 200);
  });

  test('serve nobody over the connection of another: a client certificate cannot be got around', async (t) => {
    const world = new World(t);
    await world.serve([https('a.test'), https('b.test', { root: clients.root })]);
    const { port } = world;
    assert.equal((await askHttps({ port, ca, authority: 'b.test', ...client })).status, 200);
    await assert.rejects(askHttps({ port, ca, authority: 'b.test' }));
    const around = { port, ca, servername: 'a.test', checkServerIdentity: () => undefined };
    for (const ask of [askHttps, askHttp2]) {
      const { status, body } = await ask({ ...around, authority: 'b.test' });
      assert.deepEqual([status, JSON.parse(body).error.code], [421, 'MISDIRECTED']);
    }
    const absolute = await askHttps({ ...around, path: 'http://b.test/' });
    assert.equal(absolute.status, 421);
  });

  test('with the same settings share connections, as browsers do', async (t) => {
    const world = new World(t);
    const shared = authority.issue('a.test', { names: 'DNS:a.test,DNS:b.test' });
    await world.serve(['a.test', 'b.test'].map((hostname) => ({ hostname, tls: shared })));
    const { status } = await askHttps({ port: world.port, ca, servername: 'a.test', authority: 'b.test' });
    assert.equal(status, 200);
  });

  test('may be plain beside those with TLS, and keep to it', async (t) => {
    const world = new World(t);
    await world.serve([https('a.test'), { hostname: 'plain.test' }]);
    const { port } = world;
    const plain = (name: string) => get(port, { headers: { host: name } });
    assert.deepEqual([(await plain('plain.test')).body, (await plain('plain.test')).status], ['http /', 200]);
    assert.equal((await plain('a.test')).status, 400);
    assert.equal((await plain('other.test')).status, 421);
    await assert.rejects(shownTo(port, 'plain.test'), /unrecognized name/);
    const mixed = await askHttps({
      port,
      ca,
      servername: 'a.test',
      authority: 'plain.test',
      checkServerIdentity: () => undefined,
    });
    assert.equal(mixed.status, 421);
  });
});

describe('plain HTTP on a port with TLS', () => {
  test('is told so, whatever host it asks for, and its connection ends', async (t) => {
    const world = new World(t);
    await world.serve([https('a.test')]);
    for (const name of ['a.test', 'other.test', 'localhost']) {
      const { status, headers, body } = await get(world.port, { headers: { host: name } });
      assert.deepEqual([status, headers.connection], [400, 'close']);
      assert.deepEqual(JSON.parse(body).error, {
        code: 'BAD_REQUEST',
        message: 'plain HTTP where HTTPS is spoken: use https://',
      });
    }
    const twice = 'GET /1 HTTP/1.1\r\nHost: a.test\r\n\r\nGET /2 HTTP/1.1\r\nHost: a.test\r\n\r\n';
    assert.equal((await raw(world.port, twice)).match(/HTTP\/1\.1 400/g)?.length, 1);
  });

  test('is told so over HTTP/2, and its connection ends', async (t) => {
    const world = new World(t);
    await world.serve([https('a.test')]);
    const session = connectHttp2(`http://127.0.0.1:${world.port}`);
    t.after(() => session.destroy());
    const gone = once(session, 'close');
    const stream = session.request({ ':path': '/' });
    const [headers] = await once(stream, 'response');
    assert.equal(headers[':status'], 400);
    assert.match((await collect(stream)).toString(), /use https/);
    await gone;
  });
});

describe('a reload', () => {
  const certificate = (folder: string) => ({ cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') });

  test('with a broken pair keeps the configuration before, and says what is wrong', async (t) => {
    const world = new World(t);
    await world.serve([https('a.test')]);
    const before = world.gateway.plan;
    const mixed = { cert: pairs['a.test']?.cert, key: pairs['b.test']?.key };
    await assert.rejects(world.serve([https('a.test', mixed)]), {
      code: 'CONFIG_INVALID',
      message: 'listener "a.test": tls.key: it is not the key of the certificate',
    });
    await assert.rejects(
      world.serve([https('a.test', { root: '/nowhere.pem' })]),
      /tls\.root: .*no such file/,
    );
    assert.equal(world.gateway.plan, before);
    assert.equal((await askHttps({ port: world.port, ca })).status, 200);
  });

  test('that changes something else keeps the pair in force, though its files are broken by now', async (t) => {
    const world = new World(t);
    const folder = temporaryFolder(t);
    const at = certificate(folder);
    copyFileSync(pairs['a.test']?.cert ?? '', at.cert);
    copyFileSync(pairs['a.test']?.key ?? '', at.key);
    await world.serve([https('a.test', at)]);
    const kept = world.gateway.lasting().length;
    writeFileSync(at.cert, 'nothing');
    await world.serve([https('a.test', at), https('b.test')]);
    assert.equal(await shownTo(world.port, 'a.test'), 'a.test');
    assert.equal(await shownTo(world.port, 'b.test'), 'b.test');
    await world.serve([https('a.test', at)]);
    assert.equal(world.gateway.lasting().length, kept);
  });

  test('that asks for client certificates asks those, too, who are connected already', async (t) => {
    const world = new World(t);
    await world.serve([https('a.test')]);
    const { port } = world;
    const agent = new Agent({ keepAlive: true, maxSockets: 1, ca, servername: 'a.test' });
    t.after(() => agent.destroy());
    const session = connectHttp2('https://a.test', { host: '127.0.0.1', port, ca } as object);
    t.after(() => session.destroy());
    await once(session, 'connect');
    assert.equal((await askHttps({ port, agent })).status, 200);
    await world.serve([https('a.test', { root: clients.root })]);
    const { status, headers } = await askHttps({ port, agent });
    assert.deepEqual([status, headers.connection], [421, 'close']);
    await assert.rejects(askHttps({ port, agent }), 'a new connection needs a certificate');
    const closed = once(session, 'close');
    const stream = session.request({ ':path': '/', ':authority': 'a.test' });
    const [head] = await once(stream, 'response');
    stream.resume();
    assert.equal(head[':status'], 421);
    await closed;
    assert.equal((await askHttps({ port, ca, ...client })).status, 200);
  });

  test('turns TLS on and off', async (t) => {
    const world = new World(t);
    await world.serve([{ hostname: 'a.test' }]);
    const { port } = world;
    await assert.rejects(askHttps({ port, ca }), /handshake failure/);
    await world.serve([https('a.test')]);
    assert.equal((await askHttps({ port, ca })).status, 200);
    await world.serve([{ hostname: 'a.test' }]);
    assert.equal((await get(port, { headers: { host: 'a.test' } })).status, 200);
    await assert.rejects(askHttps({ port, ca }), /handshake failure/);
    assert.equal(world.gateway.lasting().length, 1, 'the upstream alone');
  });
});

/** Connections that are passed on as bytes: who gets them, how they end, and what a reload leaves of them. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { Authority, pemOf } from '../fixtures/certificates.ts';
import { temporaryFolder, until } from '../fixtures/child-host.ts';
import { Connections, closed, echo, first } from '../fixtures/connections.ts';
import { freePort } from '../fixtures/programs.ts';
import { collect, signal } from './http-harness.ts';

const world = new Connections();
const at = (port: number): { host: string } => ({ host: `127.0.0.1:${port}` });

describe('a TCP listener', () => {
  test('passes on what the server says first, and writes one record at the end', async () => {
    const upstream = await world.upstream(echo('welcome'));
    const client = await world.connect(await world.tcp([at(upstream)]));
    assert.equal(await first(client), 'welcome');
    client.write('hello');
    assert.equal(await first(client), 'hello');
    client.end();
    await once(client.resume(), 'end');
    const [record] = await world.ended(1);
    assert.ok(record && record.ms > 0 && record.startedAt > 0);
    assert.deepEqual(record, {
      startedAt: record.startedAt,
      client: '127.0.0.1',
      protocol: 'tcp',
      serverName: undefined,
      user: undefined,
      listener: 'default',
      route: 'all',
      backend: '0/default/all[0]',
      endpoint: `127.0.0.1:${upstream}`,
      bytesIn: 5,
      bytesOut: 12,
      ms: record.ms,
      reason: undefined,
      error: undefined,
    });
  });

  test('carries megabytes each way unchanged, to a reader that is slow', async () => {
    const upstream = await world.upstream((socket) => socket.pipe(socket));
    const client = await world.connect(await world.tcp([at(upstream)]));
    const sent = randomBytes(8 * 1024 * 1024);
    client.end(sent);
    const got: Buffer[] = [];
    // Twenty looks of whatever has come by then.
    for (let looks = 0; looks < 20; looks += 1) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      const chunk = client.read();
      if (chunk) got.push(chunk);
    }
    got.push(await collect(client));
    assert.ok(Buffer.concat(got).equals(sent));
    const [record] = await world.ended(1);
    assert.deepEqual([record?.bytesIn, record?.bytesOut], [sent.length, sent.length]);
  });

  test('gives each backend its share of the connections', async () => {
    const [one, two, none] = await Promise.all(
      ['one', 'two', 'none'].map((name) => world.upstream(echo(name))),
    );
    const backends = [
      { ...at(one ?? 0), weight: 3 },
      { ...at(two ?? 0), weight: 1 },
      { ...at(none ?? 0), weight: 0 },
    ];
    const port = await world.tcp(backends);
    const said: Record<string, number> = {};
    for (let i = 0; i < 8; i += 1) {
      const client = await world.connect(port);
      const name = await first(client);
      said[name] = (said[name] ?? 0) + 1;
      client.destroy();
    }
    assert.deepEqual(said, { one: 6, two: 2 });
  });

  test('tries the next backend where one cannot be connected to, and closes where none can', async () => {
    const alive = await world.upstream(echo('alive'));
    const port = await world.tcp([{ ...at(1), weight: 100 }, at(alive)]);
    for (let i = 0; i < 3; i += 1) assert.equal(await first(await world.connect(port)), 'alive');
    const warnings = world.logged.filter(({ level }) => level === 'warn');
    assert.equal(warnings.length, 1, 'once in a while, not for each connection');
    const [{ fields, message } = assert.fail()] = warnings;
    assert.match(message, /passed over/);
    const { backend, reason, error } = fields as Record<string, unknown>;
    assert.deepEqual([backend, reason], ['0/default/all[0]', 'UPSTREAM_CONNECT']);
    assert.match(String(error), /127\.0\.0\.1:1: .*ECONNREFUSED/);
    await world.tcp([at(1), at(2)]);
    const refused = await world.connect(port);
    assert.equal((await collect(refused)).length, 0);
    await world.ended(4);
    const last = world.records.find(({ reason }) => reason === 'UPSTREAM_CONNECT');
    assert.match(last?.error ?? '', /cannot connect to 127\.0\.0\.1:[12]: .*ECONNREFUSED/);
    await world.tcp([{ ...at(alive), weight: 0 }]);
    assert.equal((await collect(await world.connect(port))).length, 0);
    assert.ok((await world.ended(5)).some(({ reason }) => reason === 'NO_BACKEND'));
  });

  test('waits for a server as long as the policy `tcp` says, at the route, the backend or one that is named', async () => {
    const silent = await world.upstream(() => {});
    const alive = await world.upstream(echo('alive'));
    const policies = { backendTLS: {}, tcp: { connectTimeout: '50ms', keepalives: { time: '10s' } } };
    const backends = [{ name: 'silent', ...at(silent), policies }];
    let port = await world.tcp([{ ...at(silent), weight: 100, policies }, at(alive)]);
    assert.equal(await first(await world.connect(port)), 'alive');
    port = await world.tcp([{ backend: 'silent', weight: 100 }, at(alive)], { backends });
    assert.equal(await first(await world.connect(port)), 'alive');
    const tcpRoutes = [{ policies, backends: [at(silent)] }];
    port = await world.serve({ binds: [{ port: 0, listeners: [{ protocol: 'TCP', tcpRoutes }] }] });
    assert.equal((await collect(await world.connect(port))).length, 0);
  });

  test('reaches a server behind a Unix socket', async (t) => {
    const path = join(temporaryFolder(t), 'server.sock');
    const server = createServer(echo('unix')).listen(path);
    world.own(() => server.close());
    await once(server, 'listening');
    const client = await world.connect(await world.tcp([{ host: `unix:${path}` }]));
    assert.equal(await first(client), 'unix');
    client.resetAndDestroy();
    const [record] = await world.ended(1);
    assert.deepEqual([record?.endpoint, record?.reason], [`unix:${path}`, 'CANCELLED']);
  });

  test('says to the client that the server was killed, and to the server that the client is gone', async () => {
    const port = await freePort();
    const script = `require('net').createServer((s) => s.write('up')).listen(${port}, '127.0.0.1', () => console.log('up'))`;
    const server = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'ignore'] });
    world.own(() => server.kill('SIGKILL'));
    await once(server.stdout, 'data');
    const client = await world.connect(await world.tcp([at(port)]));
    assert.equal(await first(client), 'up');
    const ended = once(client.resume(), 'end');
    server.kill('SIGKILL');
    await ended;
    client.destroy();
    await world.ended(1);

    const gone = signal<string | undefined>();
    const upstream = await world.upstream((socket) => {
      socket.write('hi');
      socket.once('error', (error: NodeJS.ErrnoException) => gone.fire(error.code));
      socket.resume();
    });
    const again = await world.connect(await world.tcp([at(upstream)]));
    await first(again);
    again.resetAndDestroy();
    assert.equal(await gone.fired, 'ECONNRESET');
    assert.deepEqual([(await world.ended(2))[1]?.reason], ['CANCELLED']);
  });

  test('closes a connection over which nothing has come for as long as is configured', async () => {
    const upstream = await world.upstream(echo('hi'));
    const port = await world.tcp([at(upstream)], {
      config: { statsAddr: 'off', adminAddr: 'off', limits: { connectionIdle: '100ms' } },
    });
    const client = await world.connect(port);
    await closed(client);
    assert.equal((await world.ended(1))[0]?.reason, 'CONNECTION_IDLE');
  });

  test('has no more connections than its port may have', async () => {
    const upstream = await world.upstream(echo('hi'));
    const port = await world.tcp([at(upstream)], {
      config: { statsAddr: 'off', adminAddr: 'off', limits: { connections: 1 } },
    });
    const client = await world.connect(port);
    await first(client);
    const second = await world.connect(port);
    await closed(second);
    assert.deepEqual(world.counted, ['connections_refused_total limit']);
    client.destroy();
  });

  test('speaks TLS to the server where `backendTLS` says so', async () => {
    const authority = new Authority();
    after(() => authority.remove());
    const upstream = await world.tlsUpstream(pemOf(authority.issue('db.test')), (socket) => {
      socket.write(`${socket.alpnProtocol} ${(socket as { servername?: string }).servername} `);
      socket.pipe(socket);
    });
    const tls = (hostname: string) => ({
      ...at(upstream),
      policies: { backendTLS: { root: authority.root, hostname } },
    });
    const port = await world.tcp([tls('db.test')]);
    const client = await world.connect(port);
    client.end('question');
    assert.equal((await collect(client)).toString(), 'false db.test question');
    await world.ended(1);
    await world.tcp([tls('other.test')]);
    assert.equal((await collect(await world.connect(port))).length, 0);
    assert.match((await world.ended(2))[1]?.error ?? '', /not match|altnames/);
  });
});

describe('a reload', () => {
  async function open(port: number): Promise<Socket> {
    const client = await world.connect(port);
    await first(client);
    return client;
  }

  async function echoes(client: Socket, text: string): Promise<void> {
    client.write(text);
    assert.equal(await first(client), text);
  }

  test('keeps connections that would come through again, and cuts those that would not', async () => {
    const [one, two] = [await world.upstream(echo('one')), await world.upstream(echo('two'))];
    const port = await world.tcp([at(one), at(two)]);
    const [first, second] = [await open(port), await open(port)];
    await world.tcp([{ ...at(two), weight: 0 }, at(one)]);
    await echoes(first, 'a');
    await echoes(second, 'b');
    const cut = closed(second);
    await world.tcp([at(one)]);
    await cut;
    await echoes(first, 'c');
    const [record] = await world.ended(1);
    assert.deepEqual([record?.endpoint, record?.reason], [`127.0.0.1:${two}`, 'ROUTE_NOT_FOUND']);
    const gone = closed(first);
    const listeners = [{ routes: [{ backends: [at(one)] }] }];
    await world.serve({ binds: [{ port: 0, listeners }] });
    await gone;
  });

  test('that is refused changes nothing', async () => {
    const one = await world.upstream(echo('one'));
    const port = await world.tcp([at(one)]);
    const client = await open(port);
    const tls = { backendTLS: { root: '/no/such' } };
    await assert.rejects(world.tcp([{ ...at(one), policies: tls }]), { code: 'CONFIG_INVALID' });
    await echoes(client, 'still there');
  });

  test('under load loses no byte of what stays', async () => {
    const one = await world.upstream((socket) => socket.pipe(socket));
    const port = await world.tcp([at(one)]);
    const sent = randomBytes(4 * 1024 * 1024);
    const clients = await Promise.all(Array.from({ length: 8 }, () => world.connect(port)));
    const answers = clients.map((client) => collect(client));
    for (const client of clients) client.end(sent);
    for (let weight = 1; weight < 6; weight += 1) await world.tcp([{ ...at(one), weight }]);
    for (const answer of await Promise.all(answers)) assert.ok(answer.equals(sent));
    assert.ok((await world.ended(8)).every(({ reason }) => reason === undefined));
  });
});

test('clients that leave at any moment leave nothing behind, whatever is reloaded meanwhile', async () => {
  const open = new Set<Socket>();
  const serve = (socket: Socket): void => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    echo('welcome')(socket);
  };
  const backends = [at(await world.upstream(serve)), at(1), at(await world.upstream(serve))];
  const port = await world.tcp(backends);
  const leave = async (way: number): Promise<void> => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }).on('error', () => {});
    world.own(() => socket.destroy());
    if (way % 6 === 0) return void socket.destroy();
    await new Promise((resolve) => socket.once('connect', resolve).once('close', resolve));
    if (way % 6 === 1) return void socket.resetAndDestroy();
    socket.write(Buffer.alloc(way * 1000));
    if (way % 6 === 2) return void socket.resetAndDestroy();
    if (way % 6 === 3) return void socket.destroy();
    await new Promise((resolve) => socket.once('data', resolve).once('close', resolve));
    if (way % 6 === 4) socket.resetAndDestroy();
    else socket.resume().end();
  };
  const all = Array.from({ length: 240 }, (_, way) => leave(way));
  for (let weight = 1; weight < 5; weight += 1)
    await world.tcp(backends.map((backend) => ({ ...backend, weight })));
  await Promise.all(all);
  await until(() => open.size === 0, 'every server has been told');
  const codes = new Set(world.records.map(({ reason }) => reason));
  for (const code of codes) assert.ok([undefined, 'CANCELLED', 'UPSTREAM_CLOSED'].includes(code), code);
  const last = await world.connect(port);
  assert.equal(await first(last), 'welcome');
});

test('a gateway that stops lets connections end for a while, then cuts them', async () => {
  const upstream = await world.upstream(echo('hi'));
  const port = await world.tcp([at(upstream)]);
  const [quick, slow] = [await world.connect(port), await world.connect(port)];
  await Promise.all([first(quick), first(slow)]);
  const cut = closed(slow);
  const stopped = world.gateway.close();
  quick.write('last');
  assert.equal(await first(quick), 'last');
  quick.end();
  await stopped;
  await cut;
  const reasons = (await world.ended(2)).map(({ reason }) => reason);
  assert.deepEqual(reasons, [undefined, 'SHUTTING_DOWN']);
});

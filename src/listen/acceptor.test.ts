import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, createServer, type IncomingMessage, request } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { describe, test } from 'node:test';
import { collect, get, listening, raw, signal } from '../../test/e2e/http-harness.ts';
import { Accepting, reply } from '../../test/fixtures/accepting.ts';
import type { Connection } from '../core/connection.ts';
import type { GatewayError } from '../core/errors.ts';
import type { Answer, Exchange } from '../core/exchange.ts';
import { Flow } from '../lib/flow.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { Acceptor, type AcceptorOptions } from './acceptor.ts';

const accepting = new Accepting();
const hello = async (): Promise<Answer> => reply('hello');
const hasIPv6 = Object.values(networkInterfaces()).some((list) =>
  list?.some(({ address }) => address === '::1'),
);

describe('a port', () => {
  test('without address is bound on both loopback families, under one number', async (t) => {
    if (!hasIPv6) return t.skip('this machine has no IPv6');
    const { port } = await accepting.open(hello);
    for (const host of ['127.0.0.1', '::1']) assert.equal((await get(port, { host })).body, 'hello');
  });

  test('with an address is bound there', async () => {
    const { port } = await accepting.open(async (exchange) => reply(exchange.local.address), {
      address: '127.0.0.2',
    });
    assert.equal((await get(port, { host: '127.0.0.2' })).body, '127.0.0.2');
    await assert.rejects(get(port, { host: '127.0.0.1' }), { code: 'ECONNREFUSED' });
  });

  test('that is taken is an error that names it and the remedy, and leaves nothing open', async () => {
    for (const host of hasIPv6 ? ['127.0.0.1', '::1'] : ['127.0.0.1']) {
      const other = createServer().listen(0, host);
      await once(other, 'listening');
      accepting.own(async () => other.close());
      const { port } = other.address() as AddressInfo;
      const acceptor = new Acceptor({ port, address: undefined, ports: accepting.ports, handle: hello });
      await assert.rejects(acceptor.listen(), (error: GatewayError) => {
        assert.equal(error.code, 'LISTEN_FAILED');
        assert.match(error.message, new RegExp(`port ${port} .*in use.*choose another port`));
        return true;
      });
      if (host === '::1') await assert.rejects(get(port), { code: 'ECONNREFUSED' });
    }
  });

  test('of an address that this machine does not have is an error that says so', async () => {
    const acceptor = new Acceptor({ port: 0, address: '192.0.2.1', ports: accepting.ports, handle: hello });
    await assert.rejects(acceptor.listen(), { code: 'LISTEN_FAILED', message: /no such address/ });
  });
});

describe('limits', () => {
  test('more headers than allowed, or larger ones, are refused', async () => {
    const { port } = await accepting.open(hello, { limits: { headerCount: 5, headerBytes: 2000 } });
    const many = await get(port, { headers: { a: '1', b: '2', c: '3', d: '4' } });
    assert.equal(many.status, 431);
    assert.equal(JSON.parse(many.body).error.code, 'HEADERS_TOO_LARGE');
    const large = await get(port, { headers: { a: 'x'.repeat(3000) } });
    assert.equal(large.status, 431);
    assert.deepEqual(accepting.refused, ['HEADERS_TOO_LARGE']);
  });

  test('too many headers are said to be too many, also where Host is one of those that are not read', async () => {
    const { port } = await accepting.open(hello, { limits: { headerCount: 5 } });
    const lines = ['GET / HTTP/1.1', ...Array.from({ length: 9 }, (_, at) => `a${at}: b`), 'Host: a', '', ''];
    assert.match(await raw(port, lines.join('\r\n')), /^HTTP\/1\.1 431 /);
    assert.equal((await accepting.recorded(1))[0]?.reason, 'HEADERS_TOO_LARGE');
  });

  test('a request without Host is refused, and recorded; HTTP/1.0 knew none', async () => {
    const { port } = await accepting.open(hello);
    assert.match(await raw(port, 'GET / HTTP/1.1\r\n\r\n'), /^HTTP\/1\.1 400 [\s\S]*no Host header/);
    assert.equal((await accepting.recorded(1))[0]?.reason, 'BAD_REQUEST');
    assert.match(await raw(port, 'GET / HTTP/1.0\r\n\r\n'), /^HTTP\/1\.1 200 /);
  });

  test('headers that do not arrive in time end the connection with 408', async () => {
    const { port } = await accepting.open(hello, { limits: { headersTimeoutMs: 50 } });
    assert.match(await raw(port, 'GET / HTTP/1.1\r\nHost: a\r\nX-Slow', 'open'), /^HTTP\/1\.1 408 /);
  });

  test('a connection that says nothing is closed', async () => {
    const { port } = await accepting.open(hello, { limits: { headersTimeoutMs: 50 } });
    const socket = connect(port, '127.0.0.1');
    socket.resume();
    await once(socket, 'close');
  });

  test('more requests at a time than allowed are told to come back', async () => {
    const first = signal();
    const finish = signal();
    const { port } = await accepting.open(
      async () => {
        first.fire();
        await finish.fired;
        return reply('done');
      },
      { limits: { maxInFlight: 1 } },
    );
    const waiting = get(port);
    await first.fired;
    const { status, headers } = await get(port);
    assert.deepEqual([status, headers['retry-after']], [503, '1']);
    finish.fire();
    assert.equal((await waiting).body, 'done');
  });
});

describe('a connection that came by another way', () => {
  const addresses = {
    client: { address: '192.0.2.1', port: 1234 },
    local: { address: '192.0.2.2', port: 443 },
    destination: { address: 'a.test', port: 443 },
  };

  /** Both ends of one that no acceptor has accepted. */
  async function tunnel(): Promise<[Socket, Socket]> {
    const server = createTcpServer({ allowHalfOpen: true });
    const port = await listening(server);
    const near = connect(port, '127.0.0.1');
    const [far] = (await once(server, 'connection')) as [Socket];
    accepting.own(async () => {
      near.destroy();
      server.close();
    });
    return [near, far];
  }

  /** An acceptor that listens nowhere. */
  function deaf(options: Partial<AcceptorOptions> = {}): Acceptor {
    const handle = async ({ client, local }: Exchange) => reply(`${client.address} ${local.address}`);
    const { ports } = accepting;
    const acceptor = new Acceptor({ port: undefined, address: undefined, ports, handle, ...options });
    accepting.own(() => acceptor.close());
    return acceptor;
  }

  test('is served as if it had been accepted, without a PROXY header, under the addresses it is given', async () => {
    const acceptor = deaf({ entry: () => ({ proxyProtocol: { version: 'all', mode: 'strict' } }) });
    const [near, far] = await tunnel();
    far.unshift('GET / HTTP/1.1\r\nHost: a');
    acceptor.inject(far, addresses);
    near.write('\r\nConnection: close\r\n\r\n');
    assert.match((await collect(near)).toString(), /200 OK[\s\S]*192\.0\.2\.1 192\.0\.2\.2$/);
    assert.equal((await accepting.recorded(1))[0]?.client, '192.0.2.1');
    await acceptor.close(1000);
    assert.equal(acceptor.connections, 0);
  });

  test('is passed on where the port passes everything on, with what it was meant for', async () => {
    const { fired, fire } = signal<Connection>();
    const acceptor = deaf({ entry: () => ({ tcp: async (connection) => fire(connection) }) });
    const [near, far] = await tunnel();
    acceptor.inject(far, addresses);
    const { client, local, destination, record } = await fired;
    assert.deepEqual({ client, local, destination }, addresses);
    assert.equal(record.client, '192.0.2.1');
    assert.equal((await collect(near)).length, 0, 'whoever has served it is done with it');
  });

  test('has as little time for its headers', async () => {
    const acceptor = deaf({ limits: { headersTimeoutMs: 50 } });
    const [near, far] = await tunnel();
    acceptor.inject(far, addresses);
    near.write('GET / HTTP/1.1\r\nHost: a\r\nX-Slow');
    assert.match((await collect(near)).toString(), /^HTTP\/1\.1 408 /);
  });
});

describe('closing', () => {
  test('lets an exchange end, refuses new connections and closes idle ones', async () => {
    const asked = signal();
    const finish = signal();
    const { port, acceptor } = await accepting.open(async ({ path }) => {
      if (path === '/quick') return reply('quick');
      asked.fire();
      await finish.fired;
      return reply('slow');
    });
    const agent = new Agent({ keepAlive: true });
    accepting.own(async () => agent.destroy());
    await get(port, { path: '/quick', agent });
    const waiting = get(port);
    await asked.fired;
    const closed = acceptor.close(60_000);
    await assert.rejects(get(port), { code: 'ECONNREFUSED' });
    assert.equal(acceptor.connections, 1, 'the idle connection is gone');
    finish.fire();
    const { body, headers } = await waiting;
    assert.deepEqual([body, headers.connection], ['slow', 'close']);
    await closed;
    assert.equal(acceptor.connections, 0);
  });

  test('cuts what has not ended by the deadline', async () => {
    const clock = new FakeClock();
    const flow = new Flow();
    const { port, acceptor } = await accepting.open(async () => reply(flow), {
      ports: { ...accepting.ports, clock },
    });
    const outgoing = request({ port, host: '127.0.0.1', agent: false }).end();
    const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
    const broken = assert.rejects(collect(incoming));
    const closed = acceptor.close(5_000);
    await clock.advance(4_999);
    assert.equal(acceptor.connections, 1);
    await clock.advance(1);
    await closed;
    await broken;
    assert.equal(acceptor.connections, 0);
  });

  test('ends a keep-alive connection whose reply was already under way', async () => {
    const flow = new Flow();
    const { port, acceptor } = await accepting.open(async () => reply(flow));
    const agent = new Agent({ keepAlive: true });
    accepting.own(async () => agent.destroy());
    const outgoing = request({ port, host: '127.0.0.1', agent }).end();
    const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
    const closed = acceptor.close(60_000);
    flow.push(Buffer.from('rest'));
    flow.end();
    assert.equal((await collect(incoming)).toString(), 'rest');
    await closed;
  });
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { after, afterEach, describe, test } from 'node:test';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { collect } from '../../test/e2e/http-harness.ts';
import { Accepting, reply } from '../../test/fixtures/accepting.ts';
import { Authority, pemOf } from '../../test/fixtures/certificates.ts';
import { testTls } from '../../test/fixtures/test-plan.ts';
import type { Answer, Exchange } from '../core/exchange.ts';
import { silentLog, systemClock } from '../core/ports.ts';
import { Flow } from '../lib/flow.ts';
import { breakOff } from '../lib/underlying.ts';
import { Acceptor, type AcceptorOptions } from './acceptor.ts';
import { TlsTerminator } from './tls-terminator.ts';
import { tunnelInto, tunnelPlace } from './tunnel-entrance.ts';

const accepting = new Accepting();
const authority = new Authority();
const server = authority.issue('a.test');
const client = authority.issue('client', { usage: 'clientAuth' });
const ca = authority.rootPem;
after(() => authority.remove());

const ends = new Set<TlsTerminator>();
afterEach(() => {
  for (const end of ends) end.close();
  ends.clear();
});

function terminator(more: Parameters<typeof testTls>[1] = {}): TlsTerminator {
  const ports = { clock: systemClock, log: silentLog };
  const end = new TlsTerminator({ tls: testTls(server, more), listener: 'default', key: 'k', ports });
  ends.add(end);
  return end;
}

/** Of the port that is led to. */
interface Inner extends Partial<AcceptorOptions> {
  readonly handle?: (exchange: Exchange) => Promise<Answer>;
}

/** Asks for a tunnel over TLS to a port, as a client with a certificate. */
async function ask({ handle = async () => reply('hello'), ...more }: Inner): Promise<TLSSocket> {
  const { ports } = accepting;
  const inner = new Acceptor({ port: undefined, address: undefined, ports, handle, ...more });
  accepting.own(() => inner.close());
  const outer = terminator({ root: authority.root });
  const { port } = await accepting.open(() => assert.fail('served before the tunnel'), {
    entry: () => ({ tls: () => outer }),
    limits: { connect: 'tunnel' },
    enter: (exchange) => tunnelInto(inner, exchange, tunnelPlace(exchange)),
  });
  const socket = await secured({ port, host: '127.0.0.1', ...pemOf(client) });
  socket.write('CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n');
  return socket;
}

async function tunnelTo(inner: Inner): Promise<TLSSocket> {
  const socket = await ask(inner);
  assert.match(String((await once(socket, 'data'))[0]), /^HTTP\/1\.1 200 /);
  return socket;
}

async function secured(options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connect({ ca, servername: 'a.test', ...options });
  accepting.own(async () => socket.destroy());
  await once(socket, 'secureConnect');
  return socket;
}

describe('a tunnel over TLS to another port', () => {
  test('is a plain connection there, of a client that has proved nothing', async () => {
    const over = await tunnelTo({
      handle: async ({ scheme, tls, principal, certificate }) =>
        reply([scheme, tls, principal, certificate].join(',')),
    });
    over.write('GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n');
    assert.match((await collect(over)).toString(), /\r\n\r\nhttp,,,$/);
    await accepting.recorded(2);
  });

  test('is closed where that port has no room, and nothing else is', async () => {
    const over = await ask({ limits: { connections: 0 } });
    over.on('error', () => {}).resume();
    await new Promise((resolve) => over.once('close', resolve));
    assert.deepEqual(await accepting.refusals(1), ['limit']);
    assert.equal((await accepting.recorded(1))[0]?.reason, undefined);
  });

  test('carries TLS of its own, which is reset below both when a reply breaks off', async () => {
    const end = terminator();
    const body = new Flow();
    const over = await tunnelTo({
      handle: async () => reply(body, ['content-length', '10']),
      entry: () => ({ tls: () => end }),
    });
    over.on('error', () => {});
    const within = await secured({ socket: over });
    within.write('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
    body.push(Buffer.from('half'));
    await once(within, 'data');
    const broken = assert.rejects(collect(within), { code: 'ECONNRESET' });
    body.fail(new Error('gone'));
    await broken;
  });

  test('carries TLS of its own, which is reset below both when what it is passed on to breaks off', async () => {
    const end = terminator();
    const serve = async ({ socket }: { socket: Socket }) => {
      await once(socket, 'readable');
      breakOff(socket);
    };
    const over = await tunnelTo({
      entry: () => ({
        tls: () => ({
          accept: (socket, handshake) =>
            end.accept(socket, { ...handshake, secured: (within) => handshake.taken(within, serve) }),
        }),
      }),
    });
    over.on('error', () => {});
    const within = await secured({ socket: over });
    within.write('hello');
    await assert.rejects(collect(within), { code: 'ECONNRESET' });
  });
});

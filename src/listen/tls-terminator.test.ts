import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { after, afterEach, describe, type TestContext, test } from 'node:test';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { collect, signal } from '../../test/e2e/http-harness.ts';
import { Accepting, reply } from '../../test/fixtures/accepting.ts';
import { Authority, type Pair, pemOf } from '../../test/fixtures/certificates.ts';
import { temporaryFolder } from '../../test/fixtures/child-host.ts';
import { beginning, get } from '../../test/fixtures/raw-http2.ts';
import { testTls } from '../../test/fixtures/test-plan.ts';
import { askHttp2, askHttps } from '../../test/fixtures/tls-client.ts';
import type { Answer, Exchange } from '../core/exchange.ts';
import type { ListenerTls } from '../core/plan.ts';
import { silentLog } from '../core/ports.ts';
import { Flow } from '../lib/flow.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { TlsTerminator } from './tls-terminator.ts';

const accepting = new Accepting();
const authority = new Authority();
const stranger = new Authority('stranger.test');
const server = authority.issue('a.test');
const client = authority.issue('client', { usage: 'clientAuth' });
const ca = authority.rootPem;
after(() => {
  for (const each of [authority, stranger]) each.remove();
});

const ends = new Set<TlsTerminator>();
afterEach(() => {
  for (const end of ends) end.close();
  ends.clear();
});

function terminator(more: Partial<ListenerTls>, pair: Pair = server, clock = new FakeClock()): TlsTerminator {
  const ports = { clock, log: silentLog };
  const end = new TlsTerminator({ tls: testTls(pair, more), listener: 'default', key: 'k', ports });
  ends.add(end);
  return end;
}

function open(
  more: Partial<ListenerTls> = {},
  handle: (exchange: Exchange) => Promise<Answer> = async () => reply('hello'),
) {
  const end = terminator(more);
  return accepting.open(handle, { entry: () => ({ tls: () => end }) });
}

/** A connection whose handshake is over for the client; with TLS 1.3 the server may still refuse it. */
async function connected(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connect({ port, host: '127.0.0.1', ca, servername: 'a.test', ...options });
  socket.on('error', () => {});
  accepting.own(async () => socket.destroy());
  await once(socket, 'secureConnect');
  return socket;
}

describe('a connection over TLS', () => {
  const say = async ({ scheme, httpVersion, tls, principal, certificate }: Exchange) =>
    reply([scheme, httpVersion, tls?.key, tls?.serverName, principal, certificate].join(' '));

  test('carries HTTP/1.1 or HTTP/2 as the client wants, and exchanges know what it is', async () => {
    const { port } = await open({}, say);
    assert.equal((await askHttps({ port, ca })).body, 'https 1.1 k a.test  ');
    assert.equal((await askHttp2({ port, ca })).body, 'https 2.0 k a.test  ');
  });

  test('prefers HTTP/2 where the client takes both, and is HTTP/1.1 without ALPN', async () => {
    const { port } = await open();
    const both = await connected(port, { ALPNProtocols: ['http/1.1', 'h2'] });
    assert.equal(both.alpnProtocol, 'h2');
    const none = await connected(port);
    assert.equal(none.alpnProtocol, false);
    none.write('GET / HTTP/1.0\r\n\r\n');
    assert.match((await collect(none)).toString(), /^HTTP\/1\.1 200 [\s\S]*hello$/);
  });

  test('that a client of HTTP/2 ends is over, and so is what it asked for', async () => {
    const asked = signal();
    const { port } = await open({}, ({ cancel }) => {
      asked.fire();
      return new Promise((_resolve, reject) => cancel.onCancel(reject));
    });
    const socket = await connected(port, { ALPNProtocols: ['h2'], allowHalfOpen: true } as ConnectionOptions);
    socket.resume().write(Buffer.concat([beginning(), get(1)]));
    await asked.fired;
    socket.end();
    assert.equal((await accepting.recorded(1))[0]?.reason, 'CANCELLED');
  });

  test('is HTTP/1.1 where the listener offers nothing else', async () => {
    const { port } = await open({ alpn: ['http/1.1'] });
    const socket = await connected(port, { ALPNProtocols: ['h2', 'http/1.1'] });
    assert.equal(socket.alpnProtocol, 'http/1.1');
    await assert.rejects(askHttp2({ port, ca }), /no application protocol/);
  });

  test('has a version within the bounds', async () => {
    const { port: late } = await open({ minVersion: 'TLSv1.3' });
    assert.equal((await askHttps({ port: late, ca })).protocol, 'TLSv1.3');
    await assert.rejects(askHttps({ port: late, ca, maxVersion: 'TLSv1.2' }), /protocol version/);
    const { port: early } = await open({ maxVersion: 'TLSv1.2' });
    assert.equal((await askHttps({ port: early, ca })).protocol, 'TLSv1.2');
    await assert.rejects(askHttps({ port: early, ca, minVersion: 'TLSv1.3' }), /protocol version/);
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' } as const;
    await assert.rejects(askHttps({ port: early, ca, ...old }), /protocol version/);
  });

  test('uses a cipher of the list, in the order of the list', async () => {
    const { port } = await open({ ciphers: ['TLS_CHACHA20_POLY1305_SHA256', 'TLS_AES_128_GCM_SHA256'] });
    const socket = await connected(port);
    assert.deepEqual(
      [socket.getProtocol(), socket.getCipher().name],
      ['TLSv1.3', 'TLS_CHACHA20_POLY1305_SHA256'],
    );
    const other = { ciphers: 'TLS_AES_256_GCM_SHA384', minVersion: 'TLSv1.3' } as const;
    await assert.rejects(askHttps({ port, ca, ...other }), /handshake failure/);
    await assert.rejects(askHttps({ port, ca, maxVersion: 'TLSv1.2' }), /protocol version/);
  });

  test('uses a group of the list', async () => {
    const { port } = await open({ groups: ['P-384'] });
    const socket = await connected(port);
    assert.equal((socket.getEphemeralKeyInfo() as { name?: string }).name, 'secp384r1');
    await assert.rejects(askHttps({ port, ca, ecdhCurve: 'X25519' }));
  });

  test('carries upgrades', async () => {
    const { port } = await open({}, async () => ({
      status: 101,
      headers: ['connection', 'upgrade', 'upgrade', 'echo'],
      attach: (socket) => void socket.pipe(socket),
    }));
    const socket = await connected(port);
    socket.write('GET / HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n');
    await once(socket, 'data');
    socket.end('back');
    assert.equal((await collect(socket)).toString(), 'back');
  });

  test('takes uploads of any size', async () => {
    const { port } = await open({}, async ({ body }) => reply(String((await body.read(4_000_000)).length)));
    const to = { port, host: '127.0.0.1', ca, agent: false, servername: 'a.test' };
    const outgoing = request({ ...to, method: 'POST' });
    outgoing.end(Buffer.alloc(3_000_000));
    const [incoming] = await once(outgoing, 'response');
    assert.equal((await collect(incoming)).toString(), '3000000');
  });

  test('is reset when a reply breaks off: to a reader that waits for the end, a close says "complete"', async () => {
    const flow = new Flow();
    const { port, acceptor } = await open({}, async () => reply(flow));
    const socket = await connected(port);
    const failed = once(socket, 'error');
    socket.write('GET / HTTP/1.0\r\n\r\n');
    flow.push(Buffer.from('half'));
    await once(socket, 'data');
    flow.fail(new Error('broken'));
    const [error] = await failed;
    assert.equal(error.code, 'ECONNRESET');
    await accepting.recorded(1);
    await acceptor.close();
    assert.equal(acceptor.connections, 0);
  });

  test('that idles is closed with its port; a reply under way is finished first', async () => {
    const flow = new Flow();
    const { port, acceptor } = await open({}, async ({ path }) => reply(path === '/slow' ? flow : 'quick'));
    const agent = new Agent({ keepAlive: true, ca, servername: 'a.test' });
    accepting.own(async () => agent.destroy());
    await askHttps({ port, path: '/', agent });
    const outgoing = request({
      port,
      host: '127.0.0.1',
      path: '/slow',
      agent: false,
      ca,
      servername: 'a.test',
    });
    const [incoming] = await once(outgoing.end(), 'response');
    assert.equal(acceptor.connections, 2);
    const closed = acceptor.close(60_000);
    flow.push(Buffer.from('rest'));
    flow.end();
    assert.equal((await collect(incoming)).toString(), 'rest');
    await closed;
    assert.equal(acceptor.connections, 0);
  });
});

describe('a client certificate', () => {
  const mutual = { root: authority.root };

  test('of the authority is let in, and says who the client is', async () => {
    const names = 'DNS:client.test,URI:spiffe://test/client,IP:192.0.2.7,email:a@b.test';
    const pair = authority.issue('client', {
      names,
      subject: '/O=Some, Company/CN=client/CN=second',
      usage: 'clientAuth',
    });
    const { port } = await open(mutual, async ({ principal, identity, certificate }) =>
      reply(
        JSON.stringify({
          principal,
          identity,
          subject: certificate?.subject,
          cn: certificate?.subjectCn,
          issuer: certificate?.issuer,
          names: certificate?.subjectAltNames,
          fingerprint: certificate?.fingerprint,
          pem: certificate?.certificate,
        }),
      ),
    );
    const x509 = new X509Certificate(pemOf(pair).cert);
    const fingerprint = x509.fingerprint256.replaceAll(':', '').toLowerCase();
    const expected = {
      principal: `tls:${fingerprint}`,
      identity: { principal: `tls:${fingerprint}` },
      subject: 'O=Some\\, Company, CN=client, CN=second',
      cn: 'client',
      issuer: 'CN=authority.test',
      names: ['client.test', 'spiffe://test/client', '192.0.2.7'],
      fingerprint,
      pem: x509.toString(),
    };
    assert.deepEqual(JSON.parse((await askHttps({ port, ca, ...pemOf(pair) })).body), expected);
    assert.deepEqual(JSON.parse((await askHttp2({ port, ca, ...pemOf(pair) })).body), expected);
  });

  const wrong: Record<string, () => Pair | undefined> = {
    'that is missing': () => undefined,
    'that has expired': () => authority.issue('client', { days: -1, usage: 'clientAuth' }),
    'of another authority': () => stranger.issue('client', { usage: 'clientAuth' }),
    'that is one for servers': () => server,
  };
  for (const [what, issue] of Object.entries(wrong))
    test(`${what} is refused by the handshake, whatever the version`, async () => {
      const pair = issue();
      const { port } = await open(mutual, async () => assert.fail('reached'));
      for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const)
        await assert.rejects(askHttps({ port, ca, maxVersion, ...(pair && pemOf(pair)) }));
      await assert.rejects(askHttp2({ port, ca, ...(pair && pemOf(pair)) }));
      assert.deepEqual(await accepting.refusals(3), ['certificate', 'certificate', 'certificate']);
    });

  test('is asked for on each connection: nothing is resumed', async () => {
    const { port } = await open(mutual);
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const)
      assert.equal(await resumes(port, { ...pemOf(client), maxVersion }), false, maxVersion);
  });

  test('is verified by the authorities of the day', async (t) => {
    const root = join(temporaryFolder(t), 'root.pem');
    writeFileSync(root, authority.rootPem);
    const clock = new FakeClock();
    const end = terminator({ root }, server, clock);
    const { port } = await accepting.open(async () => reply('hello'), { entry: () => ({ tls: () => end }) });
    const other = stranger.issue('client', { usage: 'clientAuth' });
    await assert.rejects(askHttps({ port, ca, ...pemOf(other) }));
    writeFileSync(root, `${stranger.rootPem}\n`);
    await eventually(clock, () => askHttps({ port, ca, ...pemOf(other) }));
    await assert.rejects(askHttps({ port, ca, ...pemOf(client) }));
  });

  test('is not asked for where no authority is given', async () => {
    const { port } = await open({}, async ({ principal = 'nobody' }) => reply(principal));
    assert.equal((await askHttps({ port, ca, ...pemOf(client) })).body, 'nobody');
  });
});

describe('a certificate that changes', () => {
  const next = authority.issue('a.test');
  const serial = ({ cert }: Pair): string => new X509Certificate(readFileSync(cert)).serialNumber;

  function rotating(t: TestContext) {
    const folder = temporaryFolder(t);
    const at = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
    const put = (pair: Pair): void => {
      copyFileSync(pair.cert, at.cert);
      copyFileSync(pair.key, at.key);
    };
    put(server);
    const clock = new FakeClock();
    return { put, at, clock, end: terminator({}, at, clock) };
  }

  test('is shown to new connections; no request under way fails, and none later', async (t) => {
    const { put, clock, end } = rotating(t);
    const { port } = await accepting.open(async () => reply('hello'), { entry: () => ({ tls: () => end }) });
    const kept = new Agent({ keepAlive: true, maxSockets: 1, ca, servername: 'a.test' });
    accepting.own(async () => kept.destroy());
    const before = (await askHttps({ port, ca, agent: kept })).shown;
    const shown = new Set<string>();
    let stop = false;
    const client = async (): Promise<void> => {
      while (!stop) shown.add((await askHttps({ port, ca })).shown);
    };
    const load = Promise.all(Array.from({ length: 4 }, client));
    for (const pair of [next, server, next]) {
      put(pair);
      shown.clear();
      while (!shown.has(serial(pair))) {
        await clock.advance(2000);
        await new Promise(setImmediate);
      }
    }
    stop = true;
    await load;
    assert.equal((await askHttps({ port, ca, agent: kept })).shown, before, 'a connection keeps its own');
  });

  test('and is broken leaves the one before in force', async (t) => {
    const { put, at, clock, end } = rotating(t);
    const { port } = await accepting.open(async () => reply('hello'), { entry: () => ({ tls: () => end }) });
    writeFileSync(at.key, 'nothing');
    for (let looks = 0; looks < 5; looks += 1) {
      await clock.advance(2000);
      assert.equal((await askHttps({ port, ca })).shown, serial(server));
    }
    put(next);
    await eventually(clock, async () => assert.equal((await askHttps({ port, ca })).shown, serial(next)));
  });

  test('ends the resumption of sessions begun with the one before', async (t) => {
    const { put, clock, end } = rotating(t);
    const { port } = await accepting.open(async () => reply('hello'), { entry: () => ({ tls: () => end }) });
    assert.equal(await resumes(port), true);
    const rotated = async (): Promise<void> => {
      put(next);
      await eventually(clock, async () => assert.equal((await askHttps({ port, ca })).shown, serial(next)));
    };
    assert.equal(await resumes(port, {}, rotated), false);
  });
});

test('settings that this release of Node cannot have are an error that says which', () => {
  assert.throws(() => terminator({ groups: ['nothing'] }), {
    code: 'CONFIG_INVALID',
    message: 'listener "default": tls.keyExchangeGroups: this release of Node does not know all of them',
  });
});

/** Whether a second connection resumes the first one. */
async function resumes(
  port: number,
  options: ConnectionOptions = {},
  between: () => Promise<void> = async () => {},
): Promise<boolean> {
  let session: Buffer | undefined;
  const first = connect({ port, host: '127.0.0.1', ca, servername: 'a.test', ...options });
  first.on('session', (ticket) => {
    session = ticket;
  });
  first.write('GET / HTTP/1.0\r\n\r\n');
  assert.match((await collect(first)).toString(), /hello/);
  await between();
  const second = await connected(port, { ...options, ...(session && { session }) });
  return second.isSessionReused();
}

/** Looks at the files until it holds. */
async function eventually<T>(clock: FakeClock, holds: () => Promise<T>): Promise<T> {
  for (let looks = 0; ; looks += 1) {
    await clock.advance(2000);
    try {
      return await holds();
    } catch (error) {
      if (looks === 20) throw error;
    }
  }
}

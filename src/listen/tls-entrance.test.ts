import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { after, afterEach, describe, test } from 'node:test';
import { connect } from 'node:tls';
import { collect } from '../../test/e2e/http-harness.ts';
import { Accepting, reply } from '../../test/fixtures/accepting.ts';
import { Authority } from '../../test/fixtures/certificates.ts';
import { type LogEntry, recordedLog } from '../../test/fixtures/child-host.ts';
import { testTls } from '../../test/fixtures/test-plan.ts';
import { askHttps, helloFor } from '../../test/fixtures/tls-client.ts';
import { silentLog } from '../core/ports.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import type { AcceptorOptions } from './acceptor.ts';
import { TlsTerminator } from './tls-terminator.ts';

const accepting = new Accepting();
const authority = new Authority();
const ca = authority.rootPem;
const end = new TlsTerminator({
  tls: testTls(authority.issue('a.test')),
  listener: 'default',
  key: 'k',
  ports: { clock: new FakeClock(), log: silentLog },
});
after(() => {
  end.close();
  authority.remove();
});

const logged: LogEntry[] = [];
afterEach(() => {
  logged.length = 0;
});

function open(options: Partial<AcceptorOptions> = {}) {
  const ports = { ...accepting.ports, log: recordedLog(logged) };
  return accepting.open(async () => reply('hello'), { ports, entry: () => ({ tls: () => end }), ...options });
}

const alert = (description: number): Buffer => Buffer.from([0x15, 3, 3, 0, 2, 2, description]);

function tcp(port: number): Socket {
  const socket = connectTcp(port, '127.0.0.1').setNoDelay();
  socket.on('error', () => {});
  accepting.own(async () => socket.destroy());
  return socket;
}

/** Everything that comes back for these bytes, up to the end of the connection. */
async function said(port: number, bytes: Buffer): Promise<Buffer> {
  const socket = tcp(port);
  socket.write(bytes);
  return collect(socket);
}

describe('a TLS connection that is turned away', () => {
  test('for a port without TLS gets an alert, and the log says why', async () => {
    const { port, acceptor } = await open({ entry: () => undefined });
    assert.deepEqual(await said(port, await helloFor('a.test')), alert(40));
    assert.deepEqual(accepting.refused, ['plain_port']);
    const [{ level, fields, message } = {}] = logged;
    assert.deepEqual([level, message], ['info', 'TLS connection refused']);
    assert.deepEqual(fields, {
      reason: 'plain_port',
      detail: 'this port speaks plain HTTP',
      serverName: 'a.test',
      'src.addr': '127.0.0.1',
    });
    await acceptor.close();
    assert.equal(acceptor.connections, 0);
  });

  test('for a name that nobody has gets an alert that says so', async () => {
    const choice = (name: string | undefined) => (name === 'a.test' ? end : undefined);
    const { port } = await open({ entry: () => ({ tls: choice }) });
    for (const servername of ['b.test', ''])
      await assert.rejects(once(connect({ port, ca, servername }), 'secureConnect'), /unrecognized name/);
    assert.deepEqual(accepting.refused, ['unknown_name', 'unknown_name']);
    assert.equal((await askHttps({ port, ca, servername: 'A.Test' })).status, 200);
  });

  test('for a hello that is none, or beyond the limit, is told so', async () => {
    const { port } = await open({ limits: { helloBytes: 100 } });
    assert.deepEqual(await said(port, Buffer.from([0x16, 3, 1, 0, 5, 2, 0, 0, 1, 0])), alert(50));
    assert.deepEqual(await said(port, await helloFor('a.test')), alert(50));
    assert.deepEqual(accepting.refused, ['hello', 'hello']);
    assert.match(JSON.stringify(logged[1]?.fields), /more than 100 bytes/);
  });

  test('for a handshake that goes wrong has a log line with the reason', async () => {
    const { port } = await open();
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' } as const;
    await assert.rejects(askHttps({ port, ca, ...old }), /protocol version/);
    await assert.rejects(askHttps({ port }), /verify|issuer|self-signed/);
    assert.deepEqual(await accepting.refusals(2), ['protocol', 'closed']);
    assert.match(
      JSON.stringify(logged.map(({ fields }) => fields)),
      /ERR_SSL_UNSUPPORTED_PROTOCOL.*ECONNRESET/,
    );
  });
});

describe('a TLS connection that is slow', () => {
  test('is served when its hello comes byte by byte', async () => {
    const { port } = await open();
    const hello = await helloFor('a.test');
    const socket = tcp(port);
    for (const byte of hello) {
      socket.write(Buffer.from([byte]));
      await new Promise(setImmediate);
    }
    const [first] = await once(socket, 'data');
    assert.equal(first[0], 0x16, 'the server goes on with the handshake');
    socket.destroy();
    assert.deepEqual(await accepting.refusals(1), ['closed']);
  });

  test('is closed at the deadline, in its hello as after it', async () => {
    const clock = new FakeClock();
    const { port, acceptor } = await open({ ports: { ...accepting.ports, clock, log: recordedLog(logged) } });
    const hello = await helloFor('a.test');
    const [half, whole] = [tcp(port), tcp(port)];
    const closed = Promise.all([once(half, 'close'), once(whole, 'close')]);
    half.write(hello.subarray(0, 20));
    whole.write(hello);
    await once(whole, 'data');
    while (clock.waiting < 2) await new Promise(setImmediate);
    whole.resume();
    half.resume();
    await clock.advance(14_999);
    half.write(hello.subarray(20, 21));
    await new Promise(setImmediate);
    assert.equal(acceptor.connections, 2);
    await clock.advance(1);
    await closed;
    assert.deepEqual(accepting.refused, ['timeout', 'timeout']);
    assert.equal(clock.waiting, 0);
  });

  test('loses its deadline with the end of its handshake, or of itself', async () => {
    const clock = new FakeClock();
    const { port, acceptor } = await open({ ports: { ...accepting.ports, clock, log: recordedLog(logged) } });
    const socket = connect({ port, ca, servername: 'a.test' });
    accepting.own(async () => socket.destroy());
    await once(socket, 'secureConnect');
    socket.write('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
    await once(socket, 'data');
    assert.equal(clock.waiting, 0);
    const left = tcp(port);
    left.write((await helloFor('a.test')).subarray(0, 20));
    while (clock.waiting < 1) await new Promise(setImmediate);
    left.destroy();
    while (acceptor.connections > 1) await new Promise(setImmediate);
    assert.equal(clock.waiting, 0);
  });

  test('does not keep its port from closing', async () => {
    const { port, acceptor } = await open();
    const hello = await helloFor('a.test');
    const [half, whole] = [tcp(port), tcp(port)];
    half.write(hello.subarray(0, 20));
    whole.write(hello);
    await once(whole, 'data');
    while (acceptor.connections < 2) await new Promise(setImmediate);
    await acceptor.close(60_000);
    assert.equal(acceptor.connections, 0);
  });
});

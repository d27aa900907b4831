/** Certificates of upstreams, made with openssl and shown by real servers. */
import assert from 'node:assert/strict';
import { copyFileSync, rmSync, writeFileSync } from 'node:fs';
import { createSecureServer } from 'node:http2';
import { createServer, type ServerOptions } from 'node:https';
import { createServer as createTcpServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, afterEach, describe, test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { closing, listening, Stage } from '../../test/e2e/http-harness.ts';
import { Authority, type Pair, pemOf } from '../../test/fixtures/certificates.ts';
import { type LogEntry, recordedLog } from '../../test/fixtures/child-host.ts';
import { HttpUpstream, type UpstreamRequest, type UpstreamTls } from './http.ts';

const stage = new Stage();
const authority = new Authority();
const stranger = new Authority('stranger.test');
const root = authority.rootPem;
const logged: LogEntry[] = [];

after(() => {
  authority.remove();
  stranger.remove();
});
afterEach(() => {
  logged.length = 0;
});

/** Answers with the client's common name, and whether the session was resumed. */
async function server(pair: Pair, options: ServerOptions = {}): Promise<number> {
  const https = createServer({ ...pemOf(pair), ...options }, ({ socket }, response) => {
    const secure = socket as TLSSocket;
    const { subject } = secure.getPeerCertificate();
    response.end(`${subject?.CN ?? 'nobody'}${secure.isSessionReused() ? ' again' : ''}`);
  });
  https.on('tlsClientError', () => {});
  const port = await listening(https);
  stage.own(() => closing(https));
  return port;
}

function upstream(
  port: number,
  tls: UpstreamTls,
  more: { allowH2?: boolean; connectTimeoutMs?: number } = {},
) {
  const origin = `https://127.0.0.1:${port}`;
  const made = new HttpUpstream({ origin, tls, connectTimeoutMs: 5_000, log: recordedLog(logged), ...more });
  stage.own(() => made.close());
  return made;
}

/** Over a connection of its own. */
const GET: UpstreamRequest = { method: 'GET', path: '/', headers: [], body: undefined, alone: true };

async function ask(from: HttpUpstream): Promise<string> {
  return (await (await from.request(GET)).body.collect(10_000)).toString();
}

const refused = (message: RegExp) => ({ code: 'UPSTREAM_CONNECT', message });
const messages = () => logged.map(({ level, message }) => `${level} ${message}`);

describe('the certificate of an upstream', () => {
  const named = authority.issue('api.test');

  test('has to be vouched for by the authorities that are named, and by no others', async () => {
    const port = await server(named);
    assert.equal(await ask(upstream(port, { root, hostname: 'api.test' })), 'nobody');
    for (const tls of [
      { hostname: 'api.test' },
      { root: stranger.root, hostname: 'api.test' },
      { insecureHost: true },
    ])
      await assert.rejects(ask(upstream(port, tls)), refused(/unable to verify|self-signed|issuer/));
    const another = upstream(await server(stranger.issue('api.test')), { root, hostname: 'api.test' });
    await assert.rejects(ask(another), refused(/unable to verify/));
  });

  test('has to have the name, or the address, that was connected to', async () => {
    const port = await server(named);
    await assert.rejects(ask(upstream(port, { root })), refused(/IP: 127\.0\.0\.1/));
    await assert.rejects(
      ask(upstream(port, { root, hostname: 'web.test' })),
      refused(/web\.test.*api\.test/),
    );
    const address = authority.issue('x', { names: 'IP:127.0.0.1' });
    assert.equal(await ask(upstream(await server(address), { root })), 'nobody');
    await assert.rejects(
      ask(upstream(await server(address), { root, hostname: '10.0.0.1' })),
      refused(/10\.0\.0\.1/),
    );
  });

  test('may have any name where `insecureHost` is written, but none that nobody vouches for, or that is over', async () => {
    const tls = { root, insecureHost: true };
    assert.equal(await ask(upstream(await server(named), tls)), 'nobody');
    assert.deepEqual(messages(), [
      'warn backendTLS.insecureHost: names are not verified; any certificate vouched for will do',
    ]);
    const expired = authority.issue('api.test', { days: -1 });
    await assert.rejects(ask(upstream(await server(expired), tls)), refused(/expired/));
    await assert.rejects(
      ask(upstream(await server(stranger.issue('api.test')), tls)),
      refused(/unable to verify/),
    );
  });

  test('may be anything where `insecure` is written, and the log warns of it', async () => {
    const port = await server(stranger.issue('other.test', { days: -1 }));
    assert.equal(await ask(upstream(port, { insecure: true })), 'nobody');
    const [{ level, fields, message } = {}] = logged;
    assert.deepEqual([level, fields], ['warn', { origin: `https://127.0.0.1:${port}` }]);
    assert.match(message ?? '', /^backendTLS\.insecure: certificates are not verified/);
  });

  test('is verified whatever the environment says', async (t) => {
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    process.env['NODE_NO_WARNINGS'] = '1';
    t.after(() => {
      delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
      delete process.env['NODE_NO_WARNINGS'];
    });
    await assert.rejects(ask(upstream(await server(named), {})), refused(/unable to verify/));
  });

  test('with a wrong name is refused each time, also where the version of TLS hands out sessions early', async () => {
    const port = await server(named, { maxVersion: 'TLSv1.2' });
    const wrong = upstream(port, { root, hostname: 'web.test' });
    for (let i = 0; i < 3; i += 1) await assert.rejects(ask(wrong), refused(/web\.test/));
  });

  test('is not looked at again while a session is resumed', async () => {
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const one = upstream(await server(named, { maxVersion }), { root, hostname: 'api.test' });
      assert.deepEqual([await ask(one), await ask(one)], ['nobody', 'nobody again'], maxVersion);
    }
  });
});

describe('alternative names', () => {
  const names = 'DNS:*.api.test,URI:spiffe://example.org/ns/a/sa/b,IP:10.1.2.3,IP:2001:db8::1';
  const pair = authority.issue('whatever', { names });

  test('count instead of the host name: one of them has to be there', async () => {
    const port = await server(pair);
    for (const subjectAltNames of [
      ['one.api.test'],
      ['spiffe://example.org/ns/a/sa/b'],
      ['10.1.2.3'],
      ['2001:0db8:0::1'],
      ['no.test', 'spiffe://no', '10.0.0.1', 'two.api.test'],
    ])
      assert.equal(await ask(upstream(port, { root, hostname: 'sni.test', subjectAltNames })), 'nobody');
  });

  test('that the certificate does not have are no way in', async () => {
    const port = await server(pair);
    for (const subjectAltNames of [
      ['api.test'],
      ['a.b.api.test'],
      ['whatever'],
      ['spiffe://example.org/ns/a/sa'],
      ['spiffe://example.org/ns/a/sa/b/c'],
      ['10.1.2.4'],
    ])
      await assert.rejects(
        ask(upstream(port, { root, subjectAltNames, insecureHost: true })),
        refused(/none of backendTLS\.subjectAltNames; its names are .*spiffe:/),
        subjectAltNames.join(),
      );
    // One URI, which reads like two names where commas are not minded.
    const pretending = authority.issue('x', {
      names: '@alt\n[alt]\nURI.1=https://a.test/, URI:spiffe://example.org/ns/a/sa/b',
    });
    await assert.rejects(
      ask(upstream(await server(pretending), { root, subjectAltNames: ['spiffe://example.org/ns/a/sa/b'] })),
      refused(/none of/),
    );
  });

  test('do not replace who vouches for the certificate', async () => {
    const port = await server(stranger.issue('x', { names }));
    await assert.rejects(
      ask(upstream(port, { root, subjectAltNames: ['10.1.2.3'] })),
      refused(/unable to verify/),
    );
  });
});

describe('the certificate of the gateway', () => {
  const served = authority.issue('api.test');
  const mutual: ServerOptions = { requestCert: true, ca: root };
  const trusted = { root, hostname: 'api.test' };
  const files = (): Pair => ({
    cert: join(authority.folder, 'own.pem'),
    key: join(authority.folder, 'own.key'),
  });
  const put = (pair: Pair, parts: readonly (keyof Pair)[] = ['cert', 'key']): void => {
    for (const part of parts) copyFileSync(pair[part], files()[part]);
  };

  test('is shown to an upstream that asks for one; without it, or with a stranger’s, nothing gets through', async () => {
    const port = await server(served, mutual);
    const own = authority.issue('gateway', { usage: 'clientAuth' });
    assert.equal(await ask(upstream(port, { ...trusted, ...own })), 'gateway');
    assert.equal(await ask(upstream(port, { ...trusted, ...pemOf(own) })), 'gateway');
    const foreign = stranger.issue('gateway', { usage: 'clientAuth' });
    for (const tls of [trusted, { ...trusted, ...foreign }])
      await assert.rejects(ask(upstream(port, tls)), { name: 'GatewayError' });
  });

  test('that is replaced is shown from the next connection on, and no session of the old one is resumed', async () => {
    put(authority.issue('first', { usage: 'clientAuth' }));
    const one = upstream(await server(served, mutual), { ...trusted, ...files() });
    assert.deepEqual([await ask(one), await ask(one)], ['first', 'first again']);
    put(authority.issue('second', { usage: 'clientAuth' }));
    assert.deepEqual([await ask(one), await ask(one)], ['second', 'second again']);
    assert.deepEqual(messages(), ['info backendTLS: files have changed and are in force']);
  });

  test('of which one half is there stays what it was, and the log says once what is wrong', async () => {
    put(authority.issue('first', { usage: 'clientAuth' }));
    const one = upstream(await server(served, mutual), { ...trusted, ...files() });
    const next = authority.issue('second', { usage: 'clientAuth' });
    put(next, ['cert']);
    for (let i = 0; i < 3; i += 1) assert.match(await ask(one), /^first/);
    assert.deepEqual(
      logged.map(({ level, fields }) => [level, (fields as { reason: string }).reason]),
      [['warn', 'key: it is not the key of the certificate']],
    );
    rmSync(files().key);
    assert.match(await ask(one), /^first/);
    put(next);
    assert.equal(await ask(one), 'second');
    assert.deepEqual(
      logged.map(({ level }) => level),
      ['warn', 'warn', 'info'],
    );
  });

  test('that cannot be used at the start is a mistake in the configuration, said without its text', () => {
    const own = authority.issue('gateway');
    const other = authority.issue('other');
    const locked = join(authority.folder, 'locked.key');
    authority.encrypt(own.key, locked);
    const text = join(authority.folder, 'text');
    writeFileSync(text, 'hunter2');
    const begin = '-----BEGIN CERTIFICATE-----\nhunter2\n-----END CERTIFICATE-----';
    for (const [tls, problem] of [
      [{ cert: own.cert, key: other.key }, 'key: it is not the key of the certificate'],
      [{ cert: own.cert, key: locked }, 'key: it is encrypted'],
      [{ cert: own.cert, key: text }, 'key: there is no private key in it (PEM)'],
      [{ cert: text, key: own.key }, 'cert: there is no certificate in it (PEM)'],
      [{ cert: begin, key: own.key }, 'cert: a certificate in it cannot be read'],
      [{ cert: '/no/such', key: own.key }, 'cert: /no/such: no such file'],
      [{ root: '/no/such' }, 'root: /no/such: no such file'],
      [{ root: text }, 'root: there is no certificate in it (PEM)'],
    ] as const)
      assert.throws(() => upstream(1, tls), {
        code: 'CONFIG_INVALID',
        message: `https://127.0.0.1:1: backendTLS.${problem}`,
      });
  });
});

describe('authorities in a file', () => {
  test('that change count from the next connection on, for old sessions too', async () => {
    const file = join(authority.folder, 'roots.pem');
    copyFileSync(authority.root, file);
    const port = await server(authority.issue('api.test'));
    const one = upstream(port, { root: file, hostname: 'api.test' });
    assert.equal(await ask(one), 'nobody');
    copyFileSync(stranger.root, file);
    await assert.rejects(ask(one), refused(/unable to verify/));
    copyFileSync(authority.root, file);
    assert.equal(await ask(one), 'nobody');
  });
});

describe('protocols', () => {
  const pair = authority.issue('api.test');
  const trusted = { root, hostname: 'api.test' };

  /** Keeps what clients offer, and takes the first it knows. */
  async function choosing(known: readonly string[]): Promise<{ port: number; offered: string[][] }> {
    const offered: string[][] = [];
    const sockets = new Set<Socket>();
    const options = {
      ...pemOf(pair),
      allowHTTP1: true,
      ALPNCallback: ({ protocols }: { protocols: string[] }) => {
        offered.push(protocols);
        return protocols.find((one) => known.includes(one));
      },
    };
    const both = createSecureServer(options, (request, response) => response.end(request.httpVersion));
    both.on('connection', (socket) => sockets.add(socket));
    both.on('tlsClientError', () => {});
    const port = await listening(both as never);
    stage.own(async () => {
      for (const socket of sockets) socket.destroy();
      await closing(both as never);
    });
    return { port, offered };
  }

  test('are offered as the backend can speak them, unless `alpn` says which', async () => {
    const { port, offered } = await choosing(['h2', 'http/1.1']);
    assert.equal(await ask(upstream(port, trusted)), '1.1');
    assert.equal(await ask(upstream(port, trusted, { allowH2: true })), '2.0');
    assert.equal(await ask(upstream(port, { ...trusted, alpn: ['h2'] })), '2.0');
    assert.equal(await ask(upstream(port, { ...trusted, alpn: ['http/1.1'] }, { allowH2: true })), '1.1');
    assert.equal(await ask(upstream(port, { ...trusted, alpn: ['http/1.1', 'h2'] })), '1.1');
    assert.deepEqual(offered, [['http/1.1'], ['h2', 'http/1.1'], ['h2'], ['http/1.1'], ['http/1.1', 'h2']]);
  });

  test('of which the upstream takes none are an error', async () => {
    const { port } = await choosing(['http/1.1']);
    await assert.rejects(
      ask(upstream(port, { ...trusted, alpn: ['h2'] })),
      refused(/no application protocol/),
    );
    const silent = await server(pair, { ALPNProtocols: [] });
    await assert.rejects(
      ask(upstream(silent, { ...trusted, alpn: ['h2'] })),
      refused(/(?:none of the protocols it is offered \(h2\)|no application protocol)/),
    );
  });

  test('without HTTP/1.1 leave no way to upgrade', async () => {
    const { port } = await choosing(['h2', 'http/1.1']);
    const one = upstream(port, { ...trusted, alpn: ['h2'] });
    await assert.rejects(
      one.upgrade({ ...GET, protocol: 'websocket' }),
      refused(/alpn does not allow HTTP\/1\.1/),
    );
  });
});

test('an upstream that accepts connections and says nothing is given up', async () => {
  const sockets = new Set<Socket>();
  const mute = createTcpServer((socket) => sockets.add(socket.on('error', () => {})));
  const port = await listening(mute);
  stage.own(async () => {
    for (const socket of sockets) socket.destroy();
    await closing(mute);
  });
  const one = upstream(port, { root }, { connectTimeoutMs: 50 });
  await assert.rejects(ask(one), refused(/nothing heard of the TLS handshake for 50 ms/));
});

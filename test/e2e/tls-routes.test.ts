/** TLS that is passed on by the name asked for, as it came or what is within; beside HTTPS on one port. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, describe, test } from 'node:test';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { Authority, pemOf } from '../fixtures/certificates.ts';
import { Connections, closed, echo, first } from '../fixtures/connections.ts';
import { askHttp2, askHttps, helloFor } from '../fixtures/tls-client.ts';
import { collect, raw, Stage } from './http-harness.ts';

const world = new Connections();
const stage = new Stage();
const authority = new Authority();
const clients = new Authority('clients.test');
after(() => {
  for (const each of [authority, clients]) each.remove();
});
const ca = authority.rootPem;
const pairs = Object.fromEntries(
  ['a.test', 'b.test', '*.wild.test', 'gateway.test'].map((name) => [name, authority.issue(name)] as const),
);
const pair = (name: string) => pairs[name] as { cert: string; key: string };

/** Whose certificate is that of `name`; it says so, with what was agreed on by ALPN. */
function upstream(name: string): Promise<number> {
  const options = { ...pemOf(pair(name)), ALPNProtocols: ['special'] };
  return world.tlsUpstream(options, (socket) => {
    socket.write(`${name} ${socket.alpnProtocol}`);
    socket.pipe(socket);
  });
}

const to = (port: number, more: object = {}) => ({ ...more, backends: [{ host: `127.0.0.1:${port}` }] });
const listener = (tcpRoutes: readonly object[], more: object = {}) => ({
  protocol: 'TLS',
  tcpRoutes,
  ...more,
});

function serve(listeners: readonly object[], more: object = {}): Promise<number> {
  return world.serve({ binds: [{ port: 0, listeners }], ...more });
}

/** A TLS client that believes the authority, and minds no name. */
function client(port: number, servername: string, more: ConnectionOptions = {}): TLSSocket {
  const names = { servername, checkServerIdentity: () => undefined };
  const socket = connect({ port, host: '127.0.0.1', ca, ...names, ...more });
  world.own(() => socket.destroy());
  return socket;
}

async function said(port: number, servername: string, more?: ConnectionOptions): Promise<string> {
  const socket = client(port, servername, more);
  const text = await first(socket);
  socket.on('error', () => {}).destroy();
  return text;
}

describe('TLS that passes as it came', () => {
  test('reaches the server whose name is asked for, which shows its own certificate', async () => {
    const [a, b, wild] = [await upstream('a.test'), await upstream('b.test'), await upstream('*.wild.test')];
    const port = await serve([
      listener([
        to(a, { hostnames: ['a.test'] }),
        to(wild, { hostnames: ['*.wild.test'] }),
        to(b, { hostnames: ['b.test', 'x.wild.test'] }),
      ]),
    ]);
    for (const [name, shown] of [
      ['a.test', 'a.test'],
      ['A.Test', 'a.test'],
      ['y.wild.test', '*.wild.test'],
      ['x.wild.test', 'b.test'],
    ] as const) {
      const socket = client(port, name, { ALPNProtocols: ['special', 'h2'] });
      assert.equal(await first(socket), `${shown} special`);
      assert.equal(socket.getPeerCertificate().subject.CN, shown);
      socket.on('error', () => {}).destroy();
    }
    const [record] = await world.ended(4);
    const { protocol, serverName, listener: name, route } = record ?? {};
    assert.deepEqual([protocol, serverName, name, route], ['tls', 'a.test', 'default', '0/default/a.test']);
  });

  test('is refused with an alert where no listener or route has its name, or it asks for none', async () => {
    const a = await upstream('a.test');
    const port = await serve([
      listener([to(a, { hostnames: ['a.test'] })], { hostname: 'a.test' }),
      listener([to(a, { hostnames: ['y.wild.test'] })], { hostname: '*.wild.test' }),
    ]);
    for (const name of ['b.test', 'x.wild.test', ''])
      await assert.rejects(said(port, name), /unrecognized name/);
    assert.equal(await said(port, 'y.wild.test'), 'a.test false');
    assert.deepEqual(await world.counts(3), Array(3).fill('tls_connections_refused_total unknown_name'));
    const port2 = await serve([listener([to(a)])]);
    assert.equal(await said(port2, ''), 'a.test false', 'a route for every name is also one for none');
  });

  test('tries the next server with the hello still untouched', async () => {
    const a = await upstream('a.test');
    const backends = [{ host: '127.0.0.1:1', weight: 100 }, { host: `127.0.0.1:${a}` }];
    const port = await serve([listener([{ backends }])]);
    for (let i = 0; i < 3; i += 1) assert.equal(await said(port, 'a.test'), 'a.test false');
  });

  test('comes byte by byte, too; what is no TLS is closed without an answer', async () => {
    const a = await upstream('a.test');
    const port = await serve([listener([to(a)])]);
    const slow = await world.connect(port);
    slow.setNoDelay();
    for (const byte of await helloFor('a.test')) {
      slow.write(Buffer.from([byte]));
      await new Promise(setImmediate);
    }
    const [answer] = await once(slow, 'data');
    assert.equal(answer[0], 0x16);
    assert.equal(await raw(port, 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n').catch(() => ''), '');
    assert.deepEqual(world.counted, ['tls_connections_refused_total plain_client']);
  });

  test('resumes its sessions, since nobody comes between', async () => {
    const a = await upstream('a.test');
    const port = await serve([listener([to(a)])]);
    const one = client(port, 'a.test', { maxVersion: 'TLSv1.2' });
    const session = once(one, 'session');
    await first(one);
    const again = client(port, 'a.test', { maxVersion: 'TLSv1.2', session: (await session)[0] });
    await first(again);
    assert.ok(again.isSessionReused());
  });
});

describe('TLS that ends here', () => {
  const own = (more: object = {}) => ({ tls: { ...pair('gateway.test'), ...more } });

  test('passes on what is within, and lets either side end first', async () => {
    const port = await serve([listener([to(await world.upstream(echo('plain ')))], own())]);
    const socket = client(port, 'gateway.test');
    const heard = collect(socket);
    socket.end('question');
    assert.equal((await heard).toString(), 'plain question');
    assert.equal(socket.alpnProtocol, false);
    const [record] = await world.ended(1);
    assert.deepEqual(
      [record?.protocol, record?.serverName, record?.bytesIn, record?.bytesOut, record?.reason],
      ['tls', 'gateway.test', 8, 14, undefined],
    );
  });

  test('agrees by ALPN on what it is told, and on nothing else', async () => {
    const port = await serve([listener([to(await world.upstream(echo('hi')))], own({ alpn: ['special'] }))]);
    const socket = client(port, 'gateway.test', { ALPNProtocols: ['h2', 'special'] });
    await first(socket);
    assert.equal(socket.alpnProtocol, 'special');
    await assert.rejects(said(port, 'gateway.test', { ALPNProtocols: ['h2'] }), /application protocol/);
  });

  test('is not begun for a name that no route has', async () => {
    const inside = to(await world.upstream(echo('hi')), { hostnames: ['gateway.test'] });
    const port = await serve([listener([inside], own())]);
    await assert.rejects(said(port, 'other.test'), /unrecognized name/);
    assert.equal(await said(port, 'gateway.test'), 'hi');
  });

  test('lets nobody through without a certificate where one is due, and says whose it was', async () => {
    const port = await serve([listener([to(await world.upstream(echo('hi')))], own({ root: clients.root }))]);
    await assert.rejects(said(port, 'gateway.test'), /certificate required|alert|closed|ECONNRESET/);
    const certificate = pemOf(clients.issue('client', { usage: 'clientAuth' }));
    assert.equal(await said(port, 'gateway.test', certificate), 'hi');
    assert.match((await world.ended(1))[0]?.user ?? '', /^tls:/);
  });

  test('can be begun anew towards the server', async () => {
    const inner = await upstream('b.test');
    const policies = { backendTLS: { root: authority.root, hostname: 'b.test' } };
    const port = await serve([listener([to(inner, { policies })], own())]);
    assert.equal(await said(port, 'gateway.test'), 'b.test false');
  });

  test('cuts connections when a reload asks for certificates', async () => {
    const inside = to(await world.upstream(echo('hi')));
    const port = await serve([listener([inside], own())]);
    const socket = client(port, 'gateway.test');
    await first(socket);
    socket.on('error', () => {});
    const gone = closed(socket);
    await serve([listener([inside], own({ root: clients.root }))]);
    await gone;
    assert.equal((await world.ended(1))[0]?.reason, 'ROUTE_NOT_FOUND');
  });
});

describe('one port', () => {
  test('serves HTTPS, passes TLS on and ends it, each by its name; requests keep to HTTPS', async () => {
    const web = await stage.server((_, response) => response.end('web'));
    const shared = { tls: pair('a.test') };
    const port = await serve([
      { hostname: 'a.test', ...shared, routes: [to(web.port)] },
      listener([to(await upstream('b.test'))], { hostname: 'b.test' }),
      listener([to(await world.upstream(echo('within')))], { hostname: 'c.test', ...shared }),
      { hostname: 'plain.test', routes: [to(web.port)] },
    ]);
    assert.equal((await askHttps({ port, ca })).body, 'web');
    assert.equal((await askHttp2({ port, ca })).body, 'web');
    assert.equal(await said(port, 'b.test'), 'b.test false');
    assert.equal(await said(port, 'c.test'), 'within');
    assert.match(
      await raw(port, 'GET / HTTP/1.1\r\nHost: plain.test\r\nConnection: close\r\n\r\n', 'open'),
      /200 OK[\s\S]*web/,
    );
    for (const name of ['b.test', 'c.test']) {
      const { status } = await askHttps({
        port,
        ca,
        servername: 'a.test',
        authority: name,
        checkServerIdentity: () => undefined,
      });
      assert.equal(status, 421, 'a request does not get where only connections go');
      assert.match(await raw(port, `GET / HTTP/1.1\r\nHost: ${name}\r\n\r\n`), /^HTTP\/1\.1 4\d\d /);
    }
  });

  test('is attached to by name in the form with gateways', async () => {
    const web = await stage.server((_, response) => response.end('web'));
    const b = await upstream('b.test');
    const port = await world.serve({
      gateways: {
        default: {
          port: 0,
          listeners: [
            { name: 'web', hostname: 'a.test', tls: pair('a.test') },
            { name: 'rest', protocol: 'TLS' },
          ],
        },
      },
      routes: [to(web.port)],
      tcpRoutes: [to(b, { gateways: 'default/rest', hostnames: ['b.test'] })],
    });
    assert.equal((await askHttps({ port, ca })).body, 'web');
    assert.equal(await said(port, 'b.test'), 'b.test false');
    await assert.rejects(said(port, 'c.test'), /unrecognized name/);
  });
});

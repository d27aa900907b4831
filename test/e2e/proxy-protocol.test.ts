// needs: curl
/** Whose a connection is by its PROXY header: in logs, rules and headers, before TLS, HTTP of both versions and bytes. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { after, describe, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { Authority } from '../fixtures/certificates.ts';
import { Connections, closed, echo, first } from '../fixtures/connections.ts';
import { collect, raw, Stage } from './http-harness.ts';

const world = new Connections();
const stage = new Stage();
const authority = new Authority();
after(() => authority.remove());
const ca = authority.rootPem;

const V1 = 'PROXY TCP4 192.0.2.7 198.51.100.1 1234 443\r\n';
const SIGNATURE = '\r\n\r\n\0\r\nQUIT\n';
/** From 192.0.2.8. */
const V2 = `${SIGNATURE}\x21\x11\0\x0f\xc0\0\x02\x08\xc6\x33\x64\x01\x04\xd2\x01\xbb\x05\0\0`;
const LOCAL = `${SIGNATURE}\x20\0\0\0`;
const GET = 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';

/** Says for whom it is asked. */
async function web(): Promise<object> {
  const { port } = await stage.server(({ headers }, response) =>
    response.end(`for ${headers['x-forwarded-for']}`),
  );
  return { hostnames: ['*'], backends: [{ host: `127.0.0.1:${port}` }] };
}

async function http(bind: object, more: object = {}): Promise<number> {
  return world.serve({ binds: [{ port: 0, listeners: [{ routes: [await web()] }], ...bind }], ...more });
}

const all = (mode: 'strict' | 'optional') => ({ frontendPolicies: { proxy: { version: 'all', mode } } });

describe('a PROXY header', () => {
  test('is the client’s address upstream and in the access log, in either version', async () => {
    const port = await http({}, all('strict'));
    for (const [header, address] of [
      [V1, '192.0.2.7'],
      [V2, '192.0.2.8'],
      [LOCAL, '127.0.0.1'],
      ['PROXY UNKNOWN\r\n', '127.0.0.1'],
    ] as const) {
      assert.match(
        await raw(port, header + GET, 'open'),
        new RegExp(`for ${address.replaceAll('.', '\\.')}`),
      );
      assert.equal(world.exchanges.at(-1)?.client, address);
    }
  });

  test('comes as curl writes it', async (t) => {
    const curl = spawnSync('curl', ['--version']);
    if (curl.status !== 0) return t.skip('curl is not installed');
    const port = await http(
      { tunnelProtocol: 'proxy' },
      { frontendPolicies: { proxyProtocol: { version: 'v1' } } },
    );
    const child = spawn('curl', ['-s', '--haproxy-protocol', `http://127.0.0.1:${port}/`]);
    assert.equal((await collect(child.stdout)).toString(), 'for 127.0.0.1');
  });

  test('is of the version that a bind says, whatever holds for the other ports', async () => {
    for (const more of [{}, { frontendPolicies: { proxy: {} } }]) {
      const port = await http({ proxyProtocol: { version: 'v1' } }, more);
      assert.match(await raw(port, V1 + GET, 'open'), /for 192\.0\.2\.7/);
      assert.equal(await raw(port, V2 + GET).catch(() => ''), '');
      assert.match(JSON.stringify(world.logged.at(-1)?.fields), /say `version: v2` or `all` in/);
    }
  });

  test('is meant where a bind says so: of version 2, and of no other', async () => {
    const port = await http({ tunnelProtocol: 'proxy' });
    assert.match(await raw(port, V2 + GET, 'open'), /for 192\.0\.2\.8/);
    for (const bytes of [V1 + GET, GET]) assert.equal(await raw(port, bytes).catch(() => ''), '');
    assert.deepEqual(await world.counts(2), [
      'proxy_headers_refused_total malformed',
      'proxy_headers_refused_total missing',
    ]);
    const { level, fields } = world.logged.at(-1) ?? {};
    assert.equal(level, 'info');
    assert.deepEqual(fields, {
      reason: 'missing',
      detail: 'the connection begins without one',
      'src.addr': '127.0.0.1',
    });
  });

  test('may be absent where it is optional, but not be nonsense', async () => {
    const port = await http({}, all('optional'));
    assert.match(await raw(port, GET, 'open'), /for 127\.0\.0\.1/);
    assert.match(await raw(port, V1 + GET, 'open'), /for 192\.0\.2\.7/);
    assert.equal(await raw(port, `PROXY TCP4 1 2 3 4\r\n${GET}`).catch(() => ''), '');
    const h2 = connectHttp2(`http://127.0.0.1:${port}`);
    const stream = h2.request({ ':path': '/', ':authority': 'localhost' });
    assert.equal((await collect(stream)).toString(), 'for 127.0.0.1');
    h2.destroy();
  });

  test('stands before TLS, HTTP/2 and bytes alike', async () => {
    const pair = authority.issue('a.test');
    const inside = await world.upstream(echo('bytes'));
    const backends = [{ host: `127.0.0.1:${inside}` }];
    const port = await world.serve({
      ...all('strict'),
      binds: [
        {
          port: 0,
          listeners: [
            { hostname: 'a.test', tls: pair, routes: [await web()] },
            { hostname: 'b.test', protocol: 'TLS', tls: pair, tcpRoutes: [{ backends }] },
          ],
        },
      ],
    });
    const tls = async (servername: string, ALPNProtocols: string[]) => {
      const socket = connectTcp(port, '127.0.0.1');
      socket.write(V1);
      const over = connectTls({
        socket,
        ca,
        servername,
        ALPNProtocols,
        checkServerIdentity: () => undefined,
      });
      world.own(() => over.destroy());
      return over;
    };
    const one = await tls('a.test', ['http/1.1']);
    one.write(GET.replace('localhost', 'a.test'));
    assert.match((await collect(one)).toString(), /for 192\.0\.2\.7/);
    const two = await tls('a.test', ['h2']);
    const session = connectHttp2('https://a.test', { createConnection: () => two });
    const stream = session.request({ ':path': '/' });
    assert.equal((await collect(stream)).toString(), 'for 192.0.2.7');
    session.destroy();
    const bytes = await tls('b.test', []);
    assert.equal(await first(bytes), 'bytes');
    bytes.destroy();
    assert.equal((await world.ended(1))[0]?.client, '192.0.2.7');
    const plain = await world.tcp(backends, all('strict'));
    const socket = await world.connect(plain);
    socket.write(`${V2}hello`, 'latin1');
    assert.equal(await first(socket), 'byteshello');
    socket.destroy();
    assert.equal((await world.ended(2))[1]?.client, '192.0.2.8');
  });

  test('may come in any pieces, but not for ever', async () => {
    const limits = { config: { statsAddr: 'off', adminAddr: 'off', limits: { headersTime: '300ms' } } };
    const port = await http({}, { ...all('strict'), ...limits });
    const slow = await world.connect(port);
    slow.setNoDelay();
    for (const byte of Buffer.from(V2 + GET, 'latin1')) {
      slow.write(Buffer.from([byte]));
      await new Promise(setImmediate);
    }
    assert.match((await collect(slow)).toString(), /for 192\.0\.2\.8/);
    const [silent, half] = [await world.connect(port), await world.connect(port)];
    half.write('PROXY TCP4 ');
    await Promise.all([
      closed(silent.on('end', () => silent.end())),
      closed(half.on('end', () => half.end())),
    ]);
    assert.deepEqual(await world.counts(2), Array(2).fill('proxy_headers_refused_total timeout'));
  });

  test('counts from the next connection after a reload', async () => {
    const port = await http({});
    assert.match(await raw(port, GET, 'open'), /for 127\.0\.0\.1/);
    await http({}, all('strict'));
    assert.match(await raw(port, V1 + GET, 'open'), /for 192\.0\.2\.7/);
    await http({});
    assert.match(await raw(port, V1 + GET, 'open'), /^HTTP\/1\.1 400 /);
  });
});

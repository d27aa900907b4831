/** Where the `dynamic` backend lets a client be led, and where not, whatever the request line, Host and the DNS say. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { createServer as createHttp2 } from 'node:http2';
import { connect, type Server } from 'node:net';
import { describe, test } from 'node:test';
import { dynamicBackend } from '../../src/backends/dynamic/index.ts';
import { Flow } from '../../src/lib/flow.ts';
import type { Resolve } from '../../src/upstream/resolve.ts';
import {
  closing,
  type Got,
  get,
  listening,
  type ProxyOptions,
  raw,
  Stage,
  signal,
  type TestProxy,
} from './http-harness.ts';

const stage = new Stage();

/** A DNS with these names; asked for others it has no answer. */
function names(known: Readonly<Record<string, readonly string[]>>): { resolve: Resolve; asked: string[] } {
  const asked: string[] = [];
  const resolve: Resolve = (host) => {
    asked.push(host);
    const found = known[host];
    if (!found) return Promise.reject(new Error(`getaddrinfo ENOTFOUND ${host}`));
    return Promise.resolve(found.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })));
  };
  return { resolve, asked };
}

type Rest = Omit<ProxyOptions, 'upstream' | 'definition'>;

function forwarding(allow: readonly string[], resolve?: Resolve, rest: Rest = {}): Promise<TestProxy> {
  return stage.proxyTo(
    { allow },
    { definition: dynamicBackend(resolve), limits: { connect: 'route' }, ...rest },
  );
}

/** A server that answers with the request it got, as it got it. */
async function mirror(): Promise<{ port: number; seen: IncomingMessage[] }> {
  const seen: IncomingMessage[] = [];
  const { port } = await stage.server((request, response) => {
    seen.push(request);
    response.end(JSON.stringify({ url: request.url, headers: request.rawHeaders }));
  });
  return { port, seen };
}

const code = ({ body }: Pick<Got, 'body'>): string =>
  (JSON.parse(body) as { error: { code: string } }).error.code;

const LOCAL = ['127.0.0.1:*'];

describe('a request', () => {
  test('goes where its target says, whatever Host says', async () => {
    const { port, seen } = await mirror();
    const { port: other, seen: misled } = await mirror();
    const proxy = await forwarding(LOCAL);
    const reply = await get(proxy.port, {
      path: `http://127.0.0.1:${port}/a?b=c`,
      headers: { host: `127.0.0.1:${other}` },
    });
    assert.equal(reply.status, 200);
    assert.equal(seen[0]?.url, '/a?b=c');
    assert.equal(seen[0]?.headers.host, `127.0.0.1:${port}`);
    assert.equal(misled.length, 0);
  });

  test('in origin-form goes where Host says', async () => {
    const { port, seen } = await mirror();
    const proxy = await forwarding(LOCAL);
    assert.equal((await get(proxy.port, { path: '/x', headers: { host: `127.0.0.1:${port}` } })).status, 200);
    assert.equal(seen[0]?.url, '/x');
  });

  test('takes along neither what is meant for the proxy nor what is known of the client', async () => {
    const { port, seen } = await mirror();
    const proxy = await forwarding(LOCAL);
    await get(proxy.port, {
      path: `http://127.0.0.1:${port}/`,
      headers: {
        'proxy-authorization': 'Basic c2VjcmV0',
        'proxy-connection': 'keep-alive',
        connection: 'x-hop',
        'x-hop': '1',
        te: 'gzip',
        'x-forwarded-for': '10.9.8.7',
        authorization: 'Bearer for-the-server',
      },
    });
    const headers = seen[0]?.headers ?? {};
    assert.deepEqual(Object.keys(headers).sort(), ['authorization', 'connection', 'host', 'via']);
    assert.match(String(headers['via']), /^1\.1 agentgateway-/);
  });

  test('is sent over HTTP/2 where the policy `http` says so', async () => {
    const server = createHttp2((request, response) => response.end(request.httpVersion));
    const port = await listening(server as unknown as Server);
    stage.own(() => new Promise<void>((resolve) => server.close(() => resolve())));
    const proxy = await forwarding(LOCAL, undefined, { policies: { http: { version: '2' } } });
    const { body } = await get(proxy.port, { path: `http://127.0.0.1:${port}/` });
    assert.equal(body, '2.0');
    await proxy.close();
  });

  test('streams a body through', async () => {
    const { port } = await stage.server((request, response) => request.pipe(response));
    const proxy = await forwarding(LOCAL);
    const reply = await get(proxy.port, {
      method: 'POST',
      path: `http://127.0.0.1:${port}/`,
      body: 'b'.repeat(300_000),
    });
    assert.equal(reply.body.length, 300_000);
  });
});

describe('refused with 403 and never connected to', () => {
  const inside = [
    '127.0.0.1',
    '127.1',
    '2130706433',
    '0x7f000001',
    '0177.0.0.1',
    '0',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '10.0.0.1',
    '169.254.169.254',
    '[fe80::1]',
    '[64:ff9b::7f00:1]',
    '127.0.0.1.',
  ];
  for (const host of inside)
    test(`http://${host}`, async () => {
      const proxy = await forwarding(['*:*']);
      const reply = await get(proxy.port, { path: `http://${host}:80/` });
      assert.deepEqual([reply.status, code(reply)], [403, 'FORBIDDEN_DESTINATION']);
      assert.match(reply.body, /`allow` of the dynamic backend/);
      assert.match(
        await raw(proxy.port, `CONNECT ${host}:443 HTTP/1.1\r\nHost: x\r\n\r\n`),
        /^HTTP\/1.1 403 /,
      );
    });

  test('names that lead to such addresses, with or without a final dot', async () => {
    const { port, seen } = await mirror();
    const { resolve } = names({
      'rebound.test': ['127.0.0.1'],
      'metadata.test': ['169.254.169.254', 'fe80::1%eth0'],
    });
    const proxy = await forwarding(['*:*', 'rebound.test:*'], resolve);
    for (const host of ['rebound.test', 'REBOUND.test.', 'metadata.test']) {
      const reply = await get(proxy.port, { path: `http://${host}:${port}/` });
      assert.deepEqual([host, reply.status, code(reply)], [host, 403, 'FORBIDDEN_DESTINATION']);
      const tunnel = await raw(proxy.port, `CONNECT ${host}:${port} HTTP/1.1\r\nHost: x\r\n\r\n`);
      assert.match(tunnel, /^HTTP\/1.1 403 [\s\S]*FORBIDDEN_DESTINATION/);
      // Where it leads is nobody's business.
      assert.doesNotMatch(tunnel + reply.body, /127\.0|169\.254/);
    }
    assert.equal(seen.length, 0);
  });

  test('what is not in the list is not even resolved', async () => {
    const { resolve, asked } = names({});
    const proxy = await forwarding(['api.example', '*.good.example'], resolve);
    for (const host of ['evil.example', 'good.example', 'api.example:22'])
      assert.equal((await get(proxy.port, { path: `http://${host}/` })).status, 403, host);
    assert.deepEqual(asked, []);
  });

  test('port 80 through a tunnel, unless it is named', async () => {
    const { resolve } = names({ 'a.example': ['127.0.0.1'] });
    const proxy = await forwarding(['a.example', '127.0.0.0/8'], resolve);
    assert.match(
      await raw(proxy.port, 'CONNECT a.example:80 HTTP/1.1\r\nHost: x\r\n\r\n'),
      /^HTTP\/1.1 403 /,
    );
  });
});

describe('a name', () => {
  test('is connected to at the addresses that were judged, and resolved once', async () => {
    const { port, seen } = await mirror();
    let strays = 0;
    const stray = createServer((_, response) => {
      strays += 1;
      response.end();
    });
    stray.listen(port, '127.0.0.2');
    await once(stray, 'listening');
    stage.own(() => closing(stray));
    const { resolve, asked } = names({ 'both.test': ['127.0.0.2', '127.0.0.1'] });
    const proxy = await forwarding(LOCAL, resolve);
    assert.equal((await get(proxy.port, { path: `http://both.test:${port}/` })).status, 200);
    assert.equal(seen[0]?.headers.host, `both.test:${port}`);
    assert.deepEqual(asked, ['both.test']);
    const opened = await raw(
      proxy.port,
      `CONNECT both.test:${port} HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.0\r\n\r\n`,
    );
    assert.match(opened, /^HTTP\/1.1 200 [\s\S]*HTTP\/1.1 200 /);
    assert.equal(strays, 0);
  });

  test('that nobody knows is answered like any server that cannot be reached', async () => {
    const proxy = await forwarding(['*'], names({}).resolve);
    const reply = await get(proxy.port, { path: 'http://nowhere.test/' });
    assert.deepEqual([reply.status, code(reply)], [502, 'UPSTREAM_CONNECT']);
    assert.match(
      await raw(proxy.port, 'CONNECT nowhere.test:443 HTTP/1.1\r\nHost: x\r\n\r\n'),
      /^HTTP\/1.1 502 /,
    );
  });

  test('that takes long to resolve holds up no more than a bounded number of others', async () => {
    const { fired, fire } = signal<{ address: string; family: number }[]>();
    const asked: string[] = [];
    const proxy = await forwarding(['*'], (host) => {
      asked.push(host);
      return fired;
    });
    const waiting = Array.from({ length: 64 }, (_, at) =>
      get(proxy.port, { path: `http://slow${at}.test/` }),
    );
    while (asked.length < 64) await new Promise(setImmediate);
    const late = await get(proxy.port, { path: 'http://late.test/' });
    assert.deepEqual([late.status, code(late)], [503, 'OVERLOADED']);
    fire([{ address: '127.0.0.1', family: 4 }]);
    assert.deepEqual(new Set((await Promise.all(waiting)).map(({ status }) => status)), new Set([403]));
  });
});

describe('a request line that could be read in two ways', () => {
  test('is refused with 400', async () => {
    const proxy = await forwarding(['*:*', ...LOCAL]);
    const targets = [
      'http://user@127.0.0.1/',
      'http://user:secret@api.example/',
      'http://api.example:0/',
      'http://api.example:99999/',
      'http://api.example:/',
      'http://api%2eexample/',
      'http://[::1%25eth0]/',
      'http://a..b/',
      'http:///',
      `http://${'a'.repeat(20_000)}.example/`,
      'https://api.example/',
    ];
    for (const path of targets) {
      const answer = await raw(
        proxy.port,
        `GET ${path} HTTP/1.1\r\nHost: api.example\r\nConnection: close\r\n\r\n`,
      );
      assert.match(answer, /^HTTP\/1.1 400 [\s\S]*BAD_REQUEST/, path.slice(0, 60));
    }
    for (const target of [
      'api.example',
      'user@api.example:443',
      'http://api.example:443',
      '/',
      '*',
      'a.example:443:443',
      ':443',
    ]) {
      const answer = await raw(proxy.port, `CONNECT ${target} HTTP/1.1\r\nHost: api.example:443\r\n\r\n`);
      assert.match(answer, /^HTTP\/1.1 400 /, target);
    }
  });

  test('an upgrade to "connect" opens no tunnel', async () => {
    const { port, seen } = await mirror();
    const denied = await forwarding(LOCAL, undefined, { limits: {} });
    const answer = await raw(
      denied.port,
      `GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: upgrade\r\nUpgrade: connect\r\n\r\n`,
    );
    assert.match(answer, /^HTTP\/1.1 200 /);
    assert.equal(seen[0]?.headers.upgrade, 'connect');
  });
});

describe('round in a circle', () => {
  test('a request that comes back is refused', async () => {
    const proxy = await forwarding(LOCAL);
    const reply = await get(proxy.port, { path: `http://127.0.0.1:${proxy.port}/` });
    assert.deepEqual([reply.status, code(reply)], [508, 'FORWARD_LOOP']);
    assert.ok(proxy.records.length <= 3, String(proxy.records.length));
  });

  test('so is one that comes back through another gateway', async () => {
    const first = await forwarding(LOCAL);
    const second = await stage.proxyTo(`127.0.0.1:${first.port}`);
    const reply = await get(first.port, { path: `http://127.0.0.1:${second.port}/`, headers: { host: 'x' } });
    assert.deepEqual([reply.status, code(reply)], [508, 'FORWARD_LOOP']);
    assert.ok(first.records.length <= 3);
  });

  test('a tunnel to the port it comes from is refused', async () => {
    const proxy = await forwarding(LOCAL);
    const answer = await raw(proxy.port, `CONNECT 127.0.0.1:${proxy.port} HTTP/1.1\r\nHost: x\r\n\r\n`);
    assert.match(answer, /^HTTP\/1.1 508 [\s\S]*FORWARD_LOOP/);
  });
});

describe('where the configuration does not ask for it', () => {
  test('CONNECT is refused, and nothing is connected to', async () => {
    const { port, seen } = await mirror();
    const connects = `CONNECT 127.0.0.1:${port} HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.0\r\n\r\n`;
    const dynamic = await forwarding(LOCAL, undefined, { limits: {} });
    assert.match(await raw(dynamic.port, connects), /^HTTP\/1.1 405 [\s\S]*METHOD_NOT_ALLOWED/);
    const host = await stage.proxyTo(`127.0.0.1:${port}`, { limits: { connect: 'route' } });
    assert.match(await raw(host.port, connects), /^HTTP\/1.1 405 [\s\S]*METHOD_NOT_ALLOWED/);
    assert.equal(seen.length, 0);
  });

  test('a backend that answers CONNECT with success opens no tunnel by that', async () => {
    const proxy = await stage.proxyTo('x', {
      limits: { connect: 'route' },
      definition: {
        key: 'always',
        schema: dynamicBackend().schema.catch({}),
        build: () => ({
          handle: async () => ({ status: 200, headers: [], body: Flow.of(Buffer.from('fine')) }),
        }),
      },
    });
    const answer = await raw(proxy.port, 'CONNECT a.example:443 HTTP/1.1\r\nHost: x\r\n\r\n');
    assert.match(answer, /^HTTP\/1.1 405 /);
  });

  test('CONNECT with content is refused', async () => {
    const proxy = await forwarding(LOCAL);
    for (const header of ['Content-Length: 3', 'Transfer-Encoding: chunked']) {
      const answer = await raw(proxy.port, `CONNECT 127.0.0.1:9 HTTP/1.1\r\nHost: x\r\n${header}\r\n\r\nabc`);
      assert.match(answer, /^HTTP\/1.1 400 /, header);
    }
  });
});

test('a client that goes while the name is resolved leaves nothing behind', async () => {
  const { fired, fire } = signal<{ address: string; family: number }[]>();
  const { fired: asked, fire: ask } = signal();
  const { port } = await mirror();
  const proxy = await forwarding(LOCAL, () => {
    ask();
    return fired;
  });
  const socket = connect(proxy.port, '127.0.0.1');
  socket.on('error', () => {});
  socket.write(`CONNECT slow.test:${port} HTTP/1.1\r\nHost: x\r\n\r\n`);
  await asked;
  socket.resetAndDestroy();
  await proxy.ended(1);
  fire([{ address: '127.0.0.1', family: 4 }]);
  assert.equal(proxy.records[0]?.reason, 'CANCELLED');
});

/** Policies of plain HTTP before real upstreams: what servers get, what clients get, and who is sent away. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import { before, describe, test } from 'node:test';
import { closing, listening, raw } from './http-harness.ts';
import { codeOf, gatewayTo, opened, type Running, type Seen, upstream } from './policy-world.ts';

describe('headers', async () => {
  const server = await upstream((response, { url }) => {
    response.setHeader('x-server', 'secret-version');
    response.setHeader('x-kept', '1');
    if (!url.endsWith('/events')) return void response.end('ok');
    response.setHeader('content-type', 'text/event-stream');
    response.write('data: 1\n\n');
  });
  let running: Running;
  before(async () => {
    running = await gatewayTo({
      '/h': {
        policies: {
          requestHeaderModifier: {
            set: { 'x-env': 'prod', 'x-both': 'route' },
            add: { 'x-many': 'ours' },
            remove: ['cookie'],
          },
          responseHeaderModifier: { set: { 'X-Kept': '2' }, add: { 'x-new': 'n' }, remove: ['X-Server'] },
        },
        backend: { requestHeaderModifier: { set: { 'x-both': 'backend' }, add: { 'x-many': 'too' } } },
        to: server,
      },
    });
  });

  test('of requests are changed by the route, then by the backend', async () => {
    const headers = { 'X-Env': 'dev', 'x-many': 'theirs', cookie: 'a=1' };
    assert.equal((await running.get('/h', { headers })).status, 200);
    const { headers: got } = server.seen.at(-1) as Seen;
    assert.equal(got['x-env'], 'prod');
    assert.equal(got['x-both'], 'backend');
    assert.equal(got['x-many'], 'theirs, ours, too');
    assert.equal(got['cookie'], undefined);
  });

  test('of replies are changed, and the body streams on', async () => {
    const outgoing = request({ host: '127.0.0.1', port: running.port, path: '/h/events' }).end();
    const [reply] = (await once(outgoing, 'response')) as [IncomingMessage];
    const [chunk] = await once(reply, 'data');
    assert.equal(String(chunk), 'data: 1\n\n', 'before the upstream has ended');
    assert.deepEqual(
      [reply.headers['x-kept'], reply.headers['x-new'], reply.headers['x-server']],
      ['2', 'n', undefined],
    );
    outgoing.destroy();
  });
});

describe('redirects', async () => {
  let running: Running;
  before(async () => {
    running = await gatewayTo({
      '/secure': { policies: { requestRedirect: { scheme: 'https', status: 301 } } },
      '/old/': { policies: { requestRedirect: { path: { prefix: '/new' } } } },
      '/all': {
        policies: {
          requestRedirect: {
            scheme: 'https',
            authority: { full: 'www.example.com:8443' },
            path: { full: '/here' },
            status: 308,
          },
        },
      },
      '/host': { policies: { requestRedirect: { authority: { host: 'b.example' } } } },
      '/port': { policies: { requestRedirect: { authority: { port: 80 } } } },
    });
  });

  test('lead to what is configured, with the query', async () => {
    const headers = { host: 'localhost:8080' };
    for (const [path, status, location] of [
      ['/secure/x?a=1', 301, 'https://localhost/secure/x?a=1'],
      ['/old/x', 302, 'http://localhost:8080/new/x'],
      ['/old', 302, 'http://localhost:8080/new'],
      ['/all/x?a=1', 308, 'https://www.example.com:8443/here?a=1'],
      ['/host/x', 302, 'http://b.example:8080/host/x'],
      ['/port/x', 302, 'http://localhost/port/x'],
    ] as const) {
      const got = await running.get(path, { headers });
      assert.deepEqual([got.status, got.headers.location, got.body], [status, location, ''], path);
    }
  });
});

describe('rewriting', async () => {
  const flaky = await upstream((response) => {
    response.writeHead(flaky.seen.length % 2 === 1 ? 503 : 200).end('ok');
  });
  const server = await upstream();
  let running: Running;
  before(async () => {
    running = await gatewayTo({
      '/api/v1': { policies: { urlRewrite: { path: { prefix: '/internal/' } } }, to: server },
      '/fixed': {
        policies: { urlRewrite: { path: { full: '/one' }, authority: { full: 'shop.internal:81' } } },
        to: server,
      },
      '/none': { policies: { urlRewrite: { authority: 'none' } }, to: server },
      '/named': { policies: { urlRewrite: { authority: { host: 'named.example' } } }, to: server },
      '/again': {
        policies: {
          urlRewrite: { path: { prefix: '/r' } },
          retry: { attempts: 1, codes: [503], condition: 'request.path != "/again/x"' },
        },
        to: flaky,
      },
    });
  });

  test('replaces prefix, path and name; the query stays', async () => {
    const headers = { host: 'localhost:8080' };
    for (const [path, url, host] of [
      ['/api/v1/users?x=1', '/internal/users?x=1', `127.0.0.1:${server.port}`],
      ['/api/v1', '/internal/', `127.0.0.1:${server.port}`],
      ['/fixed/a/b?q', '/one?q', 'shop.internal:81'],
      ['/none/a', '/none/a', 'localhost:8080'],
      ['/named/a', '/named/a', 'named.example:8080'],
    ] as const) {
      assert.equal((await running.get(path, { headers })).status, 200, path);
      const got = server.seen.at(-1) as Seen;
      assert.deepEqual([got.url, got.headers.host], [url, host], path);
      assert.equal(got.headers['x-forwarded-host'], 'localhost:8080');
    }
  });

  test('leads nowhere outside of the prefix, however that is spelled', async () => {
    const before = server.seen.length;
    for (const path of [
      '/api/v1/../../admin',
      '/api/v1/%2e%2e/admin',
      '/api/v1/..%2fadmin',
      '/api/v1/..;/admin',
      '/api/v1//admin',
      '/api/v1\\..\\admin',
      '/api/v1/./x',
      '/api/v1%2f..%2fadmin',
      '/api/v11',
    ]) {
      const head = `GET ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`;
      const status = Number((await raw(running.port, head)).split(' ')[1]);
      // `..;` is a plain segment here; the upstream gets it below its prefix.
      if (path.includes('..;')) assert.equal(server.seen.at(-1)?.url, '/internal/..;/admin');
      else assert.ok(status === 400 || status === 404, `${path}: ${status}`);
    }
    assert.equal(server.seen.length, before + 1);
  });

  test('is the same for each try, and rules and the log see what came', async () => {
    assert.equal((await running.get('/again/x')).status, 200);
    assert.deepEqual(
      flaky.seen.map(({ url }) => url),
      ['/r/x', '/r/x'],
    );
    await running.gateway.said(/\/again\/x/);
    assert.ok(!running.gateway.log().includes('/r/x'));
  });
});

describe('direct replies', async () => {
  const server = await upstream();
  let running: Running;
  before(async () => {
    running = await gatewayTo({
      '/text': { policies: { directResponse: { status: 200, body: '<b>hi</b>' } } },
      '/when': {
        policies: {
          directResponse: {
            conditional: [
              { condition: 'request.headers["x-no"] == "1"', status: 403, body: 'no' },
              {
                condition: 'request.method == "POST"',
                status: 201,
                bodyExpression: '{"got": json(request.body).name}',
                headers: { 'x-path': 'request.path', 'Content-Type': '"application/vnd.x+json"' },
              },
            ],
          },
        },
        to: server,
      },
      '/broken': {
        policies: { directResponse: { status: 200, bodyExpression: 'request.headers["x-missing"] + ""' } },
      },
    });
  });

  test('are sent as they are, and are no page by mistake', async () => {
    const got = await running.get('/text');
    assert.deepEqual(
      [got.status, got.body, got.headers['content-type']],
      [200, '<b>hi</b>', 'text/plain; charset=utf-8'],
    );
    const head = await running.get('/text', { method: 'HEAD' });
    assert.deepEqual([head.status, head.body], [200, '']);
  });

  test('are those of the first condition that holds; without one the backend answers', async () => {
    const refused = await running.get('/when', { headers: { 'x-no': '1' } });
    assert.deepEqual([refused.status, refused.body], [403, 'no']);
    const made = await running.get('/when/x', { method: 'POST', body: '{"name":"ann"}' });
    assert.deepEqual([made.status, made.body], [201, '{"got":"ann"}']);
    assert.deepEqual(
      [made.headers['x-path'], made.headers['content-type']],
      ['/when/x', 'application/vnd.x+json'],
    );
    assert.equal((await running.get('/when')).body, 'ok');
  });

  test('are errors where they cannot be made', async () => {
    const got = await running.get('/broken');
    assert.deepEqual([got.status, codeOf(got)], [500, 'EXPRESSION_FAILED']);
    await running.gateway.said(/directResponse: the body cannot be made; refused/);
  });
});

describe('csrf', async () => {
  const server = await upstream();
  let running: Running;
  before(async () => {
    const policies = {
      cors: { allowOrigins: ['*'] },
      csrf: { additionalOrigins: ['https://partner.example'] },
    };
    running = await gatewayTo({ '/c': { policies, to: server } });
  });

  test('lets pages of other origins read, and change nothing', async () => {
    const post = (headers: Record<string, string>) => running.get('/c', { method: 'POST', headers });
    assert.equal((await running.get('/c', { headers: { origin: 'https://evil.example' } })).status, 200);
    assert.equal((await post({})).status, 200, 'no browser');
    assert.equal((await post({ 'sec-fetch-site': 'same-origin' })).status, 200);
    assert.equal(
      (await post({ origin: 'https://partner.example', 'sec-fetch-site': 'cross-site' })).status,
      200,
    );
    for (const headers of [
      { origin: 'https://evil.example' },
      { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
      { origin: 'null' },
    ])
      assert.equal(codeOf(await post(headers)), 'FORBIDDEN_ORIGIN');
  });
});

test('a WebSocket is opened with all of it, and its bytes are left alone', async () => {
  const server = createServer();
  const asked: IncomingMessage[] = [];
  server.on('upgrade', (incoming, socket: Socket) => {
    asked.push(incoming);
    socket.on('error', () => {});
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
    socket.pipe(socket);
    opened.push(async () => void socket.destroy());
  });
  const port = await listening(server);
  opened.push(() => closing(server));
  const policies = {
    csrf: {},
    buffer: { request: { maxBytes: 10 }, response: { maxBytes: 10 } },
    transformations: {
      request: { set: { ':path': '"/socket"', 'x-size': 'string(size(request.body))' }, body: '"body"' },
      response: {
        set: { 'x-path': 'request.path', 'x-size': 'string(size(response.body))' },
        body: '"body"',
      },
    },
    responseHeaderModifier: { add: { 'x-new': 'n' } },
    requestMirror: { backend: { host: `127.0.0.1:${port}` } },
  };
  const running = await gatewayTo({ '/ws': { policies, to: { port } } });
  const handshake = (origin: string) =>
    request({
      host: '127.0.0.1',
      port: running.port,
      path: '/ws',
      headers: { connection: 'Upgrade', upgrade: 'echo', origin },
    }).end();
  const [reply, socket] = (await once(handshake(`http://127.0.0.1:${running.port}`), 'upgrade')) as [
    IncomingMessage,
    Socket,
  ];
  assert.deepEqual(
    [reply.headers['x-path'], reply.headers['x-new'], reply.headers['x-size']],
    ['/ws', 'n', undefined],
  );
  socket.write('hello');
  const [echo] = await once(socket, 'data');
  assert.equal(String(echo), 'hello');
  socket.destroy();
  assert.deepEqual(
    asked.map(({ url, headers }) => [url, headers['x-size'], headers['content-length']]),
    [['/socket', '0', undefined]],
    'once',
  );
  const [refused] = (await once(handshake('http://localhost:1'), 'response')) as [IncomingMessage];
  assert.equal(refused.statusCode, 403);
});

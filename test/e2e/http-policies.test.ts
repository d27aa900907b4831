/** Policies of plain HTTP before real upstreams: what servers get, what clients get, and what never waits. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { type GatewayProcess, startGateway } from '../fixtures/gateway.ts';
import { closing, collect, type Got, get, listening, raw, signal } from './http-harness.ts';

const opened: (() => Promise<unknown> | undefined)[] = [];
after(async () => {
  for (const close of opened.reverse()) await close();
});

interface Seen {
  readonly method: string | undefined;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

interface Upstream {
  readonly port: number;
  readonly seen: Seen[];
  /** Resolves when `count` requests have been read whole. */
  whole(count: number): Promise<readonly Seen[]>;
}

type Deed = (response: ServerResponse, seen: Seen) => void;

async function upstream(deed: Deed = (response) => void response.end('ok')): Promise<Upstream> {
  const seen: Seen[] = [];
  const waiting: { readonly count: number; readonly fire: () => void }[] = [];
  const server = createServer(async (incoming, response) => {
    response.on('error', () => {});
    const { method, url = '', headers } = incoming;
    const body = await collect(incoming).catch(() => undefined);
    if (!body) return;
    const each = { method, url, headers, body: body.toString() };
    seen.push(each);
    for (const { count, fire } of waiting) if (seen.length >= count) fire();
    deed(response, each);
  });
  const port = await listening(server);
  opened.push(() => closing(server));
  return {
    port,
    seen,
    async whole(count) {
      if (seen.length < count) await new Promise<void>((resolve) => waiting.push({ count, fire: resolve }));
      return seen;
    },
  };
}

interface Route {
  readonly policies: object;
  readonly to?: Upstream;
  readonly backend?: object;
  readonly match?: object;
}

interface Running {
  readonly gateway: GatewayProcess;
  readonly port: number;
  get(path: string, options?: Parameters<typeof get>[1]): Promise<Got>;
}

/** Each route under the path that is its key. */
async function gatewayTo(routes: Readonly<Record<string, Route>>): Promise<Running> {
  const built = Object.entries(routes).map(([path, { policies, to, backend = {}, match }]) => ({
    matches: [match ?? { path: { pathPrefix: path } }],
    policies,
    backends: to ? [{ host: `127.0.0.1:${to.port}`, policies: backend }] : [],
  }));
  const gateway = await startGateway(
    `binds:\n- port: 3000\n  listeners: ${JSON.stringify([{ routes: built }])}\n`,
  );
  opened.push(() => gateway.stop());
  const port = Number(new URL(gateway.url).port);
  return { gateway, port, get: (path, options) => get(port, { path, ...options }) };
}

const codeOf = ({ body }: Got): unknown => (JSON.parse(body) as { error?: { code?: string } }).error?.code;

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

describe('buffering', async () => {
  const server = await upstream((response, { url, body }) => {
    if (url.endsWith('/big')) return void response.end('x'.repeat(5000));
    if (!url.endsWith('/events')) return void response.end(String(body.length));
    response.setHeader('content-type', 'text/event-stream');
    response.write('data: 1\n\n');
  });
  let running: Running;
  before(async () => {
    const both = (failureMode: string) => ({
      buffer: { request: { maxBytes: 1000, failureMode }, response: { maxBytes: 1000, failureMode } },
    });
    running = await gatewayTo({
      '/b': { policies: both('failClosed'), to: server },
      '/open': { policies: both('failOpen'), to: server },
    });
  });
  const chunked = async (path: string, ...chunks: string[]): Promise<{ status: number; body: string }> => {
    const outgoing = request({ host: '127.0.0.1', port: running.port, path, method: 'POST' });
    outgoing.on('error', () => {});
    for (const chunk of chunks) outgoing.write(chunk);
    outgoing.end();
    const [reply] = (await once(outgoing, 'response')) as [IncomingMessage];
    return { status: reply.statusCode ?? 0, body: (await collect(reply)).toString() };
  };

  test('sends a request when it is whole, with its length', async () => {
    const got = await chunked('/b', 'abc', 'def');
    assert.deepEqual(got, { status: 200, body: '6' });
    assert.equal(server.seen.at(-1)?.headers['content-length'], '6');
  });

  test('refuses what is larger, or lets it stream', async () => {
    const before = server.seen.length;
    assert.equal((await chunked('/b', 'x'.repeat(800), 'x'.repeat(800))).status, 413);
    assert.equal((await running.get('/b', { method: 'POST', body: 'x'.repeat(1001) })).status, 413);
    assert.equal(server.seen.length, before, 'the upstream has seen nothing of it');
    assert.deepEqual(await chunked('/open', 'x'.repeat(800), 'y'.repeat(800), 'z'.repeat(100_000)), {
      status: 200,
      body: '101600',
    });
    assert.match(server.seen.at(-1)?.body ?? '', /^x{800}y{800}z{100000}$/);
    assert.equal((await running.get('/open', { method: 'POST', body: 'x'.repeat(2000) })).body, '2000');
  });

  test('holds replies likewise, but never a stream of events', async () => {
    assert.equal(codeOf(await running.get('/b/big')), 'UPSTREAM_MESSAGE_TOO_LARGE');
    assert.equal((await running.get('/open/big')).body.length, 5000);
    const outgoing = request({ host: '127.0.0.1', port: running.port, path: '/b/events' }).end();
    const [reply] = (await once(outgoing, 'response')) as [IncomingMessage];
    const [chunk] = await once(reply, 'data');
    assert.equal(String(chunk), 'data: 1\n\n');
    outgoing.destroy();
  });
});

describe('mirroring', async () => {
  const server = await upstream();
  const shadow = await upstream();
  const stuck = signal<ServerResponse>();
  const silent = await upstream((response) => stuck.fire(response));
  let running: Running;
  before(async () => {
    const nobody = createServer();
    const dead = await listening(nobody);
    await closing(nobody);
    const to = (port: number, more: object = {}) => ({
      requestMirror: { backend: { host: `127.0.0.1:${port}` }, ...more },
    });
    running = await gatewayTo({
      '/m': {
        policies: {
          ...to(shadow.port),
          urlRewrite: { path: { prefix: '/rewritten' } },
          requestHeaderModifier: { set: { 'x-env': 'prod' } },
          backendAuth: { key: 'secret-of-the-server' },
        },
        to: server,
      },
      '/never': { policies: to(shadow.port, { percentage: 0 }), to: server },
      '/dead': { policies: to(dead), to: server },
      '/silent': { policies: to(silent.port), to: server },
    });
  });

  test('sends what the server gets, with the body and without its credentials', async () => {
    assert.equal((await running.get('/m/a', { method: 'POST', body: 'short' })).body, 'ok');
    const outgoing = request({ host: '127.0.0.1', port: running.port, path: '/m/b?q=1', method: 'PUT' });
    outgoing.write('first,');
    outgoing.end('second');
    const [reply] = (await once(outgoing, 'response')) as [IncomingMessage];
    await collect(reply);
    const copies = [...(await shadow.whole(2))].sort((one, other) => one.url.localeCompare(other.url));
    assert.deepEqual(
      copies.map(({ method, url, body, headers }) => [method, url, body, headers['x-env']]),
      [
        ['POST', '/rewritten/a', 'short', 'prod'],
        ['PUT', '/rewritten/b?q=1', 'first,second', 'prod'],
      ],
    );
    for (const { headers } of copies) {
      assert.equal(headers.authorization, undefined);
      assert.equal(headers.host, `127.0.0.1:${shadow.port}`);
    }
    assert.equal(server.seen.at(-1)?.headers.authorization, 'Bearer secret-of-the-server');
  });

  test('leaves out what is too large, or not in its share', async () => {
    const before = shadow.seen.length;
    const body = 'x'.repeat(1024 * 1024 + 1);
    assert.equal((await running.get('/m/large', { method: 'POST', body })).body, 'ok');
    assert.equal((await running.get('/never', { method: 'POST', body: 'x' })).body, 'ok');
    assert.equal((await running.get('/m/next')).body, 'ok');
    await shadow.whole(before + 1);
    assert.equal(shadow.seen.at(-1)?.url, '/rewritten/next');
    assert.equal(shadow.seen.length, before + 1);
  });

  test('that fails or hangs is no concern of the request, nor of the end of the gateway', async () => {
    for (let count = 0; count < 3; count += 1)
      assert.equal((await running.get('/dead', { method: 'POST', body: 'x' })).body, 'ok');
    await running.gateway.said(/requestMirror: not sent/);
    assert.equal((await running.get('/silent')).body, 'ok');
    const held = await stuck.fired;
    const cut = once(held, 'close');
    await running.gateway.stop();
    await cut;
  });
});

describe('transformations', async () => {
  const server = await upstream((response, { url }) => {
    response.setHeader('x-own', 'upstream');
    if (url.endsWith('/events')) {
      response.setHeader('content-type', 'text/event-stream');
      return void response.write('data: 1\n\n');
    }
    response.setHeader('etag', '"1"');
    response.end('{"id": 7, "secret": "s"}');
  });
  let running: Running;
  before(async () => {
    running = await gatewayTo({
      '/t': {
        policies: {
          transformations: {
            request: {
              set: {
                ':method': '"PUT"',
                ':path': '"/items/" + json(request.body).id + "?from=" + request.path',
                ':authority': '"items.internal"',
                'x-model': 'json(request.body).model',
                'content-type': '"application/x-ours"',
              },
              add: { 'x-from': 'source.address' },
              remove: ['cookie'],
              body: '{"wrapped": json(request.body), "path": request.path}',
            },
            response: {
              set: { ':status': '202', 'x-id': 'json(response.body).id' },
              remove: ['x-own'],
              body: '{"id": json(response.body).id, "asked": json(request.body).id}',
            },
          },
        },
        to: server,
      },
      '/stream': {
        policies: {
          transformations: {
            response: {
              set: { 'x-path': 'request.path', 'x-body': 'string(response.body)' },
              body: '"replaced"',
            },
          },
        },
        to: server,
      },
      '/which': {
        policies: {
          transformations: {
            conditional: [
              {
                condition: 'request.headers["x-tier"] == "gold"',
                request: { set: { 'x-rank': '"1"' } },
                response: { set: { 'x-tier': '"gold"' } },
              },
              { condition: 'string(request.body) == "later"', request: { set: { ':path': '"/later"' } } },
              { request: { set: { 'x-rank': '"9"' } } },
            ],
          },
        },
        to: server,
      },
      '/fail': {
        policies: {
          transformations: {
            request: { set: { 'x-a': 'request.method', ':path': 'json(request.body).path' } },
          },
        },
        to: server,
      },
      '/fail-reply': {
        policies: {
          transformations: { response: { set: { 'x-a': '"a"', 'x-b': 'json(response.body).missing.name' } } },
        },
        to: server,
      },
    });
  });

  test('make requests and replies of what came, bodies included', async () => {
    const body = '{"id": "a1", "model": "m"}';
    const headers = { cookie: 'a=1', 'content-type': 'application/json', 'x-model': 'mine' };
    const got = await running.get('/t/x', { method: 'POST', body, headers });
    const { method, url, headers: sent, body: wrapped } = server.seen.at(-1) as Seen;
    assert.deepEqual([method, url, sent.host], ['PUT', '/items/a1?from=/t/x', 'items.internal']);
    assert.deepEqual(
      [sent['x-model'], sent['x-from'], sent['cookie'], sent['content-type'], sent['accept-encoding']],
      ['m', '127.0.0.1', undefined, 'application/x-ours', undefined],
    );
    assert.deepEqual(JSON.parse(wrapped), { wrapped: JSON.parse(body), path: '/t/x' });
    assert.deepEqual([got.status, got.headers['x-id'], got.headers['x-own']], [202, '7', undefined]);
    assert.deepEqual([got.headers.etag, JSON.parse(got.body)], [undefined, { id: 7, asked: 'a1' }]);
  });

  test('change headers of an event stream alone', async () => {
    const outgoing = request({ host: '127.0.0.1', port: running.port, path: '/stream/events' }).end();
    const [reply] = (await once(outgoing, 'response')) as [IncomingMessage];
    const [chunk] = await once(reply, 'data');
    assert.equal(String(chunk), 'data: 1\n\n');
    assert.deepEqual([reply.headers['x-path'], reply.headers['x-body']], ['/stream/events', undefined]);
    outgoing.destroy();
  });

  test('are those of the first condition that holds', async () => {
    const gold = await running.get('/which', { headers: { 'x-tier': 'gold', 'x-rank': 'mine' } });
    assert.deepEqual([gold.headers['x-tier'], server.seen.at(-1)?.headers['x-rank']], ['gold', '1']);
    await running.get('/which', { method: 'POST', body: 'later', headers: { 'x-rank': 'mine' } });
    assert.deepEqual([server.seen.at(-1)?.url, server.seen.at(-1)?.headers['x-rank']], ['/later', undefined]);
    const other = await running.get('/which');
    assert.deepEqual([other.headers['x-tier'], server.seen.at(-1)?.headers['x-rank']], [undefined, '9']);
  });

  test('that cannot be made refuse the request, or the reply, and say so', async () => {
    const before = server.seen.length;
    for (const body of ['no json', '{}', '{"path": "no-slash"}', '{"path": "/a/../b"}', '{"path": "/a b"}'])
      assert.equal(codeOf(await running.get('/fail', { method: 'POST', body })), 'EXPRESSION_FAILED', body);
    assert.equal(server.seen.length, before, 'nothing has reached the upstream');
    await running.gateway.said(/transformations: :path cannot be made; refused/);
    const got = await running.get('/fail-reply');
    assert.deepEqual([got.status, codeOf(got), got.headers['x-a']], [500, 'EXPRESSION_FAILED', undefined]);
    assert.ok(!got.body.includes('secret'));
  });

  test('refuse a body that is too large to be read', async () => {
    const got = await running.get('/t', { method: 'POST', body: 'x'.repeat(2 * 1024 * 1024 + 1) });
    assert.equal(got.status, 413);
  });
});

/** Policies of plain HTTP that hold, copy, read or replace bodies, before real upstreams; and what never waits. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { createSecureServer } from 'node:http2';
import type { Server as NetServer } from 'node:net';
import { before, describe, test } from 'node:test';
import { cert, key } from '../fixtures/tls.ts';
import { closing, collect, listening, signal } from './http-harness.ts';
import { codeOf, gatewayTo, opened, type Running, type Seen, upstream } from './policy-world.ts';

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

test('over HTTP/2 the server gets the same: name, path, method, body, and a mirror its copy', async () => {
  const server = createSecureServer({ cert, key });
  const sessions = new Set<{ destroy(): void }>();
  const asked: unknown[][] = [];
  server.on('session', (session) => sessions.add(session.on('error', () => {})));
  server.on('stream', async (stream, headers) => {
    stream.on('error', () => {});
    const body = (await collect(stream)).toString();
    asked.push([headers[':authority'], headers[':method'], headers[':path'], headers['x-a'], body]);
    stream.respond({ ':status': 200, 'content-type': 'text/plain' });
    stream.end('from the server');
  });
  const port = await listening(server as unknown as NetServer);
  opened.push(async () => {
    for (const session of sessions) session.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  const shadow = await upstream();
  const policies = {
    requestMirror: { backend: { host: `127.0.0.1:${shadow.port}` } },
    transformations: {
      request: {
        set: { ':authority': '"items.internal:1"', ':path': '"/items"', ':method': '"PUT"', 'x-a': '"1"' },
        body: '"<" + string(request.body) + ">"',
      },
      response: { body: 'string(response.body).upperAscii()' },
    },
  };
  const backend = { backendTLS: { root: cert, hostname: 'upstream.test' } };
  const running = await gatewayTo({ '/h2': { policies, backend, to: { port } } });
  const got = await running.get('/h2', { method: 'POST', body: 'body' });
  assert.equal(got.body, 'FROM THE SERVER');
  assert.deepEqual(asked, [['items.internal:1', 'PUT', '/items', '1', '<body>']]);
  const [copy] = await shadow.whole(1);
  assert.deepEqual([copy?.method, copy?.url, copy?.body], ['PUT', '/items', '<body>']);
});

/** The HTTP data path as a whole: listener, `host` backend, upstream, over real sockets. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { describe, test } from 'node:test';
import { collect, get, raw, Stage } from './http-harness.ts';

const stage = new Stage();

describe('a request through the proxy', () => {
  test('arrives with its method, path, query, headers and body', async () => {
    const proxy = await stage.proxied(async (incoming, response) => {
      const body = (await collect(incoming)).toString();
      response.end(
        JSON.stringify({ method: incoming.method, url: incoming.url, x: incoming.headers['x-a'], body }),
      );
    });
    const options = {
      method: 'PUT',
      path: '/a/b?c=d&e',
      headers: { 'X-A': 'caf\u00e9' },
      body: Buffer.from('hello'),
    };
    const { status, body } = await get(proxy.port, options);
    assert.equal(status, 200);
    assert.deepEqual(JSON.parse(body), { method: 'PUT', url: '/a/b?c=d&e', x: 'caf\u00e9', body: 'hello' });
  });

  test('loses the headers of its connection and those Connection lists, and nothing else', async () => {
    const proxy = await stage.proxied((incoming, response) => response.end(JSON.stringify(incoming.headers)));
    const headers = {
      connection: 'X-Private, keep-alive',
      'x-private': '1',
      'keep-alive': 'timeout=9',
      te: 'gzip, trailers',
      'proxy-authorization': 'Basic eDp5',
      'x-public': '2',
    };
    const seen = JSON.parse((await get(proxy.port, { headers })).body);
    assert.equal(seen['x-private'], undefined);
    assert.equal(seen['keep-alive'], undefined);
    assert.equal(seen['proxy-authorization'], undefined);
    assert.equal(seen.te, 'trailers');
    assert.equal(seen['x-public'], '2');
  });

  test('tells the upstream who asked for what', async () => {
    const proxy = await stage.proxied((incoming, response) => response.end(JSON.stringify(incoming.headers)));
    const headers = { host: 'Shop.example:81', 'x-forwarded-for': '10.1.1.1', 'x-forwarded-proto': 'https' };
    const seen = JSON.parse((await get(proxy.port, { headers })).body);
    assert.match(seen.host, /^127\.0\.0\.1:\d+$/);
    assert.equal(seen['x-forwarded-host'], 'shop.example:81');
    assert.equal(seen['x-forwarded-for'], '10.1.1.1, 127.0.0.1');
    assert.equal(seen['x-forwarded-proto'], 'http');
  });

  test('keeps the framing of its body: a length stays a length, chunks stay chunks', async () => {
    const proxy = await stage.proxied((incoming, response) => {
      incoming.resume();
      const { 'content-length': length, 'transfer-encoding': coding } = incoming.headers;
      response.end(JSON.stringify({ length, coding }));
    });
    const sized = await get(proxy.port, {
      method: 'POST',
      headers: { 'content-length': '5' },
      body: 'hello',
    });
    assert.deepEqual(JSON.parse(sized.body), { length: '5' });
    const empty = await get(proxy.port, { method: 'POST', headers: { 'content-length': '0' } });
    assert.deepEqual(JSON.parse(empty.body), { length: '0' });
    const chunked = request({ host: '127.0.0.1', port: proxy.port, method: 'POST', agent: false });
    chunked.write('hel');
    const [reply] = (await once(chunked, 'response')) as [IncomingMessage];
    assert.deepEqual(JSON.parse((await collect(reply)).toString()), { coding: 'chunked' });
    chunked.on('error', () => {});
    chunked.destroy();
  });

  test('is not asked for its body before the upstream reads it', async () => {
    const proxy = await stage.proxied(async (incoming, response) => response.end(await collect(incoming)));
    const outgoing = request({ host: '127.0.0.1', port: proxy.port, method: 'POST', agent: false });
    outgoing.setHeader('expect', '100-continue');
    outgoing.setHeader('content-length', '3');
    outgoing.flushHeaders();
    await once(outgoing, 'continue');
    outgoing.end('abc');
    const [reply] = (await once(outgoing, 'response')) as [IncomingMessage];
    assert.equal((await collect(reply)).toString(), 'abc');
  });

  test('is never asked for its body when the upstream cannot be reached', async () => {
    const proxy = await stage.proxyToNowhere();
    const text = await raw(
      proxy.port,
      'POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n',
      'open',
    );
    assert.match(text, /^HTTP\/1\.1 502 /);
    assert.doesNotMatch(text, /100 Continue/);
    assert.match(text, /Connection: close/i);
    assert.match(text, /"UPSTREAM_CONNECT"/);
  });
});

describe('a reply through the proxy', () => {
  test('keeps status, headers, repeated headers and body', async () => {
    const proxy = await stage.proxied((_, response) => {
      response.writeHead(418, [
        'Set-Cookie',
        'a=1',
        'Set-Cookie',
        'b=2',
        'X-Y',
        'z',
        'Connection',
        'X-Hop',
        'X-Hop',
        '1',
      ]);
      response.end('short and stout');
    });
    const { status, headers, body } = await get(proxy.port);
    assert.equal(status, 418);
    assert.deepEqual(headers['set-cookie'], ['a=1', 'b=2']);
    assert.equal(headers['x-y'], 'z');
    assert.equal(headers['x-hop'], undefined);
    assert.equal(body, 'short and stout');
  });

  test('to HEAD keeps the length of the body it does not have', async () => {
    const proxy = await stage.proxied((_, response) =>
      response.writeHead(200, { 'content-length': '1234' }).end(),
    );
    const { status, headers, body } = await get(proxy.port, { method: 'HEAD' });
    assert.deepEqual([status, headers['content-length'], body], [200, '1234', '']);
  });

  for (const status of [204, 304]) {
    test(`with status ${status} has neither body nor length`, async () => {
      const proxy = await stage.proxied((_, response) => response.writeHead(status, { etag: '"x"' }).end());
      const reply = await get(proxy.port);
      assert.deepEqual([reply.status, reply.headers.etag, reply.body], [status, '"x"', '']);
      assert.equal(reply.headers['content-length'], undefined);
      assert.equal(reply.headers['transfer-encoding'], undefined);
    });
  }

  test('brings its trailers', async () => {
    const proxy = await stage.proxied((_, response) => {
      response.writeHead(200, { trailer: 'x-sum' });
      response.write('data');
      response.addTrailers({ 'x-sum': '42' });
      response.end();
    });
    const { body, trailers } = await get(proxy.port);
    assert.equal(body, 'data');
    assert.equal(trailers['x-sum'], '42');
  });

  test('starts before it ends: the first part is not held back', async () => {
    let finish: () => void = () => {};
    const proxy = await stage.proxied((_, response) => {
      response.write('first');
      finish = () => response.end('second');
    });
    const outgoing = request({ host: '127.0.0.1', port: proxy.port, agent: false }).end();
    const [reply] = (await once(outgoing, 'response')) as [IncomingMessage];
    const [first] = (await once(reply, 'data')) as [Buffer];
    assert.equal(first.toString(), 'first');
    finish();
    assert.equal((await collect(reply)).toString(), 'second');
  });

  test('sends its head at once even when the body says nothing yet', async () => {
    const proxy = await stage.proxied((_, response) =>
      response.writeHead(200, { 'x-early': '1' }).flushHeaders(),
    );
    const outgoing = request({ host: '127.0.0.1', port: proxy.port, agent: false }).end();
    const [reply] = (await once(outgoing, 'response')) as [IncomingMessage];
    assert.equal(reply.headers['x-early'], '1');
    outgoing.on('error', () => {});
    outgoing.destroy();
  });

  test('is not disturbed by an informational reply before it', async () => {
    const proxy = await stage.proxied((_, response) => {
      response.writeEarlyHints({ link: '</a.css>; rel=preload' });
      response.end('done');
    });
    assert.equal((await get(proxy.port)).body, 'done');
  });

  test('of an HTTP/1.0 upstream, which ends with the connection, arrives whole', async () => {
    const port = await stage.rawUpstream((socket) =>
      socket.end('HTTP/1.0 200 OK\r\nX-Old: 1\r\n\r\nold body'),
    );
    const proxy = await stage.proxyTo(`127.0.0.1:${port}`);
    const { headers, body } = await get(proxy.port);
    assert.deepEqual([headers['x-old'], body], ['1', 'old body']);
  });
});

describe('connections', () => {
  test('are reused on both sides', async () => {
    let connections = 0;
    const { server, port } = await stage.server((incoming, response) =>
      response.end(String(incoming.socket.remotePort)),
    );
    server.on('connection', () => {
      connections += 1;
    });
    const proxy = await stage.proxyTo(`127.0.0.1:${port}`);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    stage.own(async () => agent.destroy());
    for (let i = 0; i < 20; i += 1) await get(proxy.port, { agent });
    assert.equal(connections, 1);
    assert.equal(proxy.acceptor.connections, 1);
  });

  test('that the upstream closed while idle do not show', async () => {
    const { server, port } = await stage.server((_, response) => {
      response.end('ok');
      // Closes without having said so in the reply.
      response.socket?.end();
    });
    server.keepAliveTimeout = 60_000;
    const proxy = await stage.proxyTo(`127.0.0.1:${port}`);
    for (let i = 0; i < 20; i += 1) assert.equal((await get(proxy.port)).status, 200);
  });

  test('that die under a GET are replaced once', async () => {
    let requests = 0;
    const proxy = await stage.proxied((incoming, response) => {
      requests += 1;
      if (requests === 1) incoming.socket.destroy();
      else response.end('second try');
    });
    assert.equal((await get(proxy.port)).body, 'second try');
    assert.equal(requests, 2);
  });

  test('that die under a POST are not: it may have been done', async () => {
    let requests = 0;
    const proxy = await stage.proxied((incoming) => {
      requests += 1;
      incoming.socket.destroy();
    });
    const { status, body } = await get(proxy.port, { method: 'POST', body: 'x' });
    assert.equal(status, 502);
    assert.match(body, /"UPSTREAM_CLOSED"/);
    assert.equal(requests, 1);
  });
});

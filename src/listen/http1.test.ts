import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, get as httpGet, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { get, raw, signal } from '../../test/e2e/http-harness.ts';
import { Accepting, reply } from '../../test/fixtures/accepting.ts';
import { GatewayError } from '../core/errors.ts';
import type { Answer, Exchange } from '../core/exchange.ts';
import { Flow } from '../lib/flow.ts';

const accepting = new Accepting();
const hello = async (): Promise<Answer> => reply('hello');

describe('an exchange', () => {
  test('knows what was asked, by whom and where', async () => {
    const { port } = await accepting.open(async (exchange) => {
      const { id, method, url, path, query, authority, scheme, httpVersion, upgrade, client, local } =
        exchange;
      const known = { method, url, path, query, authority, scheme, httpVersion, upgrade: upgrade ?? null };
      return reply(
        JSON.stringify({ ...known, id, client: client.address, local: local.address, port: local.port }),
      );
    });
    const { body } = await get(port, { path: '/a/b?c=d', headers: { host: 'Gateway.Example:81' } });
    const { id, ...known } = JSON.parse(body);
    assert.match(id, /^[0-9a-z]+$/);
    assert.deepEqual(known, {
      method: 'GET',
      url: '/a/b?c=d',
      path: '/a/b',
      query: 'c=d',
      authority: 'gateway.example:81',
      scheme: 'http',
      httpVersion: '1.1',
      upgrade: null,
      client: '127.0.0.1',
      local: '127.0.0.1',
      port,
    });
  });

  test('believes an absolute target rather than Host', async () => {
    const { port } = await accepting.open(async ({ url, authority }) => reply(`${authority} ${url}`));
    const text = await raw(
      port,
      'GET http://real.example?x HTTP/1.1\r\nHost: other\r\nConnection: close\r\n\r\n',
      'open',
    );
    assert.match(text, /real\.example \/\?x$/);
  });

  test('with a target of no known form is refused', async () => {
    const { port } = await accepting.open(hello);
    for (const target of ['*', 'mailto:x', 'http:/x']) {
      assert.match(await raw(port, `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`), /^HTTP\/1\.1 400 /, target);
    }
  });

  test('whose host is named with a user is refused, and nobody gets to see the password', async () => {
    const { port } = await accepting.open(async () => assert.fail('served'), {
      limits: { connect: 'route' },
    });
    for (const [target, host] of [
      ['GET http://me:secret@real.test/x', 'a'],
      ['GET http://me:secret@', 'a'],
      ['GET /x', 'me:secret@real.test'],
      ['GET http://real.test/x', 'me:secret@a'],
      ['CONNECT me:secret@real.test:443', 'a'],
      ['GET ftp://me:secret@real.test/x', 'a'],
    ]) {
      const text = await raw(
        port,
        `${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
        'open',
      );
      assert.match(text, /^HTTP\/1\.1 400 /, target);
      assert.doesNotMatch(text, /secret/, target);
    }
    const records = await accepting.recorded(6);
    assert.doesNotMatch(JSON.stringify(records), /secret/);
    assert.deepEqual(
      records.map(({ host }) => host),
      ['real.test', '', 'real.test', 'real.test', 'real.test:443', 'a'],
    );
  });

  test('is not made of what only claims to be another version, upgrades and CONNECT included', async () => {
    const { port } = await accepting.open(async () => assert.fail('served'));
    const upgrade = 'Connection: Upgrade\r\nUpgrade: chat\r\n';
    for (const version of ['0.9', '2.0', '1.2'])
      for (const [target, lines] of [
        ['GET /', ''],
        ['GET /', upgrade],
        ['CONNECT a:1', ''],
        ['POST /', 'Expect: 100-continue\r\nContent-Length: 2\r\n'],
      ]) {
        const text = await raw(port, `${target} HTTP/${version}\r\nHost: a\r\n${lines}\r\n`, 'open');
        assert.match(text, /^HTTP\/1\.1 400 .*Invalid HTTP version/s, `${target} ${version}`);
      }
  });

  test('is recorded once, when its reply has been written', async () => {
    const { port } = await accepting.open(hello);
    await get(port, { path: '/x?secret=1' });
    const [record, ...others] = await accepting.recorded(1);
    assert.deepEqual(others, []);
    assert.deepEqual(
      [record?.method, record?.path, record?.status, record?.bytesOut, record?.reason],
      ['GET', '/x', 200, 5, undefined],
    );
    assert.ok(record && record.ms >= 0);
  });

  test('is cancelled when its client goes away before the reply', async () => {
    const asked = signal();
    const cancelled = signal<Error>();
    const { port, acceptor } = await accepting.open((exchange) => {
      exchange.cancel.onCancel(cancelled.fire);
      asked.fire();
      return new Promise(() => {});
    });
    const outgoing = httpGet({ port, host: '127.0.0.1', agent: false });
    outgoing.on('error', () => {});
    await asked.fired;
    outgoing.destroy();
    assert.equal(((await cancelled.fired) as GatewayError).code, 'CANCELLED');
    const [record] = await accepting.recorded(1);
    assert.deepEqual([record?.status, record?.reason], [499, 'CANCELLED']);
    assert.equal(acceptor.inFlight, 0);
  });
});

describe('a request body', () => {
  const echo = async ({ body }: Exchange): Promise<Answer> => reply((await body.read(10)).toString());

  test('is read whole up to its limit', async () => {
    const { port } = await accepting.open(echo);
    assert.equal((await get(port, { method: 'POST', body: '0123456789' })).body, '0123456789');
    assert.equal((await get(port)).body, '');
  });

  test('beyond its limit is refused, declared or not, and the connection stays usable', async () => {
    const { port, acceptor } = await accepting.open(echo);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    accepting.own(async () => agent.destroy());
    const declared = await get(port, { method: 'POST', body: '0123456789x', agent });
    const headers = { 'transfer-encoding': 'chunked' };
    const chunked = await get(port, { method: 'POST', headers, body: '0123456789x', agent });
    for (const { status, body } of [declared, chunked]) {
      assert.equal(status, 413);
      assert.equal(JSON.parse(body).error.code, 'BODY_TOO_LARGE');
    }
    assert.equal((await get(port, { method: 'POST', body: 'fits', agent })).body, 'fits');
    assert.equal(acceptor.connections, 1);
  });

  test('that came with its head is handed over as it is, one that is still to come as a stream', async () => {
    const waiting = signal();
    const { port } = await accepting.open(async ({ body }) => {
      await undefined;
      const content = body.stream();
      if (Buffer.isBuffer(content)) return reply(`whole: ${content}`);
      waiting.fire();
      return reply(`piece: ${(await once(content, 'data'))[0]}`);
    });
    const head = 'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5\r\n';
    assert.match(await raw(port, `${head}\r\n12345`), /\r\nwhole: 12345$/);
    // Who was not told to go on has to be taken off the line (node), and with it what it asked next.
    const told = await raw(port, `${head}Expect: 100-continue\r\n\r\n12345`);
    assert.match(told, /^HTTP\/1\.1 100 [\s\S]*HTTP\/1\.1 200 [\s\S]*\r\nwhole: 12345$/);
    const later = connect(port, '127.0.0.1');
    later.write(`${head}\r\n`);
    await waiting.fired;
    later.end('12345');
    let text = '';
    for await (const chunk of later) text += String(chunk);
    assert.match(text, /\r\npiece: 12345$/);
  });

  test('that breaks off is never taken for a whole one', async () => {
    const failed = signal<GatewayError>();
    const reading = signal();
    const { port } = await accepting.open(async ({ body }) => {
      reading.fire();
      await body.read(100).catch(failed.fire);
      return reply('');
    });
    const outgoing = request({ port, host: '127.0.0.1', method: 'POST', agent: false });
    outgoing.on('error', () => {});
    outgoing.write('{"half":');
    await reading.fired;
    outgoing.destroy();
    assert.equal((await failed.fired).code, 'CANCELLED');
  });

  test('that nobody reads is not asked for, and costs the connection', async () => {
    const { port } = await accepting.open(hello);
    const head = 'POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n';
    const text = await raw(port, head, 'open');
    assert.match(text, /^HTTP\/1\.1 200 /);
    assert.match(text, /Connection: close/i);
  });

  test('has one reader', async () => {
    const { port } = await accepting.open(async ({ body }) => {
      await body.read(10);
      return reply((await body.read(10)).toString());
    });
    assert.equal((await get(port, { method: 'POST', body: 'x' })).status, 500);
  });
});

describe('an error', () => {
  test('becomes JSON with its code, status and headers', async () => {
    const { port } = await accepting.open(async () => {
      throw new GatewayError('OVERLOADED', 'not now', { headers: ['retry-after', '7'] });
    });
    const { status, headers, body } = await get(port);
    assert.deepEqual(
      [status, headers['retry-after'], headers['content-type']],
      [503, '7', 'application/json'],
    );
    assert.deepEqual(JSON.parse(body), { error: { code: 'OVERLOADED', message: 'not now' } });
    const [record] = await accepting.recorded(1);
    assert.deepEqual([record?.reason, record?.error], ['OVERLOADED', 'not now']);
  });

  test('of an unknown kind keeps its text to the record', async () => {
    const { port } = await accepting.open(async () => {
      throw new Error('secret detail');
    });
    const { status, body } = await get(port);
    assert.equal(status, 500);
    assert.doesNotMatch(body, /secret/);
    assert.match((await accepting.recorded(1))[0]?.error ?? '', /secret detail/);
  });

  test('thrown before the first await is rendered as well', async () => {
    const { port } = await accepting.open(() => {
      throw new GatewayError('MISDIRECTED', 'elsewhere');
    });
    assert.equal((await get(port)).status, 421);
  });

  test('of a stream that fails before anything was sent still becomes a reply', async () => {
    const body = new Flow();
    body.fail(new GatewayError('UPSTREAM_CLOSED', 'gone'));
    const { port } = await accepting.open(async () => reply(body));
    assert.equal((await get(port)).status, 502);
  });

  test('in a pipelined reply that waits for its turn breaks the connection, and both exchanges end', async () => {
    const { port, acceptor } = await accepting.open(async ({ path }) => {
      if (path === '/first') return new Promise(() => {});
      const body = new Flow();
      body.push(Buffer.from('half'));
      setImmediate(() => body.fail(new GatewayError('UPSTREAM_CLOSED', 'gone')));
      return reply(body);
    });
    const both = ['/first', '/second'].map((path) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`).join('');
    await assert.rejects(raw(port, both, 'open'), { code: 'ECONNRESET' });
    const records = await accepting.recorded(2);
    assert.deepEqual(new Set(records.map(({ reason }) => reason)), new Set(['UPSTREAM_CLOSED', 'CANCELLED']));
    assert.equal(acceptor.inFlight, 0);
  });

  test('in the headers of a reply does not leave the client waiting', async () => {
    const { port } = await accepting.open(async () => reply('x', ['bad name', 'x']));
    assert.equal((await get(port)).status, 500);
  });
});

test('an upload that was answered early on a last connection can go on, so that its client gets to the reply', async () => {
  const { port } = await accepting.open(async () => reply('no', [], 413));
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  accepting.own(async () => socket.destroy());
  socket.write('POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 9000000\r\n\r\n');
  const ended = once(socket, 'end');
  socket.resume();
  await ended;
  const write = promisify((bytes: Buffer, done: (error?: Error | null) => void) => socket.write(bytes, done));
  for (let piece = 0; piece < 20; piece += 1) await write(Buffer.alloc(64 * 1024));
});

describe('an upgrade', () => {
  const headers = { connection: 'upgrade', upgrade: 'chat' };

  test('answered with a tunnel hands over the socket and what came early', async () => {
    const { port } = await accepting.open(async ({ upgrade }) => ({
      status: 101,
      headers: ['connection', 'upgrade', 'upgrade', upgrade ?? ''],
      attach: (client, head) => client.end(`got ${head}`),
    }));
    const text = await raw(
      port,
      'GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\nearly',
      'open',
    );
    assert.match(text, /^HTTP\/1\.1 101 Switching Protocols\r\n/);
    assert.match(text, /upgrade: chat\r\n\r\ngot early$/);
    assert.equal((await accepting.recorded(1))[0]?.status, 101);
  });

  test('whose tunnel fails as it is opened breaks off, and is recorded', async () => {
    const { port } = await accepting.open(async () => ({
      status: 101,
      headers: [],
      attach: () => {
        throw new Error('no tunnel');
      },
    }));
    const asked = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n';
    await raw(port, asked, 'open').catch(() => {});
    const [record] = await accepting.recorded(1);
    assert.equal(record?.reason, 'INTERNAL');
    assert.match(record?.error ?? '', /no tunnel/);
  });

  test('answered with a reply is refused with that reply', async () => {
    const { port } = await accepting.open(async () => {
      throw new GatewayError('FORBIDDEN_ORIGIN', 'not you');
    });
    const { status, body } = await get(port, { headers });
    assert.equal(status, 403);
    assert.equal(JSON.parse(body).error.code, 'FORBIDDEN_ORIGIN');
    assert.equal((await accepting.recorded(1)).length, 1);
  });

  test('to HTTP/2 is not taken: the request is served as it is, with its body', async () => {
    const { port } = await accepting.open(async ({ body, upgrade, headers: seen }) => {
      return reply(`${await body.read(100)} ${upgrade} ${seen['x-kept']}`);
    });
    const offer = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n';
    const head = `POST / HTTP/1.1\r\n${offer}Host: a\r\nX-Kept: 1\r\nContent-Length: 4\r\n\r\n`;
    const socket = connect(port, '127.0.0.1');
    accepting.own(async () => socket.destroy());
    socket.write(`${head}da`);
    socket.write('ta');
    assert.match(await until(socket, 'data undefined'), /data undefined 1$/);
    socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nmore');
    assert.match(await until(socket, 'more'), /more undefined undefined$/);
  });

  test('beside a body is not taken either', async () => {
    const { port } = await accepting.open(async ({ body, upgrade }) =>
      reply(`${await body.read(100)} ${upgrade}`),
    );
    const sent = {
      method: 'POST',
      headers: { ...headers, connection: 'upgrade, close' },
      body: 'GET /x HTTP/1.1',
    };
    assert.equal((await get(port, sent)).body, 'GET /x HTTP/1.1 undefined');
  });

  test('that was not asked for cannot be answered with a tunnel', async () => {
    const { port } = await accepting.open(async () => ({
      status: 101,
      headers: [],
      attach: () => assert.fail('attached'),
    }));
    assert.equal((await get(port)).status, 500);
  });

  /** Reads until the text has arrived. */
  async function until(socket: Socket, text: string): Promise<string> {
    let got = '';
    while (!got.includes(text)) got += String((await once(socket, 'data'))[0]);
    return got;
  }
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import type { Readable } from 'node:stream';
import { describe, test } from 'node:test';
import { collect, signal } from '../../test/e2e/http-harness.ts';
import { Accepting, reply } from '../../test/fixtures/accepting.ts';
import { beginning, END_STREAM, FRAME, type Frame, framesOf, get } from '../../test/fixtures/raw-http2.ts';
import type { GatewayError } from '../core/errors.ts';
import { Flow } from '../lib/flow.ts';

const accepting = new Accepting();

function session(port: number): ClientHttp2Session {
  const client = connect(`http://127.0.0.1:${port}`);
  client.on('error', () => {});
  accepting.own(async () => client.destroy());
  return client;
}

async function ask(client: ClientHttp2Session, headers: Record<string, string | string[]>, body?: string) {
  const stream = client.request(headers, { endStream: body === undefined });
  if (body !== undefined) stream.end(body);
  const [head] = await once(stream, 'response');
  return { status: head[':status'], headers: head, body: (await collect(stream)).toString() };
}

describe('an HTTP/2 request', () => {
  test('becomes an exchange like any other', async () => {
    const { port } = await accepting.open(
      async ({ method, path, query, authority, httpVersion, headers, rawHeaders, body }) => {
        const text = (await body.read(100)).toString();
        return reply(
          JSON.stringify({ method, path, query, authority, httpVersion, headers, rawHeaders, text }),
        );
      },
    );
    const asked = { ':method': 'POST', ':path': '/a?b', ':authority': 'Gateway.example', 'x-a': '1' };
    const { body } = await ask(session(port), asked, 'data');
    assert.deepEqual(JSON.parse(body), {
      method: 'POST',
      path: '/a',
      query: 'b',
      authority: 'gateway.example',
      httpVersion: '2.0',
      headers: { 'x-a': '1', host: 'Gateway.example' },
      rawHeaders: ['x-a', '1'],
      text: 'data',
    });
  });

  test('says by its scheme that it is for a server elsewhere, where that is not the scheme of the connection', async () => {
    const { port } = await accepting.open(async ({ scheme, absolute }) =>
      reply(JSON.stringify({ scheme, absolute })),
    );
    const client = session(port);
    const asked = async (scheme: string) =>
      JSON.parse((await ask(client, { ':path': '/', ':scheme': scheme, ':authority': 'a.test' })).body);
    assert.deepEqual(await asked('https'), { scheme: 'http', absolute: 'https' });
    assert.deepEqual(await asked('http'), { scheme: 'http' });
  });

  test('gets errors as JSON, also while its upload is still going on', async () => {
    const { port } = await accepting.open(async ({ body }) => reply((await body.read(10)).toString()));
    const stream = session(port).request({ ':method': 'POST', ':path': '/' });
    stream.on('error', () => {});
    stream.write('x'.repeat(100));
    const [head] = await once(stream, 'response');
    assert.equal(head[':status'], 413);
    assert.equal(JSON.parse((await collect(stream)).toString()).error.code, 'BODY_TOO_LARGE');
    assert.equal((await accepting.recorded(1))[0]?.reason, 'BODY_TOO_LARGE');
  });

  test('whose upload breaks off is never taken for a whole one', async () => {
    const reading = signal();
    const failed = signal<GatewayError>();
    const { port } = await accepting.open(async ({ body }) => {
      reading.fire();
      await body.read(100).catch(failed.fire);
      return reply('');
    });
    const stream = session(port).request({ ':method': 'POST', ':path': '/' });
    stream.on('error', () => {});
    stream.write('{"half":');
    await reading.fired;
    stream.destroy(new Error('gone'));
    assert.equal((await failed.fired).code, 'CANCELLED');
  });

  test('read only after its upload broke off fails as well', async () => {
    const started = signal();
    const broken = signal();
    const failed = signal<GatewayError>();
    const { port } = await accepting.open(async (exchange) => {
      started.fire();
      exchange.cancel.onCancel(() => broken.fire());
      await broken.fired;
      await new Promise(setImmediate);
      await exchange.body.read(100).catch(failed.fire);
      return reply('');
    });
    const stream = session(port).request({ ':method': 'POST', ':path': '/' });
    stream.on('error', () => {});
    stream.write('{"half":');
    await started.fired;
    stream.destroy(new Error('gone'));
    assert.equal((await failed.fired).code, 'CANCELLED');
  });

  test('with Expect is told to go on when its body is read', async () => {
    const { port } = await accepting.open(async ({ body }) => reply((await body.read(10)).toString()));
    const stream = session(port).request({ ':method': 'POST', ':path': '/', expect: '100-continue' });
    await once(stream, 'continue');
    stream.end('abc');
    assert.equal((await collect(stream)).toString(), 'abc');
  });

  test('with more headers than allowed does not reach the handler', async () => {
    const { port } = await accepting.open(async () => assert.fail('reached'), { limits: { headerCount: 5 } });
    const headers = Object.fromEntries(Array.from({ length: 20 }, (_, at) => [`x-${at}`, '1']));
    await assert.rejects(ask(session(port), { ':path': '/', ...headers }));
  });
});

test('an HTTP/2 request whose host is named with a user is refused, and nobody gets to see the password', async () => {
  const { port } = await accepting.open(async () => assert.fail('served'), { limits: { connect: 'route' } });
  const client = session(port);
  for (const headers of [
    { ':path': '/', ':authority': 'me:secret@real.test' },
    { ':path': '/', ':authority': 'real.test', host: 'me:secret@real.test' },
    { ':method': 'CONNECT', ':authority': 'me:secret@real.test' },
  ]) {
    const { status, body } = await ask(client, headers as Record<string, string>);
    assert.equal(status, 400);
    assert.doesNotMatch(body, /secret/);
  }
  const records = await accepting.recorded(3);
  assert.doesNotMatch(JSON.stringify(records), /secret/);
  assert.deepEqual(new Set(records.map(({ host }) => host)), new Set(['real.test']));
});

describe('an HTTP/2 client that ends its connection without a word', () => {
  for (const how of ['while it waits', 'together with its request'])
    test(`${how} is gone, and whoever works for it learns so`, async () => {
      const asked = signal();
      const { port, acceptor } = await accepting.open(({ cancel }) => {
        asked.fire();
        return new Promise((_resolve, reject) => cancel.onCancel(reject));
      });
      const socket = connectTcp({ port, host: '127.0.0.1', allowHalfOpen: true });
      accepting.own(async () => socket.destroy());
      socket.resume().write(Buffer.concat([beginning(), get(1)]));
      if (how === 'while it waits') await asked.fired;
      socket.end();
      await once(socket, 'end');
      assert.equal((await accepting.recorded(1))[0]?.reason, 'CANCELLED');
      await acceptor.close(60_000);
    });
});

test('a tunnel over HTTP/2 that fails as it is opened ends its stream, and is recorded', async () => {
  const attach = () => {
    throw new Error('no tunnel');
  };
  const { port } = await accepting.open(async () => ({ status: 200, headers: [], attach }), {
    limits: { connect: 'route' },
  });
  const stream = session(port).request({ ':method': 'CONNECT', ':authority': 'a.test:1' });
  await assert.rejects(once(stream, 'end'), { code: 'ERR_HTTP2_STREAM_ERROR' });
  assert.equal((await accepting.recorded(1))[0]?.reason, 'INTERNAL');
});

describe('an HTTP/2 reply', () => {
  test('has no headers of an HTTP/1.1 connection', async () => {
    const headers = [
      'connection',
      'close',
      'keep-alive',
      'timeout=5',
      'set-cookie',
      'a=1',
      'Set-Cookie',
      'b=2',
    ];
    const { port } = await accepting.open(async () => reply('x', headers));
    const got = await ask(session(port), { ':path': '/' });
    assert.equal(got.headers['connection'], undefined);
    assert.deepEqual(got.headers['set-cookie'], ['a=1', 'b=2']);
    assert.equal(got.headers['content-length'], '1');
  });

  test('that would close an HTTP/1.1 connection is the last of its own, once what is under way has ended', async () => {
    const flow = new Flow();
    const { port } = await accepting.open(async ({ path }) =>
      path === '/last' ? reply('last', ['Connection', 'close']) : reply(flow),
    );
    const client = session(port);
    const other = client.request({ ':path': '/' });
    await once(other, 'response');
    const goodbye = once(client, 'goaway');
    assert.equal((await ask(client, { ':path': '/last' })).body, 'last');
    await goodbye;
    flow.push(Buffer.from('rest'));
    flow.end();
    assert.equal((await collect(other)).toString(), 'rest');
    if (!client.closed) await once(client, 'close');
  });

  test('is recorded once when it has been written, whole or streamed', async () => {
    const flow = new Flow();
    const { port } = await accepting.open(async ({ path }) => reply(path === '/stream' ? flow : 'whole'));
    const client = session(port);
    await ask(client, { ':path': '/' });
    const streamed = ask(client, { ':path': '/stream' });
    flow.push(Buffer.from('part'));
    flow.end(['x-sum', '1']);
    assert.equal((await streamed).body, 'part');
    const records = await accepting.recorded(2);
    assert.deepEqual(
      records.map(({ status, bytesOut, reason }) => [status, bytesOut, reason]),
      [
        [200, 5, undefined],
        [200, 4, undefined],
      ],
    );
  });

  test('ends its stream with the last of its frames, streamed or without a body', async () => {
    const flow = new Flow();
    const { port } = await accepting.open(async ({ path }) => reply(path === '/' ? flow : Flow.empty()));
    const socket = connectTcp(port, '127.0.0.1');
    accepting.own(async () => socket.destroy());
    socket.write(Buffer.concat([beginning(), get(1)]));
    const got: Buffer[] = [];
    const frames = async (
      enough: (all: readonly Required<Frame>[]) => boolean,
    ): Promise<readonly Required<Frame>[]> => {
      for (;;) {
        const all = framesOf(Buffer.concat(got)).filter(({ stream }) => stream > 0);
        if (enough(all)) return all;
        got.push((await once(socket, 'data'))[0] as Buffer);
      }
    };
    await frames((all) => all.some(({ type }) => type === FRAME.headers));
    flow.push(Buffer.from('part'));
    flow.end();
    const all = await frames(([...each]) => each.some(({ flags }) => (flags & END_STREAM) !== 0));
    assert.deepEqual([all.at(-1)?.type, all.at(-1)?.flags], [FRAME.data, END_STREAM]);
    const client = session(port);
    const stream = client.request({ ':path': '/none' });
    const [headers, flags] = (await once(stream, 'response')) as [IncomingHttpHeaders, number];
    assert.deepEqual([headers[':status'], flags & END_STREAM], [200, END_STREAM]);
  });

  test('is given up when the client resets its stream, even without an error and with a body that nobody reads', async () => {
    const { port } = await accepting.open(({ body, cancel }) => {
      const stream = body.stream() as Readable;
      stream.once('readable', () => stream.pause());
      return new Promise((_resolve, reject) => cancel.onCancel(reject));
    });
    const stream = session(port).request({ ':method': 'POST', ':path': '/' });
    stream.on('error', () => {});
    await new Promise((resolve) => stream.write('half', resolve));
    stream.close(0);
    assert.equal((await accepting.recorded(1))[0]?.reason, 'CANCELLED');
  });

  test('under way is finished before the port is closed', async () => {
    const flow = new Flow();
    const { port, acceptor } = await accepting.open(async () => reply(flow));
    const client = session(port);
    const stream = client.request({ ':path': '/' });
    await once(stream, 'response');
    const closed = acceptor.close(60_000);
    flow.push(Buffer.from('rest'));
    flow.end();
    assert.equal((await collect(stream)).toString(), 'rest');
    await closed;
    assert.equal(acceptor.connections, 0);
  });
});

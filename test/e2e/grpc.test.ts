/** gRPC between real clients and servers, over TLS and without: calls of each kind, errors, deadlines, and the gateway's own refusals. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, createServer as createHttp2Server, type IncomingHttpHeaders } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { Code, ConnectError } from '@connectrpc/connect';
import { type GatewayProcess, startGateway } from '../fixtures/gateway.ts';
import {
  type EchoClient,
  type EchoServer,
  echoClient,
  SERVICE,
  startEchoServer,
} from '../fixtures/grpc-echo.ts';
import { freePort } from '../fixtures/programs.ts';
import { cert, key } from '../fixtures/tls.ts';
import { closing, listening, signal } from './http-harness.ts';

const PATIENCE_MS = 30_000;
const MIB = 1024 * 1024;
const opened: (() => Promise<unknown> | undefined)[] = [];
after(async () => {
  for (const close of opened.reverse()) await close();
});

interface Backend {
  readonly host: string;
  readonly policies?: object;
}

interface Place {
  readonly gateway: GatewayProcess;
  readonly origin: string;
  readonly client: EchoClient;
}

async function gatewayTo(backend: Backend | undefined, policies: object = {}, tls?: object): Promise<Place> {
  const route = { policies, backends: backend ? [backend] : [] };
  const listener = { routes: [route], ...(tls && { protocol: 'HTTPS', tls }) };
  const gateway = await startGateway(`binds:\n- port: 3000\n  listeners: ${JSON.stringify([listener])}\n`);
  opened.push(() => gateway.stop());
  const origin = `${tls ? 'https' : 'http'}://localhost:${new URL(gateway.url).port}`;
  return { gateway, origin, client: echoClient(origin) };
}

async function collected(messages: AsyncIterable<{ readonly text: string }>): Promise<string[]> {
  const texts: string[] = [];
  for await (const { text } of messages) texts.push(text);
  return texts;
}

async function* said(...texts: string[]): AsyncIterable<{ text: string }> {
  for (const text of texts) yield { text };
}

const refused = (code: Code, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof ConnectError, String(error));
  assert.equal(Code[error.code], Code[code], error.message);
  assert.match(error.rawMessage, message);
  return true;
};

const insecure = { backendTLS: { insecure: true } };

for (const [how, tls, listener] of [
  ['without TLS on either side', false, undefined],
  ['over TLS on both sides', true, { cert, key }],
  ['over TLS to the gateway and without to the server', false, { cert, key }],
] as const)
  describe(`gRPC ${how}`, { timeout: PATIENCE_MS }, () => {
    let server: EchoServer;
    let client: EchoClient;
    before(async () => {
      server = await startEchoServer({ tls });
      opened.push(() => server.stop());
      const host = `${tls ? 'https' : 'http'}://127.0.0.1:${server.port}`;
      ({ client } = await gatewayTo({ host, policies: tls ? insecure : {} }, {}, listener));
    });

    test('carries a call, its metadata before and behind', async () => {
      const metadata: (string | null)[] = [];
      const { text } = await client.unary(
        { text: 'hello' },
        {
          headers: { 'x-asked': 'yes' },
          onHeader: (headers) => void metadata.push(headers.get('x-head')),
          onTrailer: (trailers) => void metadata.push(trailers.get('x-tail')),
        },
      );
      assert.deepEqual([text, metadata], ['hello', ['h', 't']]);
      assert.equal(server.called.at(-1)?.requestHeader.get('x-asked'), 'yes');
    });

    test('carries streams up and down', async () => {
      assert.deepEqual(await collected(client.down({ text: 'one two three' })), ['one', 'two', 'three']);
      assert.equal((await client.up(said('a', 'b', 'c'))).text, 'a b c 0');
    });

    test('carries a conversation: each message as it comes', async () => {
      const heard = [signal(), signal()];
      async function* asking() {
        yield { text: 'first' };
        await heard[0]?.fired;
        yield { text: 'second' };
        await heard[1]?.fired;
      }
      const texts: string[] = [];
      for await (const { text } of client.both(asking())) {
        texts.push(text);
        heard[texts.length - 1]?.fire();
      }
      assert.deepEqual(texts, ['first', 'second']);
    });

    test('carries messages of 3 MiB both ways', async () => {
      const data = Buffer.alloc(3 * MIB, 'x');
      const back = await client.unary({ text: 'big', data });
      assert.ok(data.equals(back.data as Uint8Array));
      async function* many() {
        for (let count = 0; count < 8; count += 1) yield { text: 'x', data };
      }
      assert.equal((await client.up(many())).text, `x x x x x x x x ${24 * MIB}`);
    });

    test('carries the status of an error with its message and metadata, alone or behind messages', async () => {
      const failed = refused(Code.FailedPrecondition, /^außer Betrieb: 100%$/);
      await assert.rejects(client.unary({ text: 'fail' }), (error: ConnectError) => {
        assert.equal(error.metadata.get('x-why'), 'tired');
        return failed(error);
      });
      const texts: string[] = [];
      const reading = (async () => {
        for await (const { text } of client.down({ text: 'one late' })) texts.push(text);
      })();
      await assert.rejects(reading, failed);
      assert.deepEqual(texts, ['one']);
      await assert.rejects(
        client.unary({ text: 'x' }, { headers: { 'grpc-encoding': 'none' } }),
        ConnectError,
      );
    });

    test('tells the server of a deadline, and of a client that has had enough', async () => {
      const late = refused(Code.DeadlineExceeded, /./);
      await assert.rejects(client.unary({ text: 'wait' }, { timeoutMs: 200 }), late);
      const deadline = server.called.at(-1)?.timeoutMs();
      assert.ok(deadline !== undefined && deadline <= 200, `${deadline}`);
      const controller = new AbortController();
      const reading = collected(client.down({ text: 'one wait' }, { signal: controller.signal }));
      while (server.called.at(-1)?.method.name !== 'Down') await new Promise(setImmediate);
      const aborted = once(server.called.at(-1)?.signal as AbortSignal, 'abort');
      controller.abort();
      await assert.rejects(reading, refused(Code.Canceled, /./));
      await aborted;
    });

    test('uses one connection to the server for calls', () => {
      assert.ok(server.connections() <= 2, `${server.connections()}`);
    });
  });

describe('an error without messages', { timeout: PATIENCE_MS }, () => {
  test('stays a head that ends the stream: to many clients anything else is a broken reply', async () => {
    const server = createHttp2Server((_incoming, response) => response.end());
    server.removeAllListeners('request');
    server.on('stream', (stream) => {
      const head = { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '5' };
      stream.respond(head, { endStream: true });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    opened.push(() => new Promise((resolve) => server.close(resolve)));
    const { port } = server.address() as AddressInfo;
    const { origin } = await gatewayTo({ host: `127.0.0.1:${port}` });
    const session = connect(origin);
    opened.push(async () => session.destroy());
    const stream = session.request({
      ':method': 'POST',
      ':path': `/${SERVICE}/Unary`,
      'content-type': 'application/grpc',
    });
    stream.end(Buffer.alloc(5));
    const [headers, flags] = (await once(stream, 'response')) as [IncomingHttpHeaders, number];
    assert.equal(headers['grpc-status'], '5');
    assert.equal(headers['content-length'], undefined);
    assert.ok(flags & 1, 'END_STREAM');
  });
});

describe('a refusal of the gateway is a status of gRPC', { timeout: PATIENCE_MS }, () => {
  const call = (place: Place) => place.client.unary({ text: 'x' });

  test('where no route, no server and no right is', async () => {
    const nowhere = `127.0.0.1:${await freePort()}`;
    const denied = { authorization: { rules: [{ deny: 'true' }] } };
    await assert.rejects(
      call(await gatewayTo({ host: nowhere })),
      refused(Code.Unavailable, /cannot connect to .*ECONNREFUSED/),
    );
    await assert.rejects(
      call(await gatewayTo({ host: nowhere }, denied)),
      refused(Code.PermissionDenied, /./),
    );
    const keyed = await gatewayTo({ host: nowhere }, { apiKey: { keys: [{ key: 'k' }] } });
    await assert.rejects(call(keyed), refused(Code.Unauthenticated, /./));
  });

  test('where the server speaks HTTP/1.1 alone, and the message says so', async () => {
    const server = createServer((_incoming, response) => response.end('hello'));
    const port = await listening(server);
    opened.push(() => closing(server));
    const place = await gatewayTo({ host: `127.0.0.1:${port}` });
    await assert.rejects(call(place), refused(Code.Unavailable, /does not speak HTTP\/2/));
  });

  test('where the server dies in the middle of a stream', async () => {
    const server = await startEchoServer();
    opened.push(() => server.stop());
    const { client } = await gatewayTo({ host: `127.0.0.1:${server.port}` });
    const texts: string[] = [];
    const reading = (async () => {
      for await (const { text } of client.down({ text: 'one wait' })) {
        texts.push(text);
        void server.stop();
      }
    })();
    await assert.rejects(reading, ConnectError);
    assert.deepEqual(texts, ['one']);
  });

  test('and nobody else gets one', async () => {
    const { origin } = await gatewayTo({ host: `127.0.0.1:${await freePort()}` });
    for (const type of ['application/json', 'application/grpc-web+proto']) {
      const reply = await fetch(origin, { method: 'POST', body: '{}', headers: { 'content-type': type } });
      assert.deepEqual([reply.status, reply.headers.get('grpc-status')], [502, null]);
    }
  });
});

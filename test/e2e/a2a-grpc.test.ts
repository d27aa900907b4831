/** gRPC to agents: events as they come, the status behind them, and rules about what is asked. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createSecureServer, type IncomingHttpHeaders, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { configWith, originOf } from '../fixtures/a2a-client.ts';
import { startGateway } from '../fixtures/gateway.ts';
import { cert, key } from '../fixtures/tls.ts';

const PATH = '/lf.a2a.v1.A2AService/SubscribeToTask';
/** `id` is field 2. */
const TASK = Buffer.from('\x12\x02t1');

function framed(message: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

test('a gRPC stream crosses as it comes, and what it asks for is known', async (t) => {
  const server = createSecureServer({ cert, key });
  const sessions: ServerHttp2Session[] = [];
  const asked: IncomingHttpHeaders[] = [];
  const next: (() => void)[] = [];
  server.on('session', (session) => sessions.push(session));
  server.on('stream', (stream, headers) => {
    asked.push(headers);
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('data', (chunk: Buffer) => stream.write(chunk));
    next.push(() => stream.end('the end'));
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const policies = {
    a2a: {},
    authorization: {
      rules: ['a2a.transport == "GRPC" && a2a.method == "SubscribeToTask" && a2a.taskId == "t1"'],
    },
  };
  const backends = [{ host: `https://127.0.0.1:${port}`, policies: { backendTLS: { insecure: true } } }];
  const gateway = await startGateway({ config: configWith({ policies, backends }) });
  t.after(() => gateway.stop());
  const client = connect(originOf(gateway));
  t.after(() => client.close());
  const headers = {
    ':method': 'POST',
    'content-type': 'application/grpc',
    te: 'trailers',
    'a2a-version': '1.0',
  };

  const call = client.request({ ...headers, ':path': PATH });
  call.end(framed(TASK));
  const [echo] = (await once(call, 'data')) as [Buffer];
  assert.deepEqual(echo, framed(TASK));
  // What came has come while the agent was not done.
  next[0]?.();
  const [end] = (await once(call, 'data')) as [Buffer];
  assert.equal(end.toString(), 'the end');
  const [trailers] = (await once(call, 'trailers')) as [IncomingHttpHeaders];
  assert.equal(trailers['grpc-status'], '0');
  assert.deepEqual([asked[0]?.te, asked[0]?.['a2a-version']], ['trailers', '1.0']);

  for (const [path, message] of [
    ['/lf.a2a.v1.A2AService/CancelTask', TASK],
    [PATH, Buffer.from('\x12\x02t2')],
  ] as const) {
    const refused = client.request({ ...headers, ':path': path });
    refused.end(framed(message));
    const [reply] = (await once(refused, 'response')) as [IncomingHttpHeaders];
    // PERMISSION_DENIED.
    assert.deepEqual([reply[':status'], reply['grpc-status']], [200, '7']);
    refused.resume();
    await once(refused, 'close');
  }
  assert.equal(asked.length, 1);
});

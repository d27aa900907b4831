/** gRPC to agents: events as they come, the status behind them, and rules about what is asked. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createSecureServer, type IncomingHttpHeaders, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { TaskState } from '@a2a-js/sdk';
import { type Agent, startAgent } from '../fixtures/a2a-agent.ts';
import { configWith, GRPC_WAYS, originOf, routeTo, sending, visit } from '../fixtures/a2a-client.ts';
import type { Message } from '../fixtures/a2a-grpc.ts';
import { everyOperation, lastState, taskOf } from '../fixtures/a2a-operations.ts';
import { startGateway } from '../fixtures/gateway.ts';
import { withNames } from '../fixtures/names.ts';
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

const SERVICES = ['/lf.a2a.v1.A2AService', '/a2a.v1.A2AService'];
const HOOKS = { hosts: ['hooks.example.com'] };

/** Both ports of the agent behind one of the gateway. */
function routesTo(agent: Agent, tls: boolean, policies: object = {}): object[] {
  const a2a = { a2a: { webhooks: HOOKS }, ...policies };
  const grpc = `127.0.0.1:${agent.grpc?.port}`;
  const secure = { host: `https://${grpc}`, policies: { backendTLS: { insecure: true } } };
  const matches = SERVICES.map((pathPrefix) => ({ path: { pathPrefix } }));
  return [{ matches, policies: a2a, backends: [tls ? secure : { host: grpc }] }, routeTo(agent, a2a)];
}

for (const tls of [false, true])
  for (const way of GRPC_WAYS)
    test(`every message crosses byte for byte, ${tls ? 'with' : 'without'} TLS: gRPC ${way.version}`, async (t) => {
      const agent = await startAgent({ grpc: tls ? 'tls' : 'plain' });
      t.after(() => agent.close());
      const gateway = await startGateway({ config: configWith(...routesTo(agent, tls)) });
      t.after(() => gateway.stop());
      const origin = originOf(gateway);
      const { client, messages } = await visit(origin, way);
      await everyOperation(client, way);
      const seen = agent.grpc?.seen ?? [];
      const paths = new Set(messages.map(({ path }) => path));
      assert.equal(paths.size, way.version === '1.0' ? 11 : 10);
      for (const path of paths)
        for (const end of ['asked', 'answered'] as const) {
          const ofPath = (all: readonly Message[]) =>
            all.filter((each) => each.path === path && each.way === end).map(({ bytes }) => bytes);
          if (end === 'answered' && /AgentCard$/.test(path)) continue;
          assert.deepEqual(ofPath(messages), ofPath(seen), `${path} ${end}`);
        }
      const card = messages.findLast(({ path, way: end }) => end === 'answered' && /AgentCard$/.test(path));
      const text = Buffer.from(card?.bytes ?? '', 'hex').toString('latin1');
      assert.ok(text.includes('Says what it is told'));
      assert.ok(text.includes(new URL(origin).host));
      for (const own of [new URL(agent.url).host, `127.0.0.1:${agent.grpc?.port}`, 'c2ln'])
        assert.ok(!text.includes(own), own);
    });

test('rules, webhooks and logs know what is asked over gRPC, and a refusal is a status of gRPC', async (t) => {
  const agent = await startAgent({ grpc: 'plain' });
  t.after(() => agent.close());
  const authorization = { rules: ['!has(a2a.skill) || a2a.skill == "echo"'] };
  const gateway = await startGateway({
    config: configWith(...routesTo(agent, false, { authorization })),
    settings: { logging: { format: 'json' } },
    nodeArgs: withNames({ 'inside.example.com': ['192.168.1.1'] }),
  });
  t.after(() => gateway.stop());
  for (const way of GRPC_WAYS) {
    const { client } = await visit(originOf(gateway), way);
    const sent = await client.sendMessage(sending('hello', { skillId: 'echo' }));
    const [line] = await gateway.said(
      new RegExp(`^.*"a2a.task.id":"${'id' in sent ? sent.id : ''}".*$`, 'm'),
    );
    assert.match(line, /"a2a.skill":"echo"/);
    assert.match(line, /"a2a.response.outcome":"ok","a2a.result.kind":"task"/);
    assert.match(line, /"a2a.task.state":"TASK_STATE_COMPLETED"/);
    await assert.rejects(
      client.sendMessage(sending('hello', { skillId: 'shell' })),
      / 7 not allowed by the rules/,
    );
    const hook = { tenant: '', taskId: 'none', id: 'c', token: '', authentication: undefined };
    const before = agent.grpc?.seen.length;
    for (const url of ['http://10.0.0.1/', 'https://inside.example.com/', 'https://unknown.example.com/'])
      await assert.rejects(client.createTaskPushNotificationConfig({ ...hook, url }), /the webhook/, url);
    assert.equal(agent.grpc?.seen.length, before);
    await assert.rejects(client.getTask({ tenant: '', id: `none-${way.version}`, historyLength: undefined }));
    const [failed] = await gateway.said(new RegExp(`^.*"a2a.task.id":"none-${way.version}".*$`, 'm'));
    assert.match(failed, /"a2a.response.outcome":"error","a2a.response.error_code":5/);
  }
});

test('a stream over gRPC leaves the last state of its task in the log', async (t) => {
  const agent = await startAgent({ grpc: 'plain' });
  t.after(() => agent.close());
  const gateway = await startGateway({
    config: configWith(...routesTo(agent, false)),
    settings: { logging: { format: 'json' } },
  });
  t.after(() => gateway.stop());
  for (const way of GRPC_WAYS) {
    const { client } = await visit(originOf(gateway), way);
    const events = client.sendMessageStream(sending('wait'));
    const id = taskOf((await events.next()).value);
    await client.cancelTask({ tenant: '', id, metadata: undefined });
    assert.equal(await lastState(events), TaskState.TASK_STATE_CANCELED);
    const [line] = await gateway.said(new RegExp(`^.*"SendStreamingMessage".*"a2a.task.id":"${id}".*$`, 'm'));
    assert.match(line, /"a2a.response.outcome":"ok".*"a2a.task.state":"TASK_STATE_CANCELED"/);
  }
});

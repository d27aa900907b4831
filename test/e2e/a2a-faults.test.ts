/** Agents and clients that die, dawdle or talk nonsense: who hears what of it, and that nothing is left behind. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import {
  connect,
  createServer as createHttp2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { after, before, describe, type TestContext, test } from 'node:test';
import { configWith, originOf } from '../fixtures/a2a-client.ts';
import { type GatewayProcess, startGateway } from '../fixtures/gateway.ts';

const EVENT =
  'data: {"jsonrpc":"2.0","id":"q","result":{"statusUpdate":{"taskId":"TASK","contextId":"c1","status":{"state":"TASK_STATE_WORKING"}}}}\n\n';
const STREAM = { 'content-type': 'text/event-stream' };

interface Arrived {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

describe('an agent over HTTP', () => {
  let gateway: GatewayProcess;
  let arrived: (each: Arrived) => void = () => {};
  const agent = createServer((message, response) => {
    message.resume();
    arrived({ request: message, response });
  });

  before(async () => {
    agent.listen(0, '127.0.0.1');
    await once(agent, 'listening');
    const { port } = agent.address() as AddressInfo;
    const policies = { a2a: {}, timeout: { requestTimeout: '300ms' } };
    gateway = await startGateway({
      config: configWith({ policies, backends: [{ host: `127.0.0.1:${port}` }] }),
      settings: { logging: { format: 'json' } },
    });
  });
  after(async () => {
    await gateway?.stop();
    agent.closeAllConnections();
    agent.close();
  });

  const next = (): Promise<Arrived> => new Promise((resolve) => (arrived = resolve));
  const post = (method: string, params: object = {}) => ({
    method: 'POST',
    headers: { 'content-type': 'application/json', 'a2a-version': '1.0' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 'q', method, params }),
  });
  const line = async (task: string) => {
    const [text] = await gateway.said(new RegExp(`^.*"a2a.task.id":"${task}".*$`, 'm'));
    return JSON.parse(text) as Record<string, unknown>;
  };

  test('one that dies in a stream breaks it off, and the log has the state it died in', async () => {
    const coming = next();
    const reply = fetch(originOf(gateway), post('SendStreamingMessage'));
    const { response } = await coming;
    response.writeHead(200, STREAM).write(EVENT.replace('TASK', 'dies'));
    const reader = (await reply).body?.getReader();
    const first = await reader?.read();
    assert.equal(Buffer.from(first?.value ?? []).toString(), EVENT.replace('TASK', 'dies'));
    response.destroy();
    await assert.rejects(async () => reader?.read());
    const fields = await line('dies');
    assert.equal(fields['a2a.task.state'], 'TASK_STATE_WORKING');
    assert.equal(fields['a2a.context.id'], 'c1');
    assert.equal(fields['a2a.response.outcome'], 'error');
  });

  test('a client that vanishes from a stream ends it for the agent, too', async () => {
    const coming = next();
    const stop = new AbortController();
    const reply = fetch(originOf(gateway), { ...post('SendStreamingMessage'), signal: stop.signal });
    const { response } = await coming;
    const gone = once(response, 'close');
    response.writeHead(200, STREAM).write(EVENT.replace('TASK', 'left'));
    await (await reply).body?.getReader().read();
    stop.abort();
    await gone;
    const fields = await line('left');
    assert.equal(fields['a2a.task.state'], 'TASK_STATE_WORKING');
    assert.equal(fields['reason'], 'CANCELLED');
  });

  test('one that is slow is an error of the binding', async () => {
    const coming = next();
    const reply = await fetch(originOf(gateway), post('GetTask', { id: 'slow' }));
    const body = (await reply.json()) as { id: string; error: { data: { reason: string }[] } };
    assert.deepEqual([reply.status, body.id, body.error.data[0]?.reason], [504, 'q', 'UPSTREAM_TIMEOUT']);
    await coming;
    assert.equal((await line('slow'))['a2a.response.outcome'], 'error');
    const late = next();
    const rest = await fetch(`${originOf(gateway)}/tasks/slow-2`);
    assert.equal(((await rest.json()) as { error: { status: string } }).error.status, 'DEADLINE_EXCEEDED');
    await late;
  });

  test('what is neither JSON nor an event passes as it came, however long', async () => {
    const long = `data: ${'x'.repeat(200_000)}\n\n`;
    for (const [type, text] of [
      ['application/json', '{"jsonrpc":"2.0","id":"q","result":{"task":'],
      ['application/json', '\u0000\u0001 not json'],
      ['text/event-stream', `data: {"state"\n\n: \n\ndata\n\n${EVENT}`],
      ['text/event-stream', long + EVENT],
      ['text/event-stream', 'data: no end'],
    ] as const) {
      const coming = next();
      const reply = fetch(originOf(gateway), post('SendMessage'));
      const { response } = await coming;
      response.writeHead(200, { 'content-type': type }).end(text);
      assert.equal(await (await reply).text(), text);
    }
  });

  test('a card without end is given up, and so is the agent that sends it', async () => {
    const coming = next();
    const reply = fetch(`${originOf(gateway)}/.well-known/agent-card.json`);
    const { response } = await coming;
    const gone = once(response, 'close');
    response.writeHead(200, { 'content-type': 'application/json' }).write('{"name":"');
    const more = 'x'.repeat(64 * 1024);
    const pour = (): void => {
      while (!response.destroyed && response.write(more));
    };
    response.on('drain', pour);
    pour();
    assert.equal((await reply).status, 502);
    await gone;
  });

  test('a client that never ends its request gives up nothing but its own connection', async () => {
    const half = request(originOf(gateway), { method: 'POST', headers: { 'content-length': '1000' } });
    half.on('error', () => {});
    half.write('{"jsonrpc":"2.0","id":1,');
    const coming = next();
    const reply = fetch(originOf(gateway), post('GetTask', { id: 'beside' }));
    (await coming).response.end('{}');
    assert.equal((await reply).status, 200);
    half.destroy();
  });
});

describe('an agent over gRPC', () => {
  let gateway: GatewayProcess;
  let serve: (stream: ServerHttp2Stream) => void = () => {};
  const sessions: ServerHttp2Session[] = [];
  const agent = createHttp2Server();

  before(async () => {
    agent.on('session', (session) => sessions.push(session));
    agent.on('stream', (stream) => {
      stream.resume().on('error', () => {});
      serve(stream);
    });
    agent.listen(0, '127.0.0.1');
    await once(agent, 'listening');
    const { port } = agent.address() as AddressInfo;
    gateway = await startGateway({
      config: configWith({ policies: { a2a: {} }, backends: [{ host: `127.0.0.1:${port}` }] }),
      settings: { logging: { format: 'json' } },
    });
  });
  after(async () => {
    await gateway?.stop();
    for (const session of sessions) session.destroy();
    agent.close();
  });

  test('a card that cannot be read, or is compressed, never passes', async (t) => {
    for (const [flag, message] of [
      [0, Buffer.from('0affff', 'hex')],
      [0, Buffer.alloc(1024 * 1024)],
      [1, Buffer.from('1f8b', 'hex')],
    ] as const) {
      serve = (stream) => {
        stream.respond({ 'content-type': 'application/grpc' }, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
        stream.end(framed(message, flag));
      };
      const { head, bytes } = await called(t, 'GetExtendedAgentCard', Buffer.alloc(0));
      assert.deepEqual([head['grpc-status'], bytes.length], ['14', 0]);
      assert.match(String(head['grpc-message']), /card/);
    }
  });

  test('an error instead of a card stays that error', async (t) => {
    serve = (stream) =>
      stream.respond({ 'content-type': 'application/grpc', 'grpc-status': '9' }, { endStream: true });
    const { head } = await called(t, 'GetExtendedAgentCard', Buffer.alloc(0));
    assert.equal(head['grpc-status'], '9');
  });

  test('one that dies in a stream breaks it off, and the log has the state it died in', async (t) => {
    // A status update (3) of a task (1), whose status (3) has the state (1) `working` (2).
    const update = Buffer.from('1a0e0a0464696573120263311a020802', 'hex');
    serve = (stream) => {
      stream.respond({ 'content-type': 'application/grpc' });
      stream.write(framed(update), () => setImmediate(() => stream.destroy(new Error('dies'))));
    };
    const { broken } = await called(t, 'SubscribeToTask', Buffer.from('\x12\x04dies'));
    assert.ok(broken);
    const [text] = await gateway.said(/^.*"a2a.task.id":"dies".*$/m);
    assert.match(text, /"a2a.response.outcome":"error".*"a2a.task.state":"TASK_STATE_WORKING"/);
  });

  async function called(t: TestContext, method: string, message: Buffer) {
    const client = connect(originOf(gateway));
    t.after(() => client.close());
    const call = client.request({
      ':method': 'POST',
      ':path': `/lf.a2a.v1.A2AService/${method}`,
      'content-type': 'application/grpc',
      te: 'trailers',
      'a2a-version': '1.0',
    });
    call.end(framed(message));
    const chunks: Buffer[] = [];
    let broken = false;
    call.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', () => (broken = true));
    const [head] = (await once(call, 'response')) as [IncomingHttpHeaders];
    await new Promise((resolve) => call.once('close', resolve));
    return { head, bytes: Buffer.concat(chunks), broken: broken || call.rstCode !== 0 };
  }
});

function framed(message: Buffer, flag = 0): Buffer {
  const head = Buffer.alloc(5);
  head[0] = flag;
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

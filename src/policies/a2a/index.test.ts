import assert from 'node:assert/strict';
import { test } from 'node:test';
import { policyBench } from '../../../test/fixtures/policy-parts.ts';
import { replyHeaderOf, replyOf, testExchange, textOf } from '../../../test/fixtures/test-exchange.ts';
import { OPERATIONS } from '../../a2a/operations.ts';
import { GatewayError } from '../../core/errors.ts';
import type { Answer, Exchange, Reply } from '../../core/exchange.ts';
import { Flow } from '../../lib/flow.ts';
import { A2A_METHODS } from '../../observe/metrics.ts';

type Agent = (exchange: Exchange) => Answer | Promise<Answer>;

function served(agent: Agent, config: unknown = {}): (exchange: Exchange) => Promise<Reply> {
  const { exchange: layer } = policyBench('a2a').build(config);
  if (!layer) throw new Error('no layer');
  const service = layer(async (exchange) => agent(exchange));
  return async (exchange) => replyOf(await service(exchange));
}

const json = (body: unknown, headers: string[] = []): Reply => ({
  status: 200,
  headers: ['content-type', 'application/json', ...headers],
  body: Flow.of(typeof body === 'string' ? body : JSON.stringify(body)),
});

const card = (headers: Record<string, string> = {}, method = 'GET') =>
  testExchange({ method, path: '/.well-known/agent-card.json', authority: 'gw.example', headers });
const post = (body: string | object, path = '/rpc', headers: Record<string, string> = {}) =>
  testExchange({ method: 'POST', path, authority: 'gw.example', headers, body });

const CARD = { name: 'a', url: 'http://agent:9999/rpc' };

function codeOf(code: string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof GatewayError);
    assert.equal(error.code, code);
    return true;
  };
}

test('metrics know the operations by name', () => {
  assert.deepEqual([...A2A_METHODS].sort(), [...OPERATIONS].sort());
});

test('it does not stand before MCP', () => {
  const route = { backends: ['mcp'] };
  assert.throws(() => policyBench('a2a').build({}, { route }), codeOf('CONFIG_INVALID'));
});

test('settings say what they do not take', () => {
  const { build } = policyBench('a2a');
  for (const config of [
    { publicUrl: 'gw.example' },
    { publicUrl: 'https://gw.example/?a' },
    { webhooks: { hosts: ['http://a'] } },
    { webhooks: { others: 'all' } },
    { unknown: 1 },
  ])
    assert.throws(() => build(config), JSON.stringify(config));
});

test('a card is asked for whole and unencoded, and has an ETag of its own', async () => {
  const asked: Record<string, string>[] = [];
  const serve = served(({ rawHeaders }) => {
    const pairs: Record<string, string> = {};
    for (let at = 0; at + 1 < rawHeaders.length; at += 2)
      pairs[rawHeaders[at] as string] = rawHeaders[at + 1] as string;
    asked.push(pairs);
    return json(CARD, [
      'etag',
      '"theirs"',
      'last-modified',
      'x',
      'content-length',
      '45',
      'vary',
      'A2A-Version',
    ]);
  });
  const first = await serve(
    card({ 'if-none-match': '"theirs"', 'accept-encoding': 'gzip', range: 'bytes=0-3' }),
  );
  assert.deepEqual(asked, [{ 'accept-encoding': 'identity' }]);
  const etag = replyHeaderOf(first, 'etag') ?? '';
  assert.match(etag, /^"[\w-]{27}"$/);
  assert.equal(replyHeaderOf(first, 'last-modified'), undefined);
  assert.equal(replyHeaderOf(first, 'vary'), 'A2A-Version');
  const text = await textOf(first);
  assert.equal(text, '{"name":"a","url":"http://gw.example/rpc"}');
  assert.equal(replyHeaderOf(first, 'content-length'), String(text.length));
  for (const condition of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
    const again = await serve(card({ 'if-none-match': condition }));
    assert.deepEqual([again.status, await textOf(again)], [304, ''], condition);
  }
  assert.equal((await serve(card({ 'if-none-match': '"theirs"' }))).status, 200);
});

test('the head of a card says nothing of bytes that would not come', async () => {
  const reply = await served(() => json('', ['etag', '"a"', 'content-length', '45']))(card({}, 'HEAD'));
  assert.deepEqual(reply.headers, ['content-type', 'application/json']);
});

test('cards that cannot be changed are not passed on', async () => {
  for (const [reply, code] of [
    [json('{"url":"http://agent/"'), 'UPSTREAM_PROTOCOL'],
    [json(CARD, ['content-encoding', 'gzip']), 'UPSTREAM_PROTOCOL'],
    [json({ ...CARD, more: 'x'.repeat(1024 * 1024) }), 'UPSTREAM_MESSAGE_TOO_LARGE'],
  ] as const)
    await assert.rejects(served(() => reply)(card()), codeOf(code));
});

test('what is no card passes: other statuses, and pages that are no JSON', async () => {
  const missing = await served(() => ({ ...json('{"url":"http://agent/"}', ['etag', '"a"']), status: 404 }))(
    card(),
  );
  assert.deepEqual(
    [await textOf(missing), replyHeaderOf(missing, 'etag')],
    ['{"url":"http://agent/"}', '"a"'],
  );
  assert.equal(await textOf(await served(() => json('<html>'))(card())), '<html>');
});

test('an extended card is kept by nobody but its reader', async () => {
  const extended = () => testExchange({ path: '/v1/card', authority: 'gw.example' });
  for (const [said, kept] of [
    [undefined, 'private'],
    ['public, max-age=60, s-maxage=9', 'private, max-age=60'],
    ['private, max-age=5', 'private, max-age=5'],
    ['no-store', 'no-store'],
    ['private="set-cookie", max-age=5', 'private, max-age=5'],
  ] as const) {
    const reply = await served(() => json(CARD, said === undefined ? [] : ['cache-control', said]))(
      extended(),
    );
    assert.equal(replyHeaderOf(reply, 'cache-control'), kept, said);
  }
});

test('a request goes on byte for byte, and can be read again for another try', async () => {
  const body = '{ "jsonrpc" : "2.0", "id": 1e0, "method": "message/send", "x": 12345678901234567890 }';
  const exchange = post(body);
  const reply = await served(async (inner) => {
    assert.equal((await inner.body.read(1000)).toString(), body);
    assert.equal((inner.body.stream() as Buffer).toString(), body);
    assert.equal(inner.record.a2a?.method, 'SendMessage');
    return json({ jsonrpc: '2.0', id: 1, error: { code: -32004, message: 'x' } });
  })(exchange);
  assert.equal(await textOf(reply), '{"jsonrpc":"2.0","id":1,"error":{"code":-32004,"message":"x"}}');
  assert.equal(exchange.record.a2a?.outcome, 'error');
  assert.equal(exchange.record.a2a?.errorCode, -32004);
});

test('an answer that is still coming is looked into as it passes', async () => {
  const body = new Flow();
  const exchange = post({}, '/message:send');
  const headers = ['content-type', 'application/a2a+json; charset=utf-8'];
  const reply = await served(() => ({ status: 200, headers, body }))(exchange);
  const text = textOf(reply);
  body.push(Buffer.from('{"task":{"id":"t","status":{"state":'));
  body.push(Buffer.from('"TASK_STATE_WORKING"}}}'));
  body.end();
  assert.equal(await text, '{"task":{"id":"t","status":{"state":"TASK_STATE_WORKING"}}}');
  assert.equal(exchange.record.a2a?.taskState, 'TASK_STATE_WORKING');
});

/** What is known of a stream after each of its pieces. */
async function heard(exchange: Exchange, type: string, pieces: readonly (string | Buffer)[]) {
  const body = new Flow();
  const reply = await served(() => ({ status: 200, headers: ['content-type', type], body }))(exchange);
  const states: unknown[] = [];
  const chunks: Buffer[] = [];
  const ended = new Promise<void>((resolve, fail) =>
    reply.body.to({ data: (chunk) => chunks.push(chunk), end: () => resolve(), fail }),
  );
  for (const piece of pieces) {
    body.push(Buffer.from(piece));
    states.push(exchange.record.a2a?.taskState);
  }
  body.end();
  await ended;
  assert.deepEqual(Buffer.concat(chunks), Buffer.concat(pieces.map((each) => Buffer.from(each))));
  return states;
}

test('a stream of events tells the state of its task as it goes, in each version and binding', async () => {
  const rpc = post({ jsonrpc: '2.0', id: 1, method: 'message/stream' });
  const status = (state: string) =>
    `data: {"jsonrpc":"2.0","id":1,"result":{"kind":"status-update","taskId":"t","contextId":"c","status":{"state":"${state}"},"final":false}}\n\n`;
  const piece = `data: {"jsonrpc":"2.0","id":1,"result":{"kind":"artifact-update","taskId":"t","artifact":{"parts":[{"data":{"state":"x"}}]}}}\n\n`;
  const [start, end] = [status('completed').slice(0, 90), status('completed').slice(90)];
  assert.deepEqual(
    await heard(rpc, 'text/event-stream', [status('submitted'), status('working') + piece, start, end]),
    ['submitted', 'working', 'working', 'completed'],
  );
  assert.deepEqual(
    [rpc.record.a2a?.taskId, rpc.record.a2a?.contextId, rpc.record.a2a?.outcome],
    ['t', 'c', 'ok'],
  );
  const rest = post({}, '/message:stream');
  const events = ['SUBMITTED', 'FAILED'].map(
    (state) => `data: {"statusUpdate":{"taskId":"t","status":{"state":"TASK_STATE_${state}"}}}\r\n\r\n`,
  );
  assert.deepEqual(await heard(rest, 'text/event-stream; charset=utf-8', events), [
    'TASK_STATE_SUBMITTED',
    'TASK_STATE_FAILED',
  ]);
  assert.equal(rest.record.a2a?.resultKind, 'task');
});

test('an error in a stream is its outcome, and an event that is too long ends the listening alone', async () => {
  const failing = post({ jsonrpc: '2.0', id: 1, method: 'SubscribeToTask' });
  await heard(failing, 'text/event-stream', ['data: {"jsonrpc":"2.0","id":1,"error":{"code":-32001}}\n\n']);
  assert.deepEqual([failing.record.a2a?.outcome, failing.record.a2a?.errorCode], ['error', -32001]);
  const status = 'data: {"status":{"state":"TASK_STATE_WORKING"}}\n\n';
  const long = `data: "${'x'.repeat(100_000)}"\n\n`;
  assert.deepEqual(await heard(post({}, '/tasks/t:subscribe'), 'text/event-stream', [status, long, status]), [
    'TASK_STATE_WORKING',
    'TASK_STATE_WORKING',
    'TASK_STATE_WORKING',
  ]);
});

test('messages of gRPC are heard however they are cut, but for long and compressed ones', async () => {
  const framed = (message: Buffer, flag = 0): Buffer => {
    const head = Buffer.from([flag, 0, 0, 0, 0]);
    head.writeUInt32BE(message.length, 1);
    return Buffer.concat([head, message]);
  };
  // A status update (3), whose status (3) has a state (1).
  const status = (state: number, flag = 0) => framed(Buffer.from([0x1a, 4, 0x1a, 2, 8, state]), flag);
  const long = framed(Buffer.alloc(100_000));
  const body = Buffer.concat([status(2), long, status(3, 1), status(6)]);
  for (const size of [1, 3, 7, 50_000, body.length]) {
    const pieces: Buffer[] = [];
    for (let at = 0; at < body.length; at += size) pieces.push(body.subarray(at, at + size));
    const exchange = Object.assign(
      testExchange({
        method: 'POST',
        path: '/lf.a2a.v1.A2AService/SubscribeToTask',
        headers: { 'content-type': 'application/grpc' },
        body: framed(Buffer.alloc(0)),
      }),
      { httpVersion: '2.0' as const },
    );
    const states = new Set(await heard(exchange, 'application/grpc', pieces));
    states.delete(undefined);
    const both = ['TASK_STATE_WORKING', 'TASK_STATE_INPUT_REQUIRED'];
    assert.deepEqual([...states], size === body.length ? both.slice(1) : both, String(size));
  }
});

test('what a proxy in front says of its address is believed where the configuration says so', async () => {
  const forwarded = {
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'Agents.example.com',
    'x-forwarded-prefix': '/gw/',
  };
  const urlOf = async (config: object, headers: Record<string, string>) =>
    JSON.parse(await textOf(await served(() => json(CARD), config)(card(headers)))).url;
  assert.equal(await urlOf({}, forwarded), 'http://gw.example/rpc');
  const trust = { trustForwarded: true };
  assert.equal(await urlOf(trust, forwarded), 'https://agents.example.com/gw/rpc');
  assert.equal(await urlOf(trust, {}), 'http://gw.example/rpc');
  assert.equal(
    await urlOf(trust, { 'x-forwarded-proto': 'gopher', 'x-forwarded-prefix': '//evil.example' }),
    'http://gw.example/rpc',
  );
  assert.equal(
    await urlOf(trust, { 'x-forwarded-proto': 'https, http', 'x-forwarded-host': 'a.example, b.example' }),
    'https://a.example/rpc',
  );
  await assert.rejects(urlOf(trust, { 'x-forwarded-host': 'a.example/evil' }), codeOf('BAD_REQUEST'));
  const { build } = policyBench('a2a');
  assert.throws(() => build({ trustForwarded: true, publicUrl: 'https://a.example' }));
});

test('a long answer passes without being kept', async () => {
  const body = new Flow();
  const exchange = post({}, '/message:send');
  const reply = await served(() => ({ status: 200, headers: ['content-type', 'application/json'], body }))(
    exchange,
  );
  const text = textOf(reply);
  const whole = JSON.stringify({ task: { id: 't', text: 'x'.repeat(200_000) } });
  for (let at = 0; at < whole.length; at += 10_000) body.push(Buffer.from(whole.slice(at, at + 10_000)));
  body.end();
  assert.equal(await text, whole);
  assert.deepEqual([exchange.record.a2a?.outcome, exchange.record.a2a?.taskId], ['ok', undefined]);
});

test('errors keep their code, status and headers, and get the form of the binding', async () => {
  const failing = served(() => {
    throw new GatewayError('UPSTREAM_CHALLENGE', 'sign in', { headers: ['www-authenticate', 'Bearer'] });
  });
  const caught = async (exchange: Exchange): Promise<GatewayError> => {
    const error = await failing(exchange).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof GatewayError);
    assert.deepEqual(
      [error.code, error.http, error.detail.headers?.[1]],
      ['UPSTREAM_CHALLENGE', 401, 'Bearer'],
    );
    return error;
  };
  const rpc = await caught(post({ jsonrpc: '2.0', id: 'a', method: 'GetTask' }));
  assert.deepEqual(JSON.parse(String(rpc.detail.body?.bytes)).error.message, 'sign in');
  const rest = await caught(testExchange({ path: '/tasks/t' }));
  assert.equal(JSON.parse(String(rest.detail.body?.bytes)).error.status, 'UNAUTHENTICATED');
  const other = await caught(testExchange({ path: '/favicon.ico' }));
  assert.equal(other.detail.body, undefined);
});

test('two that stand one behind the other change a card as one does', async () => {
  const { build } = policyBench('a2a');
  const publicUrl = 'https://public.example/pre';
  const [outer, inner] = [build({ publicUrl }).exchange, build({ publicUrl }, { level: 'backend' }).exchange];
  assert.ok(outer && inner);
  const reply = replyOf(await outer(inner(async () => json(CARD)))(card()));
  assert.equal(await textOf(reply), '{"name":"a","url":"https://public.example/pre/rpc"}');
});

test('gRPC is what HTTP/2 says it is, and a method that A2A does not have passes unread', async () => {
  const call = (httpVersion: Exchange['httpVersion'], method: string): Exchange =>
    Object.assign(
      post('\0\0\0\0\0', `/lf.a2a.v1.A2AService/${method}`, { 'content-type': 'application/grpc' }),
      {
        httpVersion,
      },
    );
  const grpc = served((inner) => ({
    ...json(''),
    headers: ['x-same', String(inner.body === exchange.body)],
  }));
  let exchange = call('2.0', 'Vendor');
  assert.deepEqual((await grpc(exchange)).headers, ['x-same', 'true']);
  exchange = call('2.0', 'SendMessage');
  assert.deepEqual((await grpc(exchange)).headers, ['x-same', 'false']);
  assert.deepEqual([exchange.record.a2a?.method, exchange.record.a2a?.transport], ['SendMessage', 'GRPC']);
  await assert.rejects(grpc(call('1.1', 'SendMessage')), codeOf('PARSE_ERROR'));
});

test('webhooks are found in gRPC, too', async () => {
  const field = (number: number, bytes: Buffer | string): Buffer => {
    const content = Buffer.from(bytes);
    return Buffer.concat([Buffer.from([number * 8 + 2, content.length]), content]);
  };
  const url = 'http://127.0.0.1/';
  for (const [path, message] of [
    ['/lf.a2a.v1.A2AService/CreateTaskPushNotificationConfig', field(4, url)],
    ['/lf.a2a.v1.A2AService/SendMessage', field(3, field(2, field(4, url)))],
    [
      '/lf.a2a.v1.A2AService/SendStreamingMessage',
      Buffer.concat([field(3, ''), field(3, field(2, field(4, url)))]),
    ],
    ['/a2a.v1.A2AService/CreateTaskPushNotificationConfig', field(3, field(2, field(2, url)))],
    ['/a2a.v1.A2AService/SendMessage', field(2, field(2, field(2, url)))],
  ] as const) {
    const body = Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]);
    const exchange = testExchange({
      method: 'POST',
      path,
      headers: { 'content-type': 'application/grpc' },
      body,
    });
    const call = served(() => json(''))(Object.assign(exchange, { httpVersion: '2.0' as const }));
    await assert.rejects(call, codeOf('INVALID_PARAMS'), path);
  }
});

test('the catalogue is the route’s, and needs a place where the card is', () => {
  const { build } = policyBench('a2a');
  const config = { catalog: { name: 'a' } };
  const match = (kind: 'exact' | 'prefix' | 'regex', value: string) => ({
    backends: ['host'],
    matches: [{ path: { kind, value }, method: undefined, headers: [], query: [] }],
  });
  assert.ok(build(config, { route: match('prefix', '/a') }).exchange);
  assert.ok(build(config, { route: match('exact', '/a/.well-known/agent-card.json') }).exchange);
  assert.throws(() => build(config, { route: match('exact', '/rpc') }), codeOf('CONFIG_INVALID'));
  assert.throws(() => build(config, { route: match('regex', '/a.*') }), codeOf('CONFIG_INVALID'));
  assert.throws(
    () => build(config, { level: 'backend', route: match('prefix', '/a') }),
    codeOf('CONFIG_INVALID'),
  );
});

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { type PolicyBench, policyBench, toolCall } from '../../../test/fixtures/policy-parts.ts';
import { type RateLimitServer, startRateLimitServer } from '../../../test/fixtures/rate-limit-server.ts';
import { replyHeaderOf, replyOf, testExchange, textOf } from '../../../test/fixtures/test-exchange.ts';
import type { GatewayError } from '../../core/errors.ts';
import type { Exchange } from '../../core/exchange.ts';
import { Cancel } from '../../lib/cancel.ts';
import { Flow } from '../../lib/flow.ts';

const KEY = 'remoteRateLimit';
const mcp = { route: { backends: ['mcp'] } };
const entry = (key: string, value: string) => ({ key, value });
const path = { entries: [entry('path', 'request.path')] };

describe('remoteRateLimit', () => {
  let server: RateLimitServer;
  let bench: PolicyBench;
  before(async () => {
    server = await startRateLimitServer();
    bench = policyBench(KEY);
  });
  after(async () => {
    await bench.close();
    await server.stop();
  });
  beforeEach(() => {
    server.answer = () => ({});
    server.asked.length = 0;
    bench.ports.logged.length = 0;
  });

  function withKey(): Exchange {
    const exchange = testExchange({ path: '/a' });
    exchange.identity = { principal: 'key:1', apiKey: { metadata: {} } };
    exchange.credentials = [{ kind: 'apiKey', place: 'header x-api-key', value: 'secret' }];
    return exchange;
  }

  const config = (descriptors: object[], more: object = {}) => ({
    domain: 'test',
    host: server.host,
    timeout: '10s',
    descriptors,
    ...more,
  });

  async function send(
    given: object,
    exchange: Exchange = testExchange({ path: '/a' }),
    headers: string[] = [],
  ) {
    const { exchange: layer } = bench.build(given);
    assert.ok(layer);
    return replyOf(await layer(async () => ({ status: 200, headers, body: Flow.of('fine') }))(exchange));
  }

  async function enter(given: object, tool: string | undefined): Promise<string> {
    const { gate } = bench.build(given, mcp);
    assert.ok(gate);
    const call = tool === undefined ? { ...toolCall(''), item: undefined } : toolCall(tool);
    try {
      await gate.enter(call, testExchange({}), new Cancel());
      return 'ok';
    } catch (error) {
      const { code, detail } = error as GatewayError;
      return `${code} ${JSON.stringify(detail.data)}`;
    }
  }

  test('asks with its descriptors, their costs and overrides; one without a value is left out', async () => {
    const descriptors = [
      { entries: [entry('path', 'request.path'), entry('fixed', '"x"')] },
      { entries: [entry('user', 'has(jwt.sub) ? jwt.sub : null')] },
      { ...path, cost: '3' },
      { ...path, limitOverride: '{"unit": "Hour", "requestsPerUnit": 7}' },
      { ...path, limitOverride: 'null' },
    ];
    await send(config(descriptors));
    assert.deepEqual(server.asked, [
      'test path=/a,fixed=x',
      'test path=/a +3',
      'test path=/a limit 7/3',
      'test path=/a',
    ]);
  });

  test('who makes an expression fail is refused, whatever the others say', async () => {
    for (const failing of [
      { entries: [entry('user', 'jwt.sub')] },
      { entries: [entry('query', 'request.headers["x"]')] },
      { entries: [entry('list', '["a"]')] },
      { entries: [entry('key', 'apiKey.key')] },
      { ...path, cost: '"many"' },
      { ...path, cost: '1.5' },
      { ...path, limitOverride: '"none"' },
      { ...path, limitOverride: '{"unit": "moon", "requestsPerUnit": 7}' },
    ])
      await assert.rejects(
        send(config([path, failing], { failureMode: 'failOpen' }), withKey()),
        { code: 'FORBIDDEN', message: 'it cannot be told for whom this would count' },
        JSON.stringify(failing),
      );
    assert.deepEqual(server.asked, []);
    const aboutTools = config([{ entries: [entry('user', 'jwt.sub'), entry('tool', 'mcp.tool.name')] }]);
    assert.equal(await enter(aboutTools, 'echo'), 'FORBIDDEN undefined');
    assert.equal(await enter(aboutTools, undefined), 'ok');
  });

  test('without any descriptor nobody is asked', async () => {
    assert.equal((await send(config([{ entries: [entry('user', 'null')] }]))).status, 200);
    assert.deepEqual(server.asked, []);
  });

  test('what may pass carries what the service adds, to the upstream and back', async () => {
    server.answer = () => ({
      status: { limit: 10, remaining: 4, resetMs: 30_000 },
      requestHeaders: { 'X-Tier': 'gold', 'content-length': '5' },
      responseHeaders: { 'x-policy': 'p', 'x-broken': 'a\r\nset-cookie: b', 'transfer-encoding': 'chunked' },
    });
    const exchange = testExchange({ path: '/a', headers: { 'x-tier': 'forged', other: 'kept' } });
    const reply = await send(config([path]), exchange, ['x-own', '1']);
    assert.deepEqual(exchange.rawHeaders, ['other', 'kept', 'x-tier', 'gold']);
    assert.deepEqual(reply.headers, [
      ...['x-own', '1', 'x-policy', 'p'],
      ...['x-ratelimit-limit', '10', 'x-ratelimit-remaining', '4', 'x-ratelimit-reset', '30'],
    ]);
  });

  test('over the limit the answer is that of the service', async () => {
    server.answer = () => ({
      over: true,
      status: { limit: 10, remaining: 0, resetMs: 2500 },
      responseHeaders: { 'x-policy': 'p' },
      body: 'come back later',
    });
    const exchange = testExchange({ path: '/a' });
    const reply = await send(config([path]), exchange);
    assert.equal(reply.status, 429);
    assert.equal(await textOf(reply), 'come back later');
    assert.equal(replyHeaderOf(reply, 'x-policy'), 'p');
    assert.equal(replyHeaderOf(reply, 'x-ratelimit-remaining'), '0');
    assert.equal(replyHeaderOf(reply, 'retry-after'), '3');
    assert.equal(exchange.record.reason, 'RATE_LIMITED');
  });

  test('over the limit without a body it is an error like any other', async () => {
    server.answer = () => ({ over: true });
    await assert.rejects(send(config([path])), { code: 'RATE_LIMITED', http: 429 });
  });

  test('without the service nobody passes, or everybody where that was asked for; the log says so once', async () => {
    server.answer = () => {
      throw new Error('broken');
    };
    await assert.rejects(send(config([path])), { code: 'LIMITS_UNAVAILABLE', http: 500 });
    const open = bench.build(config([path], { failureMode: 'FailOpen' }));
    for (let times = 0; times < 3; times += 1) {
      const answer = open.exchange?.(async () => ({ status: 200, headers: [], body: Flow.empty() }))(
        testExchange({}),
      );
      assert.equal((await answer)?.status, 200);
    }
    assert.equal(bench.ports.logged.length, 2);
  });

  test('descriptors that read mcp are about calls, and about tools alone where they read no more', async () => {
    const descriptors = [
      path,
      { entries: [entry('tool', 'mcp.tool.name')] },
      { entries: [entry('method', 'mcp.methodName')] },
    ];
    const given = config(descriptors);
    assert.equal(await enter(given, 'echo'), 'ok');
    assert.deepEqual(server.asked.splice(0), ['test tool=echo', 'test method=tools/call']);
    assert.equal(await enter(given, undefined), 'ok');
    assert.deepEqual(server.asked.splice(0), ['test method=tools/call']);
    assert.deepEqual(bench.ports.logged, []);
    await send(given);
    assert.deepEqual(server.asked, ['test path=/a']);
  });

  test('a call over the limit is told when to come again', async () => {
    server.answer = () => ({ over: true, status: { limit: 1, remaining: 0, resetMs: 1500 } });
    const given = config([{ entries: [entry('tool', 'mcp.tool.name')] }]);
    assert.equal(await enter(given, 'echo'), 'RATE_LIMITED {"retryAfterMs":1500}');
  });

  test('what cannot be meant is refused with its place', () => {
    for (const host of ['nowhere', 'https://user:secret@host', 'http://host/path', 'unix:/x'])
      assert.throws(() => bench.build(config([path], { host })), /expected host:port/, host);
    assert.throws(() => bench.build(config([{ ...path, type: 'tokens' }])));
    assert.throws(
      () =>
        bench.build(config([{ entries: [entry('t', 'mcp.tool.name')] }]), { route: { backends: ['host'] } }),
      {
        code: 'CONFIG_INVALID',
      },
    );
    assert.match(
      bench.problems(config([{ entries: [entry('a', '1'), entry('b', 'nobody')] }]))[0] ?? '',
      /^descriptors\.0\.entries\.1\.value: /,
    );
  });
});

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { asUser, type PolicyBench, policyBench, toolCall } from '../../../test/fixtures/policy-parts.ts';
import { replyHeaderOf, replyOf, testExchange } from '../../../test/fixtures/test-exchange.ts';
import { GatewayError } from '../../core/errors.ts';
import type { Exchange, Reply } from '../../core/exchange.ts';
import type { GuardedCall } from '../../core/guard.ts';
import type { PolicyParts } from '../../core/policy.ts';
import { Cancel } from '../../lib/cancel.ts';
import { Flow } from '../../lib/flow.ts';
import { localRateLimitSchema } from './schema.ts';

const KEY = 'localRateLimit';
const once = { maxTokens: 1, tokensPerFill: 1, fillInterval: '10s' };
const twice = { ...once, maxTokens: 2 };
const mcp = { backends: ['mcp'] };

/** What became of a request: its reply, or the error. */
async function send(
  { exchange: layer }: PolicyParts,
  exchange: Exchange = testExchange({}),
  headers: readonly string[] = [],
): Promise<Reply | GatewayError> {
  assert.ok(layer, 'there is a layer');
  const serve = layer(async () => ({ status: 200, headers, body: Flow.empty() }));
  try {
    return replyOf(await serve(exchange));
  } catch (error) {
    assert.ok(error instanceof GatewayError, String(error));
    return error;
  }
}

async function call(
  { gate }: PolicyParts,
  tool: string,
  more: Partial<GuardedCall> & { exchange?: Exchange } = {},
): Promise<string> {
  assert.ok(gate, 'there is a gate');
  const { exchange = testExchange({}), ...rest } = more;
  try {
    await gate.enter(toolCall(tool, rest), exchange, new Cancel());
    return 'ok';
  } catch (error) {
    return (error as GatewayError).code;
  }
}

const codeOf = (outcome: Reply | GatewayError) =>
  outcome instanceof GatewayError ? outcome.code : outcome.status;

describe('localRateLimit before HTTP requests', () => {
  let bench: PolicyBench;
  test.beforeEach(() => {
    bench = policyBench(KEY);
  });
  test.afterEach(() => bench.close());

  test('counts all alike without a key, and tells clients how they stand', async () => {
    const parts = bench.build([twice]);
    const first = await send(parts);
    assert.ok(!(first instanceof GatewayError));
    assert.equal(replyHeaderOf(first, 'x-ratelimit-limit'), '2');
    assert.equal(replyHeaderOf(first, 'x-ratelimit-remaining'), '1');
    assert.equal(replyHeaderOf(first, 'x-ratelimit-reset'), '10');
    assert.equal(codeOf(await send(parts)), 200);
    await bench.ports.clock.advance(2500);
    const refused = await send(parts);
    assert.ok(refused instanceof GatewayError);
    assert.equal(refused.http, 429);
    assert.deepEqual(refused.detail.headers, [
      ...['x-ratelimit-limit', '2', 'x-ratelimit-remaining', '0', 'x-ratelimit-reset', '8'],
      ...['retry-after', '8'],
    ]);
    assert.deepEqual(refused.detail.data, { retryAfterMs: 7500, limit: 2, remaining: 0 });
    await bench.ports.clock.advance(7500);
    assert.equal(codeOf(await send(parts)), 200);
  });

  test('counts for each value of its key', async () => {
    const parts = bench.build([{ ...once, key: 'jwt.sub' }]);
    const as = (sub: string) => send(parts, asUser(testExchange({}), sub)).then(codeOf);
    assert.deepEqual(
      [await as('a'), await as('b'), await as('a'), await as('b')],
      [200, 200, 'RATE_LIMITED', 'RATE_LIMITED'],
    );
  });

  test('who has no key is refused, and the log says so once', async () => {
    const parts = bench.build([{ ...once, key: 'request.headers["x-user"]' }]);
    for (let times = 0; times < 3; times += 1) assert.equal(codeOf(await send(parts)), 'FORBIDDEN');
    assert.equal(codeOf(await send(parts, testExchange({ headers: { 'x-user': 'a' } }))), 200);
    assert.equal(bench.ports.logged.length, 1);
    assert.match(JSON.stringify(bench.ports.logged), /localRateLimit\[0\]\.key/);
  });

  test('a secret is no key as it prints, for all of them print alike', async () => {
    const exchange = () => {
      const one = testExchange({});
      one.identity = { principal: 'key:x', apiKey: { metadata: {} } };
      one.credentials = [{ kind: 'apiKey', place: 'header', value: 'hunter2' }];
      return one;
    };
    assert.equal(codeOf(await send(bench.build([{ ...once, key: 'apiKey.key' }]), exchange())), 'FORBIDDEN');
    assert.equal(
      codeOf(await send(bench.build([{ ...once, key: 'apiKey.key.unredacted()' }]), exchange())),
      200,
    );
    assert.doesNotMatch(JSON.stringify(bench.ports.logged), /hunter2/);
  });

  test('concerns those for whom `when` holds or cannot be told', async () => {
    const parts = bench.build([{ ...once, when: 'request.headers["x-kind"] == "bulk"' }]);
    const as = (headers: Record<string, string>) => send(parts, testExchange({ headers })).then(codeOf);
    assert.deepEqual([await as({ 'x-kind': 'small' }), await as({ 'x-kind': 'small' })], [200, 200]);
    assert.deepEqual([await as({ 'x-kind': 'bulk' }), await as({ 'x-kind': 'bulk' })], [200, 'RATE_LIMITED']);
    assert.equal(await as({}), 'RATE_LIMITED');
  });

  test('takes what a request costs; one that costs more than there ever is need not come again', async () => {
    const parts = bench.build([{ ...once, maxTokens: 10, cost: 'int(request.headers["x-cost"])' }]);
    const costing = (cost: string) => send(parts, testExchange({ headers: { 'x-cost': cost } }));
    assert.equal(codeOf(await costing('7')), 200);
    assert.equal(codeOf(await costing('4')), 'RATE_LIMITED');
    assert.equal(codeOf(await costing('3')), 200);
    assert.equal(codeOf(await costing('0')), 200);
    assert.equal(codeOf(await costing('-5')), 'FORBIDDEN');
    assert.equal(codeOf(await costing('many')), 'FORBIDDEN');
    const never = await costing('11');
    assert.ok(never instanceof GatewayError && never.code === 'RATE_LIMITED');
    assert.ok(!never.detail.headers?.includes('retry-after'));
  });

  test('of several limits all have to agree, and who is refused by one has taken nothing of the others', async () => {
    const perUser = { ...twice, key: 'jwt.sub' };
    const parts = bench.build([perUser, { ...once, maxTokens: 3 }]);
    const as = async (sub: string) => codeOf(await send(parts, asUser(testExchange({}), sub)));
    assert.deepEqual([await as('a'), await as('a'), await as('a')], [200, 200, 'RATE_LIMITED']);
    assert.deepEqual([await as('b'), await as('b')], [200, 'RATE_LIMITED']);
    await bench.ports.clock.advance(10_000);
    assert.equal(await as('b'), 200, 'the bucket of b still held what the refusal did not take');
  });

  test('of conditional entries the first counts whose condition holds, and no other', async () => {
    const entry = (maxTokens: number, condition?: string) => ({
      ...once,
      maxTokens,
      ...(condition && { condition }),
    });
    const parts = bench.build({ conditional: [entry(2, 'request.path == "/a"'), entry(1)] });
    const to = async (path: string) => codeOf(await send(parts, testExchange({ path })));
    assert.deepEqual([await to('/a'), await to('/a'), await to('/a')], [200, 200, 'RATE_LIMITED']);
    assert.deepEqual([await to('/b'), await to('/c')], [200, 'RATE_LIMITED']);
  });

  test('what a limit further in or the upstream says of limits stays', async () => {
    const reply = await send(bench.build([twice]), testExchange({}), ['X-RateLimit-Limit', '77']);
    assert.ok(!(reply instanceof GatewayError));
    assert.deepEqual(reply.headers, ['X-RateLimit-Limit', '77']);
  });

  test('counts on over a reload that leaves place and limit as they are, and anew for any other', async () => {
    assert.equal(codeOf(await send(bench.build([once]))), 200);
    assert.equal(codeOf(await send(bench.build([{ ...twice, key: '"x"' }, once]))), 'RATE_LIMITED');
    assert.equal(codeOf(await send(bench.build([once], { place: 'route 3000/default/y' }))), 200);
    assert.equal(codeOf(await send(bench.build([{ ...once, fillInterval: '11s' }]))), 200);
  });

  test('two limits that say the same are two buckets', async () => {
    const parts = bench.build([twice, twice]);
    assert.deepEqual([codeOf(await send(parts)), codeOf(await send(parts))], [200, 200]);
  });
});

describe('localRateLimit before MCP calls', () => {
  let bench: PolicyBench;
  test.beforeEach(() => {
    bench = policyBench(KEY);
  });
  test.afterEach(() => bench.close());

  test('a limit that reads mcp counts calls, any other requests', () => {
    const parts = bench.build([{ ...once, key: 'mcp.tool.name' }, once]);
    assert.ok(parts.gate && parts.exchange);
    assert.ok(!bench.build([{ ...once, when: 'mcp.tool.name == "x"' }]).exchange);
    assert.ok(!bench.build([once]).gate);
  });

  test('at a target every limit counts calls', async () => {
    const parts = bench.build([once], { level: 'target', place: 'target 3000/x' });
    assert.ok(!parts.exchange);
    assert.deepEqual([await call(parts, 'a'), await call(parts, 'b')], ['ok', 'RATE_LIMITED']);
  });

  test('counts per tool, per session, per user and by what a call costs', async () => {
    const perTool = bench.build([{ ...once, key: 'mcp.tool.name' }], { route: mcp });
    assert.deepEqual(
      [await call(perTool, 'a'), await call(perTool, 'b'), await call(perTool, 'a')],
      ['ok', 'ok', 'RATE_LIMITED'],
    );
    const perSession = bench.build([{ ...once, key: 'mcp.sessionId' }]);
    const within = (sessionId: string) => call(perSession, 'a', { sessionId });
    assert.deepEqual([await within('s'), await within('t'), await within('s')], ['ok', 'ok', 'RATE_LIMITED']);
    const perUser = bench.build([{ ...once, when: 'mcp.tool.name == "dear"', key: 'jwt.sub' }]);
    const as = (sub: string, tool: string) =>
      call(perUser, tool, { exchange: asUser(testExchange({}), sub) });
    assert.deepEqual(
      [await as('a', 'cheap'), await as('a', 'dear'), await as('a', 'dear')],
      ['ok', 'ok', 'RATE_LIMITED'],
    );
    assert.deepEqual([await as('b', 'dear'), await as('a', 'cheap')], ['ok', 'ok']);
    const byCost = bench.build([{ ...once, maxTokens: 10, cost: 'mcp.tool.arguments.rows' }]);
    const rows = (count: unknown) => call(byCost, 'a', { arguments: () => ({ rows: count }) });
    assert.deepEqual(
      [await rows(8), await rows(3), await rows('x'), await rows(2)],
      ['ok', 'RATE_LIMITED', 'FORBIDDEN', 'ok'],
    );
  });

  test('a limit about tools does not concern what is none, unless it says so', async () => {
    const list = { item: undefined, method: 'tools/list' };
    const prompt = {
      item: { kind: 'prompt', target: 't', name: 'p', annotations: () => undefined },
    } as const;
    const bare = bench.build([{ ...once, key: 'mcp.tool.name', cost: 'mcp.tool.arguments.rows' }]);
    assert.deepEqual(
      [await call(bare, '', list), await call(bare, '', list), await call(bare, '', prompt)],
      ['ok', 'ok', 'ok'],
    );
    const when = bench.build([{ ...once, when: 'mcp.tool.name != "free"' }]);
    assert.deepEqual(
      [await call(when, '', list), await call(when, '', prompt), await call(when, 'a')],
      ['ok', 'ok', 'ok'],
    );
    assert.equal(await call(when, 'b'), 'RATE_LIMITED');
    assert.deepEqual(bench.ports.logged, []);
    const others = bench.build([{ ...once, key: 'has(mcp.tool) ? mcp.tool.name : "other"' }]);
    assert.deepEqual([await call(others, '', list), await call(others, '', prompt)], ['ok', 'RATE_LIMITED']);
    const conditional = bench.build({
      conditional: [{ ...once, condition: 'mcp.tool.name == "a"' }, { ...twice }],
    });
    assert.deepEqual([await call(conditional, 'a'), await call(conditional, 'a')], ['ok', 'RATE_LIMITED']);
    assert.deepEqual(
      [await call(conditional, '', list), await call(conditional, 'b'), await call(conditional, 'b')],
      ['ok', 'ok', 'RATE_LIMITED'],
    );
  });

  test('without a request there is nobody, so a key of somebody refuses', async () => {
    const parts = bench.build([{ ...once, key: 'jwt.sub + mcp.tool.name' }]);
    const { gate } = parts;
    assert.ok(gate);
    await assert.rejects(async () => gate.enter(toolCall('a'), undefined, new Cancel()), {
      code: 'FORBIDDEN',
    });
  });

  test('where no MCP backend lies behind, a limit on MCP calls is refused at load', () => {
    const limits = [{ ...once, key: 'mcp.tool.name' }];
    assert.throws(() => bench.build(limits, { route: { backends: ['host'] } }), { code: 'CONFIG_INVALID' });
    assert.ok(bench.build(limits, { route: { backends: ['host', 'mcp'] } }).gate);
  });
});

describe('localRateLimit as it is written', () => {
  const bench = policyBench(KEY);

  test('what cannot be meant is refused with its place', () => {
    const wrong: [object | readonly object[], RegExp][] = [
      [[{ ...once, tokensPerFill: 2 }], /maxTokens/],
      [[{ ...once, maxTokens: 0 }], /1/],
      [[{ ...once, fillInterval: 0 }], /1/],
      [[{ ...once, type: 'tokens' }], /requests/],
      [[{ ...once, condition: 'true' }], /condition/],
      [{ conditional: [once, { ...once, condition: 'true' }] }, /last/],
      [{ conditional: [] }, /1/],
    ];
    for (const [config, message] of wrong)
      assert.throws(() => bench.build(config), message, JSON.stringify(config));
  });

  test('an expression that does not compile is named by its place, as is one that would read a body', () => {
    assert.deepEqual(bench.problems([once, { ...once, key: 'jwt.sub +' }]).length, 1);
    assert.match(bench.problems([once, { ...once, key: 'nobody.knows' }])[0] ?? '', /^1\.key: /);
    assert.match(
      bench.problems({ conditional: [{ ...once, condition: 'request.body == b""' }] })[0] ?? '',
      /^conditional\.0\.condition: .*streamed/,
    );
  });

  test('a url that is none of Redis is refused without being quoted', () => {
    for (const [url, why] of [
      ['http://user:hunter2@host', /redis:\/\//],
      ['redis://:hunter2@host/prod', /whole number/],
      ['redis://:hunter2%zz@host', /decoded/],
      ['redis://:hunter2@host:99999', /port/],
    ] as const) {
      const { issues = [] } = localRateLimitSchema.safeParse([{ ...once, redis: { url } }]).error ?? {};
      assert.match(JSON.stringify(issues), why);
      assert.match(JSON.stringify(issues), /"redis","url"/);
      assert.doesNotMatch(JSON.stringify(issues), /hunter2/);
    }
  });

  test('so is one in a file, by the name of the limit', () => {
    const folder = mkdtempSync(join(tmpdir(), 'limit-'));
    const file = join(folder, 'redis-url');
    try {
      writeFileSync(file, 'redis://:hunter2@host/prod\n');
      assert.throws(
        () => bench.build([once, { ...once, redis: { url: { file } } }]),
        (error: GatewayError) =>
          error.code === 'CONFIG_INVALID' &&
          error.message.includes(`localRateLimit[1].redis.url: ${file}: `) &&
          /whole number/.test(error.message) &&
          !error.message.includes('hunter2'),
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

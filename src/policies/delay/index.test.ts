import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testExchange } from '../../../test/fixtures/test-exchange.ts';
import { type TestPorts, testPorts } from '../../../test/fixtures/test-ports.ts';
import type { Answer, Exchange } from '../../core/exchange.ts';
import { LIMITS } from '../../core/limits.ts';
import type { PolicyDeps } from '../../core/policy.ts';
import type { Service } from '../../core/service.ts';
import { loadExpr } from '../../expr/load.ts';
import { Flow } from '../../lib/flow.ts';
import { delay } from './index.ts';

interface Delayed {
  readonly ports: TestPorts;
  readonly passed: Exchange[];
  readonly serve: Service<Exchange, Answer>;
}

async function delayed(duration: unknown): Promise<Delayed> {
  const ports = testPorts();
  const passed: Exchange[] = [];
  const deps = { ports } as unknown as PolicyDeps;
  const parts = delay.build(delay.schema.parse({ duration }), deps, await loadExpr(ports));
  const serve = parts.exchange?.(async (exchange) => {
    passed.push(exchange);
    return { status: 200, headers: [], body: Flow.empty() };
  });
  assert.ok(serve);
  return { ports, passed, serve };
}

for (const [what, duration] of [
  ['a duration', '2s'],
  ['milliseconds', 2000],
  ['an expression that gives milliseconds', 'request.method == "GET" ? 2000 : 0'],
  ['an expression that gives a duration', 'duration("2s")'],
] as const)
  test(`a request waits before it goes on: ${what}`, async () => {
    const { ports, passed, serve } = await delayed(duration);
    const answered = serve(testExchange({}));
    await ports.clock.advance(1999);
    assert.equal(passed.length, 0);
    await ports.clock.advance(1);
    await answered;
    assert.equal(passed.length, 1);
    assert.equal(ports.clock.waiting, 0);
  });

for (const duration of [0, 'request.method == "POST" ? 2000 : 0', '-5', '"soon"', 'duration("-1s")'])
  test(`no time is no delay: ${duration}`, async () => {
    const { ports, passed, serve } = await delayed(duration);
    await serve(testExchange({}));
    assert.equal(passed.length, 1);
    assert.equal(ports.clock.waiting, 0);
  });

test('a delay without end has one', async () => {
  const { ports, passed, serve } = await delayed('30d');
  const answered = serve(testExchange({}));
  await ports.clock.advance(LIMITS.delay.value);
  await answered;
  assert.equal(passed.length, 1);
});

test('a client that goes away waits no longer, and its request goes nowhere', async () => {
  const { ports, passed, serve } = await delayed('2s');
  const exchange = testExchange({});
  const failed = assert.rejects(serve(exchange), /gone/);
  exchange.cancel.cancel(new Error('gone'));
  await failed;
  assert.deepEqual([passed.length, ports.clock.waiting], [0, 0]);
});

test('an expression that cannot be evaluated delays nobody and says so once', async () => {
  const { ports, passed, serve } = await delayed('int(request.path)');
  await serve(testExchange({}));
  await serve(testExchange({}));
  assert.equal(passed.length, 2);
  assert.equal(ports.logged.length, 1);
});

test('what is neither a duration nor an expression has a place in the file', async () => {
  const expr = await loadExpr(testPorts());
  const problems = (duration: string) => [
    ...(delay.problems?.(delay.schema.parse({ duration }), expr) ?? []),
  ];
  assert.deepEqual(problems('10 seconds')[0]?.path, ['duration']);
  assert.match(problems('size(request.body)')[0]?.message ?? '', /bodies are streamed/);
  assert.deepEqual(problems('1m30s'), []);
});

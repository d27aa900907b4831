import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { replyOf, testExchange } from '../../../test/fixtures/test-exchange.ts';
import { type TestPorts, testPorts } from '../../../test/fixtures/test-ports.ts';
import type { Answer, Exchange } from '../../core/exchange.ts';
import type { PolicyDeps, PolicyParts } from '../../core/policy.ts';
import type { Service } from '../../core/service.ts';
import { Flow } from '../../lib/flow.ts';
import { timeout } from './index.ts';

const OK: Answer = { status: 200, headers: [], body: Flow.of('ok') };

function build(
  config: object,
  kinds: readonly string[] = ['host'],
): { ports: TestPorts; parts: PolicyParts } {
  const ports = testPorts();
  const deps = { ports, route: { backends: kinds } } as unknown as PolicyDeps;
  return { ports, parts: timeout.build(timeout.schema.parse(config), deps, undefined) };
}

/** Answers never, but hears of cancellation as backends do. */
function silence(heard: Error[]): Service<Exchange, Answer> {
  return (exchange) =>
    new Promise((_resolve, reject) => {
      exchange.cancel.onCancel((reason) => {
        heard.push(reason);
        reject(reason);
      });
    });
}

const late = { code: 'UPSTREAM_TIMEOUT', http: 504 };

describe('a request that is not answered in time', () => {
  for (const [key, part] of [
    ['requestTimeout', 'exchange'],
    ['backendRequestTimeout', 'attempt'],
  ] as const)
    test(`fails with 504 and is cancelled upstream (${key})`, async () => {
      const { ports, parts } = build({ [key]: '5s' });
      const heard: Error[] = [];
      const exchange = testExchange({});
      const failed = assert.rejects(parts[part]?.(silence(heard))(exchange) as Promise<Answer>, late);
      await ports.clock.advance(4999);
      assert.equal(heard.length, 0);
      await ports.clock.advance(1);
      await failed;
      assert.match(heard[0]?.message ?? '', new RegExp(`5000 ms \\(${key}\\)`));
      assert.equal(exchange.cancel.cancelled, false, 'the client is still there, and gets the answer');
    });

  test('fails although the backend does not listen, whose late reply is dropped', async () => {
    const { ports, parts } = build({ requestTimeout: 100 });
    const dropped: Error[] = [];
    const body = new Flow({ pause() {}, resume() {}, cancel: (reason) => void dropped.push(reason) });
    let answer: (answer: Answer) => void = () => {};
    const deaf = () => new Promise<Answer>((resolve) => (answer = resolve));
    const failed = assert.rejects(parts.exchange?.(deaf)(testExchange({})) as Promise<Answer>, late);
    await ports.clock.advance(100);
    await failed;
    answer({ status: 200, headers: [], body });
    await ports.clock.advance(0);
    assert.equal(dropped.length, 1);
  });
});

describe('a request that is answered in time', () => {
  test('leaves no timer, and its body may take as long as it likes', async () => {
    const { ports, parts } = build({ requestTimeout: 100, backendRequestTimeout: 50 });
    let seen: Exchange | undefined;
    const serve = parts.exchange?.(async (exchange) => {
      seen = exchange;
      return OK;
    });
    const exchange = testExchange({});
    assert.equal(replyOf((await serve?.(exchange)) as Answer).status, 200);
    assert.equal(ports.clock.waiting, 0);
    await ports.clock.advance(1000);
    assert.equal(seen?.cancel.cancelled, false);
    exchange.cancel.cancel(new Error('gone'));
    assert.equal(seen?.cancel.cancelled, true, 'what still streams hears that the client is gone');
  });

  test('or whose client goes away leaves none either', async () => {
    const { ports, parts } = build({ requestTimeout: 100 });
    const exchange = testExchange({});
    const failed = assert.rejects(parts.exchange?.(silence([]))(exchange) as Promise<Answer>, /gone/);
    exchange.cancel.cancel(new Error('gone'));
    await failed;
    await ports.clock.advance(0);
    assert.equal(ports.clock.waiting, 0);
  });
});

test('a stream that is listened to has all the time it wants, its head included', async () => {
  const { ports, parts } = build({ requestTimeout: 100 });
  const passed: Exchange[] = [];
  const serve = parts.exchange?.(async (exchange) => {
    passed.push(exchange);
    return OK;
  });
  const exchange = testExchange({ headers: { accept: 'text/event-stream' } });
  await serve?.(exchange);
  assert.equal(passed[0], exchange);
  assert.equal(ports.clock.waiting, 0);
});

test('calls of an MCP route have deadlines of their own: nothing is cut around them', () => {
  assert.deepEqual(build({ requestTimeout: 100, backendRequestTimeout: 50 }, ['mcp']).parts, {});
  assert.ok(build({ requestTimeout: 100 }, ['mcp', 'host']).parts.exchange);
});

test('0 is no timeout', () => {
  assert.deepEqual(build({ requestTimeout: 0, backendRequestTimeout: '0s' }).parts, {});
});

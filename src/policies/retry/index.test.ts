import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type ExchangeScript, replyOf, testExchange, textOf } from '../../../test/fixtures/test-exchange.ts';
import { type TestPorts, testPorts } from '../../../test/fixtures/test-ports.ts';
import { type ErrorCode, GatewayError } from '../../core/errors.ts';
import type { Answer, Exchange, Tunnel } from '../../core/exchange.ts';
import { LIMITS } from '../../core/limits.ts';
import type { PolicyDeps, PolicyParts } from '../../core/policy.ts';
import { loadExpr } from '../../expr/load.ts';
import { Flow } from '../../lib/flow.ts';
import { retry } from './index.ts';

/** What an upstream does: a status, or a failure. */
type Deed = number | ErrorCode | Tunnel;

interface Seen {
  readonly body: string;
  readonly attempt: unknown;
  readonly tried: readonly string[];
}

interface World {
  readonly ports: TestPorts;
  readonly seen: Seen[];
  readonly parts: PolicyParts;
  /** Bodies of replies that were dropped. */
  readonly dropped: string[];
  ask(script?: ExchangeScript, change?: (exchange: Exchange) => void): Promise<Answer>;
}

/** Every deed is done once, the last one from then on. Pauses pass by themselves. */
async function world(config: object, deeds: readonly Deed[], kinds = ['host']): Promise<World> {
  const ports = testPorts();
  const deps = { ports, route: { backends: kinds } } as unknown as PolicyDeps;
  const parts = retry.build(retry.schema.parse({ codes: [], ...config }), deps, await loadExpr(ports));
  const seen: Seen[] = [];
  const dropped: string[] = [];
  const serve = parts.exchange?.(async (exchange) => {
    const number = seen.length;
    const deed = deeds[Math.min(number, deeds.length - 1)];
    const body = String(exchange.body.stream());
    seen.push({ body, attempt: exchange.headers['x-retry-attempt'], tried: [...(exchange.tried ?? [])] });
    exchange.record.backend = `backend-${number}`;
    if (typeof deed === 'string') throw new GatewayError(deed, 'failed');
    if (typeof deed !== 'number') return deed as Tunnel;
    const source = { pause() {}, resume() {}, cancel: () => void dropped.push(String(deed)) };
    const flow = new Flow(source);
    flow.push(Buffer.from(`reply ${number}`));
    if (deed < 400) flow.end();
    return { status: deed, headers: [], body: flow };
  });
  const ask = async (script: ExchangeScript = {}, change?: (exchange: Exchange) => void): Promise<Answer> => {
    const exchange = testExchange(script);
    change?.(exchange);
    const answered = (serve ?? assert.fail('no layer'))(exchange);
    const over = answered.catch(() => undefined);
    await Promise.race([over, ports.clock.advance(60_000)]);
    return answered;
  };
  return { ports, seen, parts, dropped, ask };
}

const code = (wanted: ErrorCode) => ({ code: wanted });

describe('a request is sent again', () => {
  for (const deed of [503, 'UPSTREAM_CONNECT', 'UPSTREAM_TIMEOUT', 'UPSTREAM_CLOSED'] as const)
    test(`after ${deed}, and the answer to that is the answer`, async () => {
      const { ask, seen, dropped } = await world({ codes: [503] }, [deed, 200]);
      const reply = replyOf(await ask());
      assert.deepEqual([reply.status, await textOf(reply), seen.length], [200, 'reply 1', 2]);
      assert.deepEqual(dropped, deed === 503 ? ['503'] : []);
    });

  test('as often as attempts says beside the first try, and what the last one brings is passed on', async () => {
    const statuses = await world({ attempts: 3, codes: [503] }, [503]);
    assert.equal(replyOf(await statuses.ask()).status, 503);
    assert.deepEqual([statuses.seen.length, statuses.dropped.length], [4, 3]);
    assert.equal(statuses.ports.counted.length, 3);
    const failures = await world({ attempts: 2 }, ['UPSTREAM_CONNECT']);
    await assert.rejects(failures.ask(), code('UPSTREAM_CONNECT'));
    assert.equal(failures.seen.length, 3);
  });

  test('with the same body and the number of the try, whatever the client said', async () => {
    const { ask, seen } = await world({ attempts: 2, codes: [503] }, [503]);
    await ask({ method: 'POST', body: 'the body', headers: { 'x-retry-attempt': '7' } });
    assert.deepEqual(
      seen.map(({ body, attempt }) => [body, attempt]),
      [
        ['the body', '7'],
        ['the body', '1'],
        ['the body', '2'],
      ],
    );
  });

  test('to another backend: those that failed are known to the next try', async () => {
    const { ask, seen } = await world({ attempts: 2, codes: [503] }, [503, 'UPSTREAM_CONNECT', 200]);
    await ask();
    assert.deepEqual(
      seen.map(({ tried }) => tried),
      [[], ['backend-0'], ['backend-0', 'backend-1']],
    );
  });

  test('when the condition holds for the reply', async () => {
    const { ask, seen } = await world({ condition: 'response.code == 204' }, [204, 200]);
    assert.equal(replyOf(await ask()).status, 200);
    assert.equal(seen.length, 2);
  });

  test('after a pause that doubles, half of it up to chance', async () => {
    const { ports, parts } = await world({}, []);
    const [backoff] = [parts.retry?.backoff()];
    const pauses = [backoff?.next(), backoff?.next(), backoff?.next()] as number[];
    for (const [at, pause] of pauses.entries()) assert.ok(pause >= 12.5 * 2 ** at && pause <= 25 * 2 ** at);
    assert.equal(ports.clock.waiting, 0);
  });
});

describe('a request is sent once', () => {
  for (const deed of ['UPSTREAM_PROTOCOL', 'BAD_REQUEST', 'OVERLOADED', 'CANCELLED'] as const)
    test(`when it would only fail in the same way: ${deed}`, async () => {
      const { ask, seen } = await world({ codes: [503] }, [deed]);
      await assert.rejects(ask(), code(deed));
      assert.equal(seen.length, 1);
    });

  test('when the status is not among the codes', async () => {
    const { ask, seen } = await world({ codes: [503] }, [500]);
    assert.equal(replyOf(await ask()).status, 500);
    assert.equal(seen.length, 1);
  });

  test('when it may have been carried out and is not idempotent, unless a precondition says so', async () => {
    for (const deed of ['UPSTREAM_TIMEOUT', 'UPSTREAM_CLOSED'] as const) {
      const careful = await world({}, [deed]);
      await assert.rejects(careful.ask({ method: 'POST', body: 'x' }), code(deed));
      assert.equal(careful.seen.length, 1);
      const told = await world({ precondition: 'request.path == "/mcp"' }, [deed, 200]);
      assert.equal(replyOf(await told.ask({ method: 'POST', body: 'x' })).status, 200);
    }
    const unreached = await world({}, ['UPSTREAM_CONNECT', 200]);
    assert.equal(replyOf(await unreached.ask({ method: 'POST', body: 'x' })).status, 200);
  });

  test('when the precondition does not hold, or cannot be evaluated', async () => {
    for (const precondition of ['request.method == "GET"', 'int(request.path) > 1']) {
      const { ask, seen } = await world({ precondition, codes: [503] }, [503]);
      assert.equal(replyOf(await ask({ method: 'PUT' })).status, 503);
      assert.equal(seen.length, 1);
    }
  });

  test('when its body is large or of unknown length', async () => {
    const large = await world({ codes: [503] }, [503]);
    await large.ask({ method: 'PUT', body: Buffer.alloc(LIMITS.replayedBody.value + 1) });
    assert.equal(large.seen.length, 1);
    const streamed = await world({ codes: [503] }, [503]);
    await streamed.ask({ method: 'PUT', body: 'x' }, ({ body }) =>
      Object.assign(body, { length: undefined }),
    );
    assert.equal(streamed.seen.length, 1);
    const fits = await world({ codes: [503] }, [503]);
    await fits.ask({ method: 'PUT', body: Buffer.alloc(LIMITS.replayedBody.value) });
    assert.equal(fits.seen.length, 2);
  });

  test('when it asks for a tunnel', async () => {
    const { ask, seen } = await world({}, ['UPSTREAM_CONNECT']);
    await assert.rejects(ask({ upgrade: 'websocket' }), code('UPSTREAM_CONNECT'));
    assert.equal(seen.length, 1);
  });

  test('when the client has gone meanwhile', async () => {
    const { ask, seen, ports } = await world({ codes: [503] }, [503]);
    const gone = new GatewayError('CANCELLED', 'the client went away');
    const asked = ask({}, ({ cancel }) => setImmediate(() => cancel.cancel(gone)));
    await assert.rejects(asked, gone);
    assert.deepEqual([seen.length, ports.clock.waiting], [1, 0]);
  });
});

describe('a route to MCP servers', () => {
  test('repeats calls, never requests as a whole', async () => {
    assert.equal((await world({ codes: [502] }, [], ['mcp'])).parts.exchange, undefined);
    const { parts } = await world({ attempts: 4, codes: [502] }, [], ['mcp']);
    assert.deepEqual([parts.retry?.attempts, [...(parts.retry?.codes ?? [])]], [4, [502]]);
  });

  test('judges the precondition by the request that brings a call; without one there is nothing to judge', async () => {
    const { parts } = await world({ precondition: 'request.method == "POST"' }, [], ['mcp']);
    const allows = (script?: ExchangeScript) => parts.retry?.allows(script && testExchange(script));
    assert.deepEqual([allows({ method: 'POST' }), allows({ method: 'GET' }), allows()], [true, false, false]);
    assert.equal((await world({}, [], ['mcp'])).parts.retry?.allows(undefined), true);
  });
});

test('expressions that read a body are refused with their place', async () => {
  const config = retry.schema.parse({
    codes: [],
    precondition: 'size(request.body) > 0',
    condition: 'response.codes == 1',
  });
  const problems = [...(retry.problems?.(config, await loadExpr(testPorts())) ?? [])];
  assert.deepEqual(
    problems.map(({ path }) => path),
    [['precondition'], ['condition']],
  );
});

/** Limits in front of real servers, as clients of both eras meet them: how often, and how many at a time. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { edit, routeOf } from '../fixtures/gateway-state.ts';
import { McpHttpClient, type Message, STREAM_FIRST, textOf } from '../fixtures/mcp-http.ts';
import { ModernClient } from '../fixtures/mcp-modern.ts';
import { type McpWorld, startWorld } from '../fixtures/mcp-world.ts';
import { type RateLimitServer, startRateLimitServer } from '../fixtures/rate-limit-server.ts';
import type { Step } from '../fixtures/raw-server/options.ts';

const KEYS = ['ann', 'bob', 'cy', 'dan', 'eve', 'fay', 'gil', 'hal', 'ian'].map((name) => ({
  key: `key-of-${name}`,
  metadata: { name },
}));
const as = (name: string, more: object = {}) => ({
  headers: { authorization: `Bearer key-of-${name}` },
  ...more,
});
/** Never filled while a test runs. */
const of = (maxTokens: number, more: object) => ({
  maxTokens,
  tokensPerFill: 1,
  fillInterval: '1h',
  ...more,
});

/** `ok`, or the code of the catalogue. */
function became({ result, error }: Message): string {
  if (result) return 'ok';
  return String((error?.data as { code?: string } | undefined)?.code ?? error?.code);
}

describe('limits on MCP calls', () => {
  let world: McpWorld;
  before(async () => {
    world = await startWorld({
      targets: {
        one: {},
        two: { over: 'stdio', target: { policies: { localRateLimit: [of(1, { key: 'apiKey.name' })] } } },
        three: {
          target: { policies: { concurrencyLimit: { maxCalls: 1, maxWaiting: 1, waitTimeout: '20s' } } },
        },
      },
      policies: {
        apiKey: { keys: KEYS },
        localRateLimit: [
          of(2, { when: 'mcp.tool.name == "whoami"', key: 'apiKey.name' }),
          of(1, { when: 'mcp.tool.name == "echo" && has(mcp.tool.arguments.session)', key: 'mcp.sessionId' }),
          of(10, {
            when: 'has(mcp.tool.arguments.weight)',
            key: 'apiKey.name',
            cost: 'mcp.tool.arguments.weight',
          }),
        ],
      },
    });
  });
  after(() => world?.close());

  const clients = {
    'a client with a session': (name: string) => McpHttpClient.open(world.gateway.url, as(name)),
    'a modern client': (name: string) => Promise.resolve(new ModernClient(world.gateway.url, as(name))),
  };
  for (const [index, [kind, open]] of Object.entries(clients).entries()) {
    // Buckets are shared by all that bear the name, so each kind brings its own people.
    const [mine, other] = index === 0 ? (['ann', 'bob'] as const) : (['cy', 'dan'] as const);

    test(`${kind} has a bucket of its own for a tool, and lists and other tools are not concerned`, async () => {
      const [client, friend] = [await open(mine), await open(other)];
      const add = async (who: McpHttpClient) => became(await who.call('one_whoami'));
      assert.deepEqual(
        [await add(client), await add(client), await add(client)],
        ['ok', 'ok', 'RATE_LIMITED'],
      );
      assert.equal(await add(friend), 'ok');
      for (let times = 0; times < 5; times += 1) {
        assert.equal(became(await client.call('one_echo', {})), 'ok');
        assert.equal(became(await client.request('tools/list')), 'ok');
      }
      client.close();
      friend.close();
    });

    test(`${kind} is told when to come again`, async () => {
      const client = await open(mine);
      const { error } = await client.call('one_whoami');
      const { retryAfterMs, ...data } = (error?.data ?? {}) as Record<string, unknown>;
      assert.deepEqual(data, { code: 'RATE_LIMITED', retryable: true, limit: 2, remaining: 0 });
      assert.ok(Number(retryAfterMs) > 3_000_000 && Number(retryAfterMs) <= 3_600_000);
      assert.match(String(error?.message), /too many requests; try again in \d+ s/);
      client.close();
    });

    test(`${kind} pays what its calls cost`, async () => {
      const client = await open(mine);
      const weigh = async (weight: unknown) => became(await client.call('one_echo', { weight }));
      assert.deepEqual(
        [await weigh(8), await weigh(3), await weigh(2), await weigh('x')],
        ['ok', 'RATE_LIMITED', 'ok', 'FORBIDDEN'],
      );
      client.close();
    });

    test(`at a target all calls of ${kind} count, those elsewhere do not`, async () => {
      const client = await open(mine);
      assert.equal(textOf(await client.call('two_echo', { x: 1 })), '{"x":1}');
      assert.equal(became(await client.call('two_whoami')), 'RATE_LIMITED');
      assert.equal(became(await client.call('one_echo', {})), 'ok');
      client.close();
    });

    test(`of the calls of ${kind} to a busy target one waits in line and the next is refused`, async () => {
      const client = await open(mine);
      const three = world.server('three');
      const end: Step = { do: 'result', result: { content: [] } };
      const run = (steps: readonly Step[]) => client.script(steps, 'three_script').then(became);
      const first = run([{ do: 'hold', key: kind }, end]);
      await three.control.waitFor((entry) => JSON.stringify(entry).includes(kind));
      const others = [run([end]), run([end])];
      assert.equal(await Promise.race(others), 'OVERLOADED');
      const direct = await McpHttpClient.open(three.url);
      await direct.script([{ do: 'release', key: kind }, end]);
      direct.close();
      assert.equal(await first, 'ok');
      assert.deepEqual((await Promise.all(others)).sort(), ['OVERLOADED', 'ok']);
      assert.equal(await run([end]), 'ok');
      client.close();
    });
  }

  test('sessions have buckets of their own', async () => {
    const [one, other] = [await world.client(as('eve')), await world.client(as('eve'))];
    const echo = async (client: McpHttpClient) => became(await client.call('one_echo', { session: true }));
    assert.deepEqual([await echo(one), await echo(one), await echo(other)], ['ok', 'RATE_LIMITED', 'ok']);
  });

  test('each call of a batch counts', async () => {
    const client = await world.client(as('fay', { version: '2025-03-26' }));
    const call = (id: number) => ({
      jsonrpc: '2.0',
      id,
      method: 'tools/call',
      params: { name: 'one_whoami' },
    });
    const { status, messages } = await client.send([1, 2, 3, 4].map(call));
    assert.equal(status, 200);
    assert.deepEqual(messages.map(became).sort(), ['RATE_LIMITED', 'RATE_LIMITED', 'ok', 'ok']);
  });

  test('a refusal also comes on a stream, and streams that are listened to take no tokens', async () => {
    const client = await world.client(as('gil'));
    const message = () => client.message('tools/call', { name: 'one_whoami', arguments: {} });
    const listening = await client.listen();
    const outcomes: string[] = [];
    for (let times = 0; times < 3; times += 1) {
      const stream = await client.stream(message(), STREAM_FIRST);
      await stream.ended;
      outcomes.push(became(stream.messages.at(-1) ?? {}));
    }
    assert.deepEqual(outcomes, ['ok', 'ok', 'RATE_LIMITED']);
    listening.close();
  });

  test('a refused call never reaches its server, and the log says why', async () => {
    const client = await world.client(as('hal'));
    const calls = () =>
      world
        .server('one')
        .control.received()
        .filter(({ method }) => method === 'tools/call').length;
    for (let times = 0; times < 2; times += 1) await client.call('one_whoami');
    const before = calls();
    assert.equal(became(await client.call('one_whoami')), 'RATE_LIMITED');
    assert.equal(calls(), before);
    await world.gateway.said(/RATE_LIMITED/);
  });

  test('counts outlive a reload that does not change the limit', async () => {
    const client = await world.client(as('ian'));
    for (let times = 0; times < 2; times += 1) await client.call('one_whoami');
    await edit(world.gateway, (document) => {
      Object.assign(routeOf(document).mcp.targets[2] ?? {}, {
        policies: { concurrencyLimit: { maxCalls: 2 } },
      });
    });
    assert.equal(became(await client.call('one_whoami')), 'RATE_LIMITED');
  });
});

describe('limits on HTTP requests', () => {
  let world: McpWorld;
  let service: RateLimitServer;
  before(async () => {
    service = await startRateLimitServer();
    world = await startWorld({
      targets: { one: {} },
      policies: {
        apiKey: { keys: KEYS },
        localRateLimit: [of(4, { key: 'apiKey.name' })],
        remoteRateLimit: {
          domain: 'e2e',
          host: service.host,
          timeout: '10s',
          descriptors: [
            { entries: [{ key: 'user', value: 'apiKey.name' }] },
            { entries: [{ key: 'tool', value: 'mcp.tool.name' }] },
          ],
        },
      },
    });
  });
  after(async () => {
    await world?.close();
    await service?.stop();
  });

  test('whatever it is, a request takes a token, and beyond them there is 429 with the time to wait', async () => {
    const client = await world.client(as('ann'));
    const { status, headers } = await client.send(
      client.message('tools/call', { name: 'echo', arguments: {} }),
    );
    assert.equal(status, 200);
    assert.equal(headers['x-ratelimit-limit'], '4');
    assert.equal(headers['x-ratelimit-remaining'], '1');
    await client.send(client.message('ping'));
    const refused = await client.send(client.message('ping'));
    assert.equal(refused.status, 429);
    assert.equal(refused.headers['x-ratelimit-remaining'], '0');
    assert.ok(Number(refused.headers['retry-after']) > 3000);
    assert.deepEqual(JSON.parse(refused.text).error.code, 'RATE_LIMITED');
  });

  test('a rate limit service is asked about requests and about calls, and its answers are final', async () => {
    const client = await world.client(as('bob'));
    service.asked.length = 0;
    service.answer = ({ descriptors }) => ({
      over: descriptors.some(({ entries }) => entries.some(({ value }) => value === 'echo')),
      status: { limit: 5, remaining: 0, resetMs: 1200 },
    });
    const { status, messages } = await client.send(
      client.message('tools/call', { name: 'echo', arguments: {} }),
    );
    assert.equal(status, 200);
    assert.deepEqual(service.asked, ['e2e user=bob', 'e2e tool=echo']);
    assert.equal(became(messages[0] ?? {}), 'RATE_LIMITED');
    service.answer = () => ({ over: true, body: 'slow down' });
    const refused = await client.send(client.message('ping'));
    assert.equal(refused.status, 429);
    assert.equal(refused.text, 'slow down');
  });

  test('a rate limit service that is gone lets nobody through', async () => {
    service.answer = () => ({});
    const client = await world.client(as('cy'));
    await service.stop();
    const { status, text } = await client.send(client.message('ping'));
    assert.equal(status, 500);
    assert.deepEqual(JSON.parse(text).error, {
      code: 'LIMITS_UNAVAILABLE',
      message: 'the rate limit service cannot be asked',
    });
  });
});

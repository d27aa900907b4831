// needs: redis-server
/** One limit for several gateways, with a real Redis between them that is also killed. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type GatewayProcess, startGateway } from '../fixtures/gateway.ts';
import { McpHttpClient, type Message } from '../fixtures/mcp-http.ts';
import { type RawServer, startRawServer } from '../fixtures/raw-server/http.ts';
import { NO_REDIS, type RedisProcess, startRedis } from '../fixtures/redis.ts';

const PASSWORD = 'hunter2';
/** As a configuration names a variable. */
const VARIABLE = ['$', '{REDIS_URL}'].join('');
const KEYS = ['ann', 'bob'].map((name) => ({ key: `key-of-${name}`, metadata: { name } }));

function became({ result, error }: Message): string {
  return result ? 'ok' : String((error?.data as { code?: string } | undefined)?.code);
}

describe('a limit that two gateways share', { skip: NO_REDIS }, () => {
  let redis: RedisProcess;
  let server: RawServer;
  const gateways: GatewayProcess[] = [];
  const clients: McpHttpClient[] = [];
  before(async () => {
    redis = await startRedis(PASSWORD);
    server = await startRawServer();
    const shared = (tool: string, more: object = {}) => ({
      maxTokens: 20,
      tokensPerFill: 1,
      fillInterval: '1h',
      when: `mcp.tool.name == "${tool}"`,
      key: 'apiKey.name',
      redis: { url: VARIABLE, timeout: '5s', ...more },
    });
    const limits = [shared('echo'), shared('whoami', { failureMode: 'failOpen' })];
    for (let index = 0; index < 2; index += 1)
      gateways.push(
        await startGateway({
          mcp: { targets: [{ name: 'one', mcp: { host: server.url } }] },
          policies: { apiKey: { keys: KEYS }, localRateLimit: limits },
          env: { REDIS_URL: redis.url },
        }),
      );
  });
  after(async () => {
    for (const client of clients) client.close();
    for (const gateway of gateways) await gateway.stop();
    await server?.close();
    await redis?.stop();
  });

  async function openBoth(name: string): Promise<[McpHttpClient, McpHttpClient]> {
    const headers = { authorization: `Bearer key-of-${name}` };
    const opened = await Promise.all(gateways.map(({ url }) => McpHttpClient.open(url, { headers })));
    clients.push(...opened);
    return opened as [McpHttpClient, McpHttpClient];
  }

  const count = (outcomes: readonly string[], wanted: string) =>
    outcomes.filter((one) => one === wanted).length;

  test('calls through either count together, to the last one', async () => {
    const both = await openBoth('ann');
    const calls = Array.from({ length: 50 }, (_, index) =>
      both[(index % 2) as 0 | 1].call('echo').then(became),
    );
    const outcomes = await Promise.all(calls);
    assert.equal(count(outcomes, 'ok'), 20);
    assert.equal(count(outcomes, 'RATE_LIMITED'), 30);
  });

  test('a Redis killed under load stops what must be counted, lets through what need not be, and nothing hangs', async () => {
    const [one, other] = await openBoth('bob');
    let loading = true;
    const outcomes: string[] = [];
    const load = async (client: McpHttpClient): Promise<void> => {
      while (loading) outcomes.push(became(await client.call('echo')));
    };
    const loads = [one, other, one, other].map(load);
    const until = async (holds: () => boolean): Promise<void> => {
      while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
    };
    await until(() => outcomes.includes('RATE_LIMITED'));
    await redis.kill();
    outcomes.length = 0;
    await until(() => count(outcomes, 'OVERLOADED') > 20);
    assert.equal(became(await one.call('whoami')), 'ok');
    outcomes.length = 0;
    await redis.restart();
    // It has forgotten what it counted.
    await until(() => count(outcomes, 'ok') >= 20);
    await until(() => outcomes.at(-1) === 'RATE_LIMITED');
    loading = false;
    await Promise.all(loads);
    for (const outcome of outcomes) assert.match(outcome, /^(?:ok|OVERLOADED|RATE_LIMITED)$/);
    for (const gateway of gateways) {
      assert.match(gateway.log(), /no connection to Redis/);
      assert.doesNotMatch(gateway.log(), new RegExp(PASSWORD));
    }
  });

  test('counted alone for a while, a gateway still refuses beyond the limit', async () => {
    const [one] = await openBoth('ann');
    await redis.kill();
    const outcomes: string[] = [];
    for (let times = 0; times < 25; times += 1) outcomes.push(became(await one.call('whoami')));
    assert.ok(count(outcomes, 'ok') <= 20);
    assert.equal(outcomes.at(-1), 'RATE_LIMITED');
    await redis.restart();
  });
});

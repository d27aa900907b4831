import assert from 'node:assert/strict';
import { test } from 'node:test';
import { policyBench } from '../../../test/fixtures/policy-parts.ts';
import { testExchange } from '../../../test/fixtures/test-exchange.ts';
import type { Outbound } from '../../core/exchange.ts';
import type { RouteFacts } from '../../core/policy.ts';
import { Flow } from '../../lib/flow.ts';
import { urlRewriteSchema } from './schema.ts';

const route: RouteFacts = {
  backends: ['host'],
  matches: [{ path: { kind: 'prefix', value: '/a' }, method: undefined, headers: [], query: [] }],
};

async function outboundOf(config: object, before?: Outbound): Promise<Outbound | undefined> {
  const { build } = policyBench('urlRewrite');
  const exchange = testExchange({ path: '/a/b', query: 'q=1', authority: 'here.example:81' });
  if (before) exchange.outbound = before;
  const layer = build(config, { route }).exchange ?? assert.fail('no layer');
  await layer(async () => ({ status: 200, headers: [], body: Flow.empty() }))(exchange);
  assert.deepEqual(
    [exchange.url, exchange.path, exchange.authority],
    ['/a/b?q=1', '/a/b', 'here.example:81'],
  );
  return exchange.outbound;
}

test('what the upstream is asked stands beside what came', async () => {
  assert.deepEqual(await outboundOf({ path: { prefix: '/x' } }), { url: '/x/b?q=1' });
  assert.deepEqual(await outboundOf({ authority: 'none' }), { host: 'here.example:81' });
  assert.deepEqual(await outboundOf({ authority: { port: 9 } }), { host: 'here.example:9' });
  assert.deepEqual(await outboundOf({ path: { full: '/x' }, authority: 'auto' }, { method: 'PUT' }), {
    method: 'PUT',
    url: '/x?q=1',
  });
});

test('it has no effect on MCP servers, and says so', () => {
  const { build, ports } = policyBench('urlRewrite');
  build({ path: { full: '/x' } }, { route: { backends: ['mcp'] } });
  assert.match(JSON.stringify(ports.logged), /no effect/);
});

test('places that are none are mistakes', () => {
  for (const wrong of [
    { path: { prefix: '/a/../b' } },
    { path: { full: 'a' } },
    { path: { full: '/a?b' } },
    { path: { full: '/a', prefix: '/b' } },
    { authority: 'other' },
    { authority: { host: 'a:80' } },
    { authority: { full: 'https://a' } },
    { authority: { port: 0 } },
    { scheme: 'https' },
  ])
    assert.throws(() => urlRewriteSchema.parse(wrong), JSON.stringify(wrong));
});

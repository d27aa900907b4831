import assert from 'node:assert/strict';
import { test } from 'node:test';
import { policyBench } from '../../../test/fixtures/policy-parts.ts';
import { testExchange } from '../../../test/fixtures/test-exchange.ts';
import type { Answer } from '../../core/exchange.ts';
import { Flow } from '../../lib/flow.ts';

const config = { set: { 'X-A': 'new' }, add: { 'set-cookie': 'b=2' }, remove: ['Server'] };

test('replies and tunnels keep everything else, bodies untouched', async () => {
  const { build } = policyBench('responseHeaderModifier');
  const layer = build(config).exchange ?? assert.fail('no layer');
  const headers = ['x-a', 'old', 'set-cookie', 'a=1', 'server', 'x', 'X-A', 'older'];
  const body = new Flow();
  const attach = (): void => {};
  for (const answer of [
    { status: 200, headers, body },
    { status: 101, headers, attach },
  ] as Answer[]) {
    const made = await layer(async () => answer)(testExchange({}));
    const expected = ['set-cookie', 'a=1', 'X-A', 'new', 'set-cookie', 'b=2'];
    assert.deepEqual(made, { ...answer, headers: expected });
  }
});

test('before MCP servers the headers of the protocol stay', () => {
  const { build } = policyBench('responseHeaderModifier');
  const route = { backends: ['mcp'] };
  build(config, { route });
  for (const name of ['mcp-session-id', 'Content-Type'])
    assert.throws(() => build({ remove: [name] }, { route }), { code: 'CONFIG_INVALID' });
  build({ remove: ['Content-Type'] }, { route: { backends: ['host'] } });
});

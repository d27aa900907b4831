import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FrontWorld, JSON_POST } from '../../../../test/fixtures/scripted-front.ts';
import { memberOf, viewOf } from '../../../../test/fixtures/scripted-session.ts';
import type { TestTarget } from '../../../../test/fixtures/scripted-target.ts';
import { replyOf, testExchange, textOf } from '../../../../test/fixtures/test-exchange.ts';
import { settled } from '../../../../test/fixtures/test-ports.ts';
import { GatewayError } from '../../../core/errors.ts';
import { header } from '../../../core/exchange.ts';
import type { HeaderMapping } from '../../../core/outgoing.ts';

test('a client without a session subscribes to nothing: its servers would tell nobody, without end', async () => {
  const world = new FrontWorld(
    { one: { resources: [], capabilities: { resources: { subscribe: true } } } },
    { plan: { stateless: true } },
  );
  await settled();
  for (const method of ['resources/subscribe', 'resources/unsubscribe']) {
    const body = { jsonrpc: '2.0', id: 1, method, params: { uri: 'x:1' } };
    const reply = await world.handle({ method: 'POST', headers: JSON_POST, body });
    const { error } = JSON.parse(await textOf(reply)) as { error?: { code: number } };
    assert.equal(error?.code, -32601, method);
  }
  const asked = world.targets['one']?.connector.wires.flatMap((wire) => wire.of('resources/subscribe'));
  assert.deepEqual(asked, []);
});

test('each request of a client is sent with what is made of it, whatever its other requests show', async () => {
  const mapping: HeaderMapping = {
    key: 'org',
    names: ['x-org'],
    map: (exchange) => {
      const org = header(exchange, 'x-org');
      if (org === undefined) throw new GatewayError('FORBIDDEN', 'no organisation');
      return ['x-org', org];
    },
  };
  const on = { 'tools/call': () => ({}) };
  const world = new FrontWorld({ one: { tools: [{ name: 'a' }], takesHeaders: true, on } });
  const { target, connector } = world.targets['one'] as TestTarget;
  const members = [memberOf(target, { outgoing: { mapping, credentials: undefined } })];
  world.endpoint.rebase(viewOf([], { members, stateless: true }));
  await settled();
  const body = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'a' } };
  const call = async (more: Record<string, string>) => {
    const exchange = testExchange({ method: 'POST', headers: { ...JSON_POST, ...more }, body });
    exchange.principal = 'ann';
    return JSON.parse(await textOf(replyOf(await world.front.handle(exchange)))) as { error?: object };
  };
  const answers = await Promise.all([call({ 'x-org': 'a' }), call({ 'x-org': 'b' }), call({})]);
  const sent = connector.wires.flatMap((wire) =>
    wire.of('tools/call').map(({ outgoing }) => outgoing.client),
  );
  assert.deepEqual(sent, [
    ['x-org', 'a'],
    ['x-org', 'b'],
  ]);
  assert.deepEqual(
    answers.map(({ error }) => error !== undefined),
    [false, false, true],
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FrontWorld, JSON_POST } from '../../../../test/fixtures/scripted-front.ts';
import { textOf } from '../../../../test/fixtures/test-exchange.ts';
import { settled } from '../../../../test/fixtures/test-ports.ts';

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

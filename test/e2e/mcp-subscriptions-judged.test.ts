/** Subscriptions of sessions are judged again when the rules change. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { startWorld } from '../fixtures/mcp-world.ts';
import type { Step } from '../fixtures/raw-server/options.ts';

const KEYS = [
  { key: 'key-of-admin', metadata: { role: 'admin' } },
  { key: 'key-of-guest', metadata: { role: 'guest' } },
];
const updated = (uri: string): Step => ({
  do: 'notify',
  method: 'notifications/resources/updated',
  params: { uri },
});

test('what a client may no longer read it hears no more of, and the server is told', async (t) => {
  const world = await startWorld({
    targets: { one: {}, two: {} },
    policies: { apiKey: { keys: KEYS }, mcpAuthorization: { rules: ['1 == 1'] } },
  });
  t.after(() => world.close());
  const as = (who: string) => world.client({ headers: { authorization: `Bearer key-of-${who}` } });
  const [admin, guest] = [await as('admin'), await as('guest')];
  const heard = { admin: await admin.listen(), guest: await guest.listen() };
  const { control } = world.server('one');
  for (const client of [admin, guest])
    for (const uri of ['one+raw://open', 'one+raw://secret'])
      assert.deepEqual((await client.request('resources/subscribe', { uri })).result, {});
  const text = await readFile(world.gateway.file, 'utf8');
  const rule = "!has(mcp.resource) || mcp.resource.name != 'raw://secret' || apiKey.role == 'admin'";
  await writeFile(world.gateway.file, text.replace('1 == 1', rule));
  await heard.guest.method('notifications/resources/list_changed');
  const { params } = await control.waitFor(({ method }) => method === 'resources/unsubscribe');
  assert.deepEqual(params, { uri: 'raw://secret' });
  for (const client of [admin, guest]) {
    const steps: Step[] = [
      updated('raw://secret'),
      updated('raw://open'),
      { do: 'result', result: { content: [] } },
    ];
    const { messages } = await client.send(
      client.message('tools/call', { name: 'one_script', arguments: { steps } }),
    );
    assert.deepEqual(
      messages.filter(({ method }) => method !== undefined),
      [],
    );
  }
  const urisOf = async (stream: typeof heard.guest): Promise<unknown[]> => {
    await stream.message(({ params: told }) => told?.['uri'] === 'one+raw://open');
    return stream.messages.flatMap(({ method, params: told }) =>
      method === 'notifications/resources/updated' ? [told?.['uri']] : [],
    );
  };
  assert.deepEqual(await urisOf(heard.guest), ['one+raw://open']);
  assert.deepEqual(await urisOf(heard.admin), ['one+raw://secret', 'one+raw://open']);
});

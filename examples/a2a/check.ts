/** Two agents made with the official SDK, found by the catalogue and called by its client. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { startAgent } from '../../test/fixtures/a2a-agent.ts';
import { sending, visit, visitAs } from '../../test/fixtures/a2a-client.ts';
import { startExample } from '../../test/fixtures/example.ts';

const WAY = { binding: 'JSONRPC', version: '1.0' } as const;

export async function check(t: TestContext): Promise<void> {
  const research = await startAgent();
  t.after(() => research.close());
  const writer = await startAgent();
  t.after(() => writer.close());
  const gateway = await startExample(t, 'a2a', {
    RESEARCH_AGENT: new URL(research.url).host,
    WRITER_AGENT: new URL(writer.url).host,
  });
  const reply = await fetch(new URL('/.well-known/ai-catalog.json', gateway.url));
  const { entries } = (await reply.json()) as { entries: { displayName: string; url: string }[] };
  assert.deepEqual(
    entries.map(({ displayName }) => displayName),
    ['Research', 'Writer'],
  );
  const [researchBase = '', writerBase = ''] = entries.map(({ url }) => url.replace(/\.well-known.*/, ''));
  const researcher = await visit(researchBase, WAY);
  assert.ok('status' in (await researcher.client.sendMessage(sending('hello'))));

  const anybody = await visit(writerBase, WAY);
  await assert.rejects(anybody.client.sendMessage(sending('hello')), /not allowed/);
  const editor = await visitAs('editor-key', writerBase, WAY);
  assert.ok('status' in (await editor.client.sendMessage(sending('hello'))));
  const webhook = { tenant: '', taskId: 't', id: 'c', token: '', authentication: undefined };
  await assert.rejects(
    editor.client.createTaskPushNotificationConfig({ ...webhook, url: 'https://elsewhere.example.com/' }),
    /webhook/,
  );
}

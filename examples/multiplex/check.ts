/** Two servers as one: prefixed names, curated tools, URIs that say where they lead. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { callText, startExample, toolNames } from '../../test/fixtures/example.ts';

export async function check(t: TestContext): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'example-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const gateway = await startExample(t, 'multiplex', { MEMORY_FILE: join(folder, 'memory.jsonl') });
  const client = await gateway.connect();

  const tools = await toolNames(client);
  for (const shown of ['everything_echo', 'everything_add', 'memory_read_graph'])
    assert.ok(tools.includes(shown), shown);
  for (const hidden of ['everything_get-env', 'everything_get-sum', 'everything_toggle-simulated-logging'])
    assert.ok(!tools.includes(hidden), hidden);

  assert.equal(await callText(client, 'everything_echo', { message: 'hi' }), 'Echo: hi');
  assert.match(await callText(client, 'everything_add', { a: 2, b: 3 }), /5/);
  assert.match(await callText(client, 'memory_read_graph'), /entities/);

  const { resources } = await client.listResources();
  const [first] = resources;
  assert.match(first?.uri ?? '', /^everything\+/);
  const { contents } = await client.readResource({ uri: first?.uri ?? '' });
  assert.equal(contents[0]?.uri, first?.uri);
  const { prompts } = await client.listPrompts();
  assert.ok(prompts.every(({ name }) => name.startsWith('everything_')));
}

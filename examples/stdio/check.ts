/** Child processes: a folder of their own, curated tools, one child for everyone, and the same over standard output. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { callText, exampleFolder, startExample, toolNames } from '../../test/fixtures/example.ts';
import { MAIN } from '../../test/fixtures/gateway.ts';

export async function check(t: TestContext): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'example-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const env = { NOTES_FILE: join(folder, 'notes.jsonl') };
  const gateway = await startExample(t, 'stdio', env);
  const [one, other] = [await gateway.connect(), await gateway.connect()];

  assert.equal(await callText(one, 'files_read_text_file', { path: 'hello.txt' }), 'Hello from a file.\n');
  const tools = await toolNames(one);
  assert.ok(!tools.includes('files_write_file'));
  await assert.rejects(callText(one, 'files_write_file', { path: 'x', content: 'x' }), /files_write_file/);

  const entity = { name: 'gateway', entityType: 'thing', observations: ['it runs'] };
  await callText(one, 'notes_create_entities', { entities: [entity] });
  assert.match(await callText(other, 'notes_read_graph'), /it runs/);

  const file = join(exampleFolder('stdio'), 'config.yaml');
  const spawned = new StdioClientTransport({
    command: process.execPath,
    args: [MAIN, 'stdio', '-f', file],
    env: { ...(process.env as Record<string, string>), ...env },
    stderr: 'ignore',
  });
  assert.deepEqual(await toolNames(await gateway.connect(spawned)), tools);
}

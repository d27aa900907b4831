import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withoutTasks } from './tasks.ts';

const legacy = (text: string): string => withoutTasks(Buffer.from(text), 'legacy').toString();
const modern = (text: string): string => withoutTasks(Buffer.from(text), 'modern').toString();

const OTHER = '"io.modelcontextprotocol/ui":{"mimeTypes":["text/html;profile=mcp-app"]}';
const EXTENSION = '"io.modelcontextprotocol/tasks":{}';

test('the tasks of the older revision go, and the extension stays', () => {
  const extensions = `"extensions":{${EXTENSION}}`;
  assert.equal(legacy(`{"tasks":{"list":{}},${extensions}}`), `{${extensions}}`);
  assert.equal(legacy(`{"sampling":{"tasks":{}}, "tasks" : {} }`), '{"sampling":{"tasks":{}} }');
});

test('the extension goes, and the tasks of the older revision stay', () => {
  assert.equal(
    modern(`{"tasks":{},"extensions":{ ${EXTENSION} ,${OTHER}}}`),
    `{"tasks":{},"extensions":{ ${OTHER}}}`,
  );
  assert.equal(modern(`{"extensions":{${OTHER},${EXTENSION}}}`), `{"extensions":{${OTHER}}}`);
  assert.equal(modern(`{"extensions":{${EXTENSION}}}`), '{"extensions":{}}');
});

test('what speaks of no tasks, or of them elsewhere, is the very same buffer', () => {
  for (const text of [
    '{}',
    `{"extensions":{${OTHER}}}`,
    '{"extensions":[]}',
    '{"extensions":"tasks"}',
    '{"experimental":{"tasks":{}}}',
    `{"experimental":{${EXTENSION}}}`,
  ]) {
    const capabilities = Buffer.from(text);
    for (const era of ['legacy', 'modern'] as const)
      assert.equal(withoutTasks(capabilities, era), capabilities, text);
  }
});

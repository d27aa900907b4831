/** What is committed is what the code generates. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { generatedFiles } from '../scripts/generated.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');

for (const { path, text } of generatedFiles()) {
  test(`${path} is current`, () => {
    const committed = readFileSync(join(root, path), 'utf8');
    assert.ok(committed === text, `${path} differs from the code: run npm run generate`);
  });
}

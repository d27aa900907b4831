import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

test('nothing outside of cel/ loads the evaluator but load.ts, and that on demand', () => {
  const modules = readdirSync(import.meta.dirname).filter((name) => /^(?!.*\.test\.js$).*\.js$/.test(name));
  assert.ok(modules.includes('load.js'));
  for (const name of modules) {
    const text = readFileSync(join(import.meta.dirname, name), 'utf8');
    assert.doesNotMatch(text, /from ['"](?:\.\/cel\/|@bufbuild\/|re2js)/, name);
  }
});

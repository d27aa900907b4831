/** Every dependency of the product loads on the Node that runs this: newer major versions of many have left Node 20. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from './source.ts';

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  dependencies: Record<string, string>;
};

for (const name of Object.keys(manifest.dependencies)) {
  test(`${name} loads`, async () => {
    const loaded: object = await import(name);
    assert.notDeepEqual(Object.keys(loaded), []);
  });
}

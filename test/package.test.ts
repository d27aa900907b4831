/** What the package shows to those who install it. The names are literals on purpose: adding one is a decision. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as main from '../src/index.ts';
import * as mcp from '../src/mcp/index.ts';
import * as testing from '../src/testing/index.ts';
import { root } from './arch/source.ts';

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  version: string;
  engines: { node: string };
  exports: Record<string, { types: string; default: string }>;
  bin: Record<string, string>;
};

test('the exported values are these and no others', () => {
  assert.deepEqual(Object.keys(main).sort(), [
    'ConfigError',
    'Gateway',
    'GatewayError',
    'VERSION',
    'createGateway',
    'formatDiagnostics',
    'loadConfig',
    'standard',
    'standardWith',
  ]);
  assert.deepEqual(Object.keys(mcp), ['defineTarget']);
  assert.deepEqual(Object.keys(testing).sort(), [
    'FakeClock',
    'MemoryServer',
    'memoryServer',
    'memoryTarget',
    'testGateway',
  ]);
});

test('what package.json names is made from a source that exists', () => {
  assert.deepEqual(Object.keys(manifest.exports), ['.', './mcp', './testing']);
  const made = [
    ...Object.values(manifest.exports).flatMap((entry) => [entry.types, entry.default]),
    ...Object.values(manifest.bin),
  ];
  for (const file of made) {
    const source = file.replace(/^(?:\.\/)?dist\//, 'src/').replace(/(?:\.d\.ts|\.js)$/, '.ts');
    assert.ok(existsSync(join(root, source)), `${file} has no ${source}`);
  }
});

test('the version is the same everywhere', () => {
  assert.equal(main.VERSION, manifest.version);
  const changelog = readFileSync(join(root, 'CHANGELOG.md'), 'utf8');
  assert.match(changelog, new RegExp(`^## ${manifest.version.replaceAll('.', '\\.')}\\b`, 'm'));
});

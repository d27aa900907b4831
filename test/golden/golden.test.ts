/**
 * Documents and what they stand for. A case is one file: the document, a line `=== plan` or `=== errors`, and what
 * is expected. `UPDATE_GOLDEN=1` writes the expectations anew; read the difference before committing it.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { ConfigError } from '../../src/config/diagnostics.ts';
import { loadConfig } from '../../src/config/load.ts';
import { type LimitSettings, STANDARD_LIMITS } from '../../src/core/limits.ts';
import { definitions } from './definitions.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '../../..');
const folder = join(root, 'test/golden/config');
const env = {
  PORT: '4000',
  TOKEN: '0123456789',
  SECRET: 'hunter2hunter2',
  FLAG: 'true',
  EMPTY: '',
  LEVEL: 'verbose',
};

function run(text: string): { kind: 'plan' | 'errors'; shown: string } {
  try {
    const plan = loadConfig({
      text,
      file: 'config.yaml',
      definitions,
      env,
      cwd: '/work-dir',
      folder: '/config-dir',
    });
    const { binds, settings } = plan;
    const shown = { binds, settings: { ...settings, limits: changed(settings.limits) } };
    return { kind: 'plan', shown: stringify(shown, { lineWidth: 0, aliasDuplicateObjects: false }) };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { kind: 'errors', shown: `${error.message}\n` };
  }
}

/** Without those that are as ever. */
function changed(limits: LimitSettings): object {
  const standard: Readonly<Record<string, number>> = STANDARD_LIMITS;
  return Object.fromEntries(Object.entries(limits).filter(([name, value]) => value !== standard[name]));
}

const SEPARATOR = /^=== (plan|errors)\n/m;

for (const name of readdirSync(folder).sort()) {
  test(`golden: ${name.replace(/\.txt$/, '').replaceAll('-', ' ')}`, () => {
    const path = join(folder, name);
    const [text = '', kind, expected] = readFileSync(path, 'utf8').split(SEPARATOR);
    const got = run(text);
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(path, `${text}=== ${got.kind}\n${got.shown}`);
    else assert.deepEqual({ kind: got.kind, shown: got.shown }, { kind, shown: expected });
  });
}

import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { check as a2a } from '../../examples/a2a/check.ts';
import { check as basic } from '../../examples/basic/check.ts';
import { check as http } from '../../examples/http/check.ts';
import { check as loadBalancing } from '../../examples/load-balancing/check.ts';
import { check as multiplex } from '../../examples/multiplex/check.ts';
import { check as openapi } from '../../examples/openapi/check.ts';
import { check as remote } from '../../examples/remote/check.ts';
import { check as stdio } from '../../examples/stdio/check.ts';
import { exampleFolder } from '../fixtures/example.ts';

const CHECKS: Readonly<Record<string, (t: TestContext) => Promise<void>>> = {
  a2a,
  basic,
  http,
  'load-balancing': loadBalancing,
  multiplex,
  openapi,
  remote,
  stdio,
};

test('every example has a configuration and a check', () => {
  const folders = readdirSync(exampleFolder('.'));
  assert.deepEqual(folders.sort(), Object.keys(CHECKS));
  for (const name of folders) assert.ok(existsSync(join(exampleFolder(name), 'config.yaml')), name);
});

for (const [name, check] of Object.entries(CHECKS)) {
  test(`the example ${name} does what it says`, { timeout: 60_000 }, check);
}

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { policyBench } from '../../../test/fixtures/policy-parts.ts';
import { credentialsAt } from '../../upstream/credentials/login/located.ts';

const KEY = 'a key of thirty-two characters or so';

test('a server whose certificates are verified otherwise after a reload is asked otherwise from then on', async (t) => {
  const bench = policyBench('backendAuth');
  t.after(() => bench.close());
  const url = new URL('https://notes.example/mcp');
  const at = (tls?: object): unknown => {
    const { credentials } = bench.build({ oauthAuthorizationCode: {} });
    return credentialsAt(credentials, { name: 'notes', url, tls });
  };
  const insecure = at({ insecure: true });
  assert.equal(at({ insecure: true }), insecure);
  const verifying = at({});
  assert.notEqual(verifying, insecure);
  assert.equal(at(), verifying);
});

test('a store in use takes no other key: who changes it must not believe that the old one is out of use', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'store-'));
  t.after(() => rm(folder, { recursive: true }));
  const bench = policyBench('backendAuth');
  t.after(() => bench.close());
  const build = (file: string, key: string) =>
    bench.build({ oauthAuthorizationCode: { store: { file: join(folder, file), key } } });
  build('one', KEY);
  build('one', KEY);
  assert.throws(() => build('one', `${KEY}!`), { code: 'CONFIG_INVALID', message: /another key/ });
  assert.throws(
    () => build('one', `${KEY}!`),
    (error: Error) => !error.message.includes(KEY),
  );
  build('two', `${KEY}!`);
});

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { temporaryFolder } from '../../test/fixtures/child-host.ts';
import { testPorts } from '../../test/fixtures/test-ports.ts';
import { FileVault } from './file-vault.ts';
import { MemoryVault } from './memory-vault.ts';

const SECRET = 'a secret of thirty-two characters or more';

function place(t: TestContext) {
  const path = join(temporaryFolder(t), 'state', 'tokens');
  const ports = testPorts();
  let seed = 1;
  const vault = (secret: string | Buffer = SECRET, max?: number) => {
    seed += 1;
    const { random } = testPorts(seed);
    return new FileVault({ path, secret, ports: { log: ports.log, random }, ...(max ? { max } : {}) });
  };
  return { path, ports, vault };
}

test('what is set is there after a restart, and what is deleted is not', async (t) => {
  const { vault, path } = place(t);
  const first = vault();
  await first.open();
  await first.set('a', '1');
  await first.set('b', '2');
  await first.set('a', '3');
  await first.delete('b');
  await first.delete('never');
  await first.close();
  const second = vault();
  assert.equal(second.get('a'), undefined, 'not read yet');
  await second.open();
  assert.deepEqual([second.get('a'), second.get('b')], ['3', undefined]);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(statSync(dirname(path)).mode & 0o777, 0o700);
  assert.deepEqual(readdirSync(dirname(path)), ['tokens'], 'no drafts are left');
});

test('nothing can be read from the file, nor twice the same', async (t) => {
  const { vault, path } = place(t);
  const one = vault();
  await one.open();
  await one.set('key-of-ann', 'token-of-ann');
  const first = readFileSync(path, 'latin1');
  assert.doesNotMatch(first, /ann|version|entries/);
  await one.set('key-of-ann', 'token-of-ann');
  assert.notEqual(readFileSync(path, 'latin1'), first);
});

test('changes that come together are written together, and none is lost', async (t) => {
  const { vault } = place(t);
  const one = vault();
  await one.open();
  await Promise.all(Array.from({ length: 100 }, (_, count) => one.set(`k${count}`, String(count))));
  const other = vault();
  await other.open();
  for (let count = 0; count < 100; count += 1) assert.equal(other.get(`k${count}`), String(count));
});

test('a file of another key, cut off, changed or empty is refused, and stays as it is', async (t) => {
  const { vault, path, ports } = place(t);
  const one = vault();
  await one.open();
  await one.set('a', '1');
  const good = readFileSync(path, 'utf8');
  const refused = { code: 'CREDENTIALS_UNAVAILABLE', message: 'the store of logins cannot be read' };
  await assert.rejects(vault('another secret of thirty-two characters').open(), refused);
  for (const bad of [
    good.slice(0, -4),
    `${good.slice(0, 40)}AAAA${good.slice(44)}`,
    '',
    'x',
    '{"version":1}',
  ]) {
    writeFileSync(path, bad);
    const broken = vault();
    await assert.rejects(broken.open(), refused);
    assert.equal(readFileSync(path, 'utf8'), bad);
    writeFileSync(path, good);
    await broken.open();
    assert.equal(broken.get('a'), '1', 'a file that was put right is found');
  }
  assert.ok(ports.logged.some(({ fields }) => (fields as { file?: string }).file === path));
});

test('bytes and text are keys alike, and a key of its own is derived from them', async (t) => {
  const { vault } = place(t);
  const one = vault(Buffer.from(SECRET));
  await one.open();
  await one.set('a', '1');
  const other = vault(SECRET);
  await other.open();
  assert.equal(other.get('a'), '1');
});

test('a store that cannot be written serves on, and says so', async (t) => {
  const { vault, path, ports } = place(t);
  const one = vault();
  await one.open();
  await one.set('a', '1');
  // A folder is in the way: that also stops root.
  const two = new FileVault({ path: join(path, 'below'), secret: SECRET, ports });
  await two.set('a', '1');
  assert.equal(two.get('a'), '1');
  assert.ok(ports.logged.some(({ message }) => /not written/.test(message)));
});

test('both vaults forget what was set first when they are full', async (t) => {
  const { vault } = place(t);
  for (const one of [vault(SECRET, 2), new MemoryVault(2)]) {
    await one.open();
    await one.set('a', '1');
    await one.set('b', '1');
    await one.set('a', '2');
    await one.set('c', '1');
    assert.deepEqual([one.get('a'), one.get('b'), one.get('c')], ['2', undefined, '1']);
    await one.close();
  }
});

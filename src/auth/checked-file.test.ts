import assert from 'node:assert/strict';
import { mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { type TestPorts, testPorts } from '../../test/fixtures/test-ports.ts';
import { CheckedFile } from './checked-file.ts';

let folder = '';
let file = '';
let ports: TestPorts = testPorts();

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'checked-'));
  file = join(folder, 'list');
  ports = testPorts();
});
afterEach(() => rm(folder, { recursive: true }));

/** What is read is a number; a text that is none is wrong. */
function opened(): CheckedFile<number> {
  const parse = (text: string) => {
    if (!/^\d+$/.test(text)) throw new Error('not a number');
    return Number(text);
  };
  return new CheckedFile({ path: file, what: 'the list', ports, parse });
}

const warnings = () => ports.logged.filter(({ level }) => level === 'warn').length;

describe('a checked file', () => {
  test('is read at the start; what cannot be used then is a mistake in the configuration', async () => {
    assert.throws(opened, { code: 'CONFIG_INVALID', message: /the list: .*list: no such file/ });
    await writeFile(file, 'secret');
    assert.throws(opened, { code: 'CONFIG_INVALID', message: /the list: .*list: not a number/ });
    await writeFile(file, '1');
    assert.equal(await opened().current(), 1);
  });

  test('is looked at again when it is used, at most once a second', async () => {
    await writeFile(file, '1');
    const list = opened();
    await writeFile(file, '22');
    assert.equal(await list.current(), 1);
    await ports.clock.advance(1000);
    assert.equal(await list.current(), 22);
    await writeFile(file, '333');
    assert.equal(await list.current(), 22);
    await ports.clock.advance(1000);
    const [one, other] = await Promise.all([list.current(), list.current()]);
    assert.deepEqual([one, other], [333, 333]);
  });

  test('that is replaced, also behind a link, is noticed', async () => {
    await writeFile(join(folder, 'a'), '1');
    await writeFile(join(folder, 'b'), '2');
    await symlink(join(folder, 'a'), file);
    const list = opened();
    await symlink(join(folder, 'b'), join(folder, 'next'));
    await rename(join(folder, 'next'), file);
    await ports.clock.advance(1000);
    assert.equal(await list.current(), 2);
  });

  test('that is broken or gone leaves what was read before in force, says so once, and may come back', async () => {
    await writeFile(file, '1');
    const list = opened();
    await writeFile(file, 'broken');
    for (let look = 0; look < 3; look += 1) {
      await ports.clock.advance(1000);
      assert.equal(await list.current(), 1);
    }
    assert.equal(warnings(), 1);
    await rm(file);
    for (let look = 0; look < 3; look += 1) {
      await ports.clock.advance(1000);
      assert.equal(await list.current(), 1);
    }
    assert.equal(warnings(), 2);
    await writeFile(file, '5');
    await ports.clock.advance(1000);
    assert.equal(await list.current(), 5);
  });
});

import assert from 'node:assert/strict';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { type TestPorts, testPorts } from '../../test/fixtures/test-ports.ts';
import { secretSchema } from '../core/schema.ts';
import { secretAs, secretName, secretOf, sessionKey } from './secret.ts';

let folder = '';
let file = '';
let ports: TestPorts = testPorts();

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'secret-'));
  file = join(folder, 'token');
  ports = testPorts();
});

afterEach(() => rm(folder, { recursive: true }));

const opened = () => secretOf({ file }, 'backendAuth.key', ports);

describe('a secret', () => {
  test('is a text or names a file; anything else is refused', () => {
    assert.equal(secretSchema.parse('s3cret '), 's3cret ');
    assert.deepEqual(secretSchema.parse({ file: '/run/secrets/x' }), { file: '/run/secrets/x' });
    for (const wrong of ['', 5, null, {}, { file: '' }, { file: '/x', key: 'y' }, ['x'], { env: 'X' }])
      assert.equal(secretSchema.safeParse(wrong).success, false, JSON.stringify(wrong));
  });

  test('that is a text stays as it is written', () => {
    assert.equal(secretOf(' s3cret\n', 'x', ports)(), ' s3cret\n');
  });

  test('in a file is what stands there, without what editors leave around it', async () => {
    for (const text of ['s3cret', 's3cret\n', 's3cret \t\r\n\n', '\uFEFFs3cret']) {
      await writeFile(file, text);
      assert.equal(opened()(), 's3cret', JSON.stringify(text));
    }
    await writeFile(file, ' two\nlines \n');
    assert.equal(opened()(), ' two\nlines');
  });

  test('has a name that tells it from others and does not give it away', () => {
    const names = ['s3cret', 's3crets', { file: 's3cret' }, { file: 'other' }].map(secretName);
    assert.equal(new Set(names).size, names.length);
    assert.ok(!names[0]?.includes('s3cret'));
    assert.equal(secretName('s3cret'), names[0]);
  });
});

describe('a secret whose file cannot be used', () => {
  test('is a mistake in the configuration that names the key and the file', async () => {
    assert.throws(opened, { code: 'CONFIG_INVALID', message: `backendAuth.key: ${file}: no such file` });
    await writeFile(file, ' \n');
    assert.throws(opened, { code: 'CONFIG_INVALID', message: `backendAuth.key: ${file}: the file is empty` });
    const parse = () => {
      throw new Error('expected 64 hexadecimal digits');
    };
    await writeFile(file, 's3cret');
    assert.throws(
      () => secretAs({ file }, { what: 'config.session.key', ports, parse }),
      (error: Error) =>
        /^config\.session\.key: .*: expected 64/.test(error.message) && !/s3cret/.test(error.message),
    );
  });

  test('later leaves the one before in force, and the log says so once', async () => {
    await writeFile(file, 'one');
    const secret = opened();
    await writeFile(file, '');
    for (let look = 0; look < 3; look += 1) {
      await ports.clock.advance(1000);
      assert.equal(secret(), 'one');
    }
    await rm(file);
    await ports.clock.advance(1000);
    assert.equal(secret(), 'one');
    await writeFile(file, 'three');
    await ports.clock.advance(1000);
    assert.equal(secret(), 'three');
    assert.deepEqual(
      ports.logged.map(({ level, fields }) => [level, (fields as { reason?: string }).reason]),
      [
        ['warn', 'the file is empty'],
        ['warn', 'no such file'],
        ['info', undefined],
      ],
    );
    assert.doesNotMatch(JSON.stringify(ports.logged), /one|three/);
  });
});

test('a secret that is replaced is in force at its next use, at most a second late', async () => {
  await writeFile(file, 'one');
  const secret = opened();
  await writeFile(join(folder, 'next'), 'two');
  await rename(join(folder, 'next'), file);
  await ports.clock.advance(999);
  assert.equal(secret(), 'one');
  await ports.clock.advance(1);
  assert.equal(secret(), 'two');
});

test('the key of sessions is 32 bytes in hexadecimal digits, wherever it stands', async () => {
  const key = Buffer.alloc(32, 0xab);
  assert.equal(sessionKey({ sessionKey: undefined }, ports), undefined);
  assert.deepEqual(sessionKey({ sessionKey: key.toString('hex').toUpperCase() }, ports), key);
  await writeFile(file, `${key.toString('hex')}\n`);
  assert.deepEqual(sessionKey({ sessionKey: { file } }, ports), key);
  await writeFile(file, key.toString('base64'));
  assert.throws(() => sessionKey({ sessionKey: { file } }, ports), {
    code: 'CONFIG_INVALID',
    message: `config.session.key: ${file}: expected 64 hexadecimal digits`,
  });
});

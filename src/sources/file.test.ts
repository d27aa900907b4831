import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Clock, systemClock } from '../core/ports.ts';
import { watchFile } from './file.ts';

/** What the watcher said, in order, for tests to wait for. */
class Heard {
  readonly all: string[] = [];
  #waiting: (() => void)[] = [];

  say(what: string): void {
    this.all.push(what);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  async next(count: number): Promise<string[]> {
    while (this.all.length < count) await new Promise<void>((wake) => this.#waiting.push(wake));
    return this.all;
  }

  async until(what: string): Promise<string[]> {
    while (this.all.at(-1) !== what) await new Promise<void>((wake) => this.#waiting.push(wake));
    return this.all;
  }
}

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'watch-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

async function listen(
  t: TestContext,
  file: string,
  more: { initial?: string; clock?: Clock } = {},
): Promise<Heard> {
  const heard = new Heard();
  const watched = watchFile({
    file,
    clock: systemClock,
    ...more,
    onText: (text) => heard.say(text),
    onError: (error) => heard.say(`error ${(error as NodeJS.ErrnoException).code}`),
  });
  t.after(() => watched.close());
  await watched.ready;
  return heard;
}

test('the first text is reported, and then each change in place', async (t) => {
  const file = join(await folder(t), 'config.yaml');
  await writeFile(file, 'one');
  const heard = await listen(t, file);
  assert.deepEqual(await heard.next(1), ['one']);
  await writeFile(file, 'two');
  await heard.next(2);
  await writeFile(file, 'three');
  assert.deepEqual(await heard.next(3), ['one', 'two', 'three']);
});

test('the text that is in force already is not reported', async (t) => {
  const file = join(await folder(t), 'config.yaml');
  await writeFile(file, 'one');
  const heard = await listen(t, file, { initial: 'one' });
  await writeFile(file, 'two');
  assert.deepEqual(await heard.next(1), ['two']);
});

test('a save that happened before the watch began is reported', async (t) => {
  const file = join(await folder(t), 'config.yaml');
  await writeFile(file, 'two');
  const heard = await listen(t, file, { initial: 'one' });
  assert.deepEqual(await heard.next(1), ['two']);
});

test('the same content saved again is not reported', async (t) => {
  const file = join(await folder(t), 'config.yaml');
  await writeFile(file, 'one');
  const { clock, quiet } = countingClock();
  const heard = await listen(t, file, { clock });
  await writeFile(file, 'one');
  await quiet(1);
  await writeFile(file, 'two');
  assert.deepEqual(await heard.next(2), ['one', 'two']);
});

test('editors that write beside the file and rename over it are followed, again and again', async (t) => {
  const directory = await folder(t);
  const file = join(directory, 'config.yaml');
  await writeFile(file, '0');
  const heard = await listen(t, file);
  for (const text of ['1', '2', '3']) {
    await writeFile(join(directory, '.config.yaml.tmp'), text);
    await rename(join(directory, '.config.yaml.tmp'), file);
    await heard.until(text);
  }
  assert.deepEqual(heard.all, ['0', '1', '2', '3']);
});

test('editors that move the file to a backup and write it anew are followed', async (t) => {
  const file = join(await folder(t), 'config.yaml');
  await writeFile(file, '0');
  const heard = await listen(t, file);
  for (const text of ['1', '2']) {
    await rename(file, `${file}~`);
    await writeFile(file, text);
    await unlink(`${file}~`);
    await heard.until(text);
  }
  assert.deepEqual(heard.all, ['0', '1', '2']);
});

test('the swap of a ConfigMap volume is followed, again and again', async (t) => {
  const directory = await folder(t);
  const publish = async (version: string) => {
    await mkdir(join(directory, `..${version}`));
    await writeFile(join(directory, `..${version}`, 'config.yaml'), version);
    await symlink(`..${version}`, join(directory, '..data_tmp'));
    await rename(join(directory, '..data_tmp'), join(directory, '..data'));
  };
  await publish('v1');
  await symlink(join('..data', 'config.yaml'), join(directory, 'config.yaml'));
  const heard = await listen(t, join(directory, 'config.yaml'));
  await publish('v2');
  await rm(join(directory, '..v1'), { recursive: true });
  await heard.until('v2');
  await publish('v3');
  await rm(join(directory, '..v2'), { recursive: true });
  await heard.until('v3');
  assert.deepEqual(heard.all, ['v1', 'v2', 'v3']);
});

test('a link into another folder is followed there, also after it leads elsewhere', async (t) => {
  const directory = await folder(t);
  const other = await folder(t);
  const third = await folder(t);
  await writeFile(join(other, 'real.yaml'), '1');
  await writeFile(join(third, 'real.yaml'), '3');
  const file = join(directory, 'config.yaml');
  await symlink(join(other, 'real.yaml'), file);
  const heard = await listen(t, file);
  await writeFile(join(other, 'real.yaml'), '2');
  await heard.until('2');
  await symlink(join(third, 'real.yaml'), `${file}.new`);
  await rename(`${file}.new`, file);
  await heard.until('3');
  await writeFile(join(third, 'real.yaml'), '4');
  await heard.until('4');
  assert.deepEqual(heard.all, ['1', '2', '3', '4']);
});

test('of many rapid saves the last one is reported, and none twice', async (t) => {
  const file = join(await folder(t), 'config.yaml');
  await writeFile(file, 'save 0');
  const heard = await listen(t, file);
  for (let save = 1; save <= 200; save += 1) await writeFile(file, `save ${save}`);
  const all = await heard.until('save 200');
  assert.equal(new Set(all).size, all.length);
  assert.ok(all.every((text) => text.startsWith('save ')));
});

test('a file that is missing or empty for a moment is not an error', async (t) => {
  const file = join(await folder(t), 'config.yaml');
  await writeFile(file, 'one');
  const { clock, quiet } = countingClock();
  const heard = await listen(t, file, { clock });
  await unlink(file);
  await quiet(2);
  await writeFile(file, '');
  await quiet(2);
  await writeFile(file, 'two');
  assert.deepEqual(await heard.next(2), ['one', 'two']);
});

test('a file that stays away is an error, said once; its return is noticed', async (t) => {
  const file = join(await folder(t), 'config.yaml');
  await writeFile(file, 'one');
  const heard = await listen(t, file);
  await unlink(file);
  await heard.until('error ENOENT');
  await writeFile(file, 'two');
  assert.deepEqual(await heard.next(3), ['one', 'error ENOENT', 'two']);
});

test('something that is no text is an error', async (t) => {
  const file = join(await folder(t), 'config.yaml');
  await writeFile(file, 'one');
  const heard = await listen(t, file);
  await writeFile(file, Buffer.from([0x61, 0xff, 0x62]));
  await heard.until('error ERR_ENCODING_INVALID_ENCODED_DATA');
  await unlink(file);
  await mkdir(file);
  await heard.until('error EISDIR');
  assert.equal(heard.all.length, 3);
});

test('a mount that delivers no events is looked at now and then', async (t) => {
  const file = join(await folder(t), 'config.yaml');
  await writeFile(file, 'one');
  let look = () => {};
  const clock: Clock = {
    ...systemClock,
    every: (_ms, run) => {
      look = run;
      return { cancel() {} };
    },
  };
  const heard = new Heard();
  const watched = watchFile({ file, clock, onText: (text) => heard.say(text), onError: () => {} });
  t.after(() => watched.close());
  await watched.ready;
  await writeFile(file, 'two');
  look();
  assert.deepEqual(await heard.next(2), ['one', 'two']);
});

test('after close nothing is reported', async (t) => {
  const file = join(await folder(t), 'config.yaml');
  await writeFile(file, 'one');
  const heard: string[] = [];
  const closed = watchFile({
    file,
    clock: systemClock,
    onText: (text) => heard.push(text),
    onError: () => {},
  });
  await closed.ready;
  await closed.close();
  const other = await listen(t, file);
  await writeFile(file, 'two');
  await other.until('two');
  assert.deepEqual(heard, ['one']);
});

/** A clock on which a test can wait until the watcher has come to rest `count` times after events. */
function countingClock(): { clock: Clock; quiet: (count: number) => Promise<void> } {
  const heard = new Heard();
  const clock: Clock = {
    ...systemClock,
    after: (ms, run) =>
      systemClock.after(ms, () => {
        run();
        heard.say('quiet');
      }),
  };
  return { clock, quiet: async (count) => void (await heard.next(heard.all.length + count)) };
}

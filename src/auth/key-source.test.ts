import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ecKey, keySetText } from '../../test/fixtures/issuer.ts';
import { settled, type TestPorts, testPorts } from '../../test/fixtures/test-ports.ts';
import { LIMITS } from '../core/limits.ts';
import type { Cancel } from '../lib/cancel.ts';
import { inlineKeys, RemoteKeys } from './key-source.ts';

const ONE = keySetText(ecKey('one'));
const TWO = keySetText(ecKey('two'));
const unavailable = {
  code: 'KEYS_UNAVAILABLE',
  message: 'the keys of the issuer of the token cannot be had',
};

/** Keys behind an address that answers as the test says, and counts. */
class Remote {
  readonly ports: TestPorts = testPorts();
  readonly keys: RemoteKeys;
  asked = 0;
  answer: (cancel: Cancel) => Promise<string> = async () => ONE;

  constructor() {
    const fetch = (cancel: Cancel) => {
      this.asked += 1;
      return this.answer(cancel);
    };
    this.keys = new RemoteKeys('https://issuer.test/jwks', fetch, this.ports);
  }

  fails(message = 'cannot connect'): void {
    this.answer = () => Promise.reject(new Error(message));
  }

  pass(ms: number): Promise<void> {
    return this.ports.clock.advance(ms);
  }
}

test('keys in the configuration are there at once and stay the same', async () => {
  const keys = inlineKeys(ONE);
  assert.equal(await keys.current(), await keys.renewed());
});

describe('keys behind an address', () => {
  test('are not fetched before somebody wants them, and then once for all who wait', async () => {
    const remote = new Remote();
    assert.equal(remote.asked, 0);
    const all = await Promise.all([remote.keys.current(), remote.keys.current(), remote.keys.renewed()]);
    assert.deepEqual([new Set(all).size, remote.asked], [1, 1]);
  });

  test('are fetched anew at a certain age, while the old ones serve', async () => {
    const remote = new Remote();
    const first = await remote.keys.current();
    await remote.pass(LIMITS.keySetAge.value - 1);
    assert.equal(await remote.keys.current(), first);
    assert.equal(remote.asked, 1);
    remote.answer = async () => TWO;
    await remote.pass(1);
    assert.equal(await remote.keys.current(), first);
    await settled();
    const second = await remote.keys.current();
    assert.notEqual(second, first);
    assert.equal(remote.asked, 2);
  });

  test('that have not changed are the same object, so that verdicts based on them stay', async () => {
    const remote = new Remote();
    const first = await remote.keys.current();
    await remote.pass(LIMITS.keySetAge.value);
    await remote.keys.current();
    await settled();
    assert.deepEqual([await remote.keys.current(), remote.asked], [first, 2]);
  });

  test('are asked for by unknown keys at once, and then only after a pause', async () => {
    const remote = new Remote();
    const first = await remote.keys.current();
    remote.answer = async () => TWO;
    assert.notEqual(await remote.keys.renewed(), first);
    for (let tries = 0; tries < 100; tries += 1) await remote.keys.renewed();
    assert.equal(remote.asked, 2);
    await remote.pass(LIMITS.keySetPause.value);
    await remote.keys.renewed();
    assert.equal(remote.asked, 3);
  });

  test('stay in force when they cannot be fetched anew, for a day', async () => {
    const remote = new Remote();
    const first = await remote.keys.current();
    remote.fails();
    assert.equal(await remote.keys.renewed(), first);
    await remote.pass(LIMITS.keySetStale.value - 1);
    assert.equal(await remote.keys.current(), first);
    await settled();
    await remote.pass(1);
    await assert.rejects(async () => remote.keys.current(), unavailable);
  });

  test('that never came refuse tokens, without asking for each of them', async () => {
    const remote = new Remote();
    remote.fails('cannot connect to https://10.0.0.1');
    for (let tries = 0; tries < 20; tries += 1)
      await assert.rejects(async () => remote.keys.current(), unavailable);
    for (let tries = 0; tries < 20; tries += 1)
      await assert.rejects(async () => remote.keys.renewed(), unavailable);
    assert.equal(remote.asked, 1);
    assert.ok(remote.ports.logged.some(({ level }) => level === 'warn'));
    remote.answer = async () => ONE;
    await remote.pass(5000);
    assert.equal((await remote.keys.current()).size, 1);
  });

  test('of which no text makes a key set are unavailable', async () => {
    for (const text of ['', '<html>', '{"keys":[]}', `{"keys":[],"x":"${'x'.repeat(300_000)}"}`]) {
      const remote = new Remote();
      remote.answer = async () => text;
      await assert.rejects(async () => remote.keys.current(), unavailable, text.slice(0, 20));
    }
  });

  test('are no longer waited for once they are closed', async () => {
    const remote = new Remote();
    remote.answer = (cancel) => new Promise((_, reject) => cancel.onCancel(reject));
    const waiting = assert.rejects(async () => remote.keys.current(), unavailable);
    remote.keys.close();
    await waiting;
    assert.deepEqual(remote.ports.logged, []);
  });
});

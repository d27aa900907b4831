import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Scope, SharedPool } from './scope.ts';

/** A resource that notes its end, at once or after a turn. */
function noting(notes: string[], name: string, slow = false): { close(): void | Promise<void> } {
  return {
    close: () => {
      notes.push(name);
      return slow ? Promise.resolve().then(() => void notes.push(`${name} done`)) : undefined;
    },
  };
}

test('a scope closes what it owns in reverse order, one after the other', async () => {
  const notes: string[] = [];
  const scope = new Scope();
  scope.own(noting(notes, 'socket'));
  scope.own(noting(notes, 'session', true));
  scope.defer(() => void notes.push('stream'));
  assert.equal(scope.closed, false);
  const closing = scope.close();
  assert.equal(scope.closed, true);
  assert.equal(scope.close(), closing);
  await closing;
  assert.deepEqual(notes, ['stream', 'session', 'session done', 'socket']);
});

test('what stands side by side is closed together', async () => {
  const notes: string[] = [];
  const scope = new Scope({ together: true });
  scope.own(noting(notes, 'one', true));
  scope.own(noting(notes, 'two', true));
  scope.defer(() => Promise.reject(new Error('failed')));
  await assert.rejects(scope.close(), /failed/);
  assert.deepEqual(notes, ['two', 'one', 'two done', 'one done']);
});

test('a failing release does not keep the others from running, and the first failure is thrown', async () => {
  const notes: string[] = [];
  const scope = new Scope();
  scope.own(noting(notes, 'first'));
  scope.defer(() => Promise.reject(new Error('later one')));
  scope.defer(() => {
    throw new Error('the first to fail');
  });
  await assert.rejects(scope.close(), /the first to fail/);
  assert.deepEqual(notes, ['first']);
});

test('what arrives after the close is closed at once, and its failure harms nobody', async () => {
  const notes: string[] = [];
  const scope = new Scope();
  await scope.close();
  scope.own(noting(notes, 'late'));
  scope.defer(() => Promise.reject(new Error('nobody listens')));
  scope.defer(() => {
    throw new Error('nobody listens either');
  });
  assert.deepEqual(notes, ['late']);
});

test('what a release opens in its last breath is closed too', async () => {
  const notes: string[] = [];
  const scope = new Scope();
  scope.defer(() => void scope.own(noting(notes, 'opened while closing')));
  await scope.close();
  assert.deepEqual(notes, ['opened while closing']);
});

test('a resource that ended by itself is not closed again', async () => {
  const notes: string[] = [];
  const scope = new Scope();
  const ended = scope.own(noting(notes, 'ended'));
  scope.own(noting(notes, 'kept'));
  scope.disown(ended);
  scope.disown(noting(notes, 'never owned'));
  await scope.close();
  assert.deepEqual(notes, ['kept']);
});

test('a pool shares by key, and the last release closes', async () => {
  const notes: string[] = [];
  const pool = new SharedPool();
  const one = pool.acquire('a', () => noting(notes, 'a'));
  const other = pool.acquire('a', () => assert.fail('made twice'));
  assert.equal(one.value, other.value);
  assert.deepEqual(pool.values(), [one.value]);
  await one.release();
  await one.release();
  assert.deepEqual([notes, pool.has('a')], [[], true]);
  await other.release();
  assert.deepEqual([notes, pool.has('a')], [['a'], false]);
});

test('a key that is acquired while its last holder closes gets a resource of its own', async () => {
  const notes: string[] = [];
  const pool = new SharedPool();
  const before = pool.acquire('a', () => noting(notes, 'old', true));
  const released = before.release();
  const after = pool.acquire('a', () => noting(notes, 'new'));
  await released;
  assert.notEqual(after.value, before.value);
  assert.equal(pool.has('a'), true);
  await before.release();
  assert.deepEqual(notes, ['old', 'old done']);
  await after.release();
  assert.deepEqual([notes.at(-1), pool.has('a')], ['new', false]);
});

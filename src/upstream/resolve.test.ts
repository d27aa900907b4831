import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Resolve, resolvingAtMost, systemResolve } from './resolve.ts';

test('the system knows its own name', async () => {
  const found = await systemResolve('localhost');
  assert.ok(found.some(({ address }) => address === '127.0.0.1' || address === '::1'));
});

test('a name is asked for once, and only so many at a time', async () => {
  const answers = new Map<string, () => void>();
  const slow: Resolve = (host) =>
    new Promise((resolve) => answers.set(host, () => resolve([{ address: '192.0.2.1', family: 4 }])));
  const resolve = resolvingAtMost(2, slow);
  const first = [resolve('a.test'), resolve('b.test'), resolve('a.test')];
  assert.equal(answers.size, 2);
  await assert.rejects(resolve('c.test'), { code: 'OVERLOADED' });
  for (const answer of answers.values()) answer();
  assert.equal((await Promise.all(first)).length, 3);
  const later = resolve('c.test');
  answers.get('c.test')?.();
  assert.deepEqual(await later, [{ address: '192.0.2.1', family: 4 }]);
});

test('a failure makes room as well', async () => {
  const resolve = resolvingAtMost(1, (host) => Promise.reject(new Error(host)));
  await assert.rejects(resolve('a.test'), /a\.test/);
  await assert.rejects(resolve('b.test'), /b\.test/);
});

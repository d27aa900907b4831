import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SharedInterest } from './shared-interest.ts';

const [alice, bob] = [{}, {}];
const interest = (): SharedInterest => new SharedInterest(['debug', 'info', 'error']);

test('a resource is wanted until the last one who wants it is gone', () => {
  const shared = interest();
  shared.subscribe('x:1', alice);
  shared.subscribe('x:1', bob);
  shared.subscribe('x:1', bob);
  assert.equal(shared.unsubscribe('x:1', alice), false);
  assert.deepEqual([...shared.uris], ['x:1']);
  assert.equal(shared.unsubscribe('x:1', bob), true);
  assert.deepEqual([...shared.uris], []);
  assert.equal(shared.unsubscribe('x:2', alice), true, 'nobody wants what nobody asked for');
});

test('the level is that of whoever wants to see most', () => {
  const shared = interest();
  assert.equal(shared.level, undefined);
  shared.setLevel('error', alice);
  shared.setLevel('info', bob);
  assert.equal(shared.level, 'info');
  shared.setLevel('debug', alice);
  shared.setLevel('error', alice);
  assert.equal(shared.level, 'info');
});

test('who leaves takes along what nobody else wants', () => {
  const shared = interest();
  for (const uri of ['x:1', 'x:2']) shared.subscribe(uri, alice);
  shared.subscribe('x:2', bob);
  shared.setLevel('debug', alice);
  shared.setLevel('error', bob);
  assert.deepEqual(shared.leave(alice), ['x:1']);
  assert.deepEqual([shared.level, [...shared.uris]], ['error', ['x:2']]);
  assert.deepEqual(shared.leave(alice), []);
});

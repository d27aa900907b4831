import assert from 'node:assert/strict';
import test from 'node:test';
import { compact, elements, entries, member } from './members.ts';

test('a member is found by its name at the top level only', () => {
  const text = '{ "a": {"result": 1}, "b\\"": "}", "result" : [1, {"x": "]"}] , "z":0}';
  assert.equal(member(text, 'result'), '[1, {"x": "]"}]');
  assert.equal(member(text, 'x'), undefined);
  assert.deepEqual(
    entries(text).map(([name]) => name),
    ['a', 'b\\"', 'result', 'z'],
  );
});

test('numbers keep their spelling', () => {
  assert.deepEqual(elements('[1.0, 12345678901234567890, -0, 1E+2]'), [
    '1.0',
    '12345678901234567890',
    '-0',
    '1E+2',
  ]);
  assert.deepEqual(elements(' [ ] '), []);
});

test('compacting leaves strings alone', () => {
  assert.equal(compact('{ "a b" :\n [ 1 , " x\\" y " ] }'), '{"a b":[1," x\\" y "]}');
});

import assert from 'node:assert/strict';
import test from 'node:test';
import { compact, elements, entries, member, putFirst, putLast, replaced, without } from './members.ts';

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

test('members come and go without a trace', () => {
  for (const text of ['{}', '{ }', '{"a": 1.0}', '{\n "a" : {"x":[1,2]} , "b":"x,y"\n}']) {
    assert.equal(without(putFirst(text, '"x":{"a":1}'), 'x'), text);
    assert.equal(without(putLast(text, '"x":{"a":1}'), 'x'), text);
  }
  assert.equal(without('{"a":1,"b":2,"c":3}', 'b'), '{"a":1,"c":3}');
  assert.equal(without('{"a":1}', 'b'), '{"a":1}');
});

test('a value is replaced where it stands', () => {
  assert.equal(replaced('{ "a" : 1 , "b" : [2] }', 'b', '"x"'), '{ "a" : 1 , "b" : "x" }');
  assert.equal(replaced('{"a":1}', 'b', '2'), '{"a":1}');
});

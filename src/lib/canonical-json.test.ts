import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalJson } from './canonical-json.ts';

test('the order of members does not matter, at any depth', () => {
  assert.equal(
    canonicalJson({ b: [{ y: 1, x: 2 }], a: { d: null, c: 'x' } }),
    canonicalJson({ a: { c: 'x', d: null }, b: [{ x: 2, y: 1 }] }),
  );
  assert.notEqual(canonicalJson([1, 2]), canonicalJson([2, 1]));
});

test('a member that is undefined is as good as absent', () => {
  assert.equal(canonicalJson({ a: 1, b: undefined }), '{"a":1}');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wholeRegExp } from './whole-regexp.ts';

test('an expression covers the whole text, alternatives and line breaks included', () => {
  assert.ok(wholeRegExp('/public').test('/public'));
  assert.ok(!wholeRegExp('/public').test('/public-not'));
  assert.ok(!wholeRegExp('/a|/b').test('/x/b'));
  assert.ok(wholeRegExp('a.b').test('a\nb'));
});

test('(?i) at the beginning ignores case', () => {
  assert.ok(wholeRegExp('(?i)abc').test('aBC'));
  assert.ok(!wholeRegExp('abc').test('aBC'));
});

test('what is no expression by itself is refused', () => {
  for (const source of ['(', 'a)|(?:b', '[z-a]', '*']) assert.throws(() => wholeRegExp(source), SyntaxError);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_DEPTH } from '../lib/json-syntax.ts';
import { LIMITS } from './limits.ts';

test('the nesting that the JSON reader accepts is the one in the table', () => {
  // lib imports nothing of core, so that the number stands in both.
  assert.equal(MAX_DEPTH, LIMITS.jsonDepth.value);
});

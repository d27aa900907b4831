import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_DEPTH } from '../lib/json-syntax.ts';
import { LIMITS, type Limit, SETTABLE, STANDARD_LIMITS } from './limits.ts';

test('the nesting that the JSON reader accepts is the one in the table', () => {
  // lib imports nothing of core, so that the number stands in both.
  assert.equal(MAX_DEPTH, LIMITS.jsonDepth.value);
});

test('a limit that can be set has bounds, and its default lies within them', () => {
  assert.ok(SETTABLE.includes('requestBody'));
  for (const name of SETTABLE) {
    const { value, range }: Limit = LIMITS[name];
    const [least, most] = range ?? [1, 0];
    assert.ok(least <= value && value <= most, name);
    assert.equal(STANDARD_LIMITS[name], value);
  }
});

test('whoever gives tokens is given up before the upstream that they are for', () => {
  // Of the time to connect 0.3 may be over before the last try begins (src/mcp/target/eras.ts).
  assert.ok(LIMITS.credentialsTime.value < LIMITS.connect.value * 0.7);
});

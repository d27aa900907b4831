import assert from 'node:assert/strict';
import { test } from 'node:test';
import { traceIdOf } from './trace-context.ts';

const ID = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';

test('the trace of a traceparent is found, also of a later version with more fields', () => {
  assert.equal(traceIdOf(`00-${ID}-${SPAN}-01`), ID);
  assert.equal(traceIdOf(`cc-${ID}-${SPAN}-01-what-comes-later`), ID);
});

test('what is no traceparent names no trace', () => {
  const broken = [
    undefined,
    '',
    ID,
    `00-${ID.toUpperCase()}-${SPAN}-01`,
    `ff-${ID}-${SPAN}-01`,
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-${ID}-${'0'.repeat(16)}-01`,
    `00-${ID}-${SPAN}-01x`,
    `00-${ID}-${SPAN}`,
  ];
  for (const text of broken) assert.equal(traceIdOf(text), undefined, text);
});

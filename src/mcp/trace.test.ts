import assert from 'node:assert/strict';
import { test } from 'node:test';
import { numberText, readMessage, SLOT, withMembers } from './message.ts';
import { traceEdit } from './trace.ts';

const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

function traced(params: string | undefined, traceparent = TRACE): string {
  const request = `{"jsonrpc":"2.0","id":1,"method":"tools/call"${params === undefined ? '' : `,"params":${params}`}}`;
  const message = readMessage(Buffer.from(request));
  const edit = traceEdit(message.text, ['traceparent', traceparent]);
  const bytes = withMembers(message, [[SLOT.id, numberText(7)]], edit);
  const { params: sent } = JSON.parse(bytes.toString()) as { params?: unknown };
  return JSON.stringify(sent);
}

test('the trace goes into _meta, which is made where there is none', () => {
  const cases: [string, string][] = [
    ['{"name":"a"}', `{"_meta":{"traceparent":"${TRACE}"},"name":"a"}`],
    ['{}', `{"_meta":{"traceparent":"${TRACE}"}}`],
    ['{ }', `{"_meta":{"traceparent":"${TRACE}"}}`],
    ['{"_meta":{},"name":"a"}', `{"_meta":{"traceparent":"${TRACE}"},"name":"a"}`],
    ['{"_meta":{"progressToken":1}}', `{"_meta":{"traceparent":"${TRACE}","progressToken":1}}`],
  ];
  for (const [params, expected] of cases) assert.equal(traced(params), expected);
});

test('what the client has written itself stays, and nothing is made of a broken header', () => {
  const own = '{"_meta":{"traceparent":"own"}}';
  assert.equal(traced(own), own);
  assert.equal(traced('{"name":"a"}', 'nonsense'), '{"name":"a"}');
  assert.equal(traced(undefined), undefined);
  assert.equal(traced('[1]'), '[1]');
});

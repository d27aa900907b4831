import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServerInfo } from './opened.ts';
import { ownWords } from './own-words.ts';

function words(raw: string): (string | undefined)[] {
  const { capabilities, serverInfo, instructions } = ownWords({ raw: Buffer.from(raw) } as ServerInfo);
  return [capabilities, serverInfo, instructions].map((text) => text?.toString());
}

test('what a server says of itself keeps its spelling', () => {
  const capabilities = '{"tools":{"x":1.0},"experimental":{"n":12345678901234567890}}';
  const server = '{"name":"\\u0041","version":"1","x":1e2}';
  const instructions = '"\\u0041 \\"b\\""';
  const legacy = `{"capabilities":${capabilities},"serverInfo":${server},"instructions":${instructions}}`;
  assert.deepEqual(words(legacy), [capabilities, server, instructions]);
  const modern = `{"_meta":{"a":1,"io.modelcontextprotocol/serverInfo":${server}},"capabilities":${capabilities}}`;
  assert.deepEqual(words(modern), [capabilities, server, undefined]);
});

test('it is one line, so that it can be said over any transport', () => {
  const pretty = '{\n "capabilities": {\r\n "tools": {} },\n "serverInfo": {"name":\n"a b"}\n}';
  assert.deepEqual(words(pretty), ['{"tools":{}}', '{"name":"a b"}', undefined]);
});

test('what is missing, null or of another kind is not said', () => {
  assert.deepEqual(words('{}'), ['{}', undefined, undefined]);
  assert.deepEqual(words('{"capabilities":[],"serverInfo":null,"instructions":7,"_meta":[]}'), [
    '{}',
    undefined,
    undefined,
  ]);
});

test('of members that come twice the last one counts, as for parsers', () => {
  assert.deepEqual(
    words('{"instructions":"a","capabilities":{"x":1},"capabilities":{},"instructions":"b"}'),
    ['{}', undefined, '"b"'],
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SEED } from '../../../test/fixtures/json-samples.ts';
import { exposeUri } from './naming.ts';
import { exposeTask, exposeTaskUris, exposeUris } from './rewrite.ts';

const exposed = (text: string): string => exposeUris(Buffer.from(text), 'files').toString();

test('resource links and embedded resources of a tool result get their target, and nothing else changes', () => {
  assert.equal(
    exposed(
      '{ "content" : [ {"type":"resource_link","uri" : "file:///a","name":"a","n":1.0e2} ,\t{"type":"resource","resource":{"uri":"ui://x","text":"\\u0041"}}, {"type":"text","text":"see \\"uri\\":\\"file:///a\\""} ], "isError":false }',
    ),
    '{ "content" : [ {"type":"resource_link","uri" : "files+file:///a","name":"a","n":1.0e2} ,\t{"type":"resource","resource":{"uri":"ui://files+x","text":"\\u0041"}}, {"type":"text","text":"see \\"uri\\":\\"file:///a\\""} ], "isError":false }',
  );
});

test('contents of a resource and messages of a prompt get it too', () => {
  assert.equal(
    exposed('{"contents":[{"uri":"a:1","text":""},{"uri":"a:2","blob":""}]}'),
    '{"contents":[{"uri":"files+a:1","text":""},{"uri":"files+a:2","blob":""}]}',
  );
  assert.equal(
    exposed(
      '{"messages":[{"role":"user","content":{"type":"resource","resource":{"uri":"a:1"}}},{"role":"user","content":{"type":"resource_link","uri":"a:2"}}]}',
    ),
    '{"messages":[{"role":"user","content":{"type":"resource","resource":{"uri":"files+a:1"}}},{"role":"user","content":{"type":"resource_link","uri":"files+a:2"}}]}',
  );
});

test('a task says whose it is, and so do the resources in its result', () => {
  const task = (text: string, method = 'tasks/get'): string =>
    exposeTask(Buffer.from(text), 'files', method).toString();
  const made = '{"resultType":"task","taskId":"1","ttlMs":1.0}';
  assert.equal(task(made, 'tools/call'), made.replace('"1"', '"files+1"'));
  assert.equal(
    task('{"result":{"content":[{"type":"resource_link","uri":"a:1"}]},"taskId" : "1","status":"completed"}'),
    '{"result":{"content":[{"type":"resource_link","uri":"files+a:1"}]},"taskId" : "files+1","status":"completed"}',
  );
  for (const other of ['{"content":[],"structuredContent":{"taskId":"1"}}', '{"taskId":"1","content":[]}'])
    assert.equal(task(other, 'tools/call'), other);
  for (const odd of ['{"taskId":1}', '{"taskId":"1","result":', '{"taskId":"1","taskId":"2"}'])
    assert.equal(task(odd), odd);
});

test('what is told of a task that is over names its resources as they are exposed', () => {
  const told = (uri: string): string =>
    `{"method":"notifications/tasks","params":{"taskId":"1","result":{"content":[{"resource":{"uri":"${uri}"}}]}}}`;
  assert.equal(exposeTaskUris(Buffer.from(told('a:1')), 'files').toString(), told('files+a:1'));
});

test('what has no URI there is the very same buffer', () => {
  for (const text of [
    '{"content":[{"type":"text","text":"x"}]}',
    '{"structuredContent":{"uri":"a:1","content":[{"uri":"a:1"}]},"content":[]}',
    '{"content":{"uri":"a:1"}}',
    '{"content":[{"uri":7},"uri",[{"uri":"a:1"}]]}',
    '{"content":[{"resource":[{"uri":"a:1"}]}]}',
    '{}',
    '[]',
  ]) {
    const body = Buffer.from(text);
    assert.equal(exposeUris(body, 'files'), body, text);
  }
});

test('what is not JSON, or is read differently by different parsers, goes on as it came', () => {
  for (const text of [
    '{"content":[{"uri":"a:1"}',
    '{"content":[{"uri":"a:1","uri":"a:2"}]}',
    '{"content":[{"uri":"a:1"}],"content":[]}',
    '{"content":[{"\\u0075ri":"a:1","x":"uri"}]}',
    '"uri"}',
  ]) {
    const body = Buffer.from(text);
    assert.equal(exposeUris(body, 'files'), body, text);
  }
});

test('a generated result is what parsing, mapping and printing would make of it', () => {
  const uri = fc.oneof(fc.webUrl(), fc.string(), fc.constantFrom('ui://app', 'é', '"', '\\'));
  const block = fc.oneof(
    fc.record({ type: fc.constant('text'), text: fc.string() }),
    fc.record({ type: fc.constant('resource_link'), uri, name: fc.string(), size: fc.integer() }),
    fc.record({ type: fc.constant('resource'), resource: fc.record({ uri, text: fc.string() }) }),
    fc.record({ type: fc.constant('odd'), uri: fc.oneof(fc.integer(), fc.constant(null)) }),
  );
  const result = fc.record(
    {
      _meta: fc.dictionary(fc.string(), fc.string()),
      content: fc.array(block),
      contents: fc.array(block),
      messages: fc.array(fc.record({ role: fc.constant('user'), content: block })),
      structuredContent: fc.object(),
    },
    { requiredKeys: [] },
  );
  type Block = { uri?: unknown; resource?: { uri: string } };
  const map = (each: Block): void => {
    if (typeof each.uri === 'string') each.uri = exposeUri(each.uri, 'files');
    if (each.resource) each.resource.uri = exposeUri(each.resource.uri, 'files');
  };
  fc.assert(
    fc.property(result, fc.constantFrom(0, 1), (value, indent) => {
      const text = JSON.stringify(value, null, indent);
      const expected = JSON.parse(text) as {
        content?: Block[];
        contents?: Block[];
        messages?: { content: Block }[];
      };
      for (const each of [...(expected.content ?? []), ...(expected.contents ?? [])]) map(each);
      for (const { content } of expected.messages ?? []) map(content);
      assert.equal(exposed(text), JSON.stringify(expected, null, indent));
    }),
    { seed: SEED, numRuns: 500 },
  );
});

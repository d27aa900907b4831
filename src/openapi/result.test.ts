import assert from 'node:assert/strict';
import { test } from 'node:test';
import { conformityTo } from './conformity.ts';
import { type ApiReply, toolResult } from './result.ts';

interface Result {
  readonly content: readonly {
    type: string;
    text?: string;
    data?: string;
    mimeType?: string;
    resource?: object;
  }[];
  readonly structuredContent?: unknown;
  readonly isError?: boolean;
}

const faultOf = conformityTo({ type: 'object' });
const PLAIN = { wrapped: false, faultOf };
const WRAPPED = { wrapped: true, faultOf };

function resultOf(bytes: string | Buffer, more: Partial<ApiReply> = {}, output?: typeof PLAIN): Result {
  const reply = {
    status: 200,
    contentType: 'application/json',
    contentEncoding: undefined,
    location: undefined,
    retryAfter: undefined,
    cut: false,
    ...more,
  };
  return JSON.parse(
    toolResult({ ...reply, bytes: Buffer.from(bytes) }, { output, uri: 'http://x/y' }).toString(),
  );
}

const text = (value: string, isError = false) => ({
  content: [{ type: 'text', text: value }],
  ...(isError && { isError }),
});

test('an object is structured content and text, byte for byte', () => {
  const written = '{"id": 12345678901234567890,\n "a":"\\u00e4"}';
  assert.deepEqual(resultOf(written), { ...text(written), structuredContent: JSON.parse(written) });
  assert.deepEqual(resultOf(`\uFEFF${written}`).structuredContent, JSON.parse(written));
  assert.deepEqual(
    resultOf('{}', { contentType: 'application/vnd.x+json; charset=utf-8' }).structuredContent,
    {},
  );
  assert.deepEqual(resultOf('{}', { contentType: undefined }).structuredContent, {});
});

test('other JSON is wrapped only where the output schema says so', () => {
  assert.deepEqual(resultOf('[1]'), text('[1]'));
  assert.deepEqual(resultOf('[1]', {}, WRAPPED), { ...text('[1]'), structuredContent: { data: [1] } });
  assert.deepEqual(resultOf('{}', {}, WRAPPED).structuredContent, { data: {} });
  assert.deepEqual(resultOf('null', {}, WRAPPED).structuredContent, { data: null });
});

test('a reply that is not the promised JSON is an error that says that the request was carried out', () => {
  for (const [bytes, more] of [
    ['', { status: 204 }],
    ['[1]', {}],
    ['<a/>', { contentType: 'application/xml' }],
    ['{"a":', {}],
    ['{"a":1', { cut: true }],
  ] as const) {
    const { isError, content, structuredContent } = resultOf(bytes, more, PLAIN);
    assert.deepEqual([isError, structuredContent], [true, undefined]);
    assert.match(content[0]?.text ?? '', /has carried out the request \(HTTP 20[04]/);
  }
});

test('a reply that is not as its description promises is an error that has it, and says where', () => {
  const items = { type: 'object', properties: { id: { type: 'integer' } }, required: ['id'] };
  const output = {
    wrapped: true,
    faultOf: conformityTo({ type: 'object', properties: { data: { type: 'array', items } } }),
  };
  const { isError, content, structuredContent } = resultOf('[{"id":1},{"id":"x"}]', {}, output);
  assert.deepEqual([isError, structuredContent], [true, undefined]);
  assert.equal(
    content[0]?.text,
    'The API has carried out the request (HTTP 200 OK), but its reply is not as the description promises (/data/1/id is string, not integer).\n[{"id":1},{"id":"x"}]',
  );
  assert.deepEqual(resultOf('[{"id":1}]', {}, output).structuredContent, { data: [{ id: 1 }] });
});

test('JSON that ends before its end, or behind it, becomes no part of a message', () => {
  for (const bytes of [
    '{"a":1}}',
    '{"a":1},"isError":true',
    '{',
    '{"a":\u0001}',
    Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
    `${'['.repeat(500)}${']'.repeat(500)}`,
  ])
    assert.equal(resultOf(bytes).structuredContent, undefined);
});

test('text is text, in its own character set, and cut where it is too long', () => {
  assert.deepEqual(resultOf('a,b', { contentType: 'text/csv' }), text('a,b'));
  assert.deepEqual(
    resultOf(Buffer.from([0xe4]), { contentType: 'text/plain; charset=iso-8859-1' }),
    text('ä'),
  );
  assert.deepEqual(resultOf('abc', { contentType: 'text/plain; charset=nonsense' }), text('abc'));
  assert.deepEqual(
    resultOf('abc', { contentType: 'text/plain', cut: true }),
    text('abc\n[cut after 3 bytes: the reply is longer]'),
  );
  assert.deepEqual(
    resultOf('', { status: 201, location: '/things/7' }),
    text('HTTP 201 Created, location: /things/7'),
  );
  assert.deepEqual(
    resultOf('', { status: 302, location: 'http://other' }),
    text('HTTP 302 Found, location: http://other'),
  );
});

test('pictures and sound are what they are, other bytes a resource', () => {
  const bytes = Buffer.from([0, 1, 2]);
  const data = bytes.toString('base64');
  assert.deepEqual(resultOf(bytes, { contentType: 'image/png' }).content, [
    { type: 'image', mimeType: 'image/png', data },
  ]);
  assert.deepEqual(resultOf(bytes, { contentType: 'audio/wav' }).content, [
    { type: 'audio', mimeType: 'audio/wav', data },
  ]);
  const resource = (mimeType: string) => [
    { type: 'resource', resource: { uri: 'http://x/y', mimeType, blob: data } },
  ];
  assert.deepEqual(resultOf(bytes, { contentType: 'application/pdf' }).content, resource('application/pdf'));
  assert.deepEqual(resultOf(bytes, { contentType: undefined }).content, resource('application/octet-stream'));
  assert.match(resultOf(bytes, { contentType: 'image/png', cut: true }).content[0]?.text ?? '', /left out/);
  assert.match(resultOf(bytes, { contentEncoding: 'gzip' }).content[0]?.text ?? '', /compressed/);
});

test('refusals are tool errors with status and the useful part of the body', () => {
  const refusal = (bytes: string, more: Partial<ApiReply>) => {
    const { content, isError, structuredContent } = resultOf(bytes, { status: 404, ...more }, PLAIN);
    assert.deepEqual([isError, structuredContent], [true, undefined]);
    return content[0]?.text;
  };
  assert.equal(refusal('{"message":"no"}', {}), 'HTTP 404 Not Found\n{"message":"no"}');
  const problem = JSON.stringify({
    type: 'about:blank',
    title: 'Gone',
    detail: 'since May',
    status: 404,
    code: 7,
  });
  assert.equal(
    refusal(problem, { contentType: 'application/problem+json' }),
    'HTTP 404 Not Found\nGone: since May\n{"code":7}',
  );
  const page = '<!doctype html><style>x{}</style><h1>Bad</h1> gateway';
  assert.equal(refusal(page, { status: 502, contentType: 'text/html' }), 'HTTP 502 Bad Gateway\nBad gateway');
  assert.equal(refusal('', { status: 429, retryAfter: '5' }), 'HTTP 429 Too Many Requests (retry after: 5)');
  assert.equal(refusal('\u0000', { contentType: 'application/pdf' }), 'HTTP 404 Not Found');
  assert.ok((refusal('x'.repeat(100_000), { contentType: 'text/plain' }) ?? '').length < 9000);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GatewayError } from '../core/errors.ts';
import type { McpOutcome } from './call.ts';
import {
  type Catalogue,
  fetchCatalogue,
  itemBytes,
  LIST_KINDS,
  LISTS,
  type ListKind,
  listOfMethod,
  sameItems,
} from './catalogue.ts';

const result = (text: string): McpOutcome => ({ kind: 'result', body: Buffer.from(text) });
const error = (text: string): McpOutcome => ({ kind: 'error', body: Buffer.from(text) });

interface Fetched {
  readonly catalogue: Catalogue;
  readonly cursors: (string | undefined)[];
  readonly skipped: string[];
}

/** Fetches from a server that gives these pages, one after the other; the last one again and again. */
async function fetched(pages: readonly McpOutcome[], kind: ListKind = 'tools'): Promise<Fetched> {
  const cursors: (string | undefined)[] = [];
  const skipped: string[] = [];
  const catalogue = await fetchCatalogue(kind, {
    era: 'legacy',
    page: (cursor) => {
      cursors.push(cursor?.toString());
      return Promise.resolve(pages[Math.min(cursors.length, pages.length) - 1] as McpOutcome);
    },
    skipped: (reason) => void skipped.push(reason),
  });
  return { catalogue, cursors, skipped };
}

const keys = ({ catalogue }: Fetched): string[] => catalogue.items.map(({ key }) => key);

async function fails(pages: readonly McpOutcome[], code: string, pattern: RegExp): Promise<void> {
  await assert.rejects(fetched(pages), (cause) => {
    assert.ok(cause instanceof GatewayError);
    assert.equal(cause.code, code);
    assert.match(cause.message, pattern);
    return true;
  });
}

test('a list of one page keeps its items as they came, and the page whole', async () => {
  const text = '{ "tools":[ {"name":"a","n":1.0} ,{"b":{},"name":"\\u0062"}],"_meta":{"x":1}}';
  const read = await fetched([result(text)]);
  assert.deepEqual(keys(read), ['a', 'b']);
  assert.deepEqual(
    read.catalogue.items.map((item) => itemBytes(item).toString()),
    ['{"name":"a","n":1.0}', '{"b":{},"name":"\\u0062"}'],
  );
  assert.equal(read.catalogue.whole?.toString(), text);
  assert.equal(read.catalogue.bytes, text.length);
  assert.deepEqual(read.cursors, [undefined]);
});

test('pages are followed by their cursors, as they are written, and none of them is the whole', async () => {
  const read = await fetched([
    result('{"tools":[{"name":"a"}],"nextCursor":"p\\u0031"}'),
    result('{"tools":[],"nextCursor":""}'),
    result('{"tools":[{"name":"b"}],"nextCursor":null}'),
  ]);
  assert.deepEqual(keys(read), ['a', 'b']);
  assert.deepEqual(read.cursors, [undefined, '"p\\u0031"', '""']);
  assert.equal(read.catalogue.whole, undefined);
});

test('a server that never comes to an end is stopped', async () => {
  await fails([result('{"tools":[],"nextCursor":"same"}')], 'UPSTREAM_PROTOCOL', /repeats its cursor/);
  let page = 0;
  const endless = fetchCatalogue('tools', {
    era: 'legacy',
    page: () => {
      page += 1;
      return Promise.resolve(result(`{"tools":[],"nextCursor":"${page}"}`));
    },
    skipped() {},
  });
  await assert.rejects(endless, /more than 1000 pages/);
  const heavy = `{"tools":[{"name":"a","d":"${'x'.repeat(40 * 1024 * 1024)}"}],"nextCursor":"`;
  await fails([result(`${heavy}1"}`), result(`${heavy}2"}`)], 'UPSTREAM_MESSAGE_TOO_LARGE', /64 MiB/);
});

test('a list that the server does not know is empty; any other error is an error, with what it said', async () => {
  for (const text of ['{"code":-32601,"message":"x"}', '{"message":"Method not found", "code" : -32601 }']) {
    const { catalogue } = await fetched([error(text)]);
    assert.deepEqual([catalogue.items.length, catalogue.whole], [0, undefined]);
  }
  for (const text of [
    '{"code":-32603,"message":"disk full"}',
    '{"code":-326011,"message":"disk full"}',
    '{"code":1,"message":"disk full","data":{"code":-32601}}',
  ])
    await fails([error(text)], 'UPSTREAM_PROTOCOL', /tools\/list with an error: .*disk full/);
  await fails(
    [result('{"tools":[],"nextCursor":"1"}'), error('{"code":-32601,"message":"gone"}')],
    'UPSTREAM_PROTOCOL',
    /gone/,
  );
});

test('nonsense is an error that says what is missing', async () => {
  for (const text of ['{}', '{"tools":{}}', '{"Tools":[]}', '[]', '"x"'])
    await fails([result(text)], 'UPSTREAM_PROTOCOL', /"tools" array|invalid JSON/);
  for (const text of [
    '',
    '{"tools":[}',
    '{"tools":[]',
    '{"tools":[],"tools":[]}',
    '{"tools":[{"name":"a"}]}{}',
  ])
    await fails([result(text)], 'UPSTREAM_PROTOCOL', /invalid JSON/);
});

test('an item without a name, or with one that parsers read differently, is left out and takes nothing with it', async () => {
  const text =
    '{"tools":[{"name":"a"},{"title":"x"},{"name":""},{"name":7},7,null,[],{"name":"b","name":"c"},{"NAME":"d"},{"name":"e"}]}';
  const read = await fetched([result(text)]);
  assert.deepEqual(keys(read), ['a', 'e']);
  assert.equal(read.skipped.length, 8);
  assert.equal(read.catalogue.whole, undefined, 'what is left out must not be shown either');
});

test('resources and templates are known by their URIs', async () => {
  const resources = await fetched(
    [result('{"resources":[{"name":"n","uri":"file:///a"},{"name":"n"}]}')],
    'resources',
  );
  assert.deepEqual(keys(resources), ['file:///a']);
  const templates = await fetched(
    [result('{"resourceTemplates":[{"name":"n","uriTemplate":"file:///{a}"}]}')],
    'templates',
  );
  assert.deepEqual(keys(templates), ['file:///{a}']);
});

test('a tool that is read-only or idempotent may be repeated', async () => {
  const read = await fetched([
    result(
      '{"tools":[{"name":"r","annotations":{"readOnlyHint":true}},{"name":"i","annotations":{"idempotentHint":true}},{"name":"n","annotations":{"readOnlyHint":false}},{"name":"s","annotations":{"readOnlyHint":"true"}},{"name":"x","annotations":[]},{"name":"y"}]}',
    ),
  ]);
  assert.deepEqual(
    read.catalogue.items.map(({ repeatable }) => repeatable),
    [true, true, false, false, false, false],
  );
});

test('catalogues are the same when their items are, and every fetch makes a version of its own', async () => {
  const one = (await fetched([result('{"tools":[{"name":"a"},{"name":"b"}]}')])).catalogue;
  const paged = (
    await fetched([
      result('{"tools":[{"name":"a"}],"nextCursor":"1"}'),
      result('{ "tools" : [ {"name":"b"} ]}'),
    ])
  ).catalogue;
  const other = (await fetched([result('{"tools":[{"name":"a"},{"name":"c"}]}')])).catalogue;
  const shorter = (await fetched([result('{"tools":[{"name":"a"}]}')])).catalogue;
  assert.equal(sameItems(one, paged), true);
  assert.equal(sameItems(one, other), false);
  assert.equal(sameItems(one, shorter), false);
  assert.equal(sameItems(shorter, one), false);
  assert.equal(new Set([one, paged, other, shorter].map(({ version }) => version)).size, 4);
});

test('every list method leads to its kind', () => {
  for (const kind of LIST_KINDS) assert.equal(listOfMethod(LISTS[kind].method), kind);
  assert.equal(listOfMethod('tools/call'), undefined);
  assert.equal(listOfMethod('constructor'), undefined);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServerInfo } from './link/opened.ts';
import { type MergeInput, mergeDiscover, mergeInfo, unionCapabilities } from './merge-info.ts';

function server(name: string, result: Record<string, unknown>): { name: string; info: ServerInfo } {
  const { capabilities = {}, instructions, serverInfo } = result;
  const info = {
    era: 'legacy',
    version: '2025-11-25',
    capabilities,
    serverInfo,
    instructions,
    raw: Buffer.from(JSON.stringify({ protocolVersion: '2025-11-25', ...result })),
  } as ServerInfo;
  return { name, info };
}

const merge = (infos: MergeInput['infos'], more: Partial<MergeInput> = {}): unknown =>
  JSON.parse(mergeInfo({ single: false, gatewayVersion: '1.2.3', infos, ...more }, '2025-06-18').toString());

test('a single server speaks for itself, in the revision that was agreed with the client', () => {
  const own = {
    capabilities: { tools: {}, tasks: { list: {} }, experimental: { x: {} } },
    serverInfo: { name: 'one', version: '9' },
    instructions: 'Be kind.',
    _meta: { x: 1 },
  };
  assert.deepEqual(merge([server('one', own)], { single: true }), { protocolVersion: '2025-06-18', ...own });
});

const SPELLED = '"capabilities":{"tools":{"x":1.0},"experimental":{"n":12345678901234567890}}';
const NAMED = '{"name":"\\u0041","version":"1","x":1e2}';
const SAID = '"instructions":"\\u0041"';

function spelled(era: 'legacy' | 'modern', raw: string): MergeInput {
  const { capabilities, instructions } = JSON.parse(raw) as ServerInfo;
  const version = era === 'legacy' ? '2025-11-25' : '2026-07-28';
  const serverInfo = { name: 'A' };
  const info = { era, version, capabilities, instructions, serverInfo, raw: Buffer.from(raw) };
  return { single: true, gatewayVersion: '1.2.3', infos: [{ name: 'one', info }] };
}

test("a single server's words stay as it spelled them, in either era", () => {
  const legacy = `{"x":1.0,"protocolVersion":"2025-11-25",${SPELLED},"serverInfo":${NAMED},${SAID}}`;
  const modern = `{"ttlMs":1e3,"supportedVersions":["2026-07-28"],${SPELLED},${SAID},"_meta":{"io.modelcontextprotocol/serverInfo":${NAMED}}}`;
  const initialized = (era: 'legacy' | 'modern', raw: string): string =>
    mergeInfo(spelled(era, raw), '2025-06-18').toString();
  const discovered = (era: 'legacy' | 'modern', raw: string): string =>
    mergeDiscover(spelled(era, raw)).toString();
  const revisions = '["2026-07-28","2025-11-25","2025-06-18","2025-03-26","2024-11-05","2024-10-07"]';
  assert.equal(initialized('legacy', legacy), legacy.replace('2025-11-25', '2025-06-18'));
  assert.equal(
    initialized('modern', modern),
    `{"protocolVersion":"2025-06-18",${SPELLED},"serverInfo":${NAMED},${SAID}}`,
  );
  // Not for as long as the server says: a reload of ours changes it too.
  const ours = modern.replace('["2026-07-28"]', revisions).replace('1e3', '0');
  assert.equal(discovered('modern', modern), ours);
  assert.equal(
    discovered('legacy', legacy),
    `{"resultType":"complete","ttlMs":0,"cacheScope":"private","supportedVersions":${revisions},${SPELLED},${SAID},"_meta":{"io.modelcontextprotocol/serverInfo":${NAMED}}}`,
  );
});

test('the tasks of the older era are not said in the newer one', () => {
  const raw = '{"protocolVersion":"2025-11-25","capabilities":{"tools":{},"tasks":{"list":{}},"x":1.0}}';
  const { capabilities } = JSON.parse(mergeDiscover(spelled('legacy', raw)).toString()) as ServerInfo;
  assert.deepEqual(capabilities, { tools: {}, x: 1 });
});

test('the tasks of the newer era are not said in the older one', () => {
  const raw =
    '{"supportedVersions":["2026-07-28"],"capabilities":{"extensions":{"io.modelcontextprotocol/tasks":{},"a/b":{}}}}';
  const { capabilities } = JSON.parse(
    mergeInfo(spelled('modern', raw), '2025-11-25').toString(),
  ) as ServerInfo;
  assert.deepEqual(capabilities, { extensions: { 'a/b': {} } });
});

test('several servers are one that can do what any of them can, and says whose instructions are whose', () => {
  const merged = merge([
    server('one', { capabilities: { tools: {}, resources: { subscribe: true } }, instructions: 'First.' }),
    server('two', { capabilities: { tools: { listChanged: true }, logging: {} } }),
    server('three', { capabilities: { resources: { subscribe: false } }, instructions: 'Third.' }),
  ]);
  assert.deepEqual(merged, {
    protocolVersion: '2025-06-18',
    capabilities: {
      tools: { listChanged: true },
      resources: { subscribe: true, listChanged: true },
      logging: {},
    },
    serverInfo: { name: 'agentgateway', version: '1.2.3' },
    instructions: '# one\n\nFirst.\n\n# three\n\nThird.',
  });
});

test('without servers, or without instructions, nothing is made up', () => {
  assert.deepEqual(merge([]), {
    protocolVersion: '2025-06-18',
    capabilities: {},
    serverInfo: { name: 'agentgateway', version: '1.2.3' },
  });
  assert.deepEqual(merge([], { single: true }), merge([]));
});

test('capabilities are joined at every depth, and the first one wins where they cannot be', () => {
  assert.deepEqual(unionCapabilities([{ a: { b: { c: false } } }, { a: { b: { c: true, d: 1 } } }]), {
    a: { b: { c: true, d: 1 } },
  });
  assert.deepEqual(
    unionCapabilities([
      { a: 1, b: true, c: [1] },
      { a: { x: 1 }, b: false, c: [2] },
    ]),
    {
      a: 1,
      b: true,
      c: [1],
    },
  );
  const odd = JSON.parse('{"constructor":{"x":1},"__proto__":{"y":2}}') as Record<string, unknown>;
  assert.deepEqual(unionCapabilities([{}, odd]), odd);
});

test('the gateway tells of changed lists even for servers that never do, and of nothing deeper down', () => {
  const lists = { tools: {}, prompts: {}, resources: {} };
  const changing = { listChanged: true };
  assert.deepEqual(unionCapabilities([lists]), { tools: changing, prompts: changing, resources: changing });
  assert.deepEqual(unionCapabilities([{ tools: true, logging: {} }]), { tools: true, logging: {} });
  const deep = { experimental: { x: { tools: {} } } };
  assert.deepEqual(unionCapabilities([deep, deep]), deep);
});

test('tasks are not offered by several servers: an id would not say whose it is', () => {
  const tasks = { requests: { tools: { call: {} } } };
  assert.deepEqual(unionCapabilities([{ logging: {}, tasks }, { logging: {} }]), { logging: {} });
});

/** Answers of our own upstream to everything that is not a tool call: odd in what they carry, legal in what they are. */
import type { Era } from '../../src/mcp/revisions.ts';
import type { RawOptions } from '../fixtures/raw-server/options.ts';
import { SERVER } from './identity.ts';
import { putFirst, putLast } from './members.ts';

const tool = (name: string, more = ''): string =>
  `{"name":"${name}","description":"One.","inputSchema":{"type":"object","properties":{}}${more}}`;

const TOOLS = [
  tool('script'),
  '{"name":"received","inputSchema":{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"}}}}',
  tool('opened'),
  tool('noted'),
  tool('echo'),
  tool(
    'rich',
    ',"title":"Rich","x-unknown":[1.0,{"b":1,"a":2}],"icons":[{"src":"data:,x","sizes":["any"],"x":1}],"annotations":{"readOnlyHint":true,"x-hint":0.50},"outputSchema":{"type":"object","properties":{"n":{"type":"number","default":1.0,"maximum":12345678901234567890}}},"execution":{"taskSupport":"optional"},"_meta":{"vendor/x":{"y":1e2}}',
  ),
  '{"inputSchema":{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","$defs":{"a":{"$anchor":"x"}},"if":{},"then":{},"unevaluatedProperties":false},"name":"reordered"}',
  tool('with.dots-and_lines'),
];

const RESOURCES = [
  '{"uri":"raw://one","name":"one"}',
  '{"name":"rich","uri":"raw://żółć/a%20b?q=1&r=%7B#frag","title":"Rich","mimeType":"text/plain; charset=utf-8","size":1.0,"annotations":{"lastModified":"2026-01-01T00:00:00Z","x":1},"_meta":{"a":null},"x-unknown":{}}',
  '{"uri":"urn:isbn:0451450523","name":""}',
];

const TEMPLATES = ['{"uriTemplate":"raw://items/{id}{?q*,r:3}","name":"item","x-unknown":[1.0]}'];

const PROMPTS = [
  '{"name":"greet","arguments":[{"name":"who","required":true,"x":1.0}]}',
  '{"description":"żółć","name":"rich","title":"","icons":[],"_meta":{"k":"\\u0041"},"x-unknown":null}',
];

const PROMPT =
  '{"description":"d","messages":[{"role":"user","content":{"type":"text","text":"\\u0041\\/"},"x":1.0},{"content":{"type":"odd"},"role":"assistant"}],"x-unknown":1e2,"_meta":{}}';

const CONTENTS =
  '{"contents":[{"uri":"raw://one","text":"a\u2028b","x":1.0},{"blob":"AAECAw==","uri":"raw://one#2","mimeType":""}],"_meta":{"z":1,"a":2},"x-unknown":[]}';

const COMPLETION =
  '{"completion":{"values":["","żółć","\\u0041"],"total":2.0,"hasMore":false,"x":1},"_meta":{},"y":null}';

const CAPABILITIES =
  '{"tools":{"listChanged":true,"x":1.0},"resources":{"subscribe":true,"listChanged":true},"prompts":{"listChanged":true},' +
  '"completions":{},"logging":{},"experimental":{"vendor/x":{"big":12345678901234567890}},"tasks":{"list":{}},' +
  '"extensions":{"vendor/x":{"n":1.0},"io.modelcontextprotocol/tasks":{}}}';

const INSTRUCTIONS = '"instructions":"żółć \\"quoted\\" \\u0041\\nsecond line"';

const INITIALIZED = `{"protocolVersion":"2025-11-25","capabilities":${CAPABILITIES},"serverInfo":${SERVER},${INSTRUCTIONS},"x-unknown":1.0}`;

const DISCOVERED =
  `{"supportedVersions":["2026-07-28"],"resultType":"complete","capabilities":${CAPABILITIES},${INSTRUCTIONS},"x-unknown":1.0,` +
  `"_meta":{"vendor/x":1.0,"io.modelcontextprotocol/serverInfo":${SERVER}},"ttlMs":60000,"cacheScope":"public"}`;

const TYPE = '"resultType":"complete"';

/** Members of modern results, at places that a careless reader would not look at. */
const MODERN: Readonly<Record<string, (result: string) => string>> = {
  'tools/list': (result) => putLast(putFirst(result, '"ttlMs":60000,"cacheScope":"public"'), TYPE),
  'resources/list': (result) => putFirst(putLast(result, '"cacheScope":"public","ttlMs":0'), TYPE),
  'resources/templates/list': (result) => putLast(result, `"ttlMs":1,${TYPE},"cacheScope":"private"`),
  'prompts/list': (result) => putFirst(result, `"ttlMs":60000,${TYPE},"cacheScope":"public"`),
  'resources/read': (result) => putLast(result, `${TYPE},"ttlMs":1000,"cacheScope":"public"`),
  'prompts/get': (result) => putFirst(result, TYPE),
  'completion/complete': (result) => putLast(result, TYPE),
};

/** Of the tasks extension. */
const TASKS = {
  'tasks/get':
    '{"x":1.0,"result":{"content":[{"type":"resource_link","uri":"raw://one","name":"one","y":1.0}]},"taskId":"task żółć","resultType":"complete","status":"completed"}',
  'tasks/update': '{"resultType":"complete","x":-0}',
  'tasks/cancel': '{"resultType":"complete","x":1e2}',
};

function results(era: Era, legacy: Readonly<Record<string, string>>): Record<string, string> {
  if (era === 'legacy') return legacy;
  return Object.fromEntries(
    Object.entries(legacy).map(([method, text]) => [method, MODERN[method]?.(text) ?? text]),
  );
}

export const upstreamOptions = (era: Era): RawOptions => ({
  era,
  name: 'fidelity',
  results: {
    ...(era === 'legacy' ? { initialize: INITIALIZED } : { 'server/discover': DISCOVERED, ...TASKS }),
    ...results(era, {
      'tools/list': `{"tools":[${TOOLS.join(',')}],"x-unknown":1.0}`,
      'resources/list': `{"resources":[${RESOURCES.join(',')}],"_meta":{"vendor/x":[1.0]}}`,
      'resources/templates/list': `{"resourceTemplates":[${TEMPLATES.join(',')}]}`,
      'prompts/list': `{"prompts":[${PROMPTS.join(',')}]}`,
      'prompts/get': PROMPT,
      'resources/read': CONTENTS,
      'completion/complete': COMPLETION,
    }),
  },
  missing: {
    'raw://missing': `{"data":{"x":1.0,"uri":"raw://missing"},"code":${era === 'legacy' ? -32002 : -32602},"message":"no"}`,
  },
});

/** A second target that offers nothing, so that names have to say whose they are. */
export const neighbourOptions = (era: Era): RawOptions => ({
  era,
  name: 'neighbour',
  results: results(era, {
    'tools/list': '{"tools":[]}',
    'resources/list': '{"resources":[]}',
    'resources/templates/list': '{"resourceTemplates":[]}',
    'prompts/list': '{"prompts":[]}',
  }),
});

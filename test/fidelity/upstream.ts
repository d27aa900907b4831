/** Answers of our own upstream to everything that is not a tool call: odd in what they carry, legal in what they are. */
import type { RawOptions } from '../fixtures/raw-server/options.ts';

const tool = (name: string, more = ''): string =>
  `{"name":"${name}","description":"One.","inputSchema":{"type":"object","properties":{}}${more}}`;

const TOOLS = [
  tool('script'),
  tool('received'),
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

export const upstreamOptions: RawOptions = {
  name: 'fidelity',
  instructions: 'żółć "quoted"\nsecond line',
  results: {
    'tools/list': `{"tools":[${TOOLS.join(',')}]}`,
    'resources/list': `{"resources":[${RESOURCES.join(',')}]}`,
    'resources/templates/list': `{"resourceTemplates":[${TEMPLATES.join(',')}]}`,
    'prompts/list': `{"prompts":[${PROMPTS.join(',')}]}`,
    'prompts/get': PROMPT,
    'resources/read': CONTENTS,
    'completion/complete': COMPLETION,
  },
};

/** A second target that offers nothing, so that names have to say whose they are. */
export const neighbourOptions: RawOptions = {
  name: 'neighbour',
  results: {
    'tools/list': '{"tools":[]}',
    'resources/list': '{"resources":[]}',
    'resources/templates/list': '{"resourceTemplates":[]}',
    'prompts/list': '{"prompts":[]}',
  },
};

/** What is sent both ways: each legacy method, and the corpus in both directions. */
import type { Case } from './case.ts';
import { oddErrors, oddIds, oddResults, oddValues } from './corpus.ts';

const script = (...steps: unknown[]): string => JSON.stringify({ name: 'script', arguments: { steps } });

const list = (method: string, entries: string): Case => ({
  group: 'lists',
  name: method,
  method,
  params: '{}',
  compare: 'list',
  entries,
});

const call = (group: string, name: string, params: string): Case => ({
  group,
  name,
  method: 'tools/call',
  params,
  compare: 'answer',
});

/** Changes nothing at the other end, so it may be sent to any server. */
export const harmlessCases: readonly Case[] = [
  list('tools/list', 'tools'),
  list('prompts/list', 'prompts'),
  list('resources/list', 'resources'),
  list('resources/templates/list', 'resourceTemplates'),
  { group: 'methods', name: 'ping', method: 'ping', params: '{}', compare: 'answer' },
];

const methods: readonly Case[] = [
  one('prompts/get', '{"name":"greet","arguments":{"who":"\\u0041"}}'),
  one('resources/read', '{"uri":"raw://one"}'),
  one('resources/subscribe', '{"uri":"raw://one"}'),
  one('resources/unsubscribe', '{"uri":"raw://one"}'),
  one(
    'completion/complete',
    '{"ref":{"type":"ref/prompt","name":"greet"},"argument":{"name":"who","value":""}}',
  ),
  one(
    'completion/complete',
    '{"ref":{"type":"ref/resource","uri":"raw://items/{id}{?q*,r:3}"},"argument":{"name":"id","value":"1"}}',
  ),
  one('logging/setLevel', '{"level":"debug"}'),
  one('vendor.example/custom', '{"x":1.0}'),
];

function one(method: string, params: string): Case {
  return { group: 'methods', name: method, method, params, compare: 'answer' };
}

const received = (group: string, name: string, params: string): Case => ({
  ...call(group, name, params),
  compare: 'received',
});

const argumentCases = Object.entries(oddValues).map(([name, value]) =>
  received('arguments', name, `{"name":"received","arguments":{"value":${value},"list":[${value}]}}`),
);

const paramsCases: readonly Case[] = [
  received('params', 'no arguments', '{"name":"received"}'),
  received('params', 'members in unusual order', '{"arguments":{"b":1,"a":2},"name":"received"}'),
  received(
    'params',
    'unknown members',
    '{"name":"received","arguments":{},"x-unknown":{"n":1.0},"task":{"ttl":60000}}',
  ),
  received(
    'params',
    'odd _meta',
    '{"_meta":{"vendor/x":[1.0],"":null,"z":1,"a":2},"name":"received","arguments":{}}',
  ),
  received('params', 'pretty-printed', '{\n  "name": "received",\n  "arguments": {\n    "a": 1.0\n  }\n}'),
  received(
    'params',
    'name repeated in the arguments',
    '{"arguments":{"name":"other","arguments":{}},"name":"received"}',
  ),
];

const resultCases = Object.entries(oddResults).map(
  ([name, text]): Case => ({
    ...call('results', name, script({ do: 'resultText', text })),
    ...(text.includes('\n') ? { notVia: ['stdio'] } : {}),
  }),
);

const valueCases = Object.entries(oddValues).map(([name, value]) =>
  call(
    'values in results',
    name,
    script({ do: 'resultText', text: `{"content":[],"value":${value},"list":[${value}]}` }),
  ),
);

/** The error as text: `script` would write it anew. */
const errorCases = Object.entries(oddErrors).map(([name, text]) =>
  call('errors', name, script({ do: 'errorText', text })),
);

const idCases = oddIds.map(
  (id): Case => ({ ...call('ids', id, script({ do: 'resultText', text: '{"content":[]}' })), id }),
);

const withProgress = (...steps: unknown[]): string =>
  JSON.stringify({ _meta: { progressToken: 'żółć-1' }, name: 'script', arguments: { steps } });

const RESULT = { do: 'resultText', text: '{"content":[]}' };

const eventCases: readonly Case[] = [
  call(
    'events',
    'progress',
    withProgress({ do: 'progress', progress: 0.5, total: 2, message: 'żółć' }, RESULT),
  ),
  call(
    'events',
    'log',
    script({ do: 'log', data: { z: 1, a: [null] }, logger: 'x', level: 'error' }, RESULT),
  ),
  call(
    'events',
    'an event nobody knows',
    script({ do: 'notify', method: 'notifications/x', params: { z: 1, a: 2 } }, RESULT),
  ),
].map((one): Case => ({ ...one, events: 1 }));

const mistakes: readonly Case[] = [
  call('mistakes', 'unknown tool', '{"name":"no-such-tool","arguments":{}}'),
  {
    ...one('resources/read', '{"uri":"raw://nothing-like-that"}'),
    group: 'mistakes',
    name: 'unlisted resource',
  },
  { ...one('no/such/method', '{}'), group: 'mistakes', name: 'unknown method' },
];

/** For our own upstream, which knows the tools `script` and `received`. */
export const allCases: readonly Case[] = [
  ...harmlessCases,
  ...methods,
  ...argumentCases,
  ...paramsCases,
  ...resultCases,
  ...valueCases,
  ...errorCases,
  ...idCases,
  ...eventCases,
  ...mistakes,
];

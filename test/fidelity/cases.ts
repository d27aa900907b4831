/** What is sent both ways: each method of the client's era, and the corpus in both directions. */
import type { Era } from '../../src/mcp/revisions.ts';
import type { Step } from '../fixtures/raw-server/options.ts';
import { type Case, erasOf, type Pair } from './case.ts';
import { headerValue } from './client.ts';
import { oddErrors, oddIds, oddResults, oddValues } from './corpus.ts';
import { member, putFirst, putLast } from './members.ts';
import { questionCases } from './question-cases.ts';
import { call, script } from './scripts.ts';

const list = (method: string, entries: string): Case => ({
  group: 'lists',
  name: method,
  method,
  params: '{}',
  compare: 'list',
  entries,
});

const lists: readonly Case[] = [
  list('tools/list', 'tools'),
  list('prompts/list', 'prompts'),
  list('resources/list', 'resources'),
  list('resources/templates/list', 'resourceTemplates'),
];

function one(method: string, params: string): Case {
  return { group: 'methods', name: method, method, params, compare: 'answer' };
}

/** Changes nothing at the other end, so it may be sent to any server. */
export const harmlessCases = (client: Era): readonly Case[] =>
  client === 'legacy' ? [...lists, one('ping', '{}')] : lists;

const methods: readonly Case[] = [
  one('prompts/get', '{"name":"greet","arguments":{"who":"\\u0041"}}'),
  one('resources/read', '{"uri":"raw://one"}'),
  {
    ...one('resources/read', '{"uri":"raw://żółć/a%20b?q=1&r=%7B#frag"}'),
    name: 'resources/read of an odd URI',
  },
  one(
    'completion/complete',
    '{"ref":{"type":"ref/prompt","name":"greet"},"argument":{"name":"who","value":""}}',
  ),
  one(
    'completion/complete',
    '{"ref":{"type":"ref/resource","uri":"raw://items/{id}{?q*,r:3}"},"argument":{"name":"id","value":"1"}}',
  ),
  one('vendor.example/custom', '{"x":1.0}'),
];

/** Of revisions up to 2025-11-25. */
const legacyMethods: readonly Case[] = [
  one('resources/subscribe', '{"uri":"raw://two"}'),
  one('resources/unsubscribe', '{"uri":"raw://two"}'),
  one('logging/setLevel', '{"level":"debug"}'),
];

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
  received('params', 'empty _meta', '{"name":"received","_meta":{},"arguments":{}}'),
  received('params', 'pretty-printed', '{\n  "name": "received",\n  "arguments": {\n    "a": 1.0\n  }\n}'),
  received(
    'params',
    'name repeated in the arguments',
    '{"arguments":{"name":"other","arguments":{}},"name":"received"}',
  ),
  received(
    'params',
    'a number as progress token',
    '{"name":"received","arguments":{},"_meta":{"a":1.0,"progressToken":77,"z":null}}',
  ),
  received('params', 'a text as progress token', '{"_meta":{"progressToken":"żółć-1"},"name":"received"}'),
  received(
    'params',
    'a trace',
    '{"name":"received","_meta":{"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","tracestate":"a=b","baggage":"c=d"}}',
  ),
  {
    ...received('params', 'a wish for log messages', '{"name":"received","arguments":{}}'),
    logLevel: 'info',
  },
  ...['eu', 'żółć', ' at the edges ', '=?base64?eA==?='].map((region) => ({
    ...received(
      'params',
      `an argument in a header: ${region}`,
      JSON.stringify({ name: 'received', arguments: { region } }),
    ),
    headers: { 'mcp-param-region': headerValue(region) },
  })),
];

const RESULT_TYPE = '"resultType":"complete"';

/** A modern server's results have a type; where among the members is up to the server. */
function inEra(server: Era, text: string, index = 0): string {
  if (server === 'legacy' || member(text, 'resultType') !== undefined) return text;
  return index % 2 === 0 ? putFirst(text, RESULT_TYPE) : putLast(text, RESULT_TYPE);
}

const resultCases = (server: Era): readonly Case[] =>
  Object.entries(oddResults).map(
    ([name, text], index): Case => ({
      ...call('results', name, script({ do: 'resultText', text: inEra(server, text, index) })),
      ...(text.includes('\n') ? { notVia: ['stdio'] } : {}),
    }),
  );

const valueCases = (server: Era): readonly Case[] =>
  Object.entries(oddValues).map(([name, value], index) => {
    const text = inEra(server, `{"content":[],"value":${value},"list":[${value}]}`, index);
    return call('values in results', name, script({ do: 'resultText', text }));
  });

/** The error as text: `script` would write it anew. */
const errorCases = Object.entries(oddErrors).map(([name, text]) =>
  call('errors', name, script({ do: 'errorText', text })),
);

const idCases = (server: Era): readonly Case[] =>
  oddIds.map((id): Case => ({ ...call('ids', id, script(empty(server))), id }));

const empty = (server: Era) => ({ do: 'resultText', text: inEra(server, '{"content":[]}') }) as const;

const progress = { do: 'progress', progress: 0.5, total: 2, message: 'żółć' } as const;
const log = { do: 'log', data: { z: 1, a: [null] }, logger: 'x', level: 'error' } as const;
const unknown = { do: 'notify', method: 'notifications/x', paramsText: '{"z":1.0,"a":2}' } as const;
const updated = {
  do: 'notify',
  on: 'listening',
  method: 'notifications/resources/updated',
  paramsText: '{"z":1.0,"uri":"raw://one","a":[12345678901234567890]}',
} as const;

const changed = {
  do: 'notify',
  on: 'listening',
  method: 'notifications/tools/list_changed',
  paramsText: '{"x":1.0}',
} as const;

const eventCases = (server: Era): readonly Case[] => {
  const steps = (step: Step): string => script(step, empty(server));
  const token = (params: string): string => putFirst(params, '"_meta":{"progressToken":"żółć-1"}');
  const cases: Case[] = [
    call('events', 'progress', token(steps(progress))),
    call(
      'events',
      'progress with a number as token',
      steps(progress).replace('{', '{"_meta":{"progressToken":7},'),
    ),
    { ...call('events', 'log', steps(log)), logLevel: 'debug' },
    { ...call('events', 'log message below the level', steps(log)), logLevel: 'alert' },
    call('events', 'log message nobody asked for', steps(log)),
    call('events', 'an event nobody knows', steps(unknown)),
    call('events', 'a resource that changed', steps(updated)),
    call('events', 'a list that changed', steps(changed)),
  ];
  return cases.map((each): Case => ({ ...each, events: 1 }));
};

function noted(method: string): Case {
  const params = '{"z":1.0,"a":[12345678901234567890],"_meta":{"vendor/x":-0}}';
  return { group: 'notifications', name: method, method, params, compare: 'noted', tool: 'noted' };
}

const TASK = '"taskId":"task żółć","status":"working","x-unknown":1.0,"ttlMs":1e3';

/** The extension of 2026-07-28, which needs both sides to be modern. */
const taskCases: readonly Case[] = [
  call(
    'tasks',
    'a call that becomes one',
    script({ do: 'resultText', text: `{"resultType":"task",${TASK}}` }),
  ),
  ...['tasks/get', 'tasks/update', 'tasks/cancel'].map(
    (method): Case => ({ ...one(method, '{"taskId":"task żółć","x":1.0}'), group: 'tasks' }),
  ),
];

const mistakes: readonly Case[] = [
  call('mistakes', 'unknown tool', '{"name":"no-such-tool","arguments":{}}'),
  { ...one('resources/read', '{"uri":"raw://missing"}'), group: 'mistakes', name: 'missing resource' },
  { ...one('resources/read', '{"uri":"raw://unlisted"}'), group: 'mistakes', name: 'unlisted resource' },
  { ...one('no/such/method', '{}'), group: 'mistakes', name: 'unknown method' },
];

const meetings = ({ client, server }: { client: Era; server: Era }): readonly Case[] => {
  const opening: Case = {
    group: 'meeting',
    name: 'what the server says of itself',
    method: client === 'legacy' ? 'initialize' : 'server/discover',
    params: '{}',
    compare: 'opening',
  };
  const opened = call('meeting', 'what the server is told of the client', '{"name":"opened","arguments":{}}');
  const told = received('meeting', 'what the server is told with each request', '{"name":"received"}');
  return server === 'legacy' ? [opening, told, { ...opened, compare: 'opened' }] : [opening, told];
};

/** For our own upstream, which knows the tools `script` and `received`. */
export function casesOf(pair: Pair): readonly Case[] {
  const eras = erasOf(pair);
  const { client, server } = eras;
  return [
    ...meetings(eras),
    ...harmlessCases(client),
    ...methods,
    ...(client === 'legacy' ? [...legacyMethods, noted('notifications/roots/list_changed')] : []),
    noted('notifications/x'),
    ...argumentCases,
    ...paramsCases,
    ...resultCases(server),
    ...valueCases(server),
    ...errorCases,
    ...idCases(server),
    ...eventCases(server),
    ...questionCases(server),
    ...(pair === 'modern-modern' ? taskCases : []),
    ...mistakes,
  ];
}

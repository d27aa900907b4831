/** What is asked of a server made with the official SDK, the same in both eras. */
import { type Case, erasOf, type Pair } from './case.ts';
import { call } from './scripts.ts';

const QUIET = [
  'test_simple_text',
  'test_image_content',
  'test_audio_content',
  'test_embedded_resource',
  'test_multiple_content_types',
  'test_error_handling',
  'no_such_tool',
];

const ASKING: readonly Case[] = [
  asking(
    'test_sampling',
    '{"prompt":"żółć"}',
    '{"role":"assistant","model":"m","content":{"type":"text","text":"é"}}',
  ),
  asking(
    'test_elicitation',
    '{"message":"żółć"}',
    '{"action":"accept","content":{"username":"ż","email":"a@b.c"}}',
  ),
  asking('test_elicitation_sep1034_defaults', '{}', '{"action":"accept","content":{"age":31,"score":1.5}}'),
  asking('test_elicitation_sep1330_enums', '{}', '{"action":"decline"}'),
  asking('test_list_roots', '{}', '{"roots":[{"uri":"file:///ż","name":"r"}]}'),
];

function asking(name: string, args: string, answer: string): Case {
  return { ...call('questions', name, `{"name":"${name}","arguments":${args}}`), answers: [answer] };
}

const get = (method: string, name: string, params: string): Case => ({
  group: 'methods',
  name: `${method} ${name}`,
  method,
  params,
  compare: 'answer',
});

const METHODS: readonly Case[] = [
  get('prompts/get', 'test_simple_prompt', '{"name":"test_simple_prompt"}'),
  get(
    'prompts/get',
    'test_prompt_with_arguments',
    '{"name":"test_prompt_with_arguments","arguments":{"arg1":"a","arg2":"ż"}}',
  ),
  get('prompts/get', 'test_prompt_with_image', '{"name":"test_prompt_with_image"}'),
  get('prompts/get', 'no_such_prompt', '{"name":"no_such_prompt"}'),
  get('resources/read', 'static-text', '{"uri":"test://static-text"}'),
  get('resources/read', 'static-binary', '{"uri":"test://static-binary"}'),
  get('resources/read', 'template', '{"uri":"test://template/7/data"}'),
  get('resources/read', 'missing', '{"uri":"test://missing"}'),
  get(
    'completion/complete',
    'prompt',
    '{"ref":{"type":"ref/prompt","name":"test_prompt_with_arguments"},"argument":{"name":"arg1","value":"par"}}',
  ),
  get(
    'completion/complete',
    'template',
    '{"ref":{"type":"ref/resource","uri":"test://template/{id}/data"},"argument":{"name":"id","value":"1"}}',
  ),
];

const EVENTS: readonly Case[] = [
  {
    ...call('events', 'test_tool_with_logging', '{"name":"test_tool_with_logging"}'),
    events: 3,
    logLevel: 'info',
  },
  { ...call('events', 'test_trigger_tool_change', '{"name":"test_trigger_tool_change"}'), events: 1 },
  { ...call('events', 'test_update_watched_resource', '{"name":"test_update_watched_resource"}'), events: 1 },
];

const LISTS = {
  'tools/list': 'tools',
  'prompts/list': 'prompts',
  'resources/list': 'resources',
  'resources/templates/list': 'resourceTemplates',
};

export function sdkCases(pair: Pair): readonly Case[] {
  const { client } = erasOf(pair);
  const lists = Object.entries(LISTS).map(
    ([method, entries]): Case => ({
      group: 'lists',
      name: method,
      method,
      params: '{}',
      compare: 'list',
      entries,
    }),
  );
  const opening: Case = {
    group: 'meeting',
    name: 'what the server says of itself',
    method: client === 'legacy' ? 'initialize' : 'server/discover',
    params: '{}',
    compare: 'opening',
  };
  const calls = QUIET.map((name) => call('results', name, `{"name":"${name}"}`));
  return [opening, ...lists, ...METHODS, ...calls, ...EVENTS, ...ASKING];
}

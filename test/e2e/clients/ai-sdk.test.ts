/** The AI SDK's own MCP client: over HTTP of the newest revision, over SSE of the one before. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createMCPClient, ElicitationRequestSchema, type MCPClient } from '@ai-sdk/mcp';
import { toolAnswer } from './driver.ts';
import { EVERYTHINGS, FIXTURES, type RealServers, startRealServers } from './real-servers.ts';

/** What it reports while everything works: its own gaps, the same in front of any server. */
const KNOWN_GAPS = [
  // It knows no notifications.
  /Unsupported message type/,
];

let servers: RealServers;
before(async () => {
  servers = await startRealServers();
});
after(async () => {
  await servers?.stop();
});

for (const [type, revision, begins] of [
  ['http', '2026-07-28', ['server/discover 200']],
  ['sse', '2025-11-25', ['initialize 202']],
] as const) {
  describe(`AI SDK over ${type}`, () => {
    let client: MCPClient;
    const problems: string[] = [];
    const probes: string[] = [];
    before(async () => {
      const url = `${servers.origin}/${type === 'http' ? 'mcp' : 'sse'}`;
      client = await createMCPClient({
        transport: { type, url, fetch: recording(probes) },
        capabilities: { elicitation: {} },
        onUncaughtError: (error) => problems.push(String(error)),
      });
      client.onElicitationRequest(ElicitationRequestSchema, () => ({
        action: 'accept',
        content: { name: 'Grace Hopper', username: 'grace', email: 'grace@example.com' },
      }));
    });
    after(async () => {
      await client?.close();
      const unexpected = problems.filter((problem) => !KNOWN_GAPS.some((gap) => gap.test(problem)));
      assert.deepEqual(unexpected, []);
    });
    test(`begins with what its transport begins with, and ends up at ${revision}`, () => {
      assert.deepEqual(probes.slice(0, begins.length), begins);
      assert.equal(client.serverInfo.name, 'agentgateway');
      assert.equal(client.initializeResult.protocolVersion, revision);
      assert.equal(probes.includes('initialize 200'), false);
    });
    aiSdkTests(() => client);
  });
}

/** `fetch` that notes each posted method with the status it got. */
function recording(seen: string[]): typeof fetch {
  return async (input, init) => {
    const response = await fetch(input, init);
    if (typeof init?.body === 'string')
      seen.push(`${(JSON.parse(init.body) as { method?: string }).method} ${response.status}`);
    return response;
  };
}

function aiSdkTests(client: () => MCPClient): void {
  test('turns the tools of every server into tools for a model, and runs some', async () => {
    const tools = await client().tools();
    assert.ok(tools['local_echo'] && tools['events_echo'] && tools['files_read_text_file']);
    for (const [name, args, expected] of [
      ['remote_echo', { message: 'hello model' }, /Echo: hello model/],
      ['newer_test_simple_text', {}, /a simple text response/],
      ['child_test_header_argument', { region: 'eu' }, /Region eu/],
    ] as const) {
      const run = tools[name]?.execute;
      assert.ok(run, name);
      const result = await run(args, { toolCallId: '1', messages: [], context: {} });
      assert.match(JSON.stringify(result), expected);
    }
  });

  for (const target of EVERYTHINGS) {
    test(`calls, reads, gets, completes and answers a question: everything as "${target}"`, async () => {
      const call = async (name: string, args: Record<string, unknown> = {}) =>
        toolAnswer(await client().callTool({ name: `${target}_${name}`, arguments: args }));
      assert.equal((await call('echo', { message: 'hi' })).text, 'Echo: hi');
      const weather = await call('get-structured-content', { location: 'New York' });
      assert.deepEqual(weather.structured, { temperature: 33, conditions: 'Cloudy', humidity: 82 });
      assert.match((await call('trigger-elicitation-request')).text, /Grace Hopper/);

      const { resources } = await client().listResources();
      const listed = resources.find(({ uri }) => uri.startsWith(`${target}+`))?.uri ?? '';
      assert.equal((await client().readResource({ uri: listed })).contents[0]?.uri, listed);
      const { resourceTemplates } = await client().listResourceTemplates();
      assert.equal(resourceTemplates.filter((each) => each.uriTemplate.startsWith(`${target}+`)).length, 2);

      const { prompts } = await client().listPrompts();
      assert.ok(prompts.some(({ name }) => name === `${target}_simple-prompt`));
      const prompt = await client().getPrompt({
        name: `${target}_args-prompt`,
        arguments: { city: 'Oslo' },
      });
      assert.match(JSON.stringify(prompt.messages), /What's weather in Oslo\?/);
      const { completion } = await client().complete({
        ref: { type: 'ref/prompt', name: `${target}_completable-prompt` },
        argument: { name: 'department', value: 'E' },
      });
      assert.deepEqual(completion.values, ['Engineering']);
    });
  }

  for (const target of FIXTURES) {
    test(`calls, reads, gets and answers a question: the fixture as "${target}"`, async () => {
      const call = async (name: string, args: Record<string, unknown> = {}) =>
        toolAnswer(await client().callTool({ name: `${target}_${name}`, arguments: args })).text;
      assert.match(await call('test_simple_text'), /a simple text response/);
      assert.match(await call('test_elicitation', { message: 'who?' }), /grace@example.com/);
      assert.equal(await call('test_input_required_result_elicitation'), 'Hello, Grace Hopper!');
      const uri = `${target}+test://static-text`;
      assert.equal((await client().readResource({ uri })).contents[0]?.uri, uri);
      const name = `${target}_test_simple_prompt`;
      assert.match(JSON.stringify((await client().getPrompt({ name })).messages), /a simple prompt/);
    });
  }
}

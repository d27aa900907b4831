/** What any client may expect of the fixture behind the gateway, whatever the era of either: the same. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Driver, Told } from './driver.ts';

type Client = () => Driver;

/** What some programs do not do, whatever server they talk to. */
export type Gap =
  /** Repeats arguments in headers, where a tool wants that (2026-07-28). */
  | 'headers'
  /** Closes the stream of a request that it cancels (2026-07-28). */
  | 'cancellation'
  /** Says that it listens only when it does. */
  | 'listening'
  /** Hears of logs that belong to no call: the newest revision has no place for them. */
  | 'logs outside of calls';

export type Gaps = ReadonlySet<Gap>;

const NO_GAPS: Gaps = new Set();

export function describeFixture(client: Client, target: string, gaps = NO_GAPS): void {
  describe(`the fixture as "${target}"`, () => {
    answers(client, target, gaps);
    questions(client, target);
    events(client, target);
  });
}

function answers(client: Client, target: string, gaps: Gaps): void {
  test('calls tools, one of them with an argument that is repeated in a header', async () => {
    const { text } = await client().call(`${target}_test_simple_text`);
    assert.equal(text, 'This is a simple text response for testing.');
    const failed = await client().call(`${target}_test_error_handling`);
    assert.deepEqual(failed, {
      isError: true,
      text: 'This tool intentionally returns an error for testing',
      structured: undefined,
    });
    const header = client().call(`${target}_test_header_argument`, { region: 'Zürich, süd ' });
    if (!gaps.has('headers')) assert.equal((await header).text, 'Region Zürich, süd ');
    else await assert.rejects(header, /header for argument "region" is missing/);
  });

  test('reads resources, gets a prompt, completes', async () => {
    const uri = `${target}+test://static-text`;
    assert.deepEqual(await client().read(uri), {
      uri,
      text: 'This is the content of the static text resource.',
    });
    const made = `${target}+test://template/7/data`;
    const second = await client().read(made);
    assert.equal(second.uri, made);
    assert.match(second.text, /Data for ID: 7/);
    const prompt = await client().prompt(`${target}_test_prompt_with_arguments`, { arg1: 'a', arg2: 'b' });
    assert.equal(prompt, "Prompt with arguments: arg1='a', arg2='b'");
    const ref = { type: 'ref/prompt', name: `${target}_test_prompt_with_arguments` } as const;
    const values = await client().complete(ref, { name: 'arg1', value: 'par' });
    assert.deepEqual(values, ['paris', 'park', 'party']);
    const template = { type: 'ref/resource', uri: `${target}+test://template/{id}/data` } as const;
    assert.deepEqual(await client().complete(template, { name: 'id', value: '12' }), ['123', '124']);
  });

  test('sees the progress of a call', async () => {
    const seen: number[] = [];
    const onprogress = ({ progress }: { progress: number }): void => void seen.push(progress);
    await client().call(`${target}_test_tool_with_progress`, {}, { onprogress });
    // These clients drop what they read together with the answer.
    assert.deepEqual(seen, [0, 50, 100].slice(0, Math.max(2, seen.length)));
  });

  test('is told that there is no such resource', async () => {
    await assert.rejects(client().read(`${target}+test://nothing`), /not found|nothing/i);
  });
}

function questions(client: Client, target: string): void {
  const call = async (name: string, args = {}): Promise<string> =>
    (await client().call(`${target}_${name}`, args)).text;

  test('answers sampling, elicitation and for its roots', async () => {
    assert.match(await call('test_sampling', { prompt: 'a haiku' }), /LLM response: sampled .*a haiku/);
    assert.match(await call('test_elicitation', { message: 'who?' }), /action=accept, .*ada@example.com/);
    assert.match(await call('test_list_roots'), /"uri":"file:.*"name":"the root"/);
  });

  test('answers several questions at once, and one after the other', async () => {
    const several = await call('test_input_required_result_multiple_inputs');
    assert.equal(several, 'Got elicit, sampling, roots.');
    assert.equal(await call('test_input_required_result_multi_round'), 'Both steps answered.');
  });

  test('brings back the state of a server that keeps none', async () => {
    assert.equal(await call('test_input_required_result_request_state'), 'state-ok');
    assert.match(await call('test_input_required_result_sampling'), /sampled .*capital of France/);
  });

  test('answers what a prompt asks', async () => {
    const text = await client().prompt(`${target}_test_input_required_result_prompt`);
    assert.equal(text, 'Context: of engines');
  });

  test('answers what forty calls at the same time ask', async () => {
    const each = Array.from({ length: 40 }, async (_, at) => {
      const said = await call('test_sampling', { prompt: `question ${at}.` });
      assert.ok(said.includes(`question ${at}.`), `${at} got ${said}`);
    });
    await Promise.all(each);
  });
}

function events(client: Client, target: string): void {
  test('hears the log of a call from the level on that it wants', async () => {
    await client().logLevel('info');
    await client().call(`${target}_test_tool_with_logging`);
    const logs = (): unknown[] =>
      client()
        .heard.all()
        .flatMap((told) => (told.kind === 'log' ? [told.data] : []));
    const all = ['Tool execution started', 'Tool processing data', 'Tool execution completed'];
    const heard = (): unknown[] => logs().filter((data) => all.includes(String(data)));
    assert.deepEqual(heard().slice(-3), all);
    const before = heard().length;
    await client().logLevel('emergency');
    await client().call(`${target}_test_tool_with_logging`);
    assert.equal(heard().length, before);
  });

  test('hears of a change of a resource it subscribed to', async () => {
    const uri = `${target}+test://watched-resource`;
    await client().subscribe(uri);
    const updated = client().heard.first((told) => told.kind === 'updated' && told.uri === uri);
    await untilHeard(updated, () => client().call(`${target}_test_update_watched_resource`));
    await client().unsubscribe(uri);
  });

  test('hears that lists changed', async () => {
    await client().listen();
    for (const [tool, list] of [
      ['test_trigger_tool_change', 'tools'],
      ['test_trigger_prompt_change', 'prompts'],
    ] as const) {
      const changes = (told: Told): boolean => told.kind === 'listChanged' && told.list === list;
      const before = client().heard.all().filter(changes).length;
      const changed = client().heard.first(() => client().heard.all().filter(changes).length > before);
      await untilHeard(changed, () => client().call(`${target}_${tool}`));
    }
  });
}

/** What happens before a client listens that says so too early happens again. */
async function untilHeard(heard: Promise<Told>, cause: () => Promise<unknown>): Promise<void> {
  const again = async (): Promise<false> => {
    await cause();
    await delay(100);
    return false;
  };
  while (!(await Promise.race([heard, again()])));
}

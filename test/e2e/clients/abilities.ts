/** What any client may expect of real servers behind the gateway, as tests: listed, called, read, told and asked. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { until } from '../../fixtures/child-host.ts';
import { samples } from '../../fixtures/gateway-state.ts';
import type { Driver } from './driver.ts';
import { describeFixture, type Gaps } from './fixture-abilities.ts';
import { EVERYTHINGS, FIXTURES, type RealServers } from './real-servers.ts';

export interface Subject {
  readonly name: string;
  readonly gaps?: Gaps;
  connect(servers: RealServers): Promise<Driver>;
}

export function describeAbilities(subject: Subject, servers: () => RealServers): void {
  const { gaps = new Set() } = subject;
  describe(subject.name, () => {
    let client: Driver;
    before(async () => {
      client = await subject.connect(servers());
    });
    after(async () => {
      await client?.close();
    });
    const ask = (): Driver => client;
    listings(ask, servers);
    for (const target of EVERYTHINGS) {
      describe(`everything as "${target}"`, () => {
        answers(ask, target);
        questions(ask, target);
        if (!gaps.has('listening')) updates(ask, target);
        if (!gaps.has('logs outside of calls')) logs(ask, target);
      });
    }
    for (const target of FIXTURES) describeFixture(ask, target, gaps);
    if (!gaps.has('cancellation')) cancellation(ask, servers);
    if (!gaps.has('listening')) memory(ask);
    otherServers(ask, servers);
  });
}

function listings(client: () => Driver, servers: () => RealServers): void {
  test('lists the tools, prompts, resources and templates of every server, each once', async () => {
    const names = await client().tools();
    const prompts = await client().prompts();
    const resources = await client().resources();
    const templates = await client().templates();
    for (const list of [names, prompts, resources, templates])
      assert.equal(new Set(list).size, list.length, 'twice in a list');
    const count = (list: readonly string[], start: string): number =>
      list.filter((each) => each.startsWith(start)).length;
    for (const target of EVERYTHINGS) {
      assert.ok(count(names, `${target}_`) >= 13, `tools of ${target}`);
      assert.equal(count(prompts, `${target}_`), 4);
      assert.equal(count(resources, `${target}+demo://`), 7);
      assert.equal(count(templates, `${target}+demo://`), 2);
    }
    for (const target of FIXTURES) {
      assert.ok(count(names, `${target}_`) >= 30, `tools of ${target}`);
      assert.equal(count(prompts, `${target}_`), 5);
      assert.equal(count(resources, `${target}+test://`), 3);
      assert.equal(count(templates, `${target}+test://`), 1);
    }
    assert.equal(count(names, 'files_'), 14);
    assert.equal(count(names, 'memory_'), 9);
    assert.equal(count(names, 'time_'), servers().uvx.available ? 2 : 0);
    for (const name of names) assert.match(name, /^[A-Za-z0-9_.-]{1,64}$/);
  });
}

function answers(client: () => Driver, target: string): void {
  test('calls a tool', async () => {
    const { text } = await client().call(`${target}_echo`, { message: 'hello world' });
    assert.equal(text, 'Echo: hello world');
  });

  test('gets a structured result that fits the schema the tool was listed with', async () => {
    const { structured } = await client().call(`${target}_get-structured-content`, { location: 'Chicago' });
    assert.deepEqual(structured, { temperature: 36, conditions: 'Light rain / drizzle', humidity: 82 });
  });

  test('gets the error a tool gives', async () => {
    const answer = await client().call(`${target}_echo`, {});
    assert.equal(answer.isError, true);
    assert.match(answer.text, /message/);
  });

  test('reads a listed resource and one made from a template, each under the address it was asked for', async () => {
    const start = `${target}+demo://resource/static/`;
    const listed = (await client().resources()).find((uri) => uri.startsWith(start)) ?? '';
    const read = await client().read(listed);
    assert.equal(read.uri, listed);
    assert.ok(read.text.length > 100);
    const template = (await client().templates()).find((each) => each.includes('/text/')) ?? '';
    const made = template.replace(/^[^+]+/, target).replace('{resourceId}', '7');
    const second = await client().read(made);
    assert.equal(second.uri, made);
    assert.match(second.text, /^Resource 7: This is a plaintext resource/);
  });

  test('follows a resource link from a tool result', async () => {
    const links = await client().call(`${target}_get-resource-reference`, {
      resourceType: 'Text',
      resourceId: 3,
    });
    assert.match(links.text, /URI[^\n]*demo:\/\/resource\/dynamic\/text\/3/);
  });

  test('gets a prompt', async () => {
    const text = await client().prompt(`${target}_args-prompt`, { city: 'Paris', state: 'Texas' });
    assert.equal(text, "What's weather in Paris, Texas?");
  });

  test('completes arguments of prompts, those known already included, and of templates', async () => {
    const ref = { type: 'ref/prompt', name: `${target}_completable-prompt` } as const;
    assert.deepEqual(await client().complete(ref, { name: 'department', value: 'S' }), ['Sales', 'Support']);
    const known = { department: 'Sales' };
    assert.deepEqual(await client().complete(ref, { name: 'name', value: 'E' }, known), ['Eve']);
    const uri = `${target}+demo://resource/dynamic/text/{resourceId}`;
    const template = { type: 'ref/resource', uri } as const;
    assert.deepEqual(await client().complete(template, { name: 'resourceId', value: '12' }), ['12']);
  });

  test('sees the progress of a call', async () => {
    const seen: number[] = [];
    const onprogress = ({ progress }: { progress: number }): void => void seen.push(progress);
    const args = { duration: 0.8, steps: 4 };
    const name = `${target}_trigger-long-running-operation`;
    const { text } = await client().call(name, args, { onprogress });
    assert.match(text, /completed/);
    // These clients drop what they read together with the answer, so the last steps may be missing. A server that asks
    // for the roots of a new client makes the call a round, which SDK v2 counts as a step of its own.
    assert.ok(seen.length >= 2 && seen.at(-1)! >= 2, String(seen));
    assert.deepEqual(
      seen,
      seen.toSorted((a, b) => a - b),
    );
  });
}

function questions(client: () => Driver, target: string): void {
  test('answers sampling', async () => {
    const { text } = await client().call(`${target}_trigger-sampling-request`, { prompt: 'a haiku' });
    assert.match(text, /sampled .*a haiku/s);
  });

  test('answers elicitation', async () => {
    const { text } = await client().call(`${target}_trigger-elicitation-request`);
    assert.match(text, /Ada Lovelace/);
  });

  test('answers for its roots', async () => {
    const { text } = await client().call(`${target}_get-roots-list`);
    assert.match(text, /the root\s+URI: file:/);
  });
}

function updates(client: () => Driver, target: string): void {
  test('hears of a change of a resource it subscribed to, and of no other', async () => {
    const uri = `${target}+demo://resource/dynamic/text/1`;
    await client().subscribe(uri);
    await client().call(`${target}_toggle-subscriber-updates`);
    await client().heard.first((told) => told.kind === 'updated' && told.uri === uri);
    await client().call(`${target}_toggle-subscriber-updates`);
    await client().unsubscribe(uri);
    const others = client()
      .heard.all()
      .filter((told) => told.kind === 'updated' && told.uri.startsWith(`${target}+`) && told.uri !== uri);
    assert.deepEqual(others, []);
  });
}

function logs(client: () => Driver, target: string): void {
  test('sets the level of log messages, and hears them', async () => {
    await client().logLevel('debug');
    const uri = `${target}+demo://resource/dynamic/text/22`;
    await client().subscribe(uri);
    const fits = /Received Subscribe Resource request for URI: demo:\/\/resource\/dynamic\/text\/22/;
    const told = await client().heard.first((each) => each.kind === 'log' && fits.test(String(each.data)));
    assert.equal(told.kind === 'log' && told.level, 'info');
    await client().unsubscribe(uri);
  });
}

function cancellation(client: () => Driver, servers: () => RealServers): void {
  test('cancels a call, and goes on with the session', async () => {
    const { statsUrl } = servers().gateway;
    const cancelled = async (): Promise<number> => {
      const calls = await samples(statsUrl, 'mcp_requests_total');
      const ours = [...calls].filter(([labels]) => labels.includes('outcome="cancelled"'));
      return ours.reduce((sum, [, count]) => sum + count, 0);
    };
    const before = await cancelled();
    const cancel = new AbortController();
    const onprogress = (): void => cancel.abort(new Error('changed my mind'));
    const args = { duration: 60, steps: 600 };
    const options = { onprogress, signal: cancel.signal };
    const call = client().call('remote_trigger-long-running-operation', args, options);
    await assert.rejects(call, /changed my mind|abort/i);
    await until(async () => (await cancelled()) === before + 1, 'the call ended as cancelled');
    const { text } = await client().call('remote_echo', { message: 'still here' });
    assert.equal(text, 'Echo: still here');
    await client().ping();
  });
}

function memory(client: () => Driver): void {
  test('keeps and finds what it told the memory, and hears that the memory changed', async () => {
    const uri = 'memory+memory://knowledge-graph';
    await client().subscribe(uri);
    const entity = { name: 'Ada', entityType: 'person', observations: ['wrote the first program'] };
    await client().call('memory_create_entities', { entities: [entity] });
    await client().heard.first((told) => told.kind === 'updated' && told.uri === uri);
    const { structured } = await client().call('memory_search_nodes', { query: 'first program' });
    assert.deepEqual(structured, { entities: [entity], relations: [] });
    const graph = await client().read(uri);
    assert.match(graph.text, /Ada/);
    await client().unsubscribe(uri);
    await client().call('memory_delete_entities', { entityNames: ['Ada'] });
  });
}

function otherServers(client: () => Driver, servers: () => RealServers): void {
  test('works with files', async () => {
    const { folder } = servers();
    const hello = join(folder, 'hello.txt');
    assert.equal((await client().call('files_read_text_file', { path: hello })).text, 'Hello from a file.');
    const written = join(folder, 'written.txt');
    await client().call('files_write_file', { path: written, content: 'by a tool' });
    assert.equal(await readFile(written, 'utf8'), 'by a tool');
    const outside = await client().call('files_read_text_file', { path: join(folder, '..', 'memory.jsonl') });
    assert.equal(outside.isError, true);
  });

  test('asks the clock', async (t) => {
    const { uvx } = servers();
    if (!uvx.available) return t.skip(`the clock: ${uvx.reason}`);
    const { text } = await client().call('time_get_current_time', { timezone: 'America/New_York' });
    assert.match(text, /"timezone": "America\/New_York"/);
  });
}

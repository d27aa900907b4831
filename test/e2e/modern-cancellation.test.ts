/**
 * Calls that end early, where client or server is of revision 2026-07-28: there a request is cancelled by closing its
 * stream, elsewhere by a notification. And modern servers that hang.
 */
import assert from 'node:assert/strict';
import { after, type TestContext, test } from 'node:test';
import { type McpHttpClient, STREAM_FIRST, textOf } from '../fixtures/mcp-http.ts';
import { inputOf, ModernClient } from '../fixtures/mcp-modern.ts';
import { startWorld } from '../fixtures/mcp-world.ts';
import { LEFT } from '../fixtures/raw-server/http.ts';
import type { Step } from '../fixtures/raw-server/options.ts';

const world = await startWorld({
  targets: {
    old: {},
    'old-child': { over: 'stdio' },
    new: { raw: { era: 'modern' } },
    'new-child': { over: 'stdio', raw: { era: 'modern' } },
    mute: { raw: { era: 'modern', silent: ['subscriptions/listen', 'resources/read'] } },
  },
  mcp: { callTimeout: '10s', failureMode: 'failOpen' },
});
after(() => world.close());

const HELD: Step = { do: 'progress', progress: 1 };
const DONE: Step = { do: 'result', result: { content: [{ type: 'text', text: 'done' }] } };

function modern(t: TestContext, capabilities = {}, url = world.gateway.url): ModernClient {
  const client = new ModernClient(url, { capabilities });
  t.after(() => client.close());
  return client;
}

/** A call that waits at its server, and has told of progress so that it is known to have begun. */
async function waiting(client: McpHttpClient, target: string) {
  const key = crypto.randomUUID();
  const steps: Step[] = [HELD, { do: 'hold', key }, DONE];
  const params = { name: `${target}_script`, arguments: { steps }, _meta: { progressToken: key } };
  const message = client.message('tools/call', params);
  const stream = await client.stream(message, STREAM_FIRST);
  const { params: told } = await stream.method('notifications/progress');
  assert.equal(told?.['progressToken'], key);
  return { key, id: message.id, stream };
}

/** What the server has received so far, as it tells over the link of this client. */
async function journal(client: McpHttpClient, target: string): Promise<string[]> {
  const entries = JSON.parse(textOf(await client.call(`${target}_journal`))) as object[];
  return entries.map((entry) => JSON.stringify(entry));
}

/** The server knows which call is meant. */
async function cancelledInChild(client: McpHttpClient, target: string, key: string): Promise<void> {
  for (;;) {
    const entries = await journal(client, target);
    const call = entries.find((entry) => entry.includes(key) && entry.includes('tools/call'));
    const { id } = JSON.parse(call ?? '{}') as { id?: unknown };
    const cancelled = entries.filter((entry) => entry.includes('notifications/cancelled'));
    if (cancelled.some((entry) => entry.includes(`"requestId":${JSON.stringify(id)}`))) return;
  }
}

test('a modern client that closes its stream cancels the call: a legacy server is notified', async (t) => {
  const client = modern(t);
  const { key, stream } = await waiting(client, 'old');
  const { control } = world.server('old');
  const call = await control.waitFor(({ text }) => text.includes(key));
  stream.close();
  const { params } = await control.waitFor(({ method }) => method === 'notifications/cancelled');
  assert.equal((params as { requestId: unknown }).requestId, call.id);
});

test('a modern client that closes its stream cancels the call: a modern server sees its stream closed', async (t) => {
  const client = modern(t);
  const other = await waiting(client, 'new');
  const { key, stream } = await waiting(client, 'new');
  const { control } = world.server('new');
  stream.close();
  await control.waitFor(({ method, text }) => method === LEFT && text.includes(key));
  const left = control.received().filter(({ method }) => method === LEFT);
  assert.ok(left.every(({ text }) => !text.includes(other.key)));
  assert.ok(control.received().every(({ method }) => method !== 'notifications/cancelled'));
  await client.script([{ do: 'release', key: other.key }, DONE], 'new_script');
  assert.equal(textOf(await other.stream.answer(other.id)), 'done');
});

for (const target of ['old-child', 'new-child']) {
  test(`a modern client that closes its stream cancels the call of ${target}`, async (t) => {
    const client = modern(t);
    const { key, stream } = await waiting(client, target);
    stream.close();
    await cancelledInChild(client, target, key);
  });
}

test('a modern client that breaks off before any reply cancels as well', async (t) => {
  const client = modern(t);
  const key = crypto.randomUUID();
  const steps: Step[] = [{ do: 'hold', key }];
  const params = { name: 'new_script', arguments: { steps } };
  const { abort } = client.begin('POST', client.message('tools/call', params));
  const { control } = world.server('new');
  await control.waitFor(({ text }) => text.includes(key));
  abort();
  await control.waitFor(({ method, text }) => method === LEFT && text.includes(key));
});

for (const target of ['new', 'new-child']) {
  test(`a legacy client's cancellation reaches ${target} in its own way`, async () => {
    const client = await world.client();
    const { key, id, stream } = await waiting(client, target);
    await client.notify('notifications/cancelled', { requestId: id, reason: 'enough' });
    assert.equal((await stream.answer(id)).error?.data?.['code'], 'CANCELLED');
    if (target === 'new-child') await cancelledInChild(client, target, key);
    else {
      const { control } = world.server('new');
      await control.waitFor(({ method, text }) => method === LEFT && text.includes(key));
    }
  });
}

test('a legacy client that only goes away has cancelled nothing at a modern server', async () => {
  const client = await world.client();
  const { key, stream } = await waiting(client, 'new');
  stream.close();
  await client.script([{ do: 'release', key }, DONE], 'new_script');
  const { control } = world.server('new');
  assert.ok(control.received().every(({ method, text }) => method !== LEFT || !text.includes(key)));
});

test('a call that waits for its client goes on when the stream that asked is closed', async (t) => {
  const client = modern(t, { elicitation: {} });
  const ask: Step = { do: 'ask', method: 'elicitation/create', params: { message: '?' }, id: 1 };
  const args = { steps: [HELD, ask, { do: 'resultAnswers' }] };
  const message = client.message('tools/call', {
    name: 'old_script',
    arguments: args,
    _meta: { progressToken: 1 },
  });
  const stream = await client.stream(message, STREAM_FIRST);
  const input = inputOf(await stream.answer(message.id));
  stream.close();
  const given = { action: 'decline' };
  const [key = ''] = Object.keys(input.requests);
  const again = { inputResponses: { [key]: given }, requestState: input.state };
  assert.deepEqual(JSON.parse(textOf(await client.again('old_script', args, again))), [given]);
});

test('a modern server that never answers is given up in time, and sees its stream closed', async (t) => {
  const hanging = await startWorld({
    targets: { new: { raw: { era: 'modern' } } },
    mcp: { callTimeout: '500ms', prefixMode: 'always' },
  });
  t.after(() => hanging.close());
  for (const client of [modern(t, {}, hanging.gateway.url), await hanging.client()]) {
    const key = crypto.randomUUID();
    const never = client.script([{ do: 'hold', key }], 'new_script');
    assert.equal(textOf(await client.call('new_echo', { still: 'here' })), '{"still":"here"}');
    const { error } = await never;
    assert.equal(error?.data?.['code'], 'UPSTREAM_TIMEOUT');
    assert.match(error?.message ?? '', /"new".* 500 ms/);
    await hanging.server('new').control.waitFor(({ method, text }) => method === LEFT && text.includes(key));
  }
});

test('a modern server that does not answer subscriptions/listen holds up neither lists nor calls', async (t) => {
  for (const client of [modern(t), await world.client()]) {
    const tools = await client.request('tools/list');
    assert.match(JSON.stringify(tools.result), /"mute_echo"/);
    assert.equal(textOf(await client.call('mute_echo', { a: 1 })), '{"a":1}');
  }
});

test('a target that answers nothing at all is left out or named, as the configuration says', async (t) => {
  const silent = ['server/discover', 'initialize'];
  const targets = { new: { raw: { era: 'modern' as const } }, dead: { raw: { silent } } };
  for (const failureMode of ['failOpen', 'failClosed']) {
    const half = await startWorld({ targets, mcp: { failureMode, connectTimeout: '600ms' } });
    t.after(() => half.close());
    const { result, error } = await modern(t, {}, half.gateway.url).request('tools/list');
    if (failureMode === 'failOpen') assert.match(JSON.stringify(result), /"new_echo"/);
    else assert.match(error?.message ?? '', /"dead"/);
  }
});

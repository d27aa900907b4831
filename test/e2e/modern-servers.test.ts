/** Servers of revision 2026-07-28 before clients of older ones: their questions, subscriptions and announcements. */
import assert from 'node:assert/strict';
import { after, type TestContext, test } from 'node:test';
import type { EventStream } from '../fixtures/event-stream.ts';
import { type ClientOptions, type McpHttpClient, type Message, textOf } from '../fixtures/mcp-http.ts';
import { startWorld } from '../fixtures/mcp-world.ts';
import type { Step } from '../fixtures/raw-server/options.ts';

const raw = { era: 'modern' } as const;
const world = await startWorld({
  targets: { http: { raw }, stdio: { over: 'stdio', raw } },
  mcp: { callTimeout: '5s' },
});
after(() => world.close());

const TARGETS = ['http', 'stdio'] as const;
const ALL = { sampling: {}, elicitation: { form: {}, url: {} }, roots: { listChanged: true } };
const FORM = { mode: 'form', message: 'Which?', requestedSchema: { type: 'object', properties: {} } };
const BY_URL = { mode: 'url', message: 'Log in', url: 'https://login.test/' };
const CHOICE = { action: 'accept', content: { which: 'this' } };
const ROOTS = { roots: [{ uri: 'file:///home' }] };
const DONE: Step = {
  do: 'result',
  result: { resultType: 'complete', content: [{ type: 'text', text: 'done' }] },
};

const need = (inputRequests: object | undefined, requestState?: string): Step => ({
  do: 'need',
  text: JSON.stringify({ resultType: 'input_required', inputRequests, requestState }),
});
const form = (params: object = FORM) => ({ method: 'elicitation/create', params });

interface Called {
  readonly client: McpHttpClient;
  readonly id: number;
  readonly stream: EventStream;
}

async function begin(
  target: string,
  steps: readonly Step[],
  options: ClientOptions = { capabilities: ALL },
): Promise<Called> {
  const client = await world.client(options);
  const message = client.message('tools/call', { name: `${target}_script`, arguments: { steps } });
  return { client, id: message.id, stream: await client.stream(message) };
}

async function outcomeOf({ id, stream }: Called): Promise<Message> {
  return await stream.answer(id);
}

for (const target of TARGETS) {
  test(`${target}: what the server needs is asked by real requests, and it gets the answers with its state`, async () => {
    const asked = { which: form(), where: { method: 'roots/list' } };
    const called = await begin(target, [
      need(asked, 'one'),
      need({ visit: form(BY_URL) }),
      { do: 'resultReceived' },
    ]);
    const { client, stream } = called;
    const which = await stream.method('elicitation/create');
    const where = await stream.method('roots/list');
    assert.deepEqual(which.params, FORM);
    await client.answer(where.id, ROOTS);
    await client.answer(which.id, CHOICE);
    const visit = await stream.message(({ params }) => params?.['mode'] === 'url');
    const { elicitationId, ...rest } = visit.params ?? {};
    assert.deepEqual(rest, BY_URL);
    assert.match(String(elicitationId), /^\w+$/);
    await client.answer(visit.id, { action: 'accept' });
    const done = await outcomeOf(called);
    assert.equal(done.result?.['resultType'], undefined);
    const { params } = JSON.parse(textOf(done)) as { params: Record<string, unknown> };
    assert.deepEqual(
      [params['inputResponses'], params['requestState']],
      [{ visit: { action: 'accept' } }, undefined],
    );
  });

  test(`${target}: a client that refuses, or cannot be asked, hears why from the tool`, async () => {
    const refused = await begin(target, [need({ a: form(), b: { method: 'roots/list' } }, 's'), DONE]);
    const question = await refused.stream.method('elicitation/create');
    const other = await refused.stream.method('roots/list');
    const error = { code: -1, message: 'User rejected' };
    await refused.client.send({ jsonrpc: '2.0', id: question.id, error });
    const withdrawn = await refused.stream.method('notifications/cancelled');
    assert.equal(withdrawn.params?.['requestId'], other.id);
    const { result } = await outcomeOf(refused);
    assert.equal(result?.['isError'], true);
    assert.match(JSON.stringify(result), /elicitation\/create.*User rejected/);
    const unable = await begin(target, [need({ a: form(BY_URL) }), DONE], {
      capabilities: { elicitation: {} },
    });
    assert.match(textOf(await outcomeOf(unable)), /does not support elicitation\.url/);
  });

  test(`${target}: a client that has answered is not asked the same again because the server is lost then`, async () => {
    const lost: Step = target === 'http' ? { do: 'status', status: 404 } : { do: 'die' };
    const called = await begin(target, [need({ a: form() }, 's'), lost]);
    const question = await called.stream.method('elicitation/create');
    await called.client.answer(question.id, CHOICE);
    const { error } = await outcomeOf(called);
    assert.match(error?.message ?? '', /lost after the client had answered/);
    const asked = called.stream.messages.filter(({ method }) => method === 'elicitation/create');
    assert.equal(asked.length, 1);
  });

  test(`${target}: a call that is cancelled while its client is asked withdraws the question`, async () => {
    const called = await begin(target, [need({ a: form() }, 's'), DONE]);
    const question = await called.stream.method('elicitation/create');
    await called.client.notify('notifications/cancelled', { requestId: called.id });
    const withdrawn = await called.stream.method('notifications/cancelled');
    assert.equal(withdrawn.params?.['requestId'], question.id);
  });

  test(`${target}: a server that only wants the call again gets it again`, async () => {
    const called = await begin(target, [need(undefined, 'busy'), { do: 'resultReceived' }]);
    const { params } = JSON.parse(textOf(await outcomeOf(called))) as { params: Record<string, unknown> };
    assert.equal(params['requestState'], 'busy');
    assert.equal('inputResponses' in params, false);
  });

  test(`${target}: a resource that is subscribed to is listened for, and its changes arrive`, async (t) => {
    const client = await world.client();
    const stream = await listen(t, client);
    const updated = (uri: string): Step => ({
      do: 'notify',
      on: 'listening',
      method: 'notifications/resources/updated',
      params: { uri },
    });
    for (const uri of ['raw://one', 'raw://two'])
      assert.deepEqual((await client.request('resources/subscribe', { uri: `${target}+${uri}` })).result, {});
    await client.script([updated('raw://two'), updated('raw://one'), DONE], `${target}_script`);
    const told = await stream.message(({ params }) => params?.['uri'] === `${target}+raw://one`);
    const [first] = stream.messages.filter(({ method }) => method === told.method);
    assert.equal(first?.params?.['uri'], `${target}+raw://two`);
    assert.equal(JSON.stringify(stream.messages).includes('subscriptionId'), false, 'an id of another hop');
    const { result } = await client.request('resources/unsubscribe', { uri: `${target}+raw://two` });
    assert.deepEqual(result, {});
  });

  test(`${target}: that its tools have changed is told to who listens`, async (t) => {
    const client = await world.client();
    const stream = await listen(t, client);
    const tools = { do: 'notify', on: 'listening', method: 'notifications/tools/list_changed' } as const;
    await client.script([{ do: 'setTools', count: 3 }, tools, DONE], `${target}_script`);
    await stream.method('notifications/tools/list_changed');
  });
}

async function listen(t: TestContext, client: McpHttpClient): Promise<EventStream> {
  const stream = await client.listen();
  t.after(() => stream.close());
  return stream;
}

/**
 * Questions of legacy servers to modern clients: the call is answered `input_required` and waits, and the client sends
 * it again with the answer. What may go wrong while it waits: the server ends, the configuration changes, the gateway
 * stops, somebody else comes with the state.
 */
import assert from 'node:assert/strict';
import { after, type TestContext, test } from 'node:test';
import { isAlive, until } from '../fixtures/child-host.ts';
import { type GatewayProcess, startGateway } from '../fixtures/gateway.ts';
import { edit, routeOf } from '../fixtures/gateway-state.ts';
import { type Message, textOf } from '../fixtures/mcp-http.ts';
import { answered, inputOf, ModernClient } from '../fixtures/mcp-modern.ts';
import { startWorld, stdioTarget } from '../fixtures/mcp-world.ts';
import { startRawServer } from '../fixtures/raw-server/http.ts';
import type { Step } from '../fixtures/raw-server/options.ts';

const TARGETS = ['http', 'events', 'stdio'] as const;

const world = await startWorld({
  targets: { http: { over: 'mcp' }, events: { over: 'sse' }, stdio: { over: 'stdio' } },
  mcp: { callTimeout: '5s' },
});
after(() => world.close());

const CAPABILITIES = { elicitation: {}, sampling: {} };
const FORM = { message: 'Which?', requestedSchema: { type: 'object', properties: {} } };
const CHOICE = { action: 'accept', content: { which: 'this' } };
const WORDS = { model: 'm', role: 'assistant', content: { type: 'text', text: 'words' } };
const ASK: Step = { do: 'ask', method: 'elicitation/create', params: FORM, id: 'e' };
const ASK_MODEL: Step = { do: 'ask', method: 'sampling/createMessage', params: { messages: [] }, id: 's' };
const TELL: Step = { do: 'resultAnswers' };

function modern(t: TestContext, url = world.gateway.url, capabilities: object = CAPABILITIES): ModernClient {
  const client = new ModernClient(url, { capabilities: { ...capabilities } });
  t.after(() => client.close());
  return client;
}

async function pidOf(client: ModernClient, target: string): Promise<number> {
  return (JSON.parse(textOf(await client.call(`${target}_whoami`))) as { pid: number }).pid;
}

const codeOf = ({ error }: Message): unknown => error?.data?.['code'];

for (const target of TARGETS) {
  test(`each question of ${target} is a round of its own, and its answer reaches the one call`, async (t) => {
    const client = modern(t);
    const [name, args] = [`${target}_script`, { steps: [ASK, ASK_MODEL, TELL] }];
    const first = inputOf(await client.call(name, args));
    assert.deepEqual(Object.values(first.requests), [{ method: 'elicitation/create', params: FORM }]);
    const second = inputOf(await client.again(name, args, answered(first, CHOICE)));
    assert.deepEqual(Object.values(second.requests), [
      { method: 'sampling/createMessage', params: { messages: [] } },
    ]);
    const done = await client.again(name, args, answered(second, WORDS));
    assert.equal(done.result?.['resultType'], 'complete');
    assert.deepEqual(JSON.parse(textOf(done)), [CHOICE, WORDS]);
  });

  test(`a question of ${target} that gets no answer is asked again`, async (t) => {
    const client = modern(t);
    const [name, args] = [`${target}_script`, { steps: [ASK, TELL] }];
    const first = inputOf(await client.call(name, args));
    const without = { inputResponses: { other: CHOICE }, requestState: first.state };
    const second = inputOf(await client.again(name, args, without));
    assert.deepEqual(second.requests, first.requests);
    const declined = await client.again(name, args, answered(second, { action: 'decline' }));
    assert.deepEqual(JSON.parse(textOf(declined)), [{ action: 'decline' }]);
  });

  test(`a client that has not said it can answer is not asked by ${target}`, async (t) => {
    for (const capabilities of [{}, { roots: {} }]) {
      const client = modern(t, world.gateway.url, capabilities);
      const answer = await client.call(`${target}_script`, { steps: [ASK, TELL] });
      assert.match(textOf(answer), /"error":.*-32601/);
    }
  });
}

test('a page that a person must visit (-32042) is an error of the newer revision where the client shows none', async (t) => {
  const client = modern(t);
  const wanted = { mode: 'url', url: 'https://login.test/', message: 'Log in', elicitationId: '1' };
  const error = { code: -32042, message: 'visit', data: { elicitations: [wanted] } };
  const message = client.message('tools/call', {
    name: 'http_script',
    arguments: { steps: [{ do: 'error', error }] },
  });
  const { status, messages } = await client.send(message);
  assert.deepEqual([status, messages[0]?.error?.code], [400, -32021]);
  assert.deepEqual(messages[0]?.error?.data?.['requiredCapabilities'], { elicitation: { url: {} } });
});

test('over HTTP a server may ask on the stream that belongs to no call, also for many calls at once', async (t) => {
  const client = modern(t);
  const args = (at: number) => {
    const ask: Step = { ...ASK, params: { ...FORM, message: `${at}` }, on: 'listening' };
    return { steps: [ask, TELL] };
  };
  const name = 'http_script';
  const one = inputOf(await client.call(name, args(0)));
  assert.ok((await client.again(name, args(0), answered(one, CHOICE))).result);
  const all = Array.from({ length: 6 }, async (_, at) => {
    const input = inputOf(await client.call(name, args(at)));
    const asked = Object.values(input.requests).map(({ params }) => params);
    assert.deepEqual(asked, [{ ...FORM, message: `${at}` }]);
    const answer = { action: 'accept', content: { at } };
    const done = await client.again(name, args(at), answered(input, answer));
    assert.deepEqual(JSON.parse(textOf(done)), [answer]);
  });
  await Promise.all(all);
});

test('a state that was changed, belongs to another call, or to another gateway leads nowhere', async (t) => {
  const other = await startWorld({ targets: { http: {}, stdio: { over: 'stdio' } } });
  t.after(() => other.close());
  const client = modern(t);
  const [name, args] = ['http_script', { steps: [ASK, TELL] }];
  const input = inputOf(await client.call(name, args));
  const refused = async (sent: Promise<Message>, why: RegExp): Promise<void> => {
    const { error } = await sent;
    assert.deepEqual([error?.code, error?.data?.['code']], [-32602, 'STATE_INVALID']);
    assert.match(error?.message ?? '', why);
  };
  const { state } = input;
  const changed = [
    '',
    'x',
    state.slice(1),
    state.slice(0, -1),
    `${state}A`,
    ...[0, 5, Math.floor(state.length / 2), state.length - 3].map(
      (at) => state.slice(0, at) + (state[at] === 'A' ? 'B' : 'A') + state.slice(at + 1),
    ),
  ];
  for (const each of changed)
    await refused(client.again(name, args, answered({ ...input, state: each }, CHOICE)), /was changed/);
  const elsewhere = modern(t, other.gateway.url);
  await refused(elsewhere.again(name, args, answered(input, CHOICE)), /not given to this client/);
  const swapped = { steps: [TELL] };
  await refused(client.again(name, swapped, answered(input, CHOICE)), /not the request it was given for/);
  await refused(client.again('stdio_script', args, answered(input, CHOICE)), /not the request/);
  assert.deepEqual(JSON.parse(textOf(await client.again(name, args, answered(input, CHOICE)))), [CHOICE]);
  await refused(client.again(name, args, answered(input, CHOICE)), /not here|over/);
});

test('a server that is killed while it waits for an answer: the retry says so, the next call has another', async (t) => {
  const client = modern(t);
  const pid = await pidOf(client, 'stdio');
  const [name, args] = ['stdio_script', { steps: [ASK, TELL] }];
  const input = inputOf(await client.call(name, args));
  process.kill(pid, 'SIGKILL');
  const answer = await client.again(name, args, answered(input, CHOICE));
  assert.equal(codeOf(answer), 'PROCESS_EXIT');
  assert.match(answer.error?.message ?? '', /"stdio"/);
  assert.notEqual(await pidOf(client, 'stdio'), pid);
  const next = inputOf(await client.call(name, args));
  assert.deepEqual(JSON.parse(textOf(await client.again(name, args, answered(next, CHOICE)))), [CHOICE]);
});

test('over HTTP a server that has gone while it waited is named as well', async (t) => {
  const raw = await startRawServer({ name: 'gone' });
  const targets = [{ name: 'gone', mcp: { host: raw.url } }];
  const gateway = await startGateway({ mcp: { targets, prefixMode: 'always', callTimeout: '3s' } });
  t.after(() => gateway.stop());
  const client = modern(t, gateway.url);
  const [name, args] = ['gone_script', { steps: [ASK, TELL] }];
  const input = inputOf(await client.call(name, args));
  await raw.close();
  const answer = await client.again(name, args, answered(input, CHOICE));
  assert.match(answer.error?.message ?? '', /"gone"/);
  assert.match(String(codeOf(answer)), /^(UPSTREAM_|TARGET_)/);
});

const child = (name: string) => ({ name, stdio: stdioTarget() });

async function serving(t: TestContext): Promise<GatewayProcess> {
  const gateway = await startGateway({
    mcp: { targets: [child('one'), child('two')], prefixMode: 'always' },
  });
  t.after(() => gateway.stop());
  return gateway;
}

/** Hears of changed lists of tools. */
async function ear(client: ModernClient) {
  const message = client.message('subscriptions/listen', { notifications: { toolsListChanged: true } });
  const stream = await client.stream(message);
  await stream.method('notifications/subscriptions/acknowledged');
  return { id: message.id, stream };
}

test('a reload that removes the target ends its waiting calls, leaves those of others, and is told', async (t) => {
  const gateway = await serving(t);
  const client = modern(t, gateway.url);
  const { stream } = await ear(client);
  const pid = await pidOf(client, 'one');
  const args = { steps: [ASK, TELL] };
  const [one, two] = [
    inputOf(await client.call('one_script', args)),
    inputOf(await client.call('two_script', args)),
  ];
  await edit(gateway, (document) => {
    routeOf(document).mcp.targets = [child('two'), child('three')];
  });
  await stream.method('notifications/tools/list_changed');
  const ended = await client.again('one_script', args, answered(one, CHOICE));
  assert.equal(codeOf(ended), 'TARGET_REMOVED');
  await until(async () => !(await isAlive(pid)), 'the child of the removed target has ended');
  assert.deepEqual(JSON.parse(textOf(await client.again('two_script', args, answered(two, CHOICE)))), [
    CHOICE,
  ]);
  const third = inputOf(await client.call('three_script', args));
  assert.ok(third.state);
});

test('a gateway that stops ends the streams of those who listen, and waits for no call that waits for its client', async (t) => {
  const gateway = await serving(t);
  const client = modern(t, gateway.url);
  const pid = await pidOf(client, 'one');
  const { id, stream } = await ear(client);
  inputOf(await client.call('one_script', { steps: [ASK, TELL] }));
  await gateway.stop();
  assert.equal(gateway.exitCode(), 0);
  assert.equal((await stream.answer(id)).result?.['resultType'], 'complete');
  assert.equal(await isAlive(pid), false);
});

test('calls over stdio that wait have a server each, and one more waits for its turn', async (t) => {
  const client = modern(t);
  const args = (at: number) => ({ steps: [{ ...ASK, params: { ...FORM, message: `${at}` } }, TELL] });
  const inputs = await Promise.all(
    Array.from({ length: 8 }, async (_, at) => inputOf(await client.call('stdio_script', args(at)))),
  );
  const ninth = client.call('stdio_script', args(8));
  for (const [at, input] of inputs.entries()) {
    const answer = { action: 'accept', content: { at } };
    const done = await client.again('stdio_script', args(at), answered(input, answer));
    assert.deepEqual(JSON.parse(textOf(done)), [answer]);
  }
  const last = inputOf(await ninth);
  assert.deepEqual(JSON.parse(textOf(await client.again('stdio_script', args(8), answered(last, CHOICE)))), [
    CHOICE,
  ]);
});

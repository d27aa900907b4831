/**
 * Abuse, 3: MCP. What belongs to one principal in the hands of another (sessions of either transport, sealed states,
 * parked calls, tasks), names that pass for others, headers that contradict their message, and messages too large in
 * every direction. Single faults of messages: test/e2e/mcp-bad-requests.test.ts; of headers: src/mcp/fronts/modern;
 * names: test/e2e/mcp-names.test.ts.
 */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { TASKS } from '../../fixtures/everything-server/tasks.ts';
import { AUDIENCE, ecKey, ISSUER, keySetText, token } from '../../fixtures/issuer.ts';
import { type Answer, McpHttpClient, type Message, namesOf, textOf } from '../../fixtures/mcp-http.ts';
import { answered, inputOf, ModernClient } from '../../fixtures/mcp-modern.ts';
import { type McpWorld, startWorld } from '../../fixtures/mcp-world.ts';

const FIXTURE = fileURLToPath(new URL('../../fixtures/everything-server/main.js', import.meta.url));
const key = ecKey('one');
const FORM = { mode: 'form', message: 'Go on?', requestedSchema: { type: 'object', properties: {} } };
const ASK = { do: 'ask', method: 'elicitation/create', params: FORM };
const TELL = { do: 'resultAnswers' };

let world: McpWorld;
let ann = { authorization: '' };
let bob = { authorization: '' };

async function as(sub: string): Promise<{ authorization: string }> {
  const exp = Math.floor(Date.now() / 1000) + 3600;
  return { authorization: `Bearer ${await token(key, { claims: { sub, exp } })}` };
}

before(async () => {
  [ann, bob] = [await as('ann'), await as('bob')];
  world = await startWorld({
    targets: {
      a: {
        raw: {
          results: {
            'tools/list': JSON.stringify({ tools: ['b_secret', 'echo', 'script', 'whoami'].map(tool) }),
          },
        },
      },
      b: { raw: { results: { 'tools/list': JSON.stringify({ tools: ['secret', 'echo'].map(tool) }) } } },
      work: { target: { stdio: { cmd: process.execPath, args: [FIXTURE, '--stdio'] } } },
      shared: {
        target: { stdio: { cmd: process.execPath, args: [FIXTURE, '--stdio'], lifecycle: 'shared' } },
      },
    },
    policies: {
      jwtAuth: { issuer: ISSUER, audiences: [AUDIENCE], jwks: keySetText(key) },
      mcpAuthorization: {
        rules: [
          'mcp.tool.target == "a" || mcp.tool.target == "work"',
          'mcp.tool.target == "shared"',
          '!has(mcp.tool)',
        ],
      },
    },
    settings: { limits: { requestBody: '64KiB', batch: 5, upstreamMessage: '256KiB' } },
  });
});
after(() => world?.close());

function tool(name: string): object {
  return { name, inputSchema: { type: 'object' } };
}

/** Whoever behaves is served, and the gateway has done nothing wrong. */
async function unharmed(): Promise<void> {
  assert.equal(world.gateway.exitCode(), undefined);
  const client = await world.client({ headers: ann });
  assert.ok((await client.call('a_echo')).result);
  assert.doesNotMatch(world.gateway.log(), /"INTERNAL"|TypeError|RangeError/);
}

beforeEach(() => unharmed());

function modern(t: TestContext, headers: { authorization: string }, capabilities: object = {}): ModernClient {
  const client = new ModernClient(world.gateway.url, {
    headers,
    capabilities: { elicitation: {}, ...capabilities },
  });
  t.after(() => client.close());
  return client;
}

const codeOf = ({ error }: Message): unknown =>
  (error?.data as { code?: string } | undefined)?.code ?? error?.code;

describe('what belongs to one principal', () => {
  test('session of the older transport: another one posts nothing into it', async () => {
    const mine = await world.sse({ headers: ann });
    const endpoint = new URL(
      (await mine.stream.event(({ event }) => event === 'endpoint')).data,
      world.gateway.url,
    );
    const thief = new McpHttpClient(endpoint.href, { headers: bob });
    const nobody = new McpHttpClient(endpoint.href);
    const call = thief.message('tools/call', { name: 'a_echo', arguments: {} });
    const statuses = [(await thief.send(call)).status, (await nobody.send(call)).status];
    assert.deepEqual(statuses, [404, 401]);
    assert.ok((await mine.request('tools/call', { name: 'a_echo', arguments: {} })).result);
    for (const client of [thief, nobody]) client.close();
  });

  test('session of the newer transport: not over the older one either, nor as another one with a new handshake', async () => {
    const mine = await world.client({ headers: ann });
    const thief = new McpHttpClient(world.gateway.url, {
      headers: { ...bob, 'mcp-session-id': mine.session ?? '' },
    });
    const tries: Answer[] = [
      await thief.initialize(),
      await thief.send(thief.message('tools/list')),
      await thief.send([thief.message('tools/list')]),
      await thief.delete(),
    ];
    for (const { status } of tries) assert.ok(status === 404 || status === 400, String(status));
    const old = new McpHttpClient(world.gateway.url.replace(/mcp$/, `message?sessionId=${mine.session}`), {
      headers: bob,
    });
    assert.equal((await old.send(old.message('tools/list'))).status, 404);
    assert.ok((await mine.call('a_echo')).result);
    for (const client of [thief, old]) client.close();
  });

  test('a call that waits for an answer: another one with its state gets no further, and it goes on', async (t) => {
    const [mine, thief] = [modern(t, ann), modern(t, bob)];
    const args = { steps: [ASK, TELL] };
    const input = inputOf(await mine.call('a_script', args));
    const choice = { action: 'accept', content: {} };
    assert.equal(codeOf(await thief.again('a_script', args, answered(input, choice))), 'STATE_INVALID');
    const nobody = new ModernClient(world.gateway.url, { capabilities: { elicitation: {} } });
    t.after(() => nobody.close());
    const { status } = await nobody.send(nobody.message('tools/call', { name: 'a_script', arguments: args }));
    assert.equal(status, 401);
    assert.deepEqual(JSON.parse(textOf(await mine.again('a_script', args, answered(input, choice)))), [
      choice,
    ]);
  });

  for (const [target, how] of [
    ['work', 'of its own child'],
    ['shared', 'of a child that all clients share'],
  ])
    test(`a task ${how}: another one neither reads, answers nor cancels it`, async (t) => {
      const tasks = { extensions: { [TASKS]: {} } };
      const [mine, thief] = [modern(t, ann, tasks), modern(t, bob, tasks)];
      const begun = await mine.call(`${target}_slow_compute`, { seconds: 60 });
      const taskId = String(begun.result?.['taskId']);
      assert.notEqual(taskId, 'undefined', JSON.stringify(begun));
      for (const method of ['tasks/get', 'tasks/cancel', 'tasks/update'])
        assert.ok((await thief.request(method, { taskId, inputResponses: {} })).error, method);
      assert.equal((await mine.request('tasks/get', { taskId })).result?.['status'], 'working');
      assert.ok((await mine.request('tasks/cancel', { taskId })).result);
    });
});

describe('a name', () => {
  test('that looks like one of a target which may not be used is judged by the target it is of', async () => {
    const client = await world.client({ headers: ann });
    const names = namesOf(await client.request('tools/list'));
    assert.ok(names.includes('a_b_secret'));
    assert.ok(!names.includes('b_secret') && !names.includes('b_echo'));
    assert.ok((await client.call('a_b_secret')).result ?? true);
    for (const name of [
      'b_secret',
      'b_echo',
      'B_secret',
      'a_b__secret',
      'b+secret',
      'a/../b_secret',
      'b_secret\u0000',
      ' b_secret',
    ]) {
      const { error } = await client.call(name);
      assert.equal(error?.code, -32602, name);
      assert.match(error?.message ?? '', /^Unknown tool/, name);
    }
  });

  test('of a property that every object has is unknown like any other', async () => {
    const client = await world.client({ headers: ann });
    for (const name of ['__proto__', 'constructor', 'a___proto__', 'toString', 'hasOwnProperty'])
      assert.equal((await client.call(name)).error?.code, -32602, name);
    for (const method of ['__proto__', 'constructor', 'tools/__proto__', 'toString'])
      assert.ok((await client.request(method)).error, method);
  });

  test('in a header that says another than the message, or another method, is refused before anything is called', async (t) => {
    const client = modern(t, ann);
    const message = client.message('tools/call', { name: 'a_echo', arguments: {} });
    for (const headers of [
      { 'mcp-name': 'a_script' },
      { 'mcp-name': 'A_ECHO' },
      { 'mcp-name': undefined },
      { 'mcp-method': 'tools/list' },
      { 'mcp-method': undefined },
      { 'mcp-protocol-version': '2025-11-25' },
    ]) {
      const { status, messages } = await client.send(message, headers);
      assert.equal(status, 400, JSON.stringify(headers));
      assert.ok(messages[0]?.error, JSON.stringify(headers));
    }
  });
});

describe('too much', () => {
  const DEEP = `${'[1,'.repeat(200)}1${']'.repeat(200)}`;
  const cases: Record<string, [body: string, status: number, code: number]> = {
    'of a body': [call('a_echo', JSON.stringify('x'.repeat(70_000))), 413, -32600],
    'of a batch': [`[${Array.from({ length: 6 }, (_, id) => call('a_echo', '{}', id)).join()}]`, 400, -32600],
    'of depth': [call('a_echo', DEEP), 400, -32700],
    'of an id': [call('a_echo', '{}', `"${'9'.repeat(5000)}"`), 400, -32600],
    'of a name': [call('x'.repeat(50_000), '{}'), 200, -32602],
    'of a cursor': [
      `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":"${'A'.repeat(50_000)}"}}`,
      200,
      -32602,
    ],
    'of a method': [`{"jsonrpc":"2.0","id":1,"method":"${'m/'.repeat(20_000)}"}`, 200, -32601],
  };
  for (const [what, [body, status, code]] of Object.entries(cases)) {
    test(`${what} is an error that does not give it all back`, async () => {
      const client = await world.client({ headers: ann });
      const { status: got, messages, text } = await client.send(body);
      assert.deepEqual([got, messages[0]?.error?.code], [status, code], text.slice(0, 300));
      assert.ok(text.length < 60_000, `${text.length}`);
    });
  }

  test('from a server ends that call and no other', async () => {
    const client = await world.client({ headers: ann });
    const answer = await client.script([{ do: 'big', bytes: 400_000 }], 'a_script');
    assert.equal(codeOf(answer), 'UPSTREAM_MESSAGE_TOO_LARGE', JSON.stringify(answer).slice(0, 300));
    assert.ok((await client.script([{ do: 'big', bytes: 100_000 }], 'a_script')).result);
  });

  test('of capabilities and of what a client says of itself is refused', async () => {
    const client = new McpHttpClient(world.gateway.url, {
      headers: ann,
      capabilities: { x: 'y'.repeat(40_000) },
    });
    const { messages } = await client.initialize();
    assert.equal(messages[0]?.error?.code, -32602);
    client.close();
  });
});

function call(name: string, args: string, id: string | number = 1): string {
  return `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"${name}","arguments":${args}}}`;
}

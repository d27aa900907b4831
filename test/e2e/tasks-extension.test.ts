/** Tasks of revision 2026-07-28 (SEP-2663): one server, several behind one endpoint, and the official client of tasks. */
import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { createTaskSessionFromClient, resultFromTaskOutcome } from '@modelcontextprotocol/ext-tasks/client';
import { type RunningFixture, startHttpFixture } from '../fixtures/everything-server/http.ts';
import { TASKS } from '../fixtures/everything-server/tasks.ts';
import { McpHttpClient, type Message, namesOf, textOf } from '../fixtures/mcp-http.ts';
import { answered, inputOf, MODERN, ModernClient } from '../fixtures/mcp-modern.ts';
import { type McpWorld, startWorld } from '../fixtures/mcp-world.ts';

const FIXTURE = fileURLToPath(new URL('../fixtures/everything-server/main.js', import.meta.url));
const CAPABILITIES = { elicitation: {}, extensions: { [TASKS]: {} } };
const RAW = { tools: {}, extensions: { [TASKS]: {} } };
const WORKING = '"taskId":"t 1","status":"working","createdAt":"x","lastUpdatedAt":"x","ttlMs":null';

let fixture: RunningFixture;
let merged: McpWorld;
let single: McpWorld;

before(async () => {
  fixture = await startHttpFixture({ port: 0, eras: 'modern' });
  const http = { target: { mcp: { host: fixture.url } } };
  const child = { cmd: process.execPath, args: [FIXTURE, '--stdio'] };
  const stdio = { target: { stdio: child } };
  const shared = { target: { stdio: { ...child, lifecycle: 'shared' } } };
  const results = { 'tasks/get': `{"resultType":"complete",${WORKING}}` };
  const raw = { raw: { era: 'modern', capabilities: RAW, results } } as const;
  merged = await startWorld({ targets: { http, stdio, shared, raw, older: {} } });
  single = await startWorld({ targets: { http } });
});
after(async () => {
  await merged?.close();
  await single?.close();
  await fixture?.close();
});

function clientOf(t: TestContext, { gateway }: McpWorld, capabilities: object = CAPABILITIES): ModernClient {
  const client = new ModernClient(gateway.url, { capabilities: { ...capabilities } });
  t.after(() => client.close());
  return client;
}

const taskIdOf = ({ result, error }: Message): string => {
  assert.equal(result?.['resultType'], 'task', JSON.stringify(result ?? error));
  return String(result['taskId']);
};

const isOver = (status: unknown): boolean => ['completed', 'failed', 'cancelled'].includes(String(status));

type Task = Readonly<Record<string, unknown>>;

/** Polls as clients of the extension do; a task that ends in another way is no reason to wait. */
async function untilTask(client: ModernClient, taskId: string, status: string): Promise<Task> {
  for (;;) {
    const { result, error } = await client.request('tasks/get', { taskId });
    if (!result) throw new Error(JSON.stringify(error));
    assert.equal(result['taskId'], taskId);
    if (result['status'] === status || isOver(result['status'])) return result;
    await delay(50);
  }
}

const codeOf = ({ error }: Message): [number | undefined, string | undefined] => [
  error?.code,
  error?.message,
];

for (const [how, target] of [
  ['one server', ''],
  ['several, over HTTP', 'http'],
  ['several, over stdio', 'stdio'],
  ['several, in a child for everyone', 'shared'],
] as const) {
  describe(`a task of ${how}`, () => {
    const world = (): McpWorld => (target === '' ? single : merged);
    const name = (tool: string): string => (target === '' ? tool : `${target}_${tool}`);
    const own = new RegExp(target === '' ? '^[\\w-]+$' : `^${target}\\+[\\w-]+$`);

    it('is made by a call, and its outcome is found by its id', async (t) => {
      const client = clientOf(t, world());
      assert.equal(textOf(await client.call(name('greet'), { name: 'you' })), 'Hello, you!');
      const taskId = taskIdOf(await client.call(name('slow_compute'), { seconds: 0.1, label: 'x' }));
      assert.match(taskId, own);
      const { status, result } = await untilTask(client, taskId, 'completed');
      assert.equal(status, 'completed');
      assert.equal(textOf({ result: result as Task }), 'Computed x for 0.1 s.');
    });

    it('is cancelled by its id', async (t) => {
      const client = clientOf(t, world());
      const taskId = taskIdOf(await client.call(name('slow_compute'), { seconds: 60 }));
      const { result } = await client.request('tasks/cancel', { taskId });
      assert.equal(result?.['resultType'], 'complete');
      assert.equal((await untilTask(client, taskId, 'cancelled'))['status'], 'cancelled');
    });

    it('that needs input says so, and gets it one answer after the other', async (t) => {
      const client = clientOf(t, world());
      const taskId = taskIdOf(await client.call(name('multi_input')));
      const asking = await untilTask(client, taskId, 'input_required');
      const requests = asking['inputRequests'] as Record<string, { method: string }>;
      assert.deepEqual(
        Object.entries(requests).map(([key, { method }]) => `${key} ${method}`),
        ['first elicitation/create', 'second elicitation/create'],
      );
      for (const key of Object.keys(requests)) {
        const inputResponses = { [key]: { action: 'accept', content: { confirm: true } } };
        const { result } = await client.request('tasks/update', { taskId, inputResponses });
        assert.equal(result?.['resultType'], 'complete');
      }
      const { result } = await untilTask(client, taskId, 'completed');
      assert.match(textOf({ result: result as Task }), /first.*second/);
    });

    it('is made by a call that has been answered a question', async (t) => {
      const client = clientOf(t, world());
      const input = inputOf(await client.call(name('test_tool_with_task')));
      const answer = { action: 'accept', content: { name: 'Ada' } };
      const taskId = taskIdOf(await client.again(name('test_tool_with_task'), {}, answered(input, answer)));
      const { result } = await untilTask(client, taskId, 'completed');
      assert.equal(textOf({ result: result as Task }), 'Hello, Ada!');
    });

    it('names the resources in its result as they can be read', async (t) => {
      const client = clientOf(t, world());
      const taskId = taskIdOf(await client.call(name('task_with_resource')));
      const { result } = await untilTask(client, taskId, 'completed');
      const [block] = (result as { content: { resource: { uri: string } }[] }).content;
      const uri = 'test://of-a-task';
      assert.equal(block?.resource.uri, target === '' ? uri : `${target}+${uri}`);
    });

    it('is refused to clients that have not declared the extension, by the server itself', async (t) => {
      const client = clientOf(t, world(), {});
      assert.equal(
        textOf(await client.call(name('slow_compute'), { seconds: 0 })),
        'Computed undefined for 0 s.',
      );
      const { error } = await client.call(name('failing_job'));
      assert.equal(error?.code, -32021);
      assert.deepEqual(error?.data, { requiredCapabilities: { extensions: { [TASKS]: {} } } });
    });
  });
}

describe('tasks of several servers', () => {
  it('are a capability of the endpoint', async (t) => {
    const { result } = await clientOf(t, merged).request('server/discover');
    const capabilities = result?.['capabilities'] as { extensions: object } | undefined;
    assert.ok(Object.keys(capabilities?.extensions ?? {}).includes(TASKS));
  });

  it('are not found by ids of another server, of none, or of one that has no such tasks', async (t) => {
    const client = clientOf(t, merged);
    const taskId = taskIdOf(await client.call('http_slow_compute', { seconds: 0 }));
    const native = taskId.slice('http+'.length);
    const get = async (id: string) => codeOf(await client.request('tasks/get', { taskId: id }));
    assert.deepEqual(await get(`stdio+${native}`), [-32602, `Unknown task: ${native}`]);
    assert.deepEqual(await get(native), [-32602, `Unknown task: ${native}`]);
    assert.deepEqual(await get('nobody+x'), [-32602, 'Unknown task: nobody+x']);
    const [code, message] = await get(`older+${native}`);
    assert.equal(code, -32601);
    assert.match(message ?? '', /"older".*tasks\/get/);
  });

  it('are known to their server by the id it gave, in the body and in the header', async (t) => {
    const client = clientOf(t, merged);
    const { result } = await client.request('tasks/get', { taskId: 'raw+t 1' });
    assert.equal(result?.['taskId'], 'raw+t 1');
    const { control } = merged.server('raw');
    const { params, headers } = await control.waitFor(({ method }) => method === 'tasks/get');
    assert.equal((params as Task)['taskId'], 't 1');
    assert.equal(headers['mcp-name'], 't 1');
  });

  it('are told of to who listens, by the ids and URIs that clients know', async (t) => {
    const client = clientOf(t, merged);
    const taskIds = ['raw+t 1', 'older+t', 'nobody+t', 'nonsense'];
    const listen = client.message('subscriptions/listen', { notifications: { taskIds } });
    const stream = await client.stream(listen);
    t.after(() => stream.close());
    const { params } = await stream.method('notifications/subscriptions/acknowledged');
    assert.deepEqual(params?.['notifications'], { taskIds: ['raw+t 1'] });
    const { control } = merged.server('raw');
    const asked = await control.waitFor(
      ({ method, params }) => method === 'subscriptions/listen' && JSON.stringify(params).includes('"t 1"'),
    );
    assert.deepEqual((asked.params as { notifications: object }).notifications, { taskIds: ['t 1'] });
    const resource = { uri: 'a:1', text: '' };
    const told = {
      taskId: 't 1',
      status: 'completed',
      result: { content: [{ type: 'resource', resource }] },
    };
    const steps = [{ taskId: 'other' }, told].map((each) => ({
      do: 'notify' as const,
      on: 'listening' as const,
      method: 'notifications/tasks',
      params: each,
    }));
    const done = { do: 'result', result: { resultType: 'complete', content: [] } } as const;
    await client.script([...steps, done], 'raw_script');
    const heard = await stream.method('notifications/tasks');
    const { _meta, ...said } = heard.params ?? {};
    assert.deepEqual(said, {
      ...told,
      taskId: 'raw+t 1',
      result: { content: [{ type: 'resource', resource: { ...resource, uri: 'raw+a:1' } }] },
    });
    assert.deepEqual(_meta, { 'io.modelcontextprotocol/subscriptionId': listen.id });
  });
});

describe('clients and servers of different eras', () => {
  it('have no tasks in common: a legacy client of a server with the extension gets plain results', async (t) => {
    const client = await McpHttpClient.open(single.gateway.url, { capabilities: CAPABILITIES });
    t.after(() => client.close());
    const { capabilities } = client.initialized.result as { capabilities: { extensions?: object } };
    assert.equal(JSON.stringify(capabilities).includes(TASKS), false);
    assert.ok(namesOf(await client.request('tools/list')).includes('slow_compute'));
    assert.equal(textOf(await client.call('slow_compute', { seconds: 0 })), 'Computed undefined for 0 s.');
    const { error } = await client.request('tasks/get', { taskId: 'x' });
    assert.equal(error?.code, -32601);
  });
});

/** What the client package leaves to its host: requests that the SDK's own client does not send. */
async function sessionOver(t: TestContext, world: McpWorld) {
  const client = new Client(
    { name: 'test', version: '1.0.0' },
    { capabilities: CAPABILITIES, versionNegotiation: { mode: { pin: MODERN } } },
  );
  await client.connect(new StreamableHTTPClientTransport(new URL(world.gateway.url)));
  t.after(() => client.close());
  const raw = clientOf(t, world);
  const session = createTaskSessionFromClient(client, {
    endpointId: 'test',
    rawDispatch: async (request) => {
      const { method, params } = request as { method: string; params?: object };
      const { result, error } = await raw.request(method, params);
      if (error) return { kind: 'error', error: { code: error.code, message: error.message } };
      return { kind: 'result', result: result as never };
    },
    v2RequestFraming: {
      protocolVersion: MODERN,
      clientInfo: { name: 'test', version: '1.0.0' },
      clientCapabilities: CAPABILITIES,
    },
    onInputRequest: () => Promise.resolve({ action: 'accept', content: { confirm: true } } as never),
  });
  t.after(() => session.close());
  return session;
}

for (const target of ['http', 'stdio']) {
  describe(`the official client of tasks, with ${target} behind several`, () => {
    it('runs a call as a task, answers what it asks and gets its result', async (t) => {
      const session = await sessionOver(t, merged);
      const execution = await session.callTool(`${target}_confirm_delete`, { filename: 'x' });
      assert.equal(execution.kind, 'task');
      const { outcome } = await execution.settle();
      assert.match(JSON.stringify(resultFromTaskOutcome(outcome)), /Deleted x: .*confirm.*true/);
    });

    it('cancels', async (t) => {
      const session = await sessionOver(t, merged);
      const execution = await session.callTool(`${target}_slow_compute`, { seconds: 60 });
      await execution.cancel();
      const { outcome } = await execution.settle();
      assert.throws(() => resultFromTaskOutcome(outcome), /cancelled/);
    });
  });
}

/** Tasks as revision 2025-11-25 has them: they pass where a legacy client meets a single legacy server, and only there. */
import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { CallToolResultSchema, ElicitRequestSchema, type Task } from '@modelcontextprotocol/sdk/types.js';
import { McpHttpClient, namesOf, textOf } from '../fixtures/mcp-http.ts';
import { ModernClient } from '../fixtures/mcp-modern.ts';
import { type McpWorld, startWorld, type Upstream } from '../fixtures/mcp-world.ts';
import { serverScript } from './clients/real-servers.ts';

const RESEARCH = 'simulate-research-query';
const TASKS = { list: {}, cancel: {}, requests: { tools: { call: {} } } };

let single: McpWorld;
let merged: McpWorld;

before(async () => {
  const cmd = process.execPath;
  const everything: Upstream = { target: { stdio: { cmd, args: [serverScript('everything'), 'stdio'] } } };
  single = await startWorld({ targets: { everything } });
  const raw: Upstream = { raw: { capabilities: { tools: {}, tasks: TASKS } } };
  merged = await startWorld({ targets: { everything, raw } });
});
after(async () => {
  await single?.close();
  await merged?.close();
});

async function officialClient(t: TestContext, { gateway }: McpWorld): Promise<Client> {
  const client = new Client({ name: 'test', version: '1.0.0' }, { capabilities: { elicitation: {} } });
  client.setRequestHandler(ElicitRequestSchema, () => ({
    action: 'accept',
    content: { interpretation: 'technical' },
  }));
  // The SDK's own transports do not fit its interface under exactOptionalPropertyTypes.
  await client.connect(new StreamableHTTPClientTransport(new URL(gateway.url)) as Transport);
  t.after(() => client.close());
  return client;
}

const research = (client: Client, args: object) =>
  client.experimental.tasks.callToolStream(
    { name: RESEARCH, arguments: { topic: 'python', ...args } },
    CallToolResultSchema,
    { task: { ttl: 60_000 } },
  );

describe('the official client, before a single server', () => {
  it('runs a call as a task, is asked in its middle and gets the result', async (t) => {
    const client = await officialClient(t, single);
    assert.deepEqual(client.getServerCapabilities()?.tasks, TASKS);
    const seen = new Set<string>();
    let task: Task | undefined;
    let result = '';
    for await (const message of research(client, { ambiguous: true })) {
      if (message.type === 'error') throw message.error;
      if (message.type === 'result') result = JSON.stringify(message.result);
      else {
        task = message.task;
        seen.add(task.status);
      }
    }
    assert.ok(seen.has('working') && seen.has('input_required'), [...seen].join());
    assert.match(result, /Research Report: python \(technical\)/);
    const taskId = task?.taskId ?? '';
    assert.equal((await client.experimental.tasks.getTask(taskId)).status, 'completed');
    const { tasks } = await client.experimental.tasks.listTasks();
    assert.deepEqual(
      tasks.map((each) => each.taskId),
      [taskId],
    );
    const again = await client.experimental.tasks.getTaskResult(taskId, CallToolResultSchema);
    assert.match(JSON.stringify(again), /Research Report/);
  });

  it('cancels a task', async (t) => {
    const client = await officialClient(t, single);
    for await (const message of research(client, {})) {
      if (message.type === 'error') throw message.error;
      if (message.type !== 'taskCreated') continue;
      const { taskId } = message.task;
      assert.equal((await client.experimental.tasks.cancelTask(taskId)).status, 'cancelled');
      assert.equal((await client.experimental.tasks.getTask(taskId)).status, 'cancelled');
      break;
    }
  });

  it('is told of the state of its tasks, and can be asked for the state of its own', async (t) => {
    const world = await startWorld({
      targets: { raw: { raw: { capabilities: { tools: {}, tasks: TASKS } } } },
    });
    t.after(() => world.close());
    const client = await world.client({ capabilities: { tasks: { list: {} } } });
    const listening = await client.listen();
    t.after(() => listening.close());
    const params = { taskId: 't', status: 'working', ttl: null, pollInterval: 1.0 };
    const steps = [
      { do: 'notify', method: 'notifications/tasks/status', params },
      { do: 'ask', method: 'tasks/get', params: { taskId: 'of the client' } },
      { do: 'resultAnswers' },
    ] as const;
    const call = client.message('tools/call', { name: 'script', arguments: { steps } });
    const stream = await client.stream(call);
    assert.deepEqual((await listening.method('notifications/tasks/status')).params, params);
    const asked = await stream.method('tasks/get');
    assert.deepEqual(asked.params, { taskId: 'of the client' });
    await client.answer(asked.id, { taskId: 'of the client', status: 'working' });
    assert.match(textOf(await stream.answer(call.id)), /of the client/);
  });
});

describe('several servers', () => {
  it('offer no tasks, and run a call that asks for one as any other', async (t) => {
    const client = await McpHttpClient.open(merged.gateway.url);
    t.after(() => client.close());
    const { capabilities } = client.initialized.result as { capabilities: object };
    assert.equal('tasks' in capabilities, false);
    for (const method of ['tasks/list', 'tasks/result', 'tasks/get', 'tasks/cancel'])
      assert.equal((await client.request(method, { taskId: 'raw+t' })).error?.code, -32601, method);
    const params = { task: { ttl: 1 }, name: 'raw_received', arguments: { task: 1 } };
    const got = JSON.parse(textOf(await client.request('tools/call', params))) as { params: unknown };
    assert.deepEqual(got.params, { name: 'received', arguments: { task: 1 } });
  });
});

describe('a modern client', () => {
  it('is offered no tasks, gets none, and is told by the server which tools need one', async (t) => {
    const client = new ModernClient(single.gateway.url, { capabilities: { tasks: TASKS } });
    t.after(() => client.close());
    const { result } = await client.request('server/discover');
    assert.equal(JSON.stringify(result?.['capabilities']).includes('"tasks"'), false);
    assert.ok(namesOf(await client.request('tools/list')).includes(RESEARCH));
    assert.equal(
      textOf(await client.request('tools/call', { name: 'echo', arguments: { message: 'x' }, task: {} })),
      'Echo: x',
    );
    const refused = await client.call(RESEARCH, { topic: 'python' });
    assert.match(JSON.stringify(refused), /requires task augmentation/);
    for (const method of ['tasks/get', 'tasks/cancel', 'tasks/update', 'tasks/list', 'tasks/result'])
      assert.equal((await client.request(method, { taskId: 'x' })).error?.code, -32601, method);
  });
});

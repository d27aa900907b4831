/** Agents and clients made with the official SDK, with the gateway between them: what crosses it and how. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type StreamResponse, TaskState } from '@a2a-js/sdk';
import type { Client } from '@a2a-js/sdk/client';
import { type Agent, message, startAgent } from '../fixtures/a2a-agent.ts';
import {
  all,
  configWith,
  originOf,
  routeTo,
  sending,
  VERSIONS,
  visit,
  WAYS,
  type Way,
} from '../fixtures/a2a-client.ts';
import { type GatewayProcess, startGateway } from '../fixtures/gateway.ts';

describe('an agent behind the gateway', () => {
  let agent: Agent;
  let gateway: GatewayProcess;
  let origin: string;

  before(async () => {
    agent = await startAgent();
    gateway = await startGateway({ config: configWith(routeTo(agent, { a2a: {} })) });
    origin = originOf(gateway);
  });
  after(async () => {
    await gateway?.stop();
    await agent?.close();
  });

  for (const place of ['/.well-known/agent-card.json', '/.well-known/agent.json'])
    for (const version of VERSIONS)
      test(`its card of ${version} at ${place} differs in addresses and signatures alone`, async () => {
        const headers = { 'a2a-version': version };
        const direct = await (await fetch(agent.url + place, { headers })).text();
        const reply = await fetch(origin + place, { headers });
        const through = await reply.text();
        const ours = direct.replaceAll(agent.url, origin);
        assert.notEqual(ours, direct);
        assert.equal(through, ours.replace(/,?"signatures":\[[^\]]*\]/, ''));
        assert.equal(reply.headers.get('content-length'), String(Buffer.byteLength(through)));
        assert.equal(reply.headers.get('cache-control'), 'public, max-age=60');
        const etag = reply.headers.get('etag') ?? '';
        const again = await fetch(origin + place, { headers: { ...headers, 'if-none-match': etag } });
        assert.deepEqual([again.status, await again.text(), again.headers.get('etag')], [304, '', etag]);
      });

  for (const way of WAYS)
    test(`every operation crosses byte for byte: ${way.binding} ${way.version}`, async () => {
      const { client, calls, settled } = await visit(origin, way);
      const first = agent.seen.length;
      await everyOperation(client, way);
      await settled();
      assert.ok(calls.length >= 8, `${calls.length} calls`);
      const seen = agent.seen.slice(first);
      for (const call of calls) {
        const at = seen.findIndex(({ url, request }) => url === call.path && request === call.request);
        assert.notEqual(at, -1, `${call.method} ${call.path} ${call.request}`);
        const [found] = seen.splice(at, 1);
        const expected = /card/i.test(call.request + call.path) ? changed(found?.reply ?? '') : found?.reply;
        assert.deepEqual([call.status, call.reply], [found?.status, expected]);
      }
    });

  const changed = (card: string): string =>
    card.replaceAll(agent.url, origin).replace(/,?"signatures":\[[^\]]*\]/, '');
});

/** As far as the version and the binding have them. */
async function everyOperation(client: Client, { version }: Way): Promise<void> {
  const sent = await client.sendMessage({
    tenant: '',
    message: message('hello'),
    configuration: undefined,
    metadata: undefined,
  });
  const id = 'status' in sent ? sent.id : '';
  assert.notEqual(id, '');
  const events = await all(
    client.sendMessageStream({
      tenant: '',
      message: message('hello again'),
      configuration: undefined,
      metadata: undefined,
    }),
  );
  assert.ok(events.length >= 4);
  assert.equal((await client.getTask({ tenant: '', id, historyLength: undefined })).id, id);
  if (version === '1.0')
    await client.listTasks({
      tenant: '',
      contextId: '',
      status: 0,
      pageSize: undefined,
      pageToken: '',
      historyLength: undefined,
      statusTimestampAfter: undefined,
      includeArtifacts: undefined,
    });
  const config = {
    tenant: '',
    taskId: id,
    id: 'c1',
    url: 'https://hooks.example.com/a',
    token: 't',
    authentication: undefined,
  };
  await client.createTaskPushNotificationConfig(config);
  await client.getTaskPushNotificationConfig({ tenant: '', taskId: id, id: 'c1' });
  await client.listTaskPushNotificationConfig({ tenant: '', taskId: id, pageSize: 0, pageToken: '' });
  await client.deleteTaskPushNotificationConfig({ tenant: '', taskId: id, id: 'c1' });
  await assert.rejects(client.getTask({ tenant: '', id: 'unknown', historyLength: undefined }));
  await client.getAgentCard();
}

describe('a call that takes its time', () => {
  let agent: Agent;
  let gateway: GatewayProcess;

  before(async () => {
    agent = await startAgent();
    gateway = await startGateway({ config: configWith(routeTo(agent, { a2a: {} })) });
  });
  after(async () => {
    await gateway?.stop();
    await agent?.close();
  });

  test('a stream has a connection of its own, so that streams never keep calls waiting', async () => {
    const { client, settled } = await visit(originOf(gateway), { binding: 'JSONRPC', version: '1.0' });
    await client.sendMessage(sending('hello'));
    await all(client.sendMessageStream(sending('hello')));
    await settled();
    const [call, stream] = agent.seen.filter(({ url }) => url === '/rpc');
    assert.notEqual(call?.port, stream?.port);
  });

  for (const way of WAYS) {
    test(`events arrive while the agent is still at work: ${way.binding} ${way.version}`, async () => {
      const { client } = await visit(originOf(gateway), way);
      const events = client.sendMessageStream(sending('wait'));
      const states: unknown[] = [];
      for await (const event of events) {
        states.push(stateOf(event));
        // Nothing more would come if what came had been held back.
        if (stateOf(event) === TaskState.TASK_STATE_WORKING) agent.release();
      }
      assert.equal(states.at(-1), TaskState.TASK_STATE_COMPLETED);
    });

    test(`it can be joined by another client, and cancelled: ${way.binding} ${way.version}`, async () => {
      const [first, second] = [await visit(originOf(gateway), way), await visit(originOf(gateway), way)];
      const events = first.client.sendMessageStream(sending('wait'));
      const id = taskOf((await events.next()).value);
      const joined = second.client.resubscribeTask({ tenant: '', id });
      assert.equal(taskOf((await joined.next()).value), id);
      const cancelled = await second.client.cancelTask({ tenant: '', id, metadata: undefined });
      assert.equal(cancelled.status?.state, TaskState.TASK_STATE_CANCELED);
      for (const each of [events, joined]) assert.equal(await lastState(each), TaskState.TASK_STATE_CANCELED);
    });
  }
});

type Events = AsyncGenerator<StreamResponse, void, undefined>;

function stateOf({ payload }: StreamResponse): TaskState | undefined {
  if (payload?.$case === 'task' || payload?.$case === 'statusUpdate') return payload.value.status?.state;
  return undefined;
}

function taskOf(event: unknown): string {
  const { payload } = event as StreamResponse;
  return payload?.$case === 'task' ? payload.value.id : '';
}

async function lastState(events: Events): Promise<TaskState | undefined> {
  let last: TaskState | undefined;
  for (let next = await events.next(); !next.done; next = await events.next()) last = stateOf(next.value);
  return last;
}

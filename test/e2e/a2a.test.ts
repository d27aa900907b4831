/** Agents and clients made with the official SDK, with the gateway between them: what crosses it and how. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { TaskState } from '@a2a-js/sdk';
import { type Agent, startAgent } from '../fixtures/a2a-agent.ts';
import {
  all,
  configWith,
  originOf,
  routeTo,
  sending,
  VERSIONS,
  type Visitor,
  visit,
  WAYS,
} from '../fixtures/a2a-client.ts';
import { everyOperation, lastState, stateOf, taskOf } from '../fixtures/a2a-operations.ts';
import { type GatewayProcess, startGateway } from '../fixtures/gateway.ts';

/** Names that tests make up are in no DNS. */
const HOOKS = { hosts: ['hooks.example.com'] };

describe('an agent behind the gateway', () => {
  let agent: Agent;
  let gateway: GatewayProcess;
  let origin: string;

  before(async () => {
    agent = await startAgent();
    gateway = await startGateway({ config: configWith(routeTo(agent, { a2a: { webhooks: HOOKS } })) });
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
      assert.ok(calls.length >= 12, `${calls.length} calls`);
      const seen = agent.seen.slice(first);
      for (const call of calls) {
        const at = seen.findIndex(({ url, request }) => url === call.path && request === call.request);
        assert.notEqual(at, -1, `${call.method} ${call.path} ${call.request}`);
        const [found] = seen.splice(at, 1);
        const expected = /card/i.test(call.request + call.path) ? changed(found?.reply ?? '') : found?.reply;
        assert.deepEqual([call.status, call.reply], [found?.status, expected]);
      }
    });

  for (const way of WAYS)
    test(`a client gets what it gets without the gateway: ${way.binding} ${way.version}`, async (t) => {
      const agents = [await startAgent(), await startAgent()] as const;
      t.after(() => Promise.all(agents.map((each) => each.close())));
      const between = await startGateway({
        config: configWith(routeTo(agents[1], { a2a: { webhooks: HOOKS } })),
      });
      t.after(() => between.stop());
      const said: unknown[][] = [];
      for (const [base, own] of [
        [agents[0].url, agents[0]],
        [originOf(between), agents[1]],
      ] as const) {
        const visitor = await visit(base, way);
        await everyOperation(visitor.client, way);
        await visitor.settled();
        said.push(transcript(visitor, new URL(own.url).host, new URL(base).host));
      }
      assert.deepEqual(said[1], said[0]);
    });

  /** Without what each agent makes up itself: ids, in their order, and its address. */
  function transcript({ calls }: Visitor, ...hosts: string[]): unknown[] {
    const ids = new Map<string, string>();
    const named = (text: string): string =>
      hosts
        .reduce((all, host) => all.replaceAll(host, 'host'), text)
        .replace(/,?"signatures":\[[^\]]*\]/, '')
        .replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, (id) => {
          ids.set(id, ids.get(id) ?? `id-${ids.size}`);
          return ids.get(id) as string;
        });
    return calls.map(({ method, path, request, status, reply }) => [
      method,
      status,
      ...[path, request, reply].map(named),
    ]);
  }

  const changed = (card: string): string =>
    card.replaceAll(agent.url, origin).replace(/,?"signatures":\[[^\]]*\]/, '');
});

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
    // Whatever it says it accepts.
    const body = JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'SendStreamingMessage',
      params: { message: { messageId: 'm', role: 'ROLE_USER', parts: [{ text: 'hello' }] } },
    });
    const headers = { 'content-type': 'application/json', 'a2a-version': '1.0', accept: '*/*' };
    const reply = await fetch(`${originOf(gateway)}/rpc`, { method: 'POST', headers, body });
    assert.match(await reply.text(), /TASK_STATE_COMPLETED/);
    const [call, ...streams] = agent.seen.filter(({ url }) => url === '/rpc');
    assert.equal(streams.length, 2);
    for (const stream of streams) assert.notEqual(stream.port, call?.port);
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

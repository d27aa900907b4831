/** Agents and clients made with the official SDK, with the gateway between them: what crosses it and what does not. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  type Client,
  ClientFactory,
  DefaultAgentCardResolver,
  JsonRpcTransportFactory,
  RestTransportFactory,
} from '@a2a-js/sdk/client';
import { type Agent, message, startAgent } from '../fixtures/a2a-agent.ts';
import { type GatewayProcess, startGateway } from '../fixtures/gateway.ts';

interface Call {
  readonly method: string;
  readonly path: string;
  readonly request: string;
  readonly status: number;
  reply: string;
}

/** `fetch` that keeps what it sends and gets. */
function recordingFetch(calls: Call[], settled: Promise<unknown>[]): typeof fetch {
  return async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const reply = await fetch(input, init);
    const { method = 'GET', body = '' } = init ?? {};
    const call = {
      method,
      path: url.pathname + url.search,
      request: String(body ?? ''),
      status: reply.status,
      reply: '',
    };
    calls.push(call);
    settled.push(
      reply
        .clone()
        .text()
        .then((text) => {
          call.reply = text;
        }),
    );
    return reply;
  };
}

const BINDINGS = ['JSONRPC', 'HTTP+JSON'] as const;
const VERSIONS = ['1.0', '0.3'] as const;

interface Way {
  readonly binding: (typeof BINDINGS)[number];
  readonly version: (typeof VERSIONS)[number];
}

const WAYS = VERSIONS.flatMap((version) => BINDINGS.map((binding): Way => ({ binding, version })));

interface Visitor {
  readonly client: Client;
  readonly calls: readonly Call[];
  /** Everything that was sent has been answered. */
  settled(): Promise<unknown>;
}

/** A client that has found the agent by the card at `base`. */
async function visit(base: string, { binding, version }: Way): Promise<Visitor> {
  const calls: Call[] = [];
  const waiting: Promise<unknown>[] = [];
  const options = { fetchImpl: recordingFetch(calls, waiting), legacyCompat: { enabled: true } };
  const card = await new DefaultAgentCardResolver({ legacyCompat: { enabled: true } }).resolve(base);
  const interfaces = card.supportedInterfaces.filter(
    (each) => each.protocolBinding === binding && each.protocolVersion === version,
  );
  const factory = new ClientFactory({
    transports: [new JsonRpcTransportFactory(options), new RestTransportFactory(options)],
    preferredTransports: [binding],
  });
  const client = await factory.createFromAgentCard({ ...card, supportedInterfaces: interfaces });
  return { client, calls, settled: () => Promise.all(waiting) };
}

async function all<T>(events: AsyncIterable<T>): Promise<T[]> {
  const got: T[] = [];
  for await (const event of events) got.push(event);
  return got;
}

/** One listener with these routes. */
const configWith = (...routes: object[]): string =>
  `binds:\n  - port: 3000\n    listeners: ${JSON.stringify([{ routes }])}\n`;

const routeTo = (agent: Agent, policies: object, more: object = {}): object => ({
  policies,
  backends: [{ host: new URL(agent.url).host }],
  ...more,
});

const originOf = (gateway: GatewayProcess): string => new URL(gateway.url).origin;

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

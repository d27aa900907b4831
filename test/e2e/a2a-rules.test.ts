/** What the gateway decides about requests to agents, and what it says of them. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Agent, startAgent } from '../fixtures/a2a-agent.ts';
import { configWith, originOf, routeTo, sending, visit, visitAs } from '../fixtures/a2a-client.ts';
import { type GatewayProcess, startGateway } from '../fixtures/gateway.ts';
import { withNames } from '../fixtures/names.ts';

interface RpcReply {
  readonly jsonrpc?: string;
  readonly id?: string;
  readonly result?: { supportedInterfaces: { url: string }[]; signatures?: unknown };
  readonly error?: { code: number; message: string; status?: string; data?: { reason: string }[] };
}

const AT_X = { matches: [{ path: { pathPrefix: '/agents/x' } }] };
const USERS = {
  apiKey: {
    keys: [
      { key: 'reader-key', metadata: { role: 'reader' } },
      { key: 'writer-key', metadata: { role: 'writer' } },
    ],
  },
};

const NAMES = {
  'hooks.example.com': ['8.8.8.8', '2606:4700::1111'],
  'mine.example.com': ['10.1.2.3'],
  'inside.example.com': ['10.2.0.1'],
  'metadata.example.com': ['169.254.169.254'],
  'both.example.com': ['8.8.8.8', '127.0.0.1'],
  'mapped.example.com': ['::ffff:10.2.0.1'],
};

describe('an agent below a path, with rules', () => {
  let agent: Agent;
  let gateway: GatewayProcess;
  let base: string;

  before(async () => {
    agent = await startAgent({ mount: '/agents/x' });
    const authorization = {
      rules: [
        'a2a.method == "GetAgentCard"',
        'apiKey.role == "writer" && (!has(a2a.skill) || a2a.skill == "echo")',
        'a2a.method in ["GetTask", "GetExtendedAgentCard"] && a2a.version == "1.0"',
        { deny: 'has(a2a.taskId) && a2a.taskId.startsWith("secret")' },
      ],
    };
    const webhooks = { hosts: ['10.1.0.0/16', '*.corp.internal'] };
    const policies = { a2a: { webhooks }, ...USERS, authorization };
    gateway = await startGateway({
      config: configWith(routeTo(agent, policies, AT_X)),
      settings: { logging: { format: 'json' } },
      nodeArgs: withNames(NAMES),
    });
    base = `${originOf(gateway)}/agents/x`;
  });
  after(async () => {
    await gateway?.stop();
    await agent?.close();
  });

  const post = async (path: string, body: unknown, headers: Record<string, string> = {}) => {
    const reply = await fetch(base + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer writer-key', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    return { status: reply.status, json: (await reply.json()) as RpcReply };
  };
  const rpc = (method: string, params: object = {}) => ({ jsonrpc: '2.0', id: 'q1', method, params });
  const reader = { authorization: 'Bearer reader-key', 'a2a-version': '1.0' };

  test('the card and the extended card name it below that path', async () => {
    const headers = { authorization: 'Bearer reader-key', 'a2a-version': '1.0' };
    for (const path of ['/.well-known/agent-card.json', '/rest/extendedAgentCard']) {
      const reply = await fetch(base + path, { headers });
      const card = (await reply.json()) as { supportedInterfaces: { url: string }[] };
      assert.deepEqual(
        card.supportedInterfaces.map(({ url }) => url),
        ['/rpc', '/rest', '/rpc', '/rest'].map((at) => base + at),
      );
      if (path.includes('extended')) assert.match(reply.headers.get('cache-control') ?? '', /^private/);
    }
    const { json } = await post('/rpc', rpc('GetExtendedAgentCard'), reader);
    assert.equal(json.result?.supportedInterfaces[0]?.url, `${base}/rpc`);
    assert.equal(json.result?.signatures, undefined);
  });

  test('rules go by operation, whatever version and binding it comes by', async () => {
    const send = { message: { messageId: 'm', role: 'ROLE_USER', parts: [{ text: 'hi' }] } };
    assert.equal((await post('/rpc', rpc('SendMessage', send), reader)).status, 403);
    assert.equal((await post('/rest/message:send', send, reader)).status, 403);
    const old = { ...send.message, role: 'user', parts: [{ kind: 'text', text: 'hi' }] };
    const legacy = { ...reader, 'a2a-version': '0.3' };
    assert.equal((await post('/rpc', rpc('message/send', { message: old }), legacy)).status, 403);
    assert.equal((await post('/rest/v1/message:send', send, legacy)).status, 403);
    assert.equal((await post('/rpc', rpc('GetTask', { id: 'none' }), reader)).json.error?.code, -32001);
    assert.equal((await post('/rpc', rpc('SendMessage', send), { 'a2a-version': '1.0' })).status, 200);
  });

  test('a refusal is an error of the binding', async () => {
    const { json, status } = await post('/rpc', rpc('SendMessage'), reader);
    assert.deepEqual([status, json.id, json.jsonrpc], [403, 'q1', '2.0']);
    assert.equal(json.error?.data?.[0]?.reason, 'FORBIDDEN');
    const rest = await post('/rest/message:send', {}, reader);
    assert.equal(rest.json.error?.status, 'PERMISSION_DENIED');
  });

  test('rules go by skill and by task', async () => {
    const asking = (skillId: string) => ({
      message: { messageId: 'm', role: 'ROLE_USER', parts: [{ text: 'hi' }], metadata: { skillId } },
    });
    const version = { 'a2a-version': '1.0' };
    assert.equal((await post('/rpc', rpc('SendMessage', asking('echo')), version)).status, 200);
    assert.equal((await post('/rpc', rpc('SendMessage', asking('shell')), version)).status, 403);
    for (const [path, body] of [
      ['/rpc', rpc('CancelTask', { id: 'secret-1' })],
      ['/rpc', rpc('GetTaskPushNotificationConfig', { task_id: 'secret-1', id: 'c' })],
      ['/rest/tasks/secret-1:cancel', {}],
      ['/rest/TASKS/secret-1:CANCEL/', {}],
    ] as const)
      assert.equal((await post(path, body, version)).status, 403, path);
  });

  test('webhooks may not lead into the network of the agent', async () => {
    const before = agent.seen.length;
    const config = (url: string) => ({ taskId: 't', id: 'c', url });
    const version = { 'a2a-version': '1.0' };
    for (const url of [
      'http://127.0.0.1/',
      'http://[::1]/',
      'http://169.254.169.254/latest',
      'http://redis:6379/',
      'https://inside.example.com/',
      'https://METADATA.example.com./latest',
      'https://both.example.com/',
      'https://mapped.example.com/',
      'https://unknown.example.com/',
    ])
      for (const [path, body] of [
        ['/rpc', rpc('CreateTaskPushNotificationConfig', config(url))],
        ['/rpc', rpc('tasks/pushNotificationConfig/set', { taskId: 't', pushNotificationConfig: { url } })],
        ['/rpc', rpc('SendMessage', { configuration: { taskPushNotificationConfig: { url } } })],
        ['/rpc', rpc('SendMessage', { configuration: { task_push_notification_config: { url } } })],
        ['/rpc', rpc('message/send', { configuration: { pushNotificationConfig: { url } } })],
        ['/rest/tasks/t/pushNotificationConfigs', config(url)],
        ['/rest/message:stream', { configuration: { taskPushNotificationConfig: { url } } }],
      ] as const) {
        const { status, json } = await post(path, body, version);
        assert.equal(status, 400, `${path} ${JSON.stringify(body)}`);
        assert.match(json.error?.message ?? '', /webhook/);
      }
    assert.equal(agent.seen.length, before);
    for (const url of [
      'https://hooks.example.com/x',
      'https://mine.example.com/x',
      'http://10.1.2.3/x',
      'http://a.corp.internal/',
    ])
      assert.notEqual(
        (await post('/rest/tasks/t/pushNotificationConfigs', config(url), version)).status,
        400,
        url,
      );
  });

  test('what parsers read differently never reaches the agent', async () => {
    const before = agent.seen.length;
    for (const [body, headers] of [
      ['{"jsonrpc":"2.0","id":1,"method":"GetTask","method":"SendMessage"}', {}],
      ['{"jsonrpc":"2.0","id":1,"Method":"SendMessage","method":"GetTask"}', {}],
      ['{"jsonrpc":"2.0","id":1,"m\\u0065thod":"SendMessage"}', {}],
      ['[{"jsonrpc":"2.0","id":1,"method":"GetTask"}]', {}],
      ['{"jsonrpc":"2.0"', {}],
      ['not json', { 'content-type': 'text/plain' }],
      [JSON.stringify(rpc('GetTask', { id: 'a', taskId: 'b', task_id: 'c' })), {}],
      [JSON.stringify(rpc('GetTask')), { 'a2a-version': 'latest' }],
      [JSON.stringify(rpc('GetTask')), { 'a2a-version': '1.0, 0.3' }],
      [JSON.stringify(rpc('GetTask')), { 'content-encoding': 'gzip' }],
    ] as const) {
      const { status } = await post('/rpc', body, headers);
      assert.ok(status === 400 || status === 415, `${status} ${body}`);
    }
    assert.equal((await post('/rest/tasks/t:cancel', rpc('SendMessage'))).status, 400);
    assert.equal((await post('/rpc?A2A-Version=0.3', rpc('GetTask'), { 'a2a-version': '1.0' })).status, 400);
    const { json } = await post('/rpc', rpc('GetTask'), { 'a2a-version': 'x' });
    assert.equal(json.error?.code, -32009);
    assert.equal(agent.seen.length, before);
  });

  test('log and metrics name operation, task, context and outcome', async () => {
    const { client } = await visitAs('writer-key', `${base}/`, { binding: 'JSONRPC', version: '1.0' });
    const sent = await client.sendMessage(sending('hello', { skillId: 'echo' }));
    const id = 'status' in sent ? sent.id : '';
    const [line] = await gateway.said(new RegExp(`^.*"a2a.task.id":"${id}".*$`, 'm'));
    const fields = JSON.parse(line) as Record<string, unknown>;
    const named = Object.fromEntries(Object.entries(fields).filter(([name]) => name.startsWith('a2a.')));
    assert.deepEqual(named, {
      'a2a.method': 'SendMessage',
      'a2a.transport': 'JSONRPC',
      'a2a.version': '1.0',
      'a2a.skill': 'echo',
      'a2a.task.id': id,
      'a2a.context.id': sent.contextId,
      'a2a.response.outcome': 'ok',
      'a2a.result.kind': 'task',
      'a2a.task.state': 'TASK_STATE_COMPLETED',
    });
    await post('/rpc', rpc('GetTask', { id: 'missing-1' }), { 'a2a-version': '1.0' });
    const [failed] = await gateway.said(/^.*"a2a.task.id":"missing-1".*$/m);
    assert.match(failed, /"a2a.response.outcome":"error","a2a.response.error_code":-32001/);
    await post('/rpc', rpc('Invented/By/Client'), { 'a2a-version': '1.0' });
    const metrics = await (await fetch(`${gateway.statsUrl}/metrics`)).text();
    assert.match(
      metrics,
      /a2a_requests_total\{[^}]*method="SendMessage",transport="JSONRPC",[^}]*outcome="ok"\}/,
    );
    assert.match(metrics, /a2a_requests_total\{[^}]*method="GetTask",[^}]*outcome="error"\}/);
    assert.ok(!metrics.includes('Invented'));
  });
});

test('a backend can be an agent on its own, and the gateway have another address in public', async (t) => {
  const agent = await startAgent();
  t.after(() => agent.close());
  const publicUrl = 'https://agents.example.com/gw/';
  const { host } = new URL(agent.url);
  const route = { backends: [{ host, policies: { a2a: { publicUrl } } }] };
  const gateway = await startGateway({ config: configWith(route) });
  t.after(() => gateway.stop());
  const reply = await fetch(`${originOf(gateway)}/.well-known/agent-card.json`, {
    headers: { 'a2a-version': '1.0' },
  });
  const card = (await reply.json()) as { supportedInterfaces: { url: string }[] };
  assert.equal(card.supportedInterfaces[0]?.url, 'https://agents.example.com/gw/rpc');
  const head = await fetch(`${originOf(gateway)}/.well-known/agent-card.json`, { method: 'HEAD' });
  assert.equal(head.headers.get('etag'), null);
});

test('an agent that knows nothing of its path is found below it, prefix taken off or not', async (t) => {
  const agent = await startAgent();
  t.after(() => agent.close());
  const below = (pathPrefix: string) => ({ matches: [{ path: { pathPrefix } }] });
  const urlRewrite = { path: { prefix: '/' } };
  const gateway = await startGateway({
    config: configWith(
      routeTo(agent, { a2a: {}, urlRewrite }, below('/agents/a')),
      routeTo(agent, { a2a: { trustForwarded: true }, urlRewrite }, below('/b')),
    ),
  });
  t.after(() => gateway.stop());
  const origin = originOf(gateway);
  const { client } = await visit(`${origin}/agents/a/`, { binding: 'HTTP+JSON', version: '1.0' });
  assert.ok('status' in (await client.sendMessage(sending('hello'))));
  const reply = await fetch(`${origin}/b/.well-known/agent-card.json`, {
    headers: { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'gw.example', 'x-forwarded-prefix': '/x' },
  });
  const card = (await reply.json()) as { url: string };
  assert.equal(card.url, 'https://gw.example/x/b/rpc');
});

test('agents behind one host are found by its catalogue', async (t) => {
  const agents = [
    await startAgent({ mount: '/agents/x', name: 'X' }),
    await startAgent({ mount: '/y', name: 'Y' }),
  ];
  t.after(() => Promise.all(agents.map((agent) => agent.close())));
  const [x, y] = agents as [Agent, Agent];
  const catalog = { name: 'Agent X', description: 'Says things', tags: ['echo'] };
  const hidden = { matches: [{ path: { pathPrefix: '/hidden' } }] };
  const elsewhere = { matches: [{ path: { pathPrefix: '/z' } }], hostnames: ['z.example.com'] };
  const gateway = await startGateway({
    config: configWith(
      routeTo(x, { a2a: { catalog } }, AT_X),
      routeTo(y, { a2a: { catalog: { name: 'Agent Y' } } }, { matches: [{ path: { pathPrefix: '/y/' } }] }),
      routeTo(x, { a2a: {} }, hidden),
      routeTo(x, { a2a: { catalog: { name: 'Agent Z' } } }, elsewhere),
    ),
  });
  t.after(() => gateway.stop());
  const origin = originOf(gateway);
  const reply = await fetch(`${origin}/.well-known/ai-catalog.json`);
  assert.equal(reply.headers.get('content-type'), 'application/ai-catalog+json');
  const { specVersion, entries } = (await reply.json()) as {
    specVersion: string;
    entries: Record<string, unknown>[];
  };
  assert.equal(specVersion, '1.0');
  const type = 'application/a2a-agent-card+json';
  const urls = ['/agents/x', '/y'].map((at) => `${origin}${at}/.well-known/agent-card.json`);
  assert.deepEqual(entries, [
    { identifier: urls[0], displayName: 'Agent X', type, mediaType: type, url: urls[0], ...without(catalog) },
    { identifier: urls[1], displayName: 'Agent Y', type, mediaType: type, url: urls[1] },
  ]);
  const names = await Promise.all(
    urls.map(async (url) => ((await (await fetch(url)).json()) as { name: string }).name),
  );
  assert.deepEqual(names, ['X', 'Y']);
  const etag = reply.headers.get('etag') ?? '';
  const again = await fetch(`${origin}/.well-known/ai-catalog.json`, { headers: { 'if-none-match': etag } });
  assert.equal(again.status, 304);
  assert.equal((await fetch(`${origin}/.well-known/ai-catalog.json`, { method: 'POST' })).status, 405);
});

function without({ name: _, ...rest }: { name: string }): object {
  return rest;
}

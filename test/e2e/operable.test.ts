// What a gateway tells the people and machines that run it: readiness, metrics, dump, log lines, traces.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { until } from '../fixtures/child-host.ts';
import { type GatewayProcess, launch, startGateway } from '../fixtures/gateway.ts';
import { addresses, edit, logLines, routeOf, samples, save } from '../fixtures/gateway-state.ts';
import { McpHttpClient, type Message, textOf } from '../fixtures/mcp-http.ts';
import { McpSseClient } from '../fixtures/mcp-sse.ts';
import { stdioTarget } from '../fixtures/mcp-world.ts';
import { freePort } from '../fixtures/programs.ts';
import { type RawServer, startRawServer } from '../fixtures/raw-server/http.ts';

const GUIDE = fileURLToPath(new URL('../../../docs/guides/operations.md', import.meta.url));

interface Stage {
  readonly gateway: GatewayProcess;
  readonly server: RawServer;
  client(headers?: Record<string, string>): Promise<McpHttpClient>;
}

async function stage(t: TestContext, settings: object = {}): Promise<Stage> {
  const server = await startRawServer();
  t.after(() => server.close());
  const targets = [
    { name: 'web', mcp: { host: server.url } },
    { name: 'child', stdio: stdioTarget() },
  ];
  const gateway = await startGateway({ mcp: { targets, callTimeout: '500ms' }, settings: { ...settings } });
  t.after(() => gateway.stop());
  const client = async (headers = {}): Promise<McpHttpClient> => {
    const opened = await McpHttpClient.open(gateway.url, { headers });
    t.after(() => opened.close());
    return opened;
  };
  return { gateway, server, client };
}

interface Ready {
  readonly ready: boolean;
  readonly targets: Record<string, { state: string; error?: string }>;
}

async function readiness(stats: string): Promise<{ status: number; body: Ready }> {
  const answer = await fetch(`${stats}/healthz/ready`);
  return { status: answer.status, body: (await answer.json()) as Ready };
}

test('ready once every target has been tried, up or down; the body says which', async (t) => {
  const port = await freePort();
  const mute = stdioTarget({ silent: ['initialize'] });
  const targets = [
    { name: 'fine', stdio: stdioTarget() },
    { name: 'dead', mcp: { host: 'http://127.0.0.1:9/mcp' } },
    { name: 'mute', stdio: mute, connectTimeout: '3s' },
  ];
  const config = { statsAddr: `127.0.0.1:${port}`, adminAddr: 'off' };
  const started = launch(['-c', JSON.stringify({ config, mcp: { port: 0, targets } })]);
  t.after(() => started.stop());
  const stats = `http://127.0.0.1:${port}`;
  await until(async () => (await fetch(stats).catch(() => undefined)) !== undefined, 'it answers');
  await until(async () => (await readiness(stats)).body.targets['fine']?.state === 'up', 'one is up');
  const early = await readiness(stats);
  assert.deepEqual([early.status, early.body.ready], [503, false]);
  assert.deepEqual(early.body.targets['mute'], { state: 'starting' });
  assert.equal((await fetch(`${stats}/healthz`)).status, 200);
  await until(async () => (await readiness(stats)).status === 200, 'every target has been tried');
  const { targets: states } = (await readiness(stats)).body;
  assert.deepEqual(states['fine'], { state: 'up' });
  assert.match(states['dead']?.error ?? '', /ECONNREFUSED/);
  assert.match(states['mute']?.error ?? '', /did not complete initialize within 3000 ms/);
});

/** The names that the guide documents. */
function documented(): string[] {
  return [...readFileSync(GUIDE, 'utf8').matchAll(/^\| `agentgateway_(\w+)`/gm)].map(([, name = '']) => name);
}

test('metrics have the documented names and labels, and count what was called', async (t) => {
  const { gateway, client } = await stage(t, { mcp: { sessionTtl: '300ms' } });
  const session = await client();
  await session.call('web_echo');
  await session.call('child_echo');
  await session.call('child_no_such');
  await session.script([{ do: 'result', result: { content: [], isError: true } }], 'web_script');
  await session.script([{ do: 'error', error: { code: -1, message: 'no' } }], 'web_script');
  await session.script([{ do: 'never' }], 'child_script');
  await session.request('tools/list');
  await edit(gateway, (document) => {
    routeOf(document).route.policies = { cors: { allowOrigins: ['*'] } };
  });
  await save(gateway, 'nonsense: true');
  const calls = await samples(gateway.statsUrl, 'mcp_requests_total');
  const call = (server: string, tool: string, outcome: string): string =>
    `method="tools/call",resource_type="tool",server="${server}",resource="${tool}",outcome="${outcome}"`;
  assert.equal(calls.get(call('web', 'echo', 'ok')), 1);
  assert.equal(calls.get(call('child', 'echo', 'ok')), 1);
  assert.equal(calls.get(call('web', 'script', 'tool_error')), 1);
  assert.equal(calls.get(call('web', 'script', 'error')), 1);
  assert.equal(calls.get(call('child', 'script', 'timeout')), 1);
  assert.deepEqual(
    await samples(gateway.statsUrl, 'config_reloads_total'),
    new Map([
      ['outcome="ok"', 1],
      ['outcome="failed"', 1],
    ]),
  );
  await until(
    async () => (await samples(gateway.statsUrl, 'mcp_sessions')).get('') === 0,
    'the session expires',
  );
  const text = await (await fetch(`${gateway.statsUrl}/metrics`)).text();
  const served = new Set([...text.matchAll(/^# TYPE agentgateway_(\w+) /gm)].map(([, name = '']) => name));
  // Nothing was dropped, copied or sent again, nothing was refused before it was an exchange, no backend is watched, no
  // connection passed on, and there are no agents.
  const silent = [
    'mcp_messages_dropped_total',
    'http_requests_refused_total',
    'connections_refused_total',
    'tls_connections_refused_total',
    'proxy_headers_refused_total',
    'connections_total',
    'connection_duration_seconds',
    'connection_bytes_total',
    'http_mirrored_total',
    'http_retries_total',
    'mcp_retries_total',
    'backend_evicted',
    'backend_health',
    'backend_up',
    'health_checks_total',
    'a2a_requests_total',
    'a2a_request_duration_seconds',
  ];
  assert.deepEqual(
    [...served].sort(),
    documented()
      .filter((name) => !silent.includes(name))
      .sort(),
  );
  // Every sample once: a scrape with doubles is refused as a whole.
  const series = text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.replace(/ \S+$/, ''));
  assert.deepEqual(
    series.filter((line, at) => series.indexOf(line) !== at),
    [],
  );
});

test('the dump shows the plan and the targets without what is secret in them', async (t) => {
  const server = await startRawServer();
  t.after(() => server.close());
  const key = 'ab'.repeat(32);
  const env = { API_KEY: 'sesame-1', PLAIN: 'sesame-2' };
  const stdio = stdioTarget();
  const targets = [
    { name: 'child', stdio: { ...stdio, args: [...stdio.args, '--token=sesame-3'], env } },
    { name: 'web', mcp: { host: server.url.replace('//', '//user:sesame-4@') } },
    { name: 'key', mcp: { host: `${server.url}?api_key=sesame-5` } },
    { name: 'down', mcp: { host: 'http://user:sesame-6@127.0.0.1:9/mcp' } },
  ];
  const gateway = await startGateway({
    mcp: { targets },
    settings: { adminAddr: 'localhost:0', session: { key } },
  });
  t.after(() => gateway.stop());
  const { admin } = await addresses(gateway);
  const text = await (await fetch(`${admin}/config_dump`)).text();
  for (const secret of ['sesame', key, Buffer.from('user:sesame-4').toString('base64')])
    assert.ok(!text.includes(secret), `${secret} in ${text}`);
  const dump = JSON.parse(text) as { targets: { name: string; state: string }[]; generations: number };
  assert.deepEqual(
    dump.targets.map(({ name, state }) => [name, state]),
    [
      ['child', 'up'],
      ['web', 'up'],
      ['key', 'up'],
      ['down', 'down'],
    ],
  );
  assert.equal(dump.generations, 1);
  assert.ok(text.includes('API_KEY') && text.includes(server.url.slice('http://'.length)));
  assert.ok(!gateway.log().includes('sesame'), gateway.log());
  // Another site's page that has its name point here must not read it.
  assert.equal(
    (await fetch(`${admin}/config_dump`, { headers: { origin: 'http://evil.example' } })).status,
    403,
  );
});

function linesOf(gateway: GatewayProcess, msg: string): Record<string, unknown>[] {
  return logLines(gateway).filter((line) => line['msg'] === msg);
}

test('each request and each call has a line with the documented fields', async (t) => {
  const { gateway, client } = await stage(t);
  const session = await client();
  await session.call('child_echo');
  await session.request('resources/read', { uri: 'web+raw://one' });
  await session.request('prompts/get', { name: 'web_greet' });
  await session.script([{ do: 'never' }], 'child_script');
  await session.request('no/such');
  await until(
    () => linesOf(gateway, 'mcp').length >= 5 && linesOf(gateway, 'request').length >= 7,
    'the lines come',
  );
  const [tool, resource, prompt, late, unknown] = linesOf(gateway, 'mcp');
  const id = String(tool?.['mcp.session.id']);
  assert.match(id, /^[\w-]{8}$/);
  const common = { level: 'info', msg: 'mcp', 'mcp.session.id': id };
  const pick = (line: Record<string, unknown> | undefined): Record<string, unknown> => {
    const { time, duration, route, backend, error, ...rest } = line ?? {};
    assert.equal(typeof time, 'string');
    assert.equal(typeof duration, 'number');
    return rest;
  };
  assert.deepEqual(pick(tool), {
    ...common,
    'mcp.method.name': 'tools/call',
    'mcp.target': 'child',
    'mcp.resource.type': 'tool',
    'gen_ai.tool.name': 'echo',
    outcome: 'ok',
  });
  assert.deepEqual(pick(resource), {
    ...common,
    'mcp.method.name': 'resources/read',
    'mcp.target': 'web',
    'mcp.resource.type': 'resource',
    'mcp.resource.uri': 'raw://one',
    outcome: 'ok',
  });
  assert.deepEqual(pick(prompt), {
    ...common,
    'mcp.method.name': 'prompts/get',
    'mcp.target': 'web',
    'mcp.resource.type': 'prompt',
    'gen_ai.prompt.name': 'greet',
    outcome: 'ok',
  });
  assert.deepEqual(pick(late), {
    ...common,
    'mcp.method.name': 'tools/call',
    'mcp.target': 'child',
    'mcp.resource.type': 'tool',
    'gen_ai.tool.name': 'script',
    outcome: 'timeout',
    'mcp.error.code': -32603,
    reason: 'UPSTREAM_TIMEOUT',
  });
  assert.deepEqual(pick(unknown), {
    ...common,
    'mcp.method.name': 'no/such',
    outcome: 'error',
    'mcp.error.code': -32601,
    reason: 'METHOD_NOT_FOUND',
  });
  const [initialize] = linesOf(gateway, 'request');
  const { 'http.response.bytes': bytes, 'http.host': host, ...request } = pick(initialize);
  assert.ok(Number(bytes) > 0);
  assert.equal(host, new URL(gateway.url).host);
  assert.deepEqual(request, {
    level: 'info',
    msg: 'request',
    listener: 'default',
    'src.addr': '127.0.0.1',
    'http.method': 'POST',
    'http.path': '/mcp',
    'http.status': 200,
    'mcp.session.id': id,
  });
});

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const TRACEPARENT = `00-${TRACE}-00f067aa0ba902b7-01`;

function metaOf(received: string): unknown {
  return (JSON.parse(received) as { params: { _meta?: unknown } }).params._meta;
}

test('a trace reaches every kind of upstream: as a header where there are headers, and inside the message', async (t) => {
  const { gateway, server, client } = await stage(t);
  const session = await client({ traceparent: TRACEPARENT });
  for (const tool of ['web_received', 'child_received'])
    assert.deepEqual(metaOf(textOf(await session.call(tool))), { traceparent: TRACEPARENT });
  const call = server.control.received().find(({ method }) => method === 'tools/call');
  assert.equal(call?.headers['traceparent'], TRACEPARENT);
  const old = await McpSseClient.open(gateway.url.replace(/mcp$/, 'sse'), {
    headers: { traceparent: TRACEPARENT },
  });
  t.after(() => old.close());
  const received = await old.request('tools/call', { name: 'child_received', arguments: {} });
  assert.deepEqual(metaOf(textOf(received)), { traceparent: TRACEPARENT });
  await until(() => linesOf(gateway, 'mcp').length >= 3, 'the lines come');
  for (const line of [...linesOf(gateway, 'mcp'), ...linesOf(gateway, 'request').slice(0, 1)])
    assert.equal(line['trace.id'], TRACE);
});

test('what the client wrote of a trace itself is left alone, and without a trace nothing is added', async (t) => {
  const { client } = await stage(t);
  const traced = await client({ traceparent: TRACEPARENT });
  const own = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-00`;
  const metas: [McpHttpClient, object | undefined, unknown][] = [
    [traced, { traceparent: own, other: 1 }, { traceparent: own, other: 1 }],
    [traced, { other: 1 }, { traceparent: TRACEPARENT, other: 1 }],
    [traced, {}, { traceparent: TRACEPARENT }],
    [await client({ traceparent: 'nonsense"}' }), undefined, undefined],
    [await client({ traceparent: `00-${'0'.repeat(32)}-${'b'.repeat(16)}-00` }), { other: 1 }, { other: 1 }],
    [await client(), { other: 1 }, { other: 1 }],
    [await client(), undefined, undefined],
  ];
  for (const [session, meta, expected] of metas) {
    const params = { name: 'child_received', arguments: {}, ...(meta && { _meta: meta }) };
    const answer: Message = await session.request('tools/call', params);
    assert.deepEqual(metaOf(textOf(answer)), expected);
  }
});

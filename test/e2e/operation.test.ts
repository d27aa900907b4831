/** What docs/guides/operations.md promises to whoever watches a gateway. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { memoryServer, testGateway } from '../../src/testing/index.ts';
import { type GatewayProcess, startGateway } from '../fixtures/gateway.ts';
import { freePort } from '../fixtures/programs.ts';
import { serverScript } from './clients/real-servers.ts';

const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

let gateway: GatewayProcess;
let admin: string;

before(async () => {
  const adminAddr = `127.0.0.1:${await freePort()}`;
  admin = `http://${adminAddr}`;
  const stdio = { cmd: process.execPath, args: [serverScript('everything')], env: { SECRET: 'do-not-show' } };
  const targets = [
    { name: 'fine', stdio },
    { name: 'gone', mcp: { host: `http://someone:hunter2@127.0.0.1:${await freePort()}/mcp` } },
  ];
  gateway = await startGateway({ mcp: { targets, failureMode: 'failOpen' }, settings: { adminAddr } });
  const client = new Client({ name: 'test', version: '0' });
  const headers = { traceparent: TRACEPARENT };
  await client.connect(new StreamableHTTPClientTransport(new URL(gateway.url), { requestInit: { headers } }));
  await client.callTool({ name: 'fine_echo', arguments: { message: 'hi' } });
  await client.callTool({ name: 'fine_get-sum', arguments: {} });
  await client.callTool({ name: 'nothing' }).catch(() => undefined);
  await client.close();
});

after(() => gateway.stop());

function get(url: string): Promise<string> {
  return fetch(url).then((response) => response.text());
}

function lines(message: string): Record<string, unknown>[] {
  const entries = gateway
    .log()
    .split('\n')
    .filter((line) => line.startsWith('{'));
  return entries
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter((line) => line['msg'] === message);
}

test('calls are counted by target, method, tool and outcome, and timed', async () => {
  const text = await get(`${gateway.statsUrl}/metrics`);
  const call = (resource: string, outcome: string) =>
    `agentgateway_mcp_requests_total{method="tools/call",resource_type="tool",server="fine",resource="${resource}",outcome="${outcome}"} 1`;
  assert.ok(text.includes(call('echo', 'ok')), text);
  assert.ok(text.includes(call('get-sum', 'tool_error')), text);
  assert.match(
    text,
    /agentgateway_mcp_request_duration_seconds_count\{method="tools\/call",server="fine"\} 2/,
  );
  assert.match(text, /agentgateway_requests_total\{listener="default",[^}]*method="POST",status="200"/);
});

test('sessions, children and the states of targets are shown', async () => {
  const text = await get(`${gateway.statsUrl}/metrics`);
  assert.match(text, /^agentgateway_mcp_sessions 1$/m);
  assert.match(text, /^agentgateway_children\{target="fine"\} [1-9]/m);
  assert.match(text, /^agentgateway_target_state\{target="fine",state="up"\} 1$/m);
  assert.match(text, /^agentgateway_target_state\{target="gone",state="down"\} 1$/m);
});

test('a target that is down is named, and does not make the gateway unready', async () => {
  const response = await fetch(`${gateway.statsUrl}/healthz/ready`);
  assert.equal(response.status, 200);
  const { targets } = (await response.json()) as {
    targets: Record<string, { state: string; error?: string }>;
  };
  assert.equal(targets['fine']?.state, 'up');
  assert.equal(targets['gone']?.state, 'down');
  assert.match(targets['gone']?.error ?? '', /target "gone"/);
});

test('the dump shows the configuration in force without its secrets', async () => {
  const text = await get(`${admin}/config_dump`);
  assert.ok(text.includes(process.execPath));
  for (const secret of ['do-not-show', 'hunter2']) assert.ok(!text.includes(secret), secret);
});

test('each request and each call has a line, with the trace it belongs to', async () => {
  // Lines are written in batches; this one is the last of what the clients did.
  await gateway.said(/"gen_ai\.tool\.name":"nothing"/);
  const [call] = lines('mcp').filter((line) => line['gen_ai.tool.name'] === 'echo');
  assert.equal(call?.['mcp.target'], 'fine');
  assert.equal(call?.['outcome'], 'ok');
  assert.equal(call?.['trace.id'], '0af7651916cd43dd8448eb211c80319c');
  assert.equal(typeof call?.['duration'], 'number');
  const [unknown] = lines('mcp').filter((line) => line['gen_ai.tool.name'] === 'nothing');
  assert.deepEqual([unknown?.['outcome'], unknown?.['reason']], ['error', 'UNKNOWN_ITEM']);
  const [request] = lines('request').filter((line) => line['http.method'] === 'POST');
  assert.deepEqual([request?.['http.status'], request?.['http.path']], [200, '/mcp']);
  assert.ok(!gateway.log().includes('hunter2'));
});

test('a server finds the trace in the message, over any transport', async (t) => {
  const server = memoryServer({ tools: [{ name: 'echo', call: () => 'done' }] });
  const traced = await testGateway('mcp: { targets: [{ name: a, memory: server }] }', {
    servers: { server },
  });
  t.after(() => traced.close());
  const client = new Client({ name: 'test', version: '0' });
  const options = { requestInit: { headers: { traceparent: TRACEPARENT } } };
  await client.connect(new StreamableHTTPClientTransport(new URL(`${traced.url}/mcp`), options));
  t.after(() => client.close());
  await client.callTool({ name: 'echo' });
  const call = server.requests.find(({ method }) => method === 'tools/call');
  assert.deepEqual(call?.params['_meta'], { traceparent: TRACEPARENT });
});

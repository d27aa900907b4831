import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CallRecord, ExchangeRecord } from '../core/signals.ts';
import { createMetrics } from './metrics.ts';

const EXCHANGE: ExchangeRecord = {
  startedAt: 0,
  method: 'POST',
  path: '/mcp',
  host: 'localhost:3000',
  client: '127.0.0.1:5',
  listener: 'default',
  route: 'default/mcp',
  backend: 'mcp',
  endpoint: undefined,
  session: undefined,
  user: undefined,
  status: 200,
  bytesOut: 10,
  ms: 4,
  reason: undefined,
  error: undefined,
  traceId: undefined,
};

const CALL: CallRecord = {
  startedAt: 0,
  method: 'tools/call',
  session: undefined,
  user: undefined,
  route: 'default/mcp',
  target: 'everything',
  kind: 'tool',
  name: 'echo',
  outcome: 'ok',
  reason: undefined,
  rpcCode: undefined,
  ms: 12,
  traceId: undefined,
};

/** The value lines, without comments. */
function samples(text: string): string[] {
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

test('requests are counted by where they went and how they ended', async () => {
  const metrics = createMetrics();
  metrics.exchangeEnded(EXCHANGE);
  metrics.exchangeEnded({
    ...EXCHANGE,
    status: 404,
    route: undefined,
    backend: undefined,
    reason: 'ROUTE_NOT_FOUND',
  });
  const lines = samples(await metrics.text());
  assert.ok(
    lines.includes(
      'agentgateway_requests_total{listener="default",route="default/mcp",backend="mcp",method="POST",status="200",reason=""} 1',
    ),
  );
  assert.ok(
    lines.includes(
      'agentgateway_requests_total{listener="default",route="",backend="",method="POST",status="404",reason="ROUTE_NOT_FOUND"} 1',
    ),
  );
});

test('durations are histograms in seconds with cumulative buckets', async () => {
  const metrics = createMetrics();
  metrics.exchangeEnded({ ...EXCHANGE, ms: 4 });
  metrics.exchangeEnded({ ...EXCHANGE, ms: 70_000 });
  const text = await metrics.text();
  assert.match(text, /^# TYPE agentgateway_request_duration_seconds histogram$/m);
  const lines = samples(text);
  const labels = 'listener="default",route="default/mcp"';
  assert.ok(lines.includes(`agentgateway_request_duration_seconds_count{${labels}} 2`));
  assert.ok(lines.includes(`agentgateway_request_duration_seconds_sum{${labels}} 70.004`));
  assert.ok(lines.includes(`agentgateway_request_duration_seconds_bucket{${labels},le="0.0025"} 0`));
  assert.ok(lines.includes(`agentgateway_request_duration_seconds_bucket{${labels},le="0.005"} 1`));
  assert.ok(lines.includes(`agentgateway_request_duration_seconds_bucket{${labels},le="60"} 1`));
  assert.ok(lines.includes(`agentgateway_request_duration_seconds_bucket{${labels},le="+Inf"} 2`));
});

test('MCP calls are counted by method, kind, server, name and outcome', async () => {
  const metrics = createMetrics();
  metrics.callEnded(CALL);
  metrics.callEnded({ ...CALL, outcome: 'tool_error' });
  const text = await metrics.text();
  assert.match(text, /^# TYPE agentgateway_mcp_requests_total counter$/m);
  const labels = 'method="tools/call",resource_type="tool",server="everything",resource="echo"';
  assert.ok(samples(text).includes(`agentgateway_mcp_requests_total{${labels},outcome="ok"} 1`));
  assert.ok(samples(text).includes(`agentgateway_mcp_requests_total{${labels},outcome="tool_error"} 1`));
  assert.match(
    text,
    /agentgateway_mcp_request_duration_seconds_count\{method="tools\/call",server="everything"\} 2/,
  );
});

test('a resource URI is no label', async () => {
  const metrics = createMetrics();
  metrics.callEnded({ ...CALL, method: 'resources/read', kind: 'resource', name: 'file:///a' });
  const text = await metrics.text();
  assert.doesNotMatch(text, /file:/);
  assert.match(text, /resource_type="resource",server="everything",resource=""/);
});

test('methods that nobody specified and names that reached no server are no labels', async () => {
  const metrics = createMetrics();
  metrics.callEnded({ ...CALL, method: 'evil/1', target: undefined, name: 'made-up' });
  metrics.exchangeEnded({ ...EXCHANGE, method: 'BREW' });
  const text = await metrics.text();
  assert.doesNotMatch(text, /evil|made-up|BREW/);
  assert.match(
    text,
    /agentgateway_mcp_requests_total\{method="_other",resource_type="tool",server="",resource=""/,
  );
});

test('ten thousand tool names make a bounded number of series', async () => {
  const metrics = createMetrics();
  for (let index = 0; index < 10_000; index++) metrics.callEnded({ ...CALL, name: `tool-${index}` });
  const lines = samples(await metrics.text()).filter((line) =>
    line.startsWith('agentgateway_mcp_requests_total'),
  );
  assert.equal(lines.length, 2001);
  assert.equal(
    lines.filter((line) => line.includes('resource="_other"') && line.endsWith(' 8000')).length,
    1,
  );
});

test('label values are escaped', async () => {
  const metrics = createMetrics();
  metrics.callEnded({ ...CALL, name: 'a"b\\c\nd' });
  assert.match(await metrics.text(), /resource="a\\"b\\\\c\\nd"/);
});

test('events and gauges appear under the prefix, gauges read when somebody looks', async () => {
  const metrics = createMetrics();
  let sessions = 1;
  metrics.count('log_lines_dropped', { reason: 'slow' });
  metrics.gauge({
    name: 'sessions',
    help: 'Sessions.',
    read: () => [{ labels: { backend: 'a' }, value: sessions }],
  });
  metrics.gauge({
    name: 'sessions',
    help: 'Sessions.',
    read: () => [{ labels: { backend: 'b' }, value: 7 }],
  });
  sessions = 5;
  const text = await metrics.text();
  assert.match(text, /^agentgateway_log_lines_dropped_total\{reason="slow"\} 1$/m);
  assert.match(text, /^agentgateway_sessions\{backend="a"\} 5$/m);
  assert.match(text, /^agentgateway_sessions\{backend="b"\} 7$/m);
  assert.equal(text.match(/# TYPE agentgateway_sessions gauge/g)?.length, 1);
});

test('without events the text is still valid', async () => {
  assert.match(await createMetrics().text(), /^#[^\n]*\n$/);
});

/**
 * The gateway's metrics: which there are, how records become numbers, and how they are shown. Counting happens in
 * tally.ts; OpenTelemetry only writes the text, and is loaded (exposition.ts) at the first scrape.
 * Resource URIs are no labels (they are endless), tool and prompt names are.
 */
import type {
  A2aRecord,
  CallRecord,
  ConnectionRecord,
  ExchangeRecord,
  Gauge,
  Signals,
} from '../core/signals.ts';
import { exposition, type Instrument } from './exposition.ts';
import { OTHER, Series } from './tally.ts';

export interface Metrics extends Signals {
  /** The Prometheus text exposition format, version 0.0.4. */
  text(): Promise<string>;
}

/** Of requests, in seconds: Prometheus' usual ones with finer steps at the start, where a gateway lives. */
const REQUEST_BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
/** Of MCP operations, in seconds: the boundaries of OpenTelemetry's MCP conventions, and two below them. */
const CALL_BOUNDS = [0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300];

/** Of connections that are passed on, in seconds: from one question to a working day. */
const CONNECTION_BOUNDS = [0.01, 0.1, 1, 10, 60, 600, 3600, 36_000];

/** Methods come from clients: one that is not listed here must not become a label. */
const HTTP_METHODS = new Set([
  'GET',
  'POST',
  'DELETE',
  'PUT',
  'PATCH',
  'HEAD',
  'OPTIONS',
  'CONNECT',
  'TRACE',
]);
const MCP_METHODS = new Set([
  ...[
    'initialize',
    'ping',
    'server/discover',
    'completion/complete',
    'logging/setLevel',
    'subscriptions/listen',
  ],
  ...[
    'tools/list',
    'tools/call',
    'prompts/list',
    'prompts/get',
    'roots/list',
    'sampling/createMessage',
    'elicitation/create',
  ],
  ...[
    'resources/list',
    'resources/templates/list',
    'resources/read',
    'resources/subscribe',
    'resources/unsubscribe',
  ],
  ...['tasks/get', 'tasks/list', 'tasks/result', 'tasks/update', 'tasks/cancel'],
  ...[
    'notifications/initialized',
    'notifications/cancelled',
    'notifications/progress',
    'notifications/roots/list_changed',
  ],
]);

/** observe/ knows no protocol room, so their names stand here once more; a test holds them against a2a/. */
export const A2A_METHODS: ReadonlySet<string> = new Set([
  ...['GetAgentCard', 'GetExtendedAgentCard', 'SendMessage', 'SendStreamingMessage'],
  ...['GetTask', 'ListTasks', 'CancelTask', 'SubscribeToTask'],
  ...['CreateTaskPushNotificationConfig', 'GetTaskPushNotificationConfig'],
  ...['ListTaskPushNotificationConfigs', 'DeleteTaskPushNotificationConfig'],
]);

export function createMetrics(): Metrics {
  const fixed = fixedSeries();
  const counters = new Map<string, Instrument>();
  const gauges = new Set<Gauge>();
  return {
    exchangeEnded(record: ExchangeRecord) {
      const { listener, route = '', backend = '', reason = '' } = record;
      const method = HTTP_METHODS.has(record.method) ? record.method : OTHER;
      fixed.requests.add([listener, route, backend, method, String(record.status), reason]);
      fixed.requestSeconds.observe([listener, route], record.ms / 1000);
      if (record.a2a) agentCall(fixed, record, record.a2a);
    },
    callEnded(record: CallRecord) {
      const { kind = '', target: server = '', outcome } = record;
      const method = MCP_METHODS.has(record.method) ? record.method : OTHER;
      const named = record.target !== undefined && kind !== 'resource';
      fixed.calls.add([method, kind, server, (named && record.name) || '', outcome]);
      fixed.callSeconds.observe([method, server], record.ms / 1000);
    },
    connectionEnded(record: ConnectionRecord) {
      const { listener, route = '', backend = '', reason = '' } = record;
      fixed.connections.add([listener, route, backend, reason]);
      fixed.connectionSeconds.observe([listener, route], record.ms / 1000);
      fixed.connectionBytes.add([listener, route, 'received'], record.bytesIn);
      fixed.connectionBytes.add([listener, route, 'sent'], record.bytesOut);
    },
    count(name, labels = {}) {
      let counter = counters.get(name);
      if (!counter) {
        counter = eventCounter(name, Object.keys(labels));
        counters.set(name, counter);
      }
      counter.series.add(counter.series.labels.map((label) => labels[label] ?? ''));
    },
    gauge(gauge) {
      gauges.add(gauge);
      return () => void gauges.delete(gauge);
    },
    text: () => exposition([...named(fixed), ...counters.values()], [...gauges]),
  };
}

function agentCall(
  { agentCalls, agentCallSeconds }: ReturnType<typeof fixedSeries>,
  { route = '', ms }: ExchangeRecord,
  { method: asked = '', transport, outcome }: A2aRecord,
): void {
  const method = asked === '' || A2A_METHODS.has(asked) ? asked : OTHER;
  agentCalls.add([method, transport, route, outcome ?? '']);
  agentCallSeconds.observe([method, route], ms / 1000);
}

function fixedSeries() {
  return {
    requests: new Series({
      labels: ['listener', 'route', 'backend', 'method', 'status', 'reason'],
      open: 'route',
    }),
    requestSeconds: new Series({ labels: ['listener', 'route'], bounds: REQUEST_BOUNDS, open: 'route' }),
    calls: new Series({
      labels: ['method', 'resource_type', 'server', 'resource', 'outcome'],
      open: 'resource',
    }),
    callSeconds: new Series({ labels: ['method', 'server'], bounds: CALL_BOUNDS, open: 'server' }),
    connections: new Series({ labels: ['listener', 'route', 'backend', 'reason'], open: 'route' }),
    connectionSeconds: new Series({
      labels: ['listener', 'route'],
      bounds: CONNECTION_BOUNDS,
      open: 'route',
    }),
    connectionBytes: new Series({ labels: ['listener', 'route', 'direction'], open: 'route' }),
    agentCalls: new Series({ labels: ['method', 'transport', 'route', 'outcome'], open: 'route' }),
    agentCallSeconds: new Series({ labels: ['method', 'route'], bounds: CALL_BOUNDS, open: 'route' }),
  };
}

function named(series: ReturnType<typeof fixedSeries>): Instrument[] {
  return [
    { name: 'requests_total', help: 'HTTP requests.', series: series.requests },
    {
      name: 'request_duration_seconds',
      help: 'Time from a request to the end of its reply.',
      series: series.requestSeconds,
    },
    { name: 'mcp_requests_total', help: 'MCP calls.', series: series.calls },
    {
      name: 'mcp_request_duration_seconds',
      help: 'Time from an MCP call to its outcome.',
      series: series.callSeconds,
    },
    { name: 'connections_total', help: 'Connections passed on, at their end.', series: series.connections },
    {
      name: 'connection_duration_seconds',
      help: 'How long connections that were passed on have lasted.',
      series: series.connectionSeconds,
    },
    {
      name: 'connection_bytes_total',
      help: 'Bytes of connections that were passed on, at their end.',
      series: series.connectionBytes,
    },
    { name: 'a2a_requests_total', help: 'Requests to agents.', series: series.agentCalls },
    {
      name: 'a2a_request_duration_seconds',
      help: 'Time from a request to an agent to the end of its answer, which may be a stream.',
      series: series.agentCallSeconds,
    },
  ];
}

function eventCounter(name: string, labels: readonly string[]): Instrument {
  const help = `${name.replaceAll('_', ' ')}.`;
  return { name: name.endsWith('_total') ? name : `${name}_total`, help, series: new Series({ labels }) };
}

/** A call through everything MCP but the sockets: front, session, view, link and back, to servers that answer at once. */
import { randomBytes } from 'node:crypto';
import { GatewayError } from '../src/core/errors.ts';
import type { Exchange, Reply } from '../src/core/exchange.ts';
import { type Ports, silentLog, systemClock } from '../src/core/ports.ts';
import { Scope } from '../src/core/scope.ts';
import { NO_SIGNALS } from '../src/core/signals.ts';
import { Cancel } from '../src/lib/cancel.ts';
import type { Connector, Outgoing, Wire, WireEvents } from '../src/mcp/definition.ts';
import { Endpoint } from '../src/mcp/endpoint.ts';
import { HttpFront } from '../src/mcp/fronts/front.ts';
import type { Era } from '../src/mcp/revisions.ts';
import { ReplayBudget } from '../src/mcp/sessions/replay.ts';
import { SessionTable } from '../src/mcp/sessions/session-table.ts';
import { Target } from '../src/mcp/target/target.ts';
import { View } from '../src/mcp/view/view.ts';
import { exchangeRecord } from './records.ts';

const ports: Ports = {
  clock: systemClock,
  log: silentLog,
  env: {},
  signals: NO_SIGNALS,
  random: randomBytes,
};
const deadline = { ms: 30_000, maxMs: 600_000 };

const RESULTS: Readonly<Record<string, string>> = {
  'server/discover':
    '{"supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"serverInfo":{"name":"x","version":"1"},"resultType":"complete"}',
  initialize:
    '{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"x","version":"1"}}',
  'tools/list': '{"tools":[{"name":"echo","inputSchema":{"type":"object"}}]}',
};
const ECHO: Readonly<Record<Era, string>> = {
  legacy: `{"content":[{"type":"text","text":"${'x'.repeat(64)}"}]}`,
  modern: `{"content":[{"type":"text","text":"${'x'.repeat(64)}"}],"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"x","version":"1"}}}`,
};

const connector = (servers: Era): Connector => ({
  lifecycle: 'session',
  eras: 'apart',
  resumable: true,
  takesHeaders: true,
  relates: true,
  address: 'memory',
  close() {},
  open: ({ events, era }) =>
    era === servers
      ? Promise.resolve(wire(events, servers))
      : Promise.reject(new GatewayError('UPSTREAM_STATUS', 'HTTP 400', { data: { upstreamStatus: 400 } })),
});

function wire(events: WireEvents, servers: Era): Wire {
  return {
    relates: true,
    close() {},
    send: (_message: Buffer, { request, method }: Outgoing) => {
      if (request === undefined) return Promise.resolve();
      const answer = Buffer.from(
        `{"result":${RESULTS[method ?? ''] ?? ECHO[servers]},"jsonrpc":"2.0","id":${request}}`,
      );
      return Promise.resolve().then(() => events.message(answer, request));
    },
  };
}

export interface WholeCall {
  run(): Promise<unknown>;
  close(): void;
}

/** Of a client of one era to servers of one era. */
export async function wholeCall(client: Era, servers: Era): Promise<WholeCall> {
  const sessions = new SessionTable({ ports, key: randomBytes(32), idleMs: 3_600_000, max: 10 });
  const endpoint = new Endpoint({ key: 'bench', ports, sessions, version: '0' });
  const budget = new ReplayBudget({ sessionBytes: 65_536, totalBytes: 65_536 });
  const limits = { bodyBytes: 1_000_000, batch: 50, heartbeatMs: 15_000, maxQueue: 1_000_000, retryMs: 1000 };
  const front = new HttpFront({ endpoint, ports, budget, limits });
  const targets = ['t0', 't1'].map((name) => target(name, servers));
  const members = targets.map((each) => ({
    target: each,
    curation: undefined,
    deadline,
    toolDeadlines: new Map(),
  }));
  endpoint.rebase(new View({ members, prefixMode: 'conditional', failureMode: 'failClosed', nameLimit: 64 }));
  for (const each of targets) each.start();
  await Promise.all(targets.map((each) => each.ensure()));
  const call = client === 'modern' ? () => post(MODERN_CALL, MODERN_HEADERS) : await inSession(front);
  const answer = (await front.handle(call())) as Reply;
  if (answer.status !== 200) throw new Error(`${client} client, ${servers} server: HTTP ${answer.status}`);
  return {
    run: () => front.handle(call()),
    close: () => {
      front.close();
      void sessions.close();
      for (const each of targets) void each.close();
    },
  };
}

async function inSession(front: HttpFront): Promise<() => Exchange> {
  const begun = (await front.handle(post(INITIALIZE, {}))) as Reply;
  const token = begun.headers[begun.headers.indexOf('mcp-session-id') + 1] as string;
  const headers = { 'mcp-session-id': token, 'mcp-protocol-version': '2025-11-25' };
  return () => post(CALL, headers);
}

const INITIALIZE = Buffer.from(
  '{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{"elicitation":{}},"clientInfo":{"name":"bench","version":"1"}}}',
);
const CALL = Buffer.from(
  `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t0_echo","arguments":{"message":"${'x'.repeat(64)}"}}}`,
);

const MODERN_CALL = Buffer.from(
  `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t0_echo","arguments":{"message":"${'x'.repeat(64)}"},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1"},"io.modelcontextprotocol/clientCapabilities":{"elicitation":{}}}}}`,
);
const MODERN_HEADERS = {
  'mcp-protocol-version': '2026-07-28',
  'mcp-method': 'tools/call',
  'mcp-name': 't0_echo',
};

function target(name: string, servers: Era): Target {
  const options = { connectMs: 1000, version: '0', reconcileMs: 3_600_000, scope: new Scope() };
  return new Target({ name, connector: connector(servers), ports, ...options });
}

function post(body: Buffer, headers: Readonly<Record<string, string>>): Exchange {
  return {
    id: '1',
    method: 'POST',
    url: '/mcp',
    path: '/mcp',
    query: '',
    authority: 'localhost',
    scheme: 'http',
    httpVersion: '1.1',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...headers,
    },
    rawHeaders: [],
    body: {
      length: body.length,
      read: () => Promise.resolve(body),
      stream: () => {
        throw new Error('read it whole');
      },
    },
    client: { address: '127.0.0.1', port: 1 },
    local: { address: '127.0.0.1', port: 2 },
    cancel: new Cancel(),
    upgrade: undefined,
    record: exchangeRecord(),
    serves: () => false,
  };
}

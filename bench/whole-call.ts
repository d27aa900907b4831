/** A call through everything MCP but the sockets: front, session, view, link and back, to servers that answer at once. */
import { randomBytes } from 'node:crypto';
import type { Exchange, Reply } from '../src/core/exchange.ts';
import { type Ports, silentLog, systemClock } from '../src/core/ports.ts';
import { Scope } from '../src/core/scope.ts';
import { NO_SIGNALS } from '../src/core/signals.ts';
import { Cancel } from '../src/lib/cancel.ts';
import type { Connector, Outgoing, Wire, WireEvents } from '../src/mcp/definition.ts';
import { Endpoint } from '../src/mcp/endpoint.ts';
import { HttpFront } from '../src/mcp/fronts/front.ts';
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
  initialize:
    '{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"x","version":"1"}}',
  'tools/list': '{"tools":[{"name":"echo","inputSchema":{"type":"object"}}]}',
};
const ECHO = `{"content":[{"type":"text","text":"${'x'.repeat(64)}"}]}`;

const connector: Connector = {
  lifecycle: 'session',
  resumable: true,
  takesHeaders: true,
  relates: true,
  address: 'memory',
  close() {},
  open: ({ events }) => Promise.resolve(wire(events)),
};

function wire(events: WireEvents): Wire {
  return {
    relates: true,
    close() {},
    send: (_message: Buffer, { request, method }: Outgoing) => {
      if (request === undefined) return Promise.resolve();
      const answer = Buffer.from(
        `{"result":${RESULTS[method ?? ''] ?? ECHO},"jsonrpc":"2.0","id":${request}}`,
      );
      return Promise.resolve().then(() => events.message(answer, request));
    },
  };
}

export async function wholeCall(): Promise<{ run(): Promise<unknown>; close(): void }> {
  const sessions = new SessionTable({ ports, key: randomBytes(32), idleMs: 3_600_000, max: 10 });
  const endpoint = new Endpoint({ key: 'bench', ports, sessions, version: '0' });
  const budget = new ReplayBudget({ sessionBytes: 65_536, totalBytes: 65_536 });
  const limits = { bodyBytes: 1_000_000, batch: 50, heartbeatMs: 15_000, maxQueue: 1_000_000, retryMs: 1000 };
  const front = new HttpFront({ endpoint, ports, budget, limits });
  const targets = ['t0', 't1'].map(target);
  const members = targets.map((each) => ({
    target: each,
    curation: undefined,
    deadline,
    toolDeadlines: new Map(),
  }));
  endpoint.rebase(new View({ members, prefixMode: 'conditional', failureMode: 'failClosed', nameLimit: 64 }));
  for (const each of targets) each.start();
  await Promise.all(targets.map((each) => each.ensure()));
  const begun = (await front.handle(post(INITIALIZE, {}))) as Reply;
  const token = begun.headers[begun.headers.indexOf('mcp-session-id') + 1] as string;
  const headers = { 'mcp-session-id': token, 'mcp-protocol-version': '2025-11-25' };
  return {
    run: () => front.handle(post(CALL, headers)),
    close: () => {
      front.close();
      void sessions.close();
      for (const each of targets) void each.close();
    },
  };
}

const INITIALIZE = Buffer.from(
  '{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}}',
);
const CALL = Buffer.from(
  `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t0_echo","arguments":{"message":"${'x'.repeat(64)}"}}}`,
);

function target(name: string): Target {
  const options = { connectMs: 1000, version: '0', reconcileMs: 3_600_000, scope: new Scope() };
  return new Target({ name, connector, ports, ...options });
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

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Log, silentLog } from '../core/ports.ts';
import type { CallRecord, ConnectionRecord, ExchangeRecord } from '../core/signals.ts';
import { callFields, connectionFields, createAccessLog, exchangeFields } from './access-log.ts';
import { createSignals } from './signals.ts';

const EXCHANGE: ExchangeRecord = {
  startedAt: 0,
  method: 'POST',
  path: '/mcp?access_token=abc',
  host: 'localhost:3000',
  client: '127.0.0.1:50000',
  listener: 'default',
  route: 'default/mcp',
  backend: 'mcp',
  endpoint: 'http://127.0.0.1:9000',
  session: '0123456789abcdef',
  user: 'jwt:https://issuer.test|ann',
  status: 502,
  bytesOut: 120,
  ms: 12.34567,
  reason: 'UPSTREAM_CONNECT',
  error: 'connect http://u:pw@127.0.0.1:9000 refused',
  traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
};

const CONNECTION: ConnectionRecord = {
  startedAt: 0,
  client: '192.0.2.1',
  protocol: 'tls',
  serverName: 'db.example.com',
  user: 'tls:ab12',
  listener: 'default',
  route: 'db',
  backend: 'db[0]',
  endpoint: '10.0.0.1:5432',
  bytesIn: 10,
  bytesOut: 20,
  ms: 1.5,
  reason: 'UPSTREAM_CLOSED',
  error: '10.0.0.1:5432 broke the connection off',
};

test('what no listener took names none', () => {
  for (const fields of [
    exchangeFields({ ...EXCHANGE, listener: '' }),
    connectionFields({ ...CONNECTION, listener: '' }),
  ])
    assert.equal('listener' in fields, false);
});

test('a connection is told by name, bytes and end', () => {
  assert.deepEqual(connectionFields(CONNECTION), {
    listener: 'default',
    route: 'db',
    backend: 'db[0]',
    endpoint: '10.0.0.1:5432',
    'src.addr': '192.0.2.1',
    'user.id': 'tls:ab12',
    protocol: 'tls',
    'tls.sni': 'db.example.com',
    'bytes.received': 10,
    'bytes.sent': 20,
    reason: 'UPSTREAM_CLOSED',
    error: '10.0.0.1:5432 broke the connection off',
    duration: 1.5,
  });
  const bare = { ...CONNECTION, serverName: undefined, user: undefined, route: undefined, reason: undefined };
  const { 'tls.sni': name, 'user.id': user, route, reason } = connectionFields(bare);
  assert.deepEqual([name, user, route, reason], [undefined, undefined, undefined, undefined]);
});

const CALL: CallRecord = {
  startedAt: 0,
  method: 'tools/call',
  session: '0123456789abcdef',
  user: 'jwt:https://issuer.test|ann',
  route: 'default/mcp',
  target: 'everything',
  kind: 'tool',
  name: 'echo',
  outcome: 'error',
  reason: 'INVALID_PARAMS',
  rpcCode: -32602,
  ms: 0.5,
  traceId: undefined,
};

test('an exchange has the field names of the Rust gateway, session shortened, secrets gone', () => {
  assert.deepEqual(exchangeFields(EXCHANGE), {
    listener: 'default',
    route: 'default/mcp',
    backend: 'mcp',
    endpoint: 'http://127.0.0.1:9000',
    'src.addr': '127.0.0.1:50000',
    'user.id': 'jwt:https://issuer.test|ann',
    'http.method': 'POST',
    'http.host': 'localhost:3000',
    'http.path': '/mcp?access_token=[redacted]',
    'http.status': 502,
    'http.response.bytes': 120,
    'mcp.session.id': '01234567',
    reason: 'UPSTREAM_CONNECT',
    error: 'connect http://[redacted]@127.0.0.1:9000 refused',
    'trace.id': '4bf92f3577b34da6a3ce929d0e0e4736',
    duration: 12.346,
  });
});

test('facts that are not there are left out', () => {
  const bare = {
    ...EXCHANGE,
    route: undefined,
    backend: undefined,
    endpoint: undefined,
    session: undefined,
    user: undefined,
  };
  assert.deepEqual(
    Object.keys(exchangeFields({ ...bare, reason: undefined, error: undefined, traceId: undefined })),
    [
      'listener',
      'src.addr',
      'http.method',
      'http.host',
      'http.path',
      'http.status',
      'http.response.bytes',
      'duration',
    ],
  );
});

test('a call of an API names the status of the API', () => {
  assert.equal(callFields({ ...CALL, upstreamStatus: 404 })['upstream.status'], 404);
});

test('a call names its tool, prompt or resource under the field of its kind', () => {
  assert.deepEqual(callFields(CALL), {
    route: 'default/mcp',
    'user.id': 'jwt:https://issuer.test|ann',
    'mcp.method.name': 'tools/call',
    'mcp.target': 'everything',
    'mcp.resource.type': 'tool',
    'gen_ai.tool.name': 'echo',
    'mcp.session.id': '01234567',
    outcome: 'error',
    'mcp.error.code': -32602,
    reason: 'INVALID_PARAMS',
    duration: 0.5,
  });
  assert.equal(callFields({ ...CALL, kind: 'prompt', name: 'greet' })['gen_ai.prompt.name'], 'greet');
  const read = callFields({ ...CALL, kind: 'resource', name: 'https://h/x?token=abc' });
  assert.equal(read['mcp.resource.uri'], 'https://h/x?token=[redacted]');
});

test('each record becomes one line', () => {
  const lines: [string, object][] = [];
  const log: Log = { ...silentLog, info: (fields, message) => lines.push([message, fields]) };
  const signals = createSignals({ accessLog: createAccessLog(log), metrics: undefined });
  signals.exchangeEnded(EXCHANGE);
  signals.callEnded(CALL);
  signals.count('anything');
  assert.deepEqual(
    lines.map(([message]) => message),
    ['request', 'mcp'],
  );
  assert.deepEqual(lines[0]?.[1], exchangeFields(EXCHANGE));
});

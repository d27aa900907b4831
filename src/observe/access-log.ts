/**
 * One log line per HTTP exchange, per MCP call and per connection that is passed on, under the field names of the Rust
 * gateway's access log, so that existing queries and dashboards keep working. It only shapes records into fields; where
 * the line goes is the Log's.
 */
import type { Log } from '../core/ports.ts';
import type { A2aRecord, CallRecord, ConnectionRecord, ExchangeRecord } from '../core/signals.ts';
import { redactText, shortSession } from '../lib/secrets.ts';
import { markClean } from './redact.ts';

export type Fields = Record<string, string | number>;

export interface AccessLog {
  exchange(record: ExchangeRecord): void;
  call(record: CallRecord): void;
  connection(record: ConnectionRecord): void;
}

export function createAccessLog(log: Log): AccessLog {
  return {
    exchange: (record) => log.info(markClean(exchangeFields(record)), 'request'),
    call: (record) => log.info(markClean(callFields(record)), 'mcp'),
    connection: (record) => log.info(markClean(connectionFields(record)), 'connection'),
  };
}

/** Absent facts are left out rather than written as null. */
export function exchangeFields(record: ExchangeRecord): Fields {
  const fields = wayFields(record);
  fields['http.method'] = record.method;
  fields['http.host'] = record.host;
  fields['http.path'] = redactText(record.path);
  fields['http.status'] = record.status;
  put(fields, 'http.request.bytes', record.bytesIn);
  fields['http.response.bytes'] = record.bytesOut;
  put(fields, 'mcp.session.id', record.session === undefined ? undefined : shortSession(record.session));
  if (record.a2a) putA2a(fields, record.a2a);
  return ending(fields, record);
}

/** Whose it is, and which way it went. What leads into tunnels, or was refused before, has no listener. */
function wayFields(record: ExchangeRecord | ConnectionRecord): Fields {
  const { listener } = record;
  const fields: Fields = listener === '' ? {} : { listener };
  put(fields, 'route', record.route);
  put(fields, 'backend', record.backend);
  put(fields, 'endpoint', record.endpoint);
  fields['src.addr'] = record.client;
  putUser(fields, record.user);
  return fields;
}

function putA2a(fields: Fields, a2a: A2aRecord): void {
  fields['protocol'] = 'a2a';
  put(fields, 'a2a.method', short(a2a.method));
  fields['a2a.transport'] = a2a.transport;
  put(fields, 'a2a.version', a2a.version === '' ? undefined : a2a.version);
  put(fields, 'a2a.skill', short(a2a.skill));
  put(fields, 'a2a.task.id', short(a2a.taskId));
  put(fields, 'a2a.context.id', short(a2a.contextId));
  put(fields, 'a2a.response.outcome', a2a.outcome);
  put(fields, 'a2a.response.error_code', a2a.errorCode);
  put(fields, 'a2a.result.kind', a2a.resultKind);
  put(fields, 'a2a.task.state', short(a2a.taskState));
}

/** What others wrote, however long they made it. */
function short(text: string | undefined): string | undefined {
  return text === undefined ? undefined : redactText(text.slice(0, 128));
}

export function callFields(record: CallRecord): Fields {
  const fields: Fields = {};
  put(fields, 'route', record.route);
  putUser(fields, record.user);
  fields['mcp.method.name'] = record.method;
  put(fields, 'mcp.target', record.target);
  if (record.kind !== undefined && record.name !== undefined) {
    fields['mcp.resource.type'] = record.kind;
    fields[NAME_FIELD[record.kind]] = redactText(record.name);
  }
  put(fields, 'mcp.session.id', record.session === undefined ? undefined : shortSession(record.session));
  fields['outcome'] = record.outcome;
  put(fields, 'upstream.status', record.upstreamStatus);
  put(fields, 'mcp.error.code', record.rpcCode);
  return ending(fields, record);
}

export function connectionFields(record: ConnectionRecord): Fields {
  const fields = wayFields(record);
  fields['protocol'] = record.protocol;
  put(fields, 'tls.sni', record.serverName);
  fields['bytes.received'] = record.bytesIn;
  fields['bytes.sent'] = record.bytesOut;
  return ending(fields, record);
}

const NAME_FIELD = {
  tool: 'gen_ai.tool.name',
  prompt: 'gen_ai.prompt.name',
  resource: 'mcp.resource.uri',
} as const;

interface Ending {
  readonly reason: string | undefined;
  readonly error?: string | undefined;
  readonly traceId?: string | undefined;
  readonly ms: number;
}

function ending(fields: Fields, record: Ending): Fields {
  put(fields, 'reason', record.reason);
  put(fields, 'error', record.error === undefined ? undefined : redactText(record.error));
  put(fields, 'trace.id', record.traceId);
  // Milliseconds with the microseconds kept: most calls through the gateway itself take less than one.
  fields['duration'] = Math.round(record.ms * 1000) / 1000;
  return fields;
}

/** Subjects are what an issuer makes them. */
function putUser(fields: Fields, user: string | undefined): void {
  if (user !== undefined) fields['user.id'] = redactText(user);
}

function put(fields: Fields, name: string, value: string | number | undefined): void {
  if (value !== undefined) fields[name] = value;
}

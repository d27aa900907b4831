/** Records as the data path fills them, for measuring what becomes of them. */
import type { CallRecord, ExchangeRecord } from '../src/core/signals.ts';

export function exchangeRecord(): ExchangeRecord {
  return {
    startedAt: 0,
    method: 'POST',
    path: '/mcp',
    host: 'localhost:3000',
    client: '127.0.0.1',
    listener: 'default',
    route: 'mcp',
    backend: '3000/default/mcp[0]',
    endpoint: undefined,
    session: 'c2Vzc2lvbi1pZC1vZi0xNg',
    user: undefined,
    status: 200,
    bytesOut: 96,
    ms: 1.5,
    reason: undefined,
    error: undefined,
    traceId: undefined,
  };
}

export function callRecord(): CallRecord {
  return {
    startedAt: 0,
    method: 'tools/call',
    session: 'c2Vzc2lvbi1pZC1vZi0xNg',
    user: undefined,
    route: 'mcp',
    target: 't0',
    kind: 'tool',
    name: 'echo',
    outcome: 'ok',
    reason: undefined,
    rpcCode: undefined,
    ms: 1.2,
    traceId: undefined,
  };
}

/**
 * What the data path reports about itself. It fills plain records and hands them over once, at the end; observe/
 * turns them into log lines and metrics. Nothing here formats or allocates beyond the record.
 */
export interface ExchangeRecord {
  readonly startedAt: number;
  method: string;
  path: string;
  host: string;
  client: string;
  listener: string;
  route: string | undefined;
  backend: string | undefined;
  endpoint: string | undefined;
  session: string | undefined;
  /** Who the client proved to be: its principal. */
  user: string | undefined;
  status: number;
  bytesOut: number;
  /** Of the client, where a tunnel counts them. */
  bytesIn?: number;
  /** Milliseconds, filled at the end. */
  ms: number;
  /** Why the gateway answered itself: an ErrorCode, or undefined. */
  reason: string | undefined;
  error: string | undefined;
  traceId: string | undefined;
  /** Where the route or its backend speaks A2A. */
  a2a?: A2aRecord;
}

/** What a request to an agent is about, and what came of it. */
export interface A2aRecord {
  /** By its name in A2A 1.0, whatever the version; undefined: none that could be read. */
  readonly method: string | undefined;
  readonly transport: 'JSONRPC' | 'HTTP+JSON' | 'GRPC';
  /** `Major.Minor`. */
  readonly version: string;
  /** What the client says it wants. */
  readonly skill: string | undefined;
  /** Of the request, else of the answer. */
  taskId: string | undefined;
  contextId: string | undefined;
  /** undefined: nothing has come of it yet. */
  outcome: 'ok' | 'error' | undefined;
  /** Of a JSON-RPC error. */
  errorCode: number | undefined;
  resultKind: 'task' | 'message' | undefined;
  taskState: string | undefined;
}

/** As it begins; the rest is filled in on the way. */
export function newExchangeRecord(
  known: Pick<ExchangeRecord, 'startedAt' | 'method' | 'path' | 'host' | 'client'>,
): ExchangeRecord {
  const { startedAt, method, path, host, client } = known;
  return {
    startedAt,
    method,
    path,
    host,
    client,
    listener: '',
    route: undefined,
    backend: undefined,
    endpoint: undefined,
    session: undefined,
    user: undefined,
    status: 0,
    bytesOut: 0,
    ms: 0,
    reason: undefined,
    error: undefined,
    traceId: undefined,
  };
}

/** One connection whose bytes are passed on. */
export interface ConnectionRecord {
  readonly startedAt: number;
  readonly client: string;
  /** What passes: what came, or what was within TLS that ended here. */
  readonly protocol: 'tcp' | 'tls';
  /** Asked for in TLS. */
  readonly serverName: string | undefined;
  /** By the certificate it brought: its principal. */
  readonly user: string | undefined;
  listener: string;
  route: string | undefined;
  backend: string | undefined;
  endpoint: string | undefined;
  /** Bytes of the client, and bytes for it. */
  bytesIn: number;
  bytesOut: number;
  ms: number;
  /** Why it did not end by itself: an ErrorCode, or undefined. */
  reason: string | undefined;
  error: string | undefined;
}

export interface CallRecord {
  readonly startedAt: number;
  readonly method: string;
  readonly session: string | undefined;
  readonly route: string | undefined;
  /** Principal of the client. */
  readonly user: string | undefined;
  target: string | undefined;
  kind: 'tool' | 'prompt' | 'resource' | undefined;
  /** Native name or URI of what was called. */
  name: string | undefined;
  /** `tool_error`: the call was answered with a result that has isError. */
  outcome: 'ok' | 'error' | 'tool_error' | 'cancelled' | 'timeout';
  reason: string | undefined;
  /** HTTP status of the API that a tool stands for. */
  upstreamStatus?: number | undefined;
  /** JSON-RPC error code, when the outcome is an error. */
  rpcCode: number | undefined;
  ms: number;
  traceId: string | undefined;
}

/** A value read when somebody looks: sessions, children, target states. */
export interface Gauge {
  readonly name: string;
  readonly help: string;
  read(): Iterable<{ readonly labels: Readonly<Record<string, string>>; readonly value: number }>;
}

export interface Signals {
  exchangeEnded(record: ExchangeRecord): void;
  callEnded(record: CallRecord): void;
  connectionEnded(record: ConnectionRecord): void;
  /** A counted event without a record of its own: `name` is a metric name without prefix, labels are few and closed. */
  count(name: string, labels?: Readonly<Record<string, string>>): void;
  /** Returns the way to forget it: its owner may end before the process does. */
  gauge(gauge: Gauge): () => void;
}

export const NO_SIGNALS: Signals = {
  exchangeEnded() {},
  callEnded() {},
  connectionEnded() {},
  count() {},
  gauge: () => () => {},
};

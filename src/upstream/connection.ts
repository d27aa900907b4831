/**
 * What the policies `http` and `tcp` say about the connections to an upstream. They add nothing by themselves; whoever
 * connects reads them here.
 */
import type { PolicySet } from '../core/policy.ts';

export type HttpVersion = '1.1' | '2';

export interface HttpPolicy {
  /** undefined: HTTP/2 where the upstream offers it by ALPN, and for gRPC. */
  readonly version?: HttpVersion | undefined;
  /** Milliseconds to the head of the reply. */
  readonly requestTimeout?: number | undefined;
}

export interface TcpPolicy {
  /** Milliseconds. */
  readonly connectTimeout?: number | undefined;
  readonly keepalives?: Keepalives | undefined;
}

export interface Keepalives {
  readonly enabled: boolean;
  /** Milliseconds of silence before the first probe. */
  readonly time: number;
}

export interface Connection {
  readonly version: HttpVersion | undefined;
  readonly connectTimeoutMs: number;
  readonly keepalives: Keepalives | undefined;
}

/** `connectTimeoutMs`: where the policies do not say. */
export function connectionOf(policies: PolicySet, connectTimeoutMs: number): Connection {
  const http = policies['http'] as HttpPolicy | undefined;
  const tcp = policies['tcp'] as TcpPolicy | undefined;
  return {
    version: http?.version,
    connectTimeoutMs: tcp?.connectTimeout ?? connectTimeoutMs,
    keepalives: tcp?.keepalives,
  };
}

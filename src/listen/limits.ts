/** Limits of a listening port. Each has a named error; body limits belong to whoever reads a body. */
import { LIMITS } from '../core/limits.ts';

export interface Limits {
  /** All request headers together; more is HEADERS_TOO_LARGE (431). */
  readonly headerBytes: number;
  /** Number of request headers; more is HEADERS_TOO_LARGE (431). */
  readonly headerCount: number;
  /** From the connection, or the request's first byte, to the last header: REQUEST_TIMEOUT (408). */
  readonly headersTimeoutMs: number;
  /** From the first byte of a TLS connection to the end of its handshake. */
  readonly handshakeTimeoutMs: number;
  /** First message of a TLS connection. */
  readonly helloBytes: number;
  /** An idle keep-alive connection is closed after this. */
  readonly keepAliveTimeoutMs: number;
  /** Requests at a time on this port; more is OVERLOADED (503). undefined: no limit. */
  readonly maxInFlight: number | undefined;
}

export const DEFAULT_LIMITS: Limits = {
  headerBytes: LIMITS.headerBytes.value,
  headerCount: LIMITS.headerCount.value,
  headersTimeoutMs: LIMITS.headersTime.value,
  handshakeTimeoutMs: LIMITS.tlsHandshake.value,
  helloBytes: LIMITS.clientHello.value,
  // Above the 60 s after which common load balancers drop an idle connection, so that they and not we close first.
  keepAliveTimeoutMs: LIMITS.idleConnection.value,
  maxInFlight: undefined,
};

/** Limits of a listening port. Each has a named error; how large a body may be belongs to whoever reads it. */
import { LIMITS, STANDARD_LIMITS } from '../core/limits.ts';
import type { ClientHttpPlan, ConnectMode, SettingsPlan } from '../core/plan.ts';

export interface Limits extends ClientHttpPlan {
  /** All request headers together; more is HEADERS_TOO_LARGE (431). */
  readonly headerBytes: number;
  /** Number of request headers; more is HEADERS_TOO_LARGE (431). */
  readonly headerCount: number;
  /** From the connection, or the request's first byte, to the last header: REQUEST_TIMEOUT (408). */
  readonly headersTimeoutMs: number;
  /** From the begin of reading a body to its end, where it is read whole: REQUEST_TIMEOUT (408). */
  readonly bodyTimeMs: number;
  /** Pause in a body that is passed on as it comes, before anything is replied: REQUEST_TIMEOUT (408). */
  readonly bodyPauseMs: number;
  /** A client that takes nothing of what waits for it is cut off after this. */
  readonly replyPauseMs: number;
  /** From the first byte of a TLS connection to the end of its handshake. */
  readonly handshakeTimeoutMs: number;
  /** First message of a TLS connection. */
  readonly helloBytes: number;
  /** A PROXY header of version 2. */
  readonly proxyHeaderBytes: number;
  /** An idle keep-alive connection is closed after this. */
  readonly keepAliveTimeoutMs: number;
  /** Connections to this port; a further one is closed at once. */
  readonly connections: number;
  /** Requests at a time on one HTTP/2 connection. */
  readonly streams: number;
  /** Requests at a time on this port; more is OVERLOADED (503). undefined: no limit. */
  readonly maxInFlight: number | undefined;
  /** What becomes of CONNECT; undefined: METHOD_NOT_ALLOWED (405). */
  readonly connect: ConnectMode | undefined;
}

export function portLimits(
  { limits, clientHttp }: Pick<SettingsPlan, 'limits' | 'clientHttp'>,
  connect?: ConnectMode,
): Limits {
  return {
    ...clientHttp,
    connect,
    headerBytes: limits.headerBytes,
    headerCount: limits.headerCount,
    headersTimeoutMs: limits.headersTime,
    bodyTimeMs: limits.bodyTime,
    bodyPauseMs: limits.bodyPause,
    replyPauseMs: limits.replyPause,
    handshakeTimeoutMs: limits.tlsHandshake,
    helloBytes: LIMITS.clientHello.value,
    proxyHeaderBytes: LIMITS.proxyHeader.value,
    // Above the 60 s after which common load balancers drop an idle connection, so that they and not we close first.
    keepAliveTimeoutMs: limits.idleConnection,
    connections: limits.connections,
    streams: limits.streams,
    maxInFlight: undefined,
  };
}

const UNSET: ClientHttpPlan = {
  windowBytes: undefined,
  connectionWindowBytes: undefined,
  frameBytes: undefined,
  http2HeaderBytes: undefined,
  pingMs: undefined,
  pongMs: undefined,
  connectionMs: undefined,
};

export const DEFAULT_LIMITS: Limits = portLimits({ limits: STANDARD_LIMITS, clientHttp: UNSET });

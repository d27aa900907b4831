/**
 * The closed catalogue of errors. Code throws `GatewayError` with a code from here; the rim (listen/respond for
 * HTTP, a front for MCP) renders it once. `fault` says who must act, `retryable` whether the same request may
 * succeed later.
 */
interface Entry {
  readonly http: number;
  readonly rpc: number;
  readonly fault: 'client' | 'upstream' | 'gateway';
  readonly retryable: boolean;
}

const client = (http: number, rpc: number): Entry => ({ http, rpc, fault: 'client', retryable: false });
const upstream = (http: number, retryable = true): Entry => ({
  http,
  rpc: -32603,
  fault: 'upstream',
  retryable,
});
const gateway = (http: number, retryable: boolean): Entry => ({
  http,
  rpc: -32603,
  fault: 'gateway',
  retryable,
});

export const CATALOGUE = {
  // Requests.
  BAD_REQUEST: client(400, -32600),
  PARSE_ERROR: client(400, -32700),
  INVALID_REQUEST: client(400, -32600),
  METHOD_NOT_FOUND: client(404, -32601),
  INVALID_PARAMS: client(400, -32602),
  UNKNOWN_ITEM: client(400, -32602),
  UNSUPPORTED_VERSION: client(400, -32000),
  // The codes that revision 2026-07-28 reserves.
  HEADER_MISMATCH: client(400, -32020),
  CAPABILITY_MISSING: client(400, -32021),
  REVISION_UNSUPPORTED: client(400, -32022),
  /** A `requestState` that is not ours, not this caller's, changed, or whose call is over. */
  STATE_INVALID: client(400, -32602),
  SESSION_MISSING: client(400, -32000),
  SESSION_UNKNOWN: client(404, -32001),
  METHOD_NOT_ALLOWED: client(405, -32000),
  NOT_ACCEPTABLE: client(406, -32000),
  UNSUPPORTED_MEDIA_TYPE: client(415, -32000),
  BODY_TOO_LARGE: client(413, -32600),
  HEADERS_TOO_LARGE: client(431, -32600),
  BATCH_TOO_LARGE: client(400, -32600),
  REQUEST_TIMEOUT: client(408, -32000),
  /** Nobody, or nobody the gateway knows: a credential is missing, wrong or no longer valid. */
  UNAUTHENTICATED: client(401, -32000),
  /** A rule says no to who asks. */
  FORBIDDEN: client(403, -32000),
  SCOPE_MISSING: client(403, -32602),
  RATE_LIMITED: { http: 429, rpc: -32000, fault: 'client', retryable: true } as Entry,
  /** An upstream takes calls of this client only after a login there; see LoginNeeded. */
  LOGIN_NEEDED: client(403, -32042),
  FORBIDDEN_HOST: client(403, -32000),
  FORBIDDEN_ORIGIN: client(403, -32000),
  /** Where a client asks to be led, `allow` of the backend does not lead: see docs/guides/forward-proxy.md. */
  FORBIDDEN_DESTINATION: client(403, -32000),
  ROUTE_NOT_FOUND: client(404, -32601),
  MISDIRECTED: client(421, -32600),
  CANCELLED: client(499, -32800),
  /** A connection whose bytes are passed on had none for too long. */
  CONNECTION_IDLE: client(408, -32000),
  // Upstreams.
  UPSTREAM_CONNECT: upstream(502),
  UPSTREAM_TIMEOUT: upstream(504),
  UPSTREAM_CLOSED: upstream(502),
  UPSTREAM_PROTOCOL: upstream(502, false),
  UPSTREAM_STATUS: upstream(502),
  UPSTREAM_CHALLENGE: { http: 401, rpc: -32603, fault: 'client', retryable: false } as Entry,
  UPSTREAM_SESSION_LOST: upstream(502),
  /** Credentials for an upstream cannot be had: the server that gives them refuses or is not there. */
  CREDENTIALS_UNAVAILABLE: upstream(502),
  UPSTREAM_MESSAGE_TOO_LARGE: upstream(502, false),
  TARGET_DOWN: upstream(502),
  TARGET_REMOVED: upstream(503, false),
  PROCESS_START: upstream(502),
  PROCESS_EXIT: upstream(502),
  PROCESS_LIMIT: gateway(503, true),
  // The gateway itself.
  SESSION_LIMIT: gateway(503, true),
  OVERLOADED: gateway(503, true),
  NO_BACKEND: gateway(500, false),
  /** A request that has passed this gateway before, or a tunnel of it to itself. */
  FORWARD_LOOP: gateway(508, false),
  SHUTTING_DOWN: gateway(503, true),
  /** The keys that tokens are verified with cannot be had: nothing is known about the token. */
  KEYS_UNAVAILABLE: gateway(503, true),
  /** What an authorization server says of itself cannot be had, or cannot be used. */
  ISSUER_UNAVAILABLE: gateway(503, true),
  /** What counts requests for several gateways cannot be asked. */
  LIMITS_UNAVAILABLE: gateway(500, true),
  CONFIG_INVALID: gateway(500, false),
  /** A CEL expression met a value it cannot work with, or one of its limits. */
  EXPRESSION_FAILED: gateway(500, false),
  LISTEN_FAILED: gateway(500, false),
  INTERNAL: gateway(500, false),
} as const satisfies Record<string, Entry>;

export type ErrorCode = keyof typeof CATALOGUE;

export interface ErrorDetail {
  readonly cause?: unknown;
  /** Extra reply headers as a flat list: a challenge, Retry-After. */
  readonly headers?: readonly string[];
  /** Overrides the catalogue's HTTP status: an upstream's 401 or 403 is passed on as it came. */
  readonly http?: number;
  /** `error.data` of the JSON-RPC error; plain JSON. */
  readonly data?: Readonly<Record<string, unknown>>;
  /** The body of the HTTP reply, where what is served here has errors of its own form. */
  readonly body?: { readonly type: string; readonly bytes: Buffer };
}

export class GatewayError extends Error {
  readonly code: ErrorCode;
  readonly detail: ErrorDetail;

  constructor(code: ErrorCode, message: string, detail: ErrorDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.name = 'GatewayError';
    this.code = code;
    this.detail = detail;
  }

  get http(): number {
    return this.detail.http ?? CATALOGUE[this.code].http;
  }

  get rpc(): number {
    return CATALOGUE[this.code].rpc;
  }

  get fault(): Entry['fault'] {
    return CATALOGUE[this.code].fault;
  }

  get retryable(): boolean {
    return CATALOGUE[this.code].retryable;
  }
}

/** Anything thrown, as a GatewayError; unknown errors become INTERNAL and keep their cause for the log. */
export function asGatewayError(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error;
  return new GatewayError('INTERNAL', 'internal error', { cause: error });
}

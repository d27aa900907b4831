/**
 * Every limit of the gateway in one table: code takes its defaults from here, and docs/reference/limits.md is
 * generated from it. Whatever buffers, waits or counts has a row.
 */
import type { ErrorCode } from './errors.ts';

export interface Limit {
  readonly value: number;
  readonly unit: 'bytes' | 'ms' | 'count';
  /** The error of whoever goes beyond; undefined where nobody is refused, `what` then says what happens. */
  readonly error: ErrorCode | undefined;
  readonly what: string;
  /** The configuration key that changes it; one in `config.limits` bears the name of the row. */
  readonly key?: string;
  /** A key of the Rust gateway that says the same. */
  readonly also?: string;
  /** Least and most that it can be set to. */
  readonly range?: readonly [number, number];
}

const KIB = 1024;
const MIB = 1024 * KIB;
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const GIB = 1024 * MIB;

export const LIMITS = {
  requestBody: {
    value: 4 * MIB,
    unit: 'bytes',
    error: 'BODY_TOO_LARGE',
    what: 'Body of one MCP request from a client.',
    key: 'config.limits.requestBody',
    range: [1 * KIB, 1 * GIB],
    also: 'frontendPolicies.http.maxBufferSize',
  },
  headerBytes: {
    value: 32 * KIB,
    unit: 'bytes',
    error: 'HEADERS_TOO_LARGE',
    what: 'All headers of one request.',
    key: 'config.limits.headerBytes',
    range: [1 * KIB, 1 * MIB],
  },
  headerCount: {
    value: 100,
    unit: 'count',
    error: 'HEADERS_TOO_LARGE',
    what: 'Headers of one request.',
    key: 'config.limits.headerCount',
    range: [10, 2000],
    also: 'frontendPolicies.http.http1MaxHeaders',
  },
  headersTime: {
    value: 15 * SECOND,
    unit: 'ms',
    error: 'REQUEST_TIMEOUT',
    what: 'From the first byte of a request, or from the connection, to its last header.',
    key: 'config.limits.headersTime',
    range: [100, 10 * MINUTE],
  },
  idleConnection: {
    value: 65 * SECOND,
    unit: 'ms',
    error: undefined,
    what: "Time without a request after which a client's connection is closed.",
    key: 'config.limits.idleConnection',
    range: [100, 24 * HOUR],
    also: 'frontendPolicies.http.http1IdleTimeout',
  },
  bodyTime: {
    value: 60 * SECOND,
    unit: 'ms',
    error: 'REQUEST_TIMEOUT',
    what: 'Time for the whole body of one MCP request.',
    key: 'config.limits.bodyTime',
    range: [100, 1 * HOUR],
  },
  bodyPause: {
    value: 60 * SECOND,
    unit: 'ms',
    error: 'REQUEST_TIMEOUT',
    what: 'Pause in an upload that is passed on while it comes in, as long as nothing has been replied.',
    key: 'config.limits.bodyPause',
    range: [100, 1 * HOUR],
  },
  replyPause: {
    value: 60 * SECOND,
    unit: 'ms',
    error: 'CANCELLED',
    what: 'Time in which a client takes nothing of a reply that waits for it; then the connection is broken.',
    key: 'config.limits.replyPause',
    range: [100, 1 * HOUR],
  },
  connections: {
    value: 20_000,
    unit: 'count',
    error: undefined,
    what: 'Connections of clients to one port; a further one is closed at once.',
    key: 'config.limits.connections',
    range: [1, 1_000_000],
  },
  streams: {
    value: 250,
    unit: 'count',
    error: undefined,
    what: 'Requests at a time on one HTTP/2 connection; a client is told so and holds further ones back.',
    key: 'config.limits.streams',
    range: [1, 10_000],
  },
  tlsHandshake: {
    value: 15 * SECOND,
    unit: 'ms',
    error: undefined,
    what: 'Time for a TLS handshake of a client; then the connection is closed.',
    key: 'config.limits.tlsHandshake',
    range: [100, 10 * MINUTE],
    also: 'frontendPolicies.tls.handshakeTimeout',
  },
  clientHello: {
    value: 16 * KIB,
    unit: 'bytes',
    error: undefined,
    what: 'First message of such a handshake; a longer one ends the connection.',
  },
  upstreamConnections: {
    value: 256,
    unit: 'count',
    error: undefined,
    what: 'Connections to one upstream for calls; further calls wait for one. Event streams and tunnels have their own.',
  },
  upstreamHeaderBytes: {
    value: 64 * KIB,
    unit: 'bytes',
    error: 'UPSTREAM_PROTOCOL',
    what: "All headers of one upstream's reply.",
  },
  // The same as upstreamSilence: where the two differ, undici makes a timer for the head and one for the body of each
  // answer and keeps both for a second, which costs a call more than its JSON.
  upstreamHead: {
    value: 15 * MINUTE,
    unit: 'ms',
    error: 'UPSTREAM_TIMEOUT',
    what: 'Time an upstream has for the head of its reply, where nothing shorter applies.',
  },
  upstreamSilence: {
    value: 15 * MINUTE,
    unit: 'ms',
    error: 'UPSTREAM_TIMEOUT',
    what: 'Pause in the body of a reply after which it is given up; event streams may be silent for ever.',
  },
  token: {
    value: 16 * KIB,
    unit: 'bytes',
    error: 'UNAUTHENTICATED',
    what: 'A token (JWT) of a client.',
  },
  verifiedTokens: {
    value: 4096,
    unit: 'count',
    error: undefined,
    what: 'Tokens of one `jwtAuth` that are known to be valid and not verified again; the one not seen for longest is forgotten.',
  },
  credentialsBytes: {
    value: 256 * KIB,
    unit: 'bytes',
    error: 'CREDENTIALS_UNAVAILABLE',
    what: 'What an authorization server answers to the gateway as its client: metadata, tokens.',
  },
  credentialsTime: {
    value: 10 * SECOND,
    unit: 'ms',
    error: 'CREDENTIALS_UNAVAILABLE',
    what: 'Time it has for such an answer.',
  },
  credentialsPause: {
    value: 10 * SECOND,
    unit: 'ms',
    error: undefined,
    what: 'Least time between two tokens that are asked for because an upstream has refused the one before.',
  },
  replayedBody: {
    value: 64 * KIB,
    unit: 'bytes',
    error: undefined,
    what: 'Body that is kept to be sent again, by `retry` or where an upstream refuses credentials of the gateway; a longer one, or one of unknown length, is sent once.',
  },
  clockSkew: {
    value: 60 * SECOND,
    unit: 'ms',
    error: 'UNAUTHENTICATED',
    what: 'What the clock of an issuer may differ from ours: tokens are valid for so much longer and sooner.',
  },
  keySetBytes: {
    value: 256 * KIB,
    unit: 'bytes',
    error: 'KEYS_UNAVAILABLE',
    what: 'A set of keys (JWKS), or the metadata, of an issuer.',
  },
  keySetKeys: { value: 100, unit: 'count', error: 'KEYS_UNAVAILABLE', what: 'Keys in such a set.' },
  keySetTime: {
    value: 5 * SECOND,
    unit: 'ms',
    error: 'KEYS_UNAVAILABLE',
    what: 'Time an address has to answer with one of them.',
  },
  keySetAge: {
    value: 10 * MINUTE,
    unit: 'ms',
    error: undefined,
    what: 'Age at which they are fetched anew; the old ones serve meanwhile.',
  },
  keySetStale: {
    value: 24 * 60 * MINUTE,
    unit: 'ms',
    error: 'KEYS_UNAVAILABLE',
    what: 'Age to which they serve where they cannot be fetched anew.',
  },
  keySetPause: {
    value: 30 * SECOND,
    unit: 'ms',
    error: undefined,
    what: 'Pause between two fetches of such a set that tokens with an unknown key bring about.',
  },
  oauthForm: {
    value: 64 * KIB,
    unit: 'bytes',
    error: 'BODY_TOO_LARGE',
    what: 'A registration or a token request of a client that is passed on to an authorization server (`mcpAuthentication`).',
  },
  password: {
    value: 1 * KIB,
    unit: 'bytes',
    error: 'UNAUTHENTICATED',
    what: 'A user name and its password (`basicAuth`).',
  },
  passwordsWaiting: {
    value: 64,
    unit: 'count',
    error: 'OVERLOADED',
    what: 'Passwords of one `basicAuth` that wait to be compared with a bcrypt hash, which takes a processor some 50 ms each.',
  },
  verifiedPasswords: {
    value: 1024,
    unit: 'count',
    error: undefined,
    what: 'Passwords of one `basicAuth` that are known to be right and not compared again; the one not seen for longest is forgotten.',
  },
  logins: {
    value: 4096,
    unit: 'count',
    error: 'OVERLOADED',
    what: 'Logins of people at upstreams (`oauthAuthorizationCode`) that have been offered and are not over; one for each person and server.',
  },
  loginTime: {
    value: 10 * MINUTE,
    unit: 'ms',
    error: 'LOGIN_NEEDED',
    what: 'Time from the offer of such a login, or from its page, to its end in the browser.',
  },
  keptTokens: {
    value: 10_000,
    unit: 'count',
    error: undefined,
    what: 'Logins that one store keeps tokens of; the one not renewed for longest is forgotten, and its owner logs in again.',
  },
  batch: {
    value: 50,
    unit: 'count',
    error: 'BATCH_TOO_LARGE',
    what: 'Messages in one JSON-RPC batch.',
    key: 'config.limits.batch',
    range: [1, 10_000],
  },
  jsonDepth: {
    value: 128,
    unit: 'count',
    error: 'PARSE_ERROR',
    what: 'Nesting of arrays and objects in a message.',
  },
  upstreamMessage: {
    value: 16 * MIB,
    unit: 'bytes',
    error: 'UPSTREAM_MESSAGE_TOO_LARGE',
    what: 'One message from an upstream server.',
    key: 'config.limits.upstreamMessage',
    range: [1 * KIB, 1 * GIB],
  },
  sessions: {
    value: 10_000,
    unit: 'count',
    error: 'SESSION_LIMIT',
    what: 'Sessions at the same time; answered with Retry-After.',
    key: 'config.mcp.maxSessions',
  },
  sessionIdle: {
    value: 30 * MINUTE,
    unit: 'ms',
    error: 'SESSION_UNKNOWN',
    what: 'Time without a request or stream after which a session ends.',
    key: 'config.mcp.sessionTtl',
  },
  clientIdentity: {
    value: 16 * KIB,
    unit: 'bytes',
    error: 'INVALID_PARAMS',
    what: 'Capabilities, and information about itself, that a client gives at initialize; each session keeps them.',
  },
  callsInFlight: {
    value: 256,
    unit: 'count',
    error: 'OVERLOADED',
    what: 'Calls of one session that have not been answered.',
  },
  pendingAsks: {
    value: 64,
    unit: 'count',
    error: 'OVERLOADED',
    what: 'Questions of upstream servers (sampling, elicitation, roots) that one session, or one call of a client without a session, has not answered.',
  },
  ask: {
    value: 10 * MINUTE,
    unit: 'ms',
    error: 'UPSTREAM_TIMEOUT',
    what: 'Time a client has to answer such a question: a person may be answering.',
  },
  visitors: {
    value: 10_000,
    unit: 'count',
    error: 'OVERLOADED',
    what: 'Clients without a session (revision 2026-07-28, or stateless) whose connections to servers are kept at the same time; idle ones make room.',
  },
  visitorIdle: {
    value: 5 * MINUTE,
    unit: 'ms',
    error: undefined,
    what: 'Time without a request after which the connections kept for such a client are closed.',
  },
  visitorLinks: {
    value: 8,
    unit: 'count',
    error: 'OVERLOADED',
    what: 'Connections to one server for one such client, where a call needs one to itself; further calls wait.',
  },
  parkedCalls: {
    value: 64,
    unit: 'count',
    error: 'OVERLOADED',
    what: 'Calls of one such client that wait for its answer to a question of a server (`input_required`).',
  },
  parkedTotal: {
    value: 10_000,
    unit: 'count',
    error: 'OVERLOADED',
    what: 'Calls of all such clients that wait for an answer.',
  },
  parked: {
    value: 5 * MINUTE,
    unit: 'ms',
    error: 'STATE_INVALID',
    what: 'Time such a call waits to be sent again with the answer; then the server is told that it is cancelled.',
  },
  parkedBytes: {
    value: 64 * MIB,
    unit: 'bytes',
    error: 'OVERLOADED',
    what: 'Requests, questions and results that are kept for all such calls.',
  },
  inputRounds: {
    value: 10,
    unit: 'count',
    error: 'UPSTREAM_PROTOCOL',
    what: 'Times one call of a client with a session may come back from its server with further questions.',
  },
  subscriptions: {
    value: 1024,
    unit: 'count',
    error: 'OVERLOADED',
    what: 'Streams of `subscriptions/listen` of one such client; also the resources, and the tasks, that one of them may name.',
  },
  subscribedResources: {
    value: 4096,
    unit: 'count',
    error: 'OVERLOADED',
    what: 'Resources that one client subscribes to.',
  },
  replayRing: {
    value: 256 * KIB,
    unit: 'bytes',
    error: undefined,
    what: 'Events one session keeps for resumption with Last-Event-ID; the oldest are forgotten.',
  },
  replayTotal: {
    value: 64 * MIB,
    unit: 'bytes',
    error: undefined,
    what: 'Events all sessions keep for resumption; the oldest are forgotten.',
  },
  readerQueue: {
    value: 1 * MIB,
    unit: 'bytes',
    error: 'OVERLOADED',
    what: 'Data waiting for one slow reader: progress is coalesced, then log messages are dropped, then the stream is closed.',
    key: 'config.limits.readerQueue',
    range: [16 * KIB, 1 * GIB],
  },
  sseInitialize: {
    value: 60 * SECOND,
    unit: 'ms',
    error: undefined,
    what: 'Time a connection to /sse has to initialize; then it is closed.',
  },
  heartbeat: {
    value: 15 * SECOND,
    unit: 'ms',
    error: undefined,
    what: 'Pause after which a comment is sent on a quiet event stream.',
  },
  connect: {
    value: 10 * SECOND,
    unit: 'ms',
    error: 'UPSTREAM_CONNECT',
    what: 'Time to connect to an upstream server, or to start and initialise it; also for everything a list needs of it (UPSTREAM_TIMEOUT).',
    key: 'mcp.connectTimeout',
  },
  call: {
    value: 30 * SECOND,
    unit: 'ms',
    error: 'UPSTREAM_TIMEOUT',
    what: 'Time for one MCP call; progress extends it.',
    key: 'mcp.callTimeout',
  },
  maxCall: {
    value: 10 * MINUTE,
    unit: 'ms',
    error: 'UPSTREAM_TIMEOUT',
    what: 'Time to which progress can extend a call.',
    key: 'mcp.maxCallDuration',
  },
  catalogueBytes: {
    value: 64 * MIB,
    unit: 'bytes',
    error: 'UPSTREAM_MESSAGE_TOO_LARGE',
    what: 'All pages of one list (tools, prompts, resources, templates) of an upstream server.',
  },
  cataloguePages: {
    value: 1000,
    unit: 'count',
    error: 'UPSTREAM_PROTOCOL',
    what: 'Pages of one list of an upstream server.',
  },
  apiDocument: {
    value: 32 * MIB,
    unit: 'bytes',
    error: 'CONFIG_INVALID',
    what: 'An API description (`openapi`); the target stays down.',
  },
  apiReply: {
    value: 1 * MIB,
    unit: 'bytes',
    error: undefined,
    what: 'What a call of an `openapi` target passes on of the reply of the API; the rest is cut off, and the result says so.',
  },
  reconcile: {
    value: 5 * MINUTE,
    unit: 'ms',
    error: undefined,
    what: 'Pause after which the lists of a target are compared with the upstream.',
  },
  children: {
    value: 256,
    unit: 'count',
    error: 'PROCESS_LIMIT',
    what: 'Child processes at the same time.',
    key: 'config.limits.children',
    range: [1, 100_000],
  },
  childInput: {
    value: 32 * MIB,
    unit: 'bytes',
    error: 'UPSTREAM_CLOSED',
    what: 'Messages waiting for a child process that does not read its standard input.',
  },
  rateLimitKeys: {
    value: 100_000,
    unit: 'count',
    error: undefined,
    what: 'Keys that one `localRateLimit` counts for; then it forgets one that is full, or was quiet longest.',
  },
  rateLimitQuestions: {
    value: 1000,
    unit: 'count',
    error: 'LIMITS_UNAVAILABLE',
    what: 'Questions to one service of `remoteRateLimit` that wait for an answer.',
  },
  rateLimitAnswer: {
    value: 256 * KIB,
    unit: 'bytes',
    error: 'LIMITS_UNAVAILABLE',
    what: 'Answer of such a service.',
  },
  rateLimitPing: {
    value: 10 * SECOND,
    unit: 'ms',
    error: 'LIMITS_UNAVAILABLE',
    what: 'Silence of such a service after which it is looked whether the connection still stands, and time to answer that.',
  },
  waitingCalls: {
    value: 10_000,
    unit: 'count',
    error: 'OVERLOADED',
    what: 'What `maxWaiting` of `concurrencyLimit` can be set to.',
  },
  redisConnect: {
    value: 2 * SECOND,
    unit: 'ms',
    error: 'OVERLOADED',
    what: 'Time for the first connection to the Redis of a shared limit; who asks later does not wait for one.',
  },
  redisSilence: {
    value: 5 * SECOND,
    unit: 'ms',
    error: 'OVERLOADED',
    what: 'Silence after a question to a Redis, after which a new connection is made.',
  },
  redisCommands: {
    value: 1000,
    unit: 'count',
    error: 'OVERLOADED',
    what: 'Questions to one Redis that wait for an answer.',
  },
  expressionSource: {
    value: 16 * KIB,
    unit: 'bytes',
    error: 'CONFIG_INVALID',
    what: 'Text of one CEL expression.',
  },
  expressionNodes: {
    value: 4096,
    unit: 'count',
    error: 'CONFIG_INVALID',
    what: 'Operators, calls, names and literals of one expression.',
  },
  expressionDepth: {
    value: 128,
    unit: 'count',
    error: 'CONFIG_INVALID',
    what: 'Nesting of one expression; of its brackets a quarter of that.',
  },
  expressionSteps: {
    value: 100_000,
    unit: 'count',
    error: 'EXPRESSION_FAILED',
    what: 'Work of one evaluation: each element that a macro visits counts once for every node of its body, long texts and lists by their size.',
  },
  expressionText: {
    value: 4 * MIB,
    unit: 'bytes',
    error: 'EXPRESSION_FAILED',
    what: 'A text that an expression makes, in UTF-16 characters.',
  },
  retryPause: {
    value: 10 * SECOND,
    unit: 'ms',
    error: undefined,
    what: 'Pause between two tries of `retry`, which grows from one to the next, unless its `backoff` is longer.',
  },
  delay: {
    value: 5 * MINUTE,
    unit: 'ms',
    error: undefined,
    what: 'What `delay` can hold a request back; a longer one is cut to it.',
  },
  eviction: {
    value: 5 * MINUTE,
    unit: 'ms',
    error: undefined,
    what: 'Time a backend is evicted (`health`), which grows from one eviction to the next, unless its `duration` is longer.',
  },
  drain: {
    value: 60 * SECOND,
    unit: 'ms',
    error: 'SHUTTING_DOWN',
    what: 'Time that requests of a replaced configuration, or of a gateway that stops, have to finish.',
  },
} as const satisfies Record<string, Limit>;

/** Rows that `config.limits` can set. */
export type SettableLimit = {
  [Name in keyof typeof LIMITS]: (typeof LIMITS)[Name] extends { readonly key: `config.limits.${Name}` }
    ? Name
    : never;
}[keyof typeof LIMITS];

/** Each of them as it is in force. */
export type LimitSettings = Readonly<Record<SettableLimit, number>>;

export const SETTABLE: readonly SettableLimit[] = (Object.keys(LIMITS) as (keyof typeof LIMITS)[]).filter(
  (name): name is SettableLimit => (LIMITS[name] as Limit).key === `config.limits.${name}`,
);

export const STANDARD_LIMITS = Object.fromEntries(
  SETTABLE.map((name) => [name, LIMITS[name].value]),
) as LimitSettings;

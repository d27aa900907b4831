/**
 * The variables of expressions, and which of them exist where. Names that the Rust gateway has and this one does not
 * yet stand here too, so that a configuration written for it gets an answer instead of a riddle. Pure tables:
 * docs/reference/cel.md is made from them.
 */
export interface Variable {
  /** `record`: only the fields listed; `map`: any member, those listed are the known ones. */
  readonly kind:
    | 'text'
    | 'bytes'
    | 'number'
    | 'boolean'
    | 'list'
    | 'time'
    | 'headers'
    | 'secret'
    | 'map'
    | 'record'
    | 'any';
  readonly what: string;
  readonly fields?: Variables;
  readonly later?: true;
}

export type Variables = Readonly<Record<string, Variable>>;

export interface Place {
  readonly name: string;
  readonly what: string;
  readonly roots: Variables;
  /** What is evaluated here goes to logs: sensitive headers and cookies are secrets. */
  readonly masked?: true;
}

const text = (what: string): Variable => ({ kind: 'text', what });
const number = (what: string): Variable => ({ kind: 'number', what });
const time = (what: string): Variable => ({ kind: 'time', what });
const secret = (what: string): Variable => ({ kind: 'secret', what });
const map = (what: string, fields?: Variables): Variable =>
  fields ? { kind: 'map', what, fields } : { kind: 'map', what };
const record = (what: string, fields: Variables): Variable => ({ kind: 'record', what, fields });
const later = (variable: Variable): Variable => ({ ...variable, later: true });

const REQUEST = record('The HTTP request as it came.', {
  method: text('`GET`, `POST`, ...'),
  uri: text('Scheme, host, path and query.'),
  host: text('Host header or `:authority`, lower-cased, with the port when given.'),
  scheme: text('`http` or `https`.'),
  path: text('Path as received: not decoded, without the query.'),
  pathAndQuery: text('Path and query as received.'),
  version: text('`HTTP/1.0`, `HTTP/1.1` or `HTTP/2`.'),
  headers: { kind: 'headers', what: 'Headers; see [header views](#header-views).' },
  body: {
    kind: 'bytes',
    what: 'The whole body, at most as large as the limit of requests; `string()` or `json()` make something of it.',
  },
  bodyPrefix: later({ kind: 'bytes', what: 'The beginning of a body beyond the limit.' }),
  startTime: time('When the request began.'),
  endTime: later(time('When it was answered.')),
});

const RESPONSE = record('The reply.', {
  code: number('HTTP status.'),
  headers: { kind: 'headers', what: 'Headers of the reply.' },
  body: { kind: 'bytes', what: 'The whole body, within the limit.' },
  bodyPrefix: later({ kind: 'bytes', what: 'The beginning of a body beyond the limit.' }),
  grpcStatus: later(number('Status of a gRPC call.')),
});

const SOURCE = record(
  'Where the connection came from; what follows `port` only when the client brought a verified certificate.',
  {
    address: text('IP address of the client.'),
    port: number('Port of the client.'),
    subject: text('Subject of the certificate.'),
    subjectCn: text('Common name of the subject.'),
    subjectAltNames: {
      kind: 'list',
      what: 'Alternative names: host names, URIs and IP addresses, as they are.',
    },
    issuer: text('Issuer of the certificate.'),
    fingerprint: text('SHA-256 of the certificate, as hex.'),
    certificate: text('The certificate as PEM.'),
    rawAddress: later(text('Address of the connection where PROXY protocol announced another.')),
    rawPort: later(number('Its port.')),
    identity: later(map('SPIFFE identity: trustDomain, namespace, serviceAccount.')),
    spiffeId: later(text('SPIFFE URI.')),
    unverifiedWorkload: later(map('Workload by address.')),
    connectHeaders: later({ kind: 'headers', what: 'Headers of a CONNECT request.' }),
  },
);

const DESTINATION = record('Where a connection is to go.', {
  hostname: text('Name asked for in TLS; null without one.'),
  address: text('What the client asked a tunnel for, be it a name; else the address it has connected to.'),
  port: number('Port, likewise.'),
});

const JWT = map('Claims of the verified token; null without one.', {
  sub: text('Subject; any other claim likewise.'),
  rawToken: secret('The token itself.'),
});

const API_KEY = map('Metadata configured beside the API key of the client; null without one.', {
  key: secret('The key itself.'),
});

const BASIC_AUTH = record('The client that logged in with a password; null without one.', {
  username: text('Its name.'),
});

const item = (name: string): Variables => ({
  target: text('Name of the target that has it.'),
  name: text(name),
});
const NAMED = item('Name as the target knows it, without a prefix.');

const MCP = record('The MCP call.', {
  methodName: text('`tools/call`, `prompts/get`, ...'),
  sessionId: text('Session of the client; null without one.'),
  client: record('What the client said of itself; null when it said nothing.', {
    name: text('Its name.'),
    version: text('Its version.'),
  }),
  tool: record('The tool that is called or listed; null for anything else.', {
    ...NAMED,
    arguments: map('Arguments of the call; null in lists.'),
    annotations: map(
      'Annotations of the tool: readOnlyHint, destructiveHint, idempotentHint, openWorldHint.',
    ),
    result: later({ kind: 'any', what: 'Result, in logs.' }),
    error: later({ kind: 'any', what: 'Error, in logs.' }),
  }),
  prompt: record('The prompt; null for anything else.', {
    ...NAMED,
    arguments: map('Arguments of the call; null in lists.'),
  }),
  resource: record('The resource or template; null for anything else.', item('URI as the target knows it.')),
  task: record('The task; null for anything else.', item('Id as the target knows it.')),
});

const A2A = record('The request to an agent, where `a2a` stands at the route or backend; null elsewhere.', {
  method: text(
    'Its operation by the name of A2A 1.0 (`SendMessage`), whichever version and transport it comes by.',
  ),
  transport: text('`JSONRPC`, `HTTP+JSON` or `GRPC`.'),
  version: text('`1.0`, `0.3`, ...: what the client says.'),
  taskId: text('The task it is about; null when it names none.'),
  contextId: text('The context it is about; null when it names none.'),
  skill: text('The skill it is for, as its metadata say; null when they do not.'),
});

const HTTP_ROOTS: Variables = {
  request: REQUEST,
  jwt: JWT,
  apiKey: API_KEY,
  basicAuth: BASIC_AUTH,
  a2a: A2A,
  source: SOURCE,
};

/** Roots of the Rust gateway that exist nowhere here yet. */
export const LATER_ROOTS: Variables = {
  proxy: map('Bind, gateway, listener and route that serve the request, and durations.'),
  env: map('Pod, namespace and gateway of the process.'),
  llm: map('Models, tokens and costs of an LLM request.'),
  llmRequest: map('The LLM request as JSON.'),
  destination: map('Where the connection of a request went to.'),
  backend: map('Name, type and protocol of the chosen backend.'),
  extauthz: map('What external authorization answered.'),
  extproc: map('What external processing answered.'),
  mcpGuardrails: map('What guardrails answered.'),
  metadata: map('What transformations set.'),
};

export const PLACES = {
  connection: {
    name: 'connection',
    what: 'values of connections whose bytes are passed on',
    roots: { source: SOURCE, destination: DESTINATION },
  },
  http: { name: 'http', what: 'rules and values of HTTP requests', roots: HTTP_ROOTS },
  response: {
    name: 'response',
    what: 'rules and values of HTTP replies',
    roots: { ...HTTP_ROOTS, response: RESPONSE },
  },
  mcp: { name: 'mcp', what: 'rules about MCP calls and lists', roots: { ...HTTP_ROOTS, mcp: MCP } },
  log: {
    name: 'log',
    what: 'fields and filters of logs',
    roots: { ...HTTP_ROOTS, response: RESPONSE, mcp: MCP },
    masked: true,
  },
} as const satisfies Record<string, Place>;

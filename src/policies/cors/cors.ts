/**
 * Cross-origin rules (Fetch standard, "CORS protocol"): answers preflights, marks replies and errors for allowed
 * origins. `*` follows the Gateway API: with credentials the one origin, method or header asked for is named instead,
 * because browsers do not take `*` for a wildcard then.
 */
import { asGatewayError, GatewayError } from '../../core/errors.ts';
import { type Answer, type Exchange, header, isTunnel } from '../../core/exchange.ts';
import type { Layer } from '../../core/service.ts';
import { Flow } from '../../lib/flow.ts';
import type { CorsConfig } from './schema.ts';

export interface CorsOptions {
  /** The route serves MCP: its protocol's methods and headers are always allowed for an allowed origin. */
  readonly mcp: boolean;
}

const MCP_METHODS = ['POST', 'GET', 'DELETE'];
const MCP_HEADERS = [
  'Mcp-Session-Id',
  'MCP-Protocol-Version',
  'Mcp-Method',
  'Mcp-Name',
  'Last-Event-ID',
  'Content-Type',
  'Accept',
  'Authorization',
];
const MCP_ARGUMENT = /^\s*(mcp-param-[\w!#$%&'*+.^`|~-]{1,200})\s*$/i;
/** WWW-Authenticate tells a browser client where to sign in. */
const MCP_EXPOSED = ['Mcp-Session-Id', 'WWW-Authenticate'];

/** Headers that only one party may set: where this policy is, it is the gateway and not the upstream. */
const OURS = new Set([
  'access-control-allow-origin',
  'access-control-allow-credentials',
  'access-control-expose-headers',
]);

export function corsLayer(config: CorsConfig, { mcp }: CorsOptions): Layer<Exchange, Answer> {
  const allowed = originAllowed(config);
  const rules: Rules = {
    config,
    mcp,
    methods: union(config.allowMethods, mcp ? MCP_METHODS : []),
    headers: union(config.allowHeaders, mcp ? MCP_HEADERS : []),
    exposed: union(config.exposeHeaders, mcp ? MCP_EXPOSED : []),
    anyOrigin: config.allowOrigins.includes('*') && !config.allowCredentials,
  };
  return (next) => async (exchange) => {
    const origin = header(exchange, 'origin');
    if (origin === undefined) return marked(await next(exchange), varies(rules));
    const preflight =
      exchange.method === 'OPTIONS' && header(exchange, 'access-control-request-method') !== undefined;
    if (!allowed(origin)) {
      if (preflight) throw new GatewayError('FORBIDDEN_ORIGIN', `origin "${origin}" is not allowed here`);
      return marked(await next(exchange), varies(rules));
    }
    if (preflight) return answerPreflight(rules, exchange, origin);
    try {
      const answer = await next(exchange);
      return marked(answer, readable(rules, origin, answer.headers));
    } catch (error) {
      throw failure(rules, origin, error);
    }
  };
}

/** Whether pages of an origin may read replies; also what the Host and Origin check asks. */
export function originAllowed({ allowOrigins }: CorsConfig): (origin: string) => boolean {
  if (allowOrigins.includes('*')) return () => true;
  const exact = new Set<string>();
  const patterns: RegExp[] = [];
  for (const each of allowOrigins) {
    const lower = each.toLowerCase().replace(/\/$/, '');
    if (lower.includes('*')) patterns.push(originPattern(lower));
    else exact.add(lower);
  }
  return (origin) => {
    const lower = origin.toLowerCase();
    return exact.has(lower) || patterns.some((pattern) => pattern.test(lower));
  };
}

interface Rules {
  readonly config: CorsConfig;
  readonly mcp: boolean;
  readonly methods: readonly string[];
  readonly headers: readonly string[];
  readonly exposed: readonly string[];
  /** Every origin gets the same reply, so that it may be cached for all. */
  readonly anyOrigin: boolean;
}

function answerPreflight(rules: Rules, exchange: Exchange, origin: string): Answer {
  const { config } = rules;
  const method = header(exchange, 'access-control-request-method') ?? '';
  const asked = header(exchange, 'access-control-request-headers');
  const list = allowOrigin(rules, origin);
  const methods = rules.methods.includes('*') ? method : rules.methods.join(', ');
  if (methods) list.push('access-control-allow-methods', methods);
  // Named one by one even without credentials: `*` would not cover Authorization.
  const headers = rules.headers.includes('*')
    ? asked
    : [...rules.headers, ...repeated(rules, asked)].join(', ');
  if (headers) list.push('access-control-allow-headers', headers);
  if (config.maxAge !== undefined)
    list.push('access-control-max-age', String(Math.floor(config.maxAge / 1000)));
  list.push('vary', 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers');
  return { status: 204, headers: list, body: Flow.empty() };
}

/** Arguments of MCP tools that clients repeat in headers: the tool names them, so only the request tells which. */
function repeated({ mcp }: Rules, asked: string | undefined): string[] {
  if (!mcp || asked === undefined) return [];
  return asked.split(',').flatMap((name) => MCP_ARGUMENT.exec(name)?.[1] ?? []);
}

/** What a reply with the headers `reply` gets, so that pages of `origin` may read it. */
function readable(rules: Rules, origin: string, reply: readonly string[]): string[] {
  const list = [...allowOrigin(rules, origin), ...varies(rules)];
  const exposed = rules.exposed.includes('*') ? everything(rules, reply) : rules.exposed.join(', ');
  if (exposed !== '') list.push('access-control-expose-headers', exposed);
  return list;
}

function everything({ config }: Rules, reply: readonly string[]): string {
  if (!config.allowCredentials) return '*';
  return [...new Set(reply.filter((_, index) => index % 2 === 0))].join(', ');
}

function allowOrigin({ config, anyOrigin }: Rules, origin: string): string[] {
  const list = ['access-control-allow-origin', anyOrigin ? '*' : origin];
  if (config.allowCredentials) list.push('access-control-allow-credentials', 'true');
  return list;
}

/** Caches must not give one origin's reply to another; that holds for replies without Origin, too. */
function varies({ anyOrigin }: Rules): string[] {
  return anyOrigin ? [] : ['vary', 'Origin'];
}

function marked(answer: Answer, extra: readonly string[]): Answer {
  if (isTunnel(answer) || extra.length === 0) return answer;
  return { status: answer.status, headers: [...withoutOurs(answer.headers), ...extra], body: answer.body };
}

function withoutOurs(headers: readonly string[]): string[] {
  const kept: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] as string;
    if (!OURS.has(name.toLowerCase())) kept.push(name, headers[i + 1] as string);
  }
  return kept;
}

/** An error is rendered later, at the rim; its reply must be readable as well, or a page sees no 401 to act on. */
function failure(rules: Rules, origin: string, error: unknown): GatewayError {
  const { code, message, detail } = asGatewayError(error);
  const headers = detail.headers ?? [];
  return new GatewayError(code, message, {
    ...detail,
    headers: [...headers, ...readable(rules, origin, headers)],
  });
}

/** Names in any case, once each. */
function union(given: readonly string[], added: readonly string[]): string[] {
  const known = new Set(given.map((name) => name.toLowerCase()));
  return [...given, ...added.filter((name) => !known.has(name.toLowerCase()))];
}

/** `https://*.example.com` for any depth of subdomains, `http://localhost:*` for any port. */
function originPattern(text: string): RegExp {
  const source = text
    .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
    .replace(/:\*$/, '(?::\\d+)?')
    .replace('*', '[a-z0-9.-]+');
  return new RegExp(`^${source}$`);
}

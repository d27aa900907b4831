/** Replies of the gateway's own OAuth places: JSON that pages of any origin may read, because MCP clients run in them. */
import { type Exchange, header, type Reply } from '../../core/exchange.ts';
import { Flow } from '../../lib/flow.ts';

/** Nothing here depends on cookies or on who asks, so every origin may read it. */
const ANY_ORIGIN = ['access-control-allow-origin', '*'];
/** The SDKs send the revision with each request, metadata included. */
const HEADERS = 'content-type, authorization, mcp-protocol-version';

export function json(status: number, value: unknown): Reply {
  return jsonText(status, JSON.stringify(value));
}

export function jsonText(status: number, text: string): Reply {
  // Made of the request's host, or good for one client: nobody is to keep it for others.
  const headers = ['content-type', 'application/json', 'cache-control', 'no-store', ...ANY_ORIGIN];
  return { status, headers, body: Flow.of(text) };
}

/** RFC 6749 section 5.2, RFC 7591 section 3.2.2. */
export function oauthError(error: string, description: string, status = 400): Reply {
  return json(status, { error, error_description: description });
}

export function redirect(location: string): Reply {
  const headers = ['location', location, 'cache-control', 'no-store', 'referrer-policy', 'no-referrer'];
  return { status: 302, headers, body: Flow.empty() };
}

/** A place that has one method; preflights are answered here. */
export function place(
  method: 'GET' | 'POST',
  serve: (exchange: Exchange) => Reply | Promise<Reply>,
): (exchange: Exchange) => Promise<Reply> {
  const methods = method === 'GET' ? 'GET, HEAD, OPTIONS' : 'POST, OPTIONS';
  return async (exchange) => {
    if (exchange.method === 'OPTIONS') return preflight(methods);
    if (exchange.method === method || (method === 'GET' && exchange.method === 'HEAD'))
      return serve(exchange);
    return { status: 405, headers: ['allow', methods, ...ANY_ORIGIN], body: Flow.empty() };
  };
}

function preflight(methods: string): Reply {
  const headers = [
    ...ANY_ORIGIN,
    'access-control-allow-methods',
    methods,
    'access-control-allow-headers',
    HEADERS,
    'access-control-max-age',
    '600',
  ];
  return { status: 204, headers, body: Flow.empty() };
}

export function contentType(exchange: Exchange): string {
  const [type = ''] = (header(exchange, 'content-type') ?? '').split(';');
  return type.trim().toLowerCase();
}

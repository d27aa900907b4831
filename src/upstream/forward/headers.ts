/**
 * Which headers cross a proxy (RFC 9110 section 7.6): those of one connection stay behind, those about the client are
 * added. Pure.
 */
import type { Exchange } from '../../core/exchange.ts';

/**
 * Never forwarded, whatever Connection says. Host, Content-Length and Expect are this hop's own to say; Trailer
 * would promise what a reply of known length cannot keep.
 */
const OWN = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);
const REQUEST_OWN = new Set([
  ...OWN,
  'host',
  'content-length',
  'expect',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
]);
/** Framing is not a client's to remove by naming it in Connection. */
const KEPT = new Set(['content-length', 'host', 'set-cookie', 'cookie', 'authorization']);

/** `via`: what a proxy that the client chose calls itself; such a one tells servers nothing about its clients. */
export function requestHeaders(exchange: Exchange, via?: string): string[] {
  const { rawHeaders, headers, outbound } = exchange;
  const listed = connectionNames(headers['connection']);
  const result: string[] = [];
  let cookies: string | undefined;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    const lower = name.toLowerCase();
    if (REQUEST_OWN.has(lower) || listed?.has(lower) || isOwnUnderscored(lower)) continue;
    if (lower === 'content-encoding' && outbound?.body) continue;
    const value = rawHeaders[i + 1] as string;
    // HTTP/2 splits cookies into several headers; HTTP/1.1 allows one (RFC 9113 section 8.2.3).
    if (lower === 'cookie') cookies = cookies === undefined ? value : `${cookies}; ${value}`;
    else result.push(name, value);
  }
  if (cookies !== undefined) result.push('cookie', cookies);
  // gRPC servers insist on it; the other codings TE may name are for one hop.
  const te = text(headers['te']);
  if (te !== undefined && /(?:^|,)\s*trailers\s*(?:,|$)/i.test(te)) result.push('te', 'trailers');
  if (outbound?.host !== undefined) result.push('host', outbound.host);
  const { length } = outbound?.body ?? exchange.body;
  if (length !== undefined && length > 0) result.push('content-length', String(length));
  if (via === undefined) return forwarded(exchange, result);
  result.push('via', `${exchange.httpVersion} ${via}`);
  return result;
}

/** To servers that read headers as variables (CGI, WSGI, PHP) the two are one name, and the client's may come last. */
function isOwnUnderscored(name: string): boolean {
  return name.includes('_') && REQUEST_OWN.has(name.replaceAll('_', '-'));
}

export function replyHeaders(headers: readonly string[]): string[] {
  const listed = connectionNames(values(headers, 'connection'));
  const result: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] as string;
    if (!OWN.has(name) && !listed?.has(name)) result.push(name, headers[i + 1] as string);
  }
  return result;
}

function forwarded(exchange: Exchange, result: string[]): string[] {
  const before = text(exchange.headers['x-forwarded-for']);
  const { address } = exchange.client;
  result.push('x-forwarded-for', before ? `${before}, ${address}` : address);
  result.push('x-forwarded-proto', exchange.scheme);
  if (exchange.authority !== '') result.push('x-forwarded-host', exchange.authority);
  return result;
}

function connectionNames(value: string | string[] | undefined): Set<string> | undefined {
  const list = text(value);
  if (list === undefined) return undefined;
  const plain = list.toLowerCase();
  // The usual values name no header; nothing to allocate for them.
  if (plain === 'keep-alive' || plain === 'close' || plain === 'upgrade') return undefined;
  const names = plain.split(',').map((name) => name.trim());
  return new Set(names.filter((name) => !KEPT.has(name)));
}

function values(headers: readonly string[], name: string): string | undefined {
  let result: string | undefined;
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (headers[i] === name) result = result === undefined ? headers[i + 1] : `${result}, ${headers[i + 1]}`;
  }
  return result;
}

function text(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value;
}

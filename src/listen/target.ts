/** The target of a request line (RFC 9112 section 3.2), or of a stream, as origin-form and authority. */
import type { IncomingHttpHeaders } from 'node:http2';
import type { Target } from './exchange.ts';

const ABSOLUTE = /^(https?):\/\/([^/?#]*)(.*)$/i;

/** What CONNECT asks for; its host and port are checked by whoever goes there. */
export function tunnelTarget(raw: string): Target {
  return { url: '/', authority: raw.toLowerCase() };
}

/** Whatever is none of the known forms stays as it is, and is refused by `isServable`. */
export function requestTarget(raw: string, host: string | undefined): Target {
  const absolute = raw.startsWith('/') ? null : ABSOLUTE.exec(raw);
  if (!absolute) return { url: raw, authority: (host ?? '').toLowerCase() };
  // Absolute-form wins over Host (RFC 9112 section 3.2.2): both must not be believed by different readers.
  const [, scheme = '', authority = '', rest = ''] = absolute;
  const secure = scheme.length === 'https'.length;
  return {
    url: rest.startsWith('/') ? rest : `/${rest}`,
    authority: authority.toLowerCase(),
    absolute: secure ? 'https' : 'http',
  };
}

/** A scheme that is not the connection's is that of a server elsewhere (RFC 9113 section 8.3.1). */
export function streamTarget(
  headers: IncomingHttpHeaders,
  { authority, secure }: { readonly authority: string; readonly secure: boolean },
): Target {
  const target = { url: headers[':path'] ?? '', authority: authority.toLowerCase() };
  const scheme = headers[':scheme']?.toLowerCase();
  const other = secure ? 'http' : 'https';
  return scheme === other ? { ...target, absolute: other } : target;
}

export function isServable(method: string, url: string): boolean {
  return url.startsWith('/') || (method === 'OPTIONS' && url === '*');
}

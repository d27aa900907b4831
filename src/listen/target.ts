/** The target of a request line (RFC 9112 section 3.2), or of a stream, as origin-form and authority. */
import type { IncomingHttpHeaders } from 'node:http2';
import type { Target } from './exchange.ts';

const ABSOLUTE = /^(https?):\/\/([^/?#]*)(.*)$/i;

/** What CONNECT asks for; its host and port are checked by whoever goes there. */
export function tunnelTarget(raw: string): Target {
  return targetOf('/', raw);
}

/** Whatever is none of the known forms stays as it is, and is refused by `isServable`. */
export function requestTarget(raw: string, host: string | undefined): Target {
  const absolute = raw.startsWith('/') ? null : ABSOLUTE.exec(raw);
  if (!absolute) return targetOf(raw, host ?? '');
  // Absolute-form wins over Host (RFC 9112 section 3.2.2): both must not be believed by different readers.
  const [, scheme = '', authority = '', rest = ''] = absolute;
  const secure = scheme.length === 'https'.length;
  return {
    ...targetOf(rest.startsWith('/') ? rest : `/${rest}`, authority),
    absolute: secure ? 'https' : 'http',
  };
}

/** A scheme that is not the connection's is that of a server elsewhere (RFC 9113 section 8.3.1). */
export function streamTarget(
  headers: IncomingHttpHeaders,
  { authority, secure }: { readonly authority: string; readonly secure: boolean },
): Target {
  const target = targetOf(headers[':path'] ?? '', authority);
  const scheme = headers[':scheme']?.toLowerCase();
  const other = secure ? 'http' : 'https';
  return scheme === other ? { ...target, absolute: other } : target;
}

/** A user, who may have a password, is refused (RFC 9110 section 4.2.4), and left out so that no log or reply has it. */
function targetOf(url: string, authority: string): Target {
  const hasUser = authority.includes('@');
  return {
    url: url.startsWith('/') ? url : withoutUser(url),
    authority: (hasUser ? withoutUser(authority) : authority).toLowerCase(),
    hasUser,
  };
}

function withoutUser(text: string): string {
  return text.slice(text.lastIndexOf('@') + 1);
}

export function isServable(method: string, url: string): boolean {
  return url.startsWith('/') || (method === 'OPTIONS' && url === '*');
}

/** The target of a request line (RFC 9112 section 3.2) as origin-form and authority. */
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

export function isServable(method: string, url: string): boolean {
  return url.startsWith('/') || (method === 'OPTIONS' && url === '*');
}

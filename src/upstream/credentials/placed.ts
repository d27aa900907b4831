/** Puts credentials of the gateway where they stand in a request; what a client wrote there does not travel. Pure. */
import { type UpstreamCredentials, withoutHeaders } from '../../core/outgoing.ts';

interface Placed {
  /** Path and query. */
  readonly path: string;
  /** Flat list. */
  readonly headers: readonly string[];
}

/** `values`: what `credentials` has, a flat list. */
export function withCredentials<R extends Placed>(
  request: R,
  { place, names }: Pick<UpstreamCredentials, 'place' | 'names'>,
  values: readonly string[],
): R {
  if (place === 'query') return { ...request, path: withQuery(request.path, names, values) };
  const { headers } = request;
  if (place === 'cookie') return { ...request, headers: withCookies(headers, names, values) };
  return { ...request, headers: [...withoutHeaders(headers, names), ...values] };
}

function withQuery(path: string, names: readonly string[], values: readonly string[]): string {
  const mark = path.indexOf('?');
  const query = mark < 0 ? '' : path.slice(mark + 1);
  const kept = query.split('&').filter((pair) => pair !== '' && !names.includes(decoded(nameOf(pair))));
  const own = pairs(values).map(
    ([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`,
  );
  return `${mark < 0 ? path : path.slice(0, mark)}?${[...kept, ...own].join('&')}`;
}

/** One header for all (RFC 9113 section 8.2.3 lets clients split it, HTTP/1.1 does not). */
function withCookies(
  headers: readonly string[],
  names: readonly string[],
  values: readonly string[],
): readonly string[] {
  const cookies = pairs(headers)
    .filter(([name]) => name.toLowerCase() === 'cookie')
    .flatMap(([, value]) => value.split(';'))
    .map((cookie) => cookie.trim())
    .filter((cookie) => cookie !== '' && !names.includes(nameOf(cookie).trim()));
  const own = pairs(values).map(([name, value]) => `${name}=${value}`);
  return [...withoutHeaders(headers, ['cookie']), 'cookie', [...cookies, ...own].join('; ')];
}

function pairs(list: readonly string[]): [string, string][] {
  const result: [string, string][] = [];
  for (let at = 0; at + 1 < list.length; at += 2) result.push([list[at] as string, list[at + 1] as string]);
  return result;
}

function nameOf(pair: string): string {
  const end = pair.indexOf('=');
  return end < 0 ? pair : pair.slice(0, end);
}

/** As the upstream reads it: `api%5Fkey` is `api_key`. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}

/**
 * Where in a request a credential stands, and how it is taken out once it has been validated, so that no upstream
 * gets it. Knows nothing of what the credential means.
 */
import { GatewayError } from '../core/errors.ts';
import type { Exchange } from '../core/exchange.ts';

export type Location =
  | { readonly kind: 'header'; readonly name: string; readonly prefix: string }
  | { readonly kind: 'query'; readonly name: string }
  | { readonly kind: 'cookie'; readonly name: string };

export interface CredentialPlace {
  /** The same text for the same place: `header authorization`. */
  readonly name: string;
  /** Throws UNAUTHENTICATED for several values that differ: readers disagree on which of them counts. */
  find(exchange: Exchange): string | undefined;
  /** Takes every occurrence out; what else the request says stays. */
  remove(exchange: Exchange): void;
}

export function credentialPlace(location: Location): CredentialPlace {
  if (location.kind === 'header') return new HeaderPlace(location.name, location.prefix);
  return location.kind === 'query' ? new QueryPlace(location.name) : new CookiePlace(location.name);
}

class HeaderPlace implements CredentialPlace {
  readonly name: string;
  readonly #header: string;
  readonly #prefix: string;

  constructor(header: string, prefix: string) {
    this.#header = header.toLowerCase();
    this.#prefix = prefix;
    this.name = `header ${this.#header}`;
  }

  find({ rawHeaders }: Exchange): string | undefined {
    let found: string | undefined;
    for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
      if (isNamed(rawHeaders[at] as string, this.#header))
        found = only(found, rawHeaders[at + 1] as string, this.name);
    }
    return found === undefined ? undefined : withoutPrefix(found, this.#prefix);
  }

  remove(exchange: Exchange): void {
    exchange.rawHeaders = withHeader(exchange.rawHeaders, this.#header, () => undefined);
    setHeader(exchange, this.#header, undefined);
  }
}

class QueryPlace implements CredentialPlace {
  readonly name: string;
  readonly #parameter: string;

  constructor(parameter: string) {
    this.#parameter = parameter;
    this.name = `query parameter ${parameter}`;
  }

  find({ query }: Exchange): string | undefined {
    if (query === '') return undefined;
    let found: string | undefined;
    for (const pair of query.split('&')) {
      if (this.#is(pair)) found = only(found, decoded(pair.slice(nameEnd(pair) + 1)), this.name);
    }
    return found || undefined;
  }

  remove(exchange: Exchange): void {
    const kept = exchange.query.split('&').filter((pair) => !this.#is(pair));
    exchange.query = kept.join('&');
    exchange.url = exchange.query === '' ? exchange.path : `${exchange.path}?${exchange.query}`;
  }

  /** Decoded as the upstream would: `access%5Ftoken` is `access_token`. */
  #is(pair: string): boolean {
    return decoded(pair.slice(0, nameEnd(pair))) === this.#parameter;
  }
}

class CookiePlace implements CredentialPlace {
  readonly name: string;
  readonly #cookie: string;

  constructor(cookie: string) {
    this.#cookie = cookie;
    this.name = `cookie ${cookie}`;
  }

  find({ rawHeaders }: Exchange): string | undefined {
    let found: string | undefined;
    for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
      if (!isNamed(rawHeaders[at] as string, 'cookie')) continue;
      for (const pair of (rawHeaders[at + 1] as string).split(';')) {
        if (this.#is(pair)) found = only(found, unquoted(pair.slice(nameEnd(pair) + 1).trim()), this.name);
      }
    }
    return found || undefined;
  }

  remove(exchange: Exchange): void {
    const left: string[] = [];
    exchange.rawHeaders = withHeader(exchange.rawHeaders, 'cookie', (value) => {
      const kept = value.split(';').filter((pair) => !this.#is(pair));
      if (kept.length === 0) return undefined;
      left.push(kept.join(';').trim());
      return left.at(-1);
    });
    setHeader(exchange, 'cookie', left.length === 0 ? undefined : left.join('; '));
  }

  #is(pair: string): boolean {
    return pair.slice(0, nameEnd(pair)).trim() === this.#cookie;
  }
}

function only(before: string | undefined, value: string, place: string): string {
  if (before !== undefined && before !== value)
    throw new GatewayError('UNAUTHENTICATED', `${place}: more than one credential`);
  return value;
}

function isNamed(name: string, lower: string): boolean {
  return name.length === lower.length && name.toLowerCase() === lower;
}

/** Names of schemes have no case (RFC 9110 section 11.1); a prefix that is none is compared as it is. */
function withoutPrefix(value: string, prefix: string): string | undefined {
  const start = value.slice(0, prefix.length);
  const scheme = prefix.endsWith(' ');
  if (start !== prefix && !(scheme && start.toLowerCase() === prefix.toLowerCase())) return undefined;
  const rest = value.slice(prefix.length);
  return (scheme ? rest.trimStart() : rest) || undefined;
}

/** `change` returns the new value, or undefined for none. */
function withHeader(
  rawHeaders: readonly string[],
  header: string,
  change: (value: string) => string | undefined,
): string[] {
  const result: string[] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string;
    const value = rawHeaders[at + 1] as string;
    const next = isNamed(name, header) ? change(value) : value;
    if (next !== undefined) result.push(name, next);
  }
  return result;
}

/** In place: the object was made for this request, and a copy of it costs more than everything else here. */
function setHeader({ headers }: Exchange, name: string, value: string | undefined): void {
  (headers as Record<string, string | string[] | undefined>)[name] = value;
}

function nameEnd(pair: string): number {
  const end = pair.indexOf('=');
  return end < 0 ? pair.length : end;
}

function decoded(text: string): string {
  const spaced = text.replaceAll('+', ' ');
  if (!spaced.includes('%')) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    return spaced;
  }
}

function unquoted(value: string): string {
  return value.length > 1 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
}

/**
 * One match of a route against one request: path, method, headers, query. Pure; precedence is table.ts's.
 */
import { GatewayError } from '../core/errors.ts';
import type { PathMatch, RouteMatch, ValueMatch } from '../core/plan.ts';
import { wholeRegExp } from '../lib/whole-regexp.ts';

/** What routing reads of an exchange. */
export interface Routable {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly authority: string;
  readonly scheme: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** A request as the matchers see it; the query is parsed once, and only when a rule asks for it. */
export class RouteQuestion {
  readonly request: Routable;
  readonly path: string;
  #query: URLSearchParams | undefined;

  constructor(request: Routable) {
    this.request = request;
    this.path = canonicalPath(request.path);
  }

  /** First value of a query parameter, decoded. */
  query(name: string): string | undefined {
    this.#query ??= new URLSearchParams(this.request.query);
    return this.#query.get(name) ?? undefined;
  }

  /** A header, or a pseudo-header such as `:method`. */
  header(name: string): string | undefined {
    if (name.startsWith(':')) return this.#pseudo(name);
    const value = this.request.headers[name];
    return Array.isArray(value) ? value.join(', ') : value;
  }

  #pseudo(name: string): string | undefined {
    const { method, path, query, authority, scheme } = this.request;
    if (name === ':method') return method;
    if (name === ':path') return query === '' ? path : `${path}?${query}`;
    if (name === ':authority') return authority;
    return name === ':scheme' ? scheme : undefined;
  }
}

export type Matcher = (question: RouteQuestion) => boolean;

/** Throws GatewayError CONFIG_INVALID for a regular expression that is none. */
export function compileMatch(match: RouteMatch): Matcher {
  const path = compilePath(match.path);
  const tests: Matcher[] = [(question) => path(question.path)];
  const { method } = match;
  if (method !== undefined) tests.push((question) => question.request.method === method);
  for (const each of match.headers) {
    const name = each.name.toLowerCase();
    tests.push(valueTest(each, (question) => question.header(name)));
  }
  for (const each of match.query) tests.push(valueTest(each, (question) => question.query(each.name)));
  return (question) => tests.every((test) => test(question));
}

function compilePath(match: PathMatch): (path: string) => boolean {
  if (match.kind === 'regex') {
    const pattern = compileRegExp(match.value);
    return (path) => pattern.test(path);
  }
  const value = canonicalPath(match.value);
  if (match.kind === 'exact') return (path) => path === value;
  const base = value.endsWith('/') ? value.slice(0, -1) : value;
  return (path) => path.startsWith(base) && (path.length === base.length || path[base.length] === '/');
}

function valueTest(match: ValueMatch, read: (question: RouteQuestion) => string | undefined): Matcher {
  if (match.kind === 'exact') return (question) => read(question) === match.value;
  const pattern = compileRegExp(match.value);
  return (question) => {
    const value = read(question);
    return value !== undefined && pattern.test(value);
  };
}

function compileRegExp(source: string): RegExp {
  try {
    return wholeRegExp(source);
  } catch (error) {
    throw new GatewayError('CONFIG_INVALID', `"${source}" is not a regular expression`, { cause: error });
  }
}

/**
 * Why a path is refused before any rule is asked, or undefined when it is plain. Rules are written for one spelling;
 * an upstream that normalises (dot segments, `//`, `\`, encoded separators, needlessly encoded letters: RFC 3986
 * section 6.2.2) would serve another resource than the one the rules have seen. So such paths are not served at all.
 */
export function pathFault(path: string): string | undefined {
  if (!SUSPICIOUS.test(path)) return undefined;
  if (path.includes('//')) return 'empty segment';
  if (path.includes('\\') || path.includes('#')) return 'character that no path may contain';
  if (/%(?![0-9a-f]{2})/i.test(path)) return 'malformed percent-encoding';
  if (/%(?:2f|5c|[01][0-9a-f]|7f)/i.test(path)) return 'encoded separator or control character';
  if (/%(?:3[0-9]|[46][1-9a-f]|[57][0-9a]|2d|2e|5f|7e)/i.test(path))
    return 'encoded character that needs no encoding';
  if (/\/\.\.?(?:\/|$)/.test(path)) return 'dot segment';
  return undefined;
}

/** Nearly every path passes with this one look. */
const SUSPICIOUS = /%|\/\/|\/\.|[\\#]/;

/** Percent-encoding in one case, so that `%c3%a9` and `%C3%A9` are one path. */
function canonicalPath(path: string): string {
  if (!path.includes('%')) return path;
  return path.replace(/%[0-9a-f]{2}/gi, (code) => code.toUpperCase());
}

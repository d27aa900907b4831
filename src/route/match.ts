/**
 * One match of a route against one request: path, method, headers, query. Pure; precedence is table.ts's.
 */
import { GatewayError } from '../core/errors.ts';
import type { PathMatch, RouteMatch, ValueMatch } from '../core/plan.ts';
import { canonicalPath } from '../lib/request-path.ts';
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

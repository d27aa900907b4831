/** By which way a question comes in: port, host and path, taken from the route that it names where it says no more. */
import type { BindPlan, ListenerPlan, Plan, RoutePlan } from '../core/plan.ts';
import { type AskedRequest, type Question, QuestionError } from './question.ts';

export interface Way {
  /** As configured. */
  readonly port: BindPlan['port'];
  readonly scheme: 'http' | 'https';
  readonly authority: string;
  /** Path and query. */
  readonly url: string;
  /** What the route wants to see, then what was asked for. */
  readonly headers: readonly (readonly [string, string])[];
}

interface Candidate {
  readonly bind: BindPlan;
  readonly listener: ListenerPlan;
  readonly route: RoutePlan;
}

/** Throws QuestionError where it is not clear which way is meant. */
export function wayOf(plan: Plan, { request, route, item }: Question): Way {
  if (request.url) return wayByUrl(plan, request, request.url);
  const all = candidates(plan);
  const [found, ...others] = all.filter((one) => route === undefined || nameOf(one.route) === route);
  if (!found) throw new QuestionError(`${missing(route)}${known(all)}`);
  const same = others.every((one) => nameOf(one.route) === nameOf(found.route));
  if (!same && (request.path === undefined || others.some(({ bind }) => bind !== found.bind)))
    throw new QuestionError(`there are several routes, so that one has to be named${known(all)}`);
  return same ? wayTo(found, request, item !== undefined) : wayByPath(found, request);
}

function* allRoutes({ binds }: Plan): Iterable<Candidate> {
  for (const bind of binds)
    for (const listener of bind.listeners)
      for (const route of listener.routes) yield { bind, listener, route };
}

function candidates(plan: Plan): Candidate[] {
  return [...allRoutes(plan)];
}

function nameOf({ name, key }: RoutePlan): string {
  return name ?? key;
}

function missing(route: string | undefined): string {
  return route === undefined ? 'there is no route' : `there is no route called "${route}"`;
}

function known(all: readonly Candidate[]): string {
  const names = [...new Set(all.map(({ route }) => nameOf(route)))];
  return names.length === 0 ? '' : `; known: ${names.join(', ')}`;
}

function wayByUrl({ binds }: Plan, request: AskedRequest, url: URL): Way {
  const scheme = url.protocol === 'https:' ? 'https' : 'http';
  const port = url.port === '' ? (scheme === 'https' ? 443 : 80) : Number(url.port);
  if (!binds.some((bind) => bind.port === port))
    throw new QuestionError(
      `nothing listens on port ${port}; known: ${binds.map((bind) => bind.port).join(', ')}`,
    );
  const authority = (request.host ?? url.host).toLowerCase();
  return {
    port,
    scheme,
    authority,
    url: request.path ?? `${url.pathname}${url.search}`,
    headers: request.headers,
  };
}

/** Several routes of one port: which one serves it is for the gateway to say. */
function wayByPath({ bind, listener }: Candidate, request: AskedRequest): Way {
  return {
    port: bind.port,
    scheme: listener.tls ? 'https' : 'http',
    authority: request.host ?? hostOf(listener.hostname, bind),
    url: request.path ?? '/',
    headers: request.headers,
  };
}

function wayTo({ bind, listener, route }: Candidate, request: AskedRequest, mcp: boolean): Way {
  const [match] = route.matches;
  const exact = (list: readonly { readonly name: string; readonly kind: string; readonly value: string }[]) =>
    list.filter(({ kind }) => kind === 'exact').map(({ name, value }) => [name, value] as const);
  const wanted = exact(match?.headers ?? []);
  const given = new Set(request.headers.map(([name]) => name.toLowerCase()));
  return {
    port: bind.port,
    scheme: listener.tls ? 'https' : 'http',
    authority: (request.host ?? hostOf(route.hostnames[0] ?? listener.hostname, bind)).toLowerCase(),
    url: request.path ?? pathOf(route, { mcp, query: exact(match?.query ?? []) }),
    headers: [...wanted.filter(([name]) => !given.has(name.toLowerCase())), ...request.headers],
  };
}

function hostOf(pattern: string | undefined, { port }: BindPlan): string {
  return pattern === undefined ? `localhost:${port}` : pattern.replace(/^\*\./, 'any.');
}

function pathOf(
  route: RoutePlan,
  { mcp, query }: { mcp: boolean; query: readonly (readonly [string, string])[] },
): string {
  const path = route.matches[0]?.path;
  if (path?.kind === 'regex')
    throw new QuestionError(`route "${nameOf(route)}" matches by a regular expression: give a path`);
  const bare = path?.value ?? '/';
  const shown = bare === '/' && mcp ? '/mcp' : bare;
  return query.length === 0 ? shown : `${shown}?${new URLSearchParams(Object.fromEntries(query))}`;
}

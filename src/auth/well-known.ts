/**
 * Well-known places of OAuth (RFC 8615, RFC 8414, RFC 9728): what belongs to a resource, where it is announced, and what
 * a client calls the resource. Pure.
 */
import { GatewayError } from '../core/errors.ts';
import type { Exchange } from '../core/exchange.ts';
import type { PathMatch, RouteMatch } from '../core/plan.ts';

export const PROTECTED_RESOURCE = '/.well-known/oauth-protected-resource';
export const AUTHORIZATION_SERVER = '/.well-known/oauth-authorization-server';
export const OPENID_CONFIGURATION = '/.well-known/openid-configuration';

const PLACES = [PROTECTED_RESOURCE, AUTHORIZATION_SERVER, OPENID_CONFIGURATION];

/** The place of a resource or issuer: put between its host and its path. */
export function wellKnownOf(place: string, url: string): string {
  const { origin, pathname } = new URL(url);
  return `${origin}${place}${pathname === '/' ? '' : pathname}`;
}

/** What `path` has behind a place: empty, or a path. Undefined: it is not there. */
export function behind(path: string, place: string): string | undefined {
  if (!path.startsWith(place)) return undefined;
  const rest = path.slice(place.length);
  return rest === '' || rest.startsWith('/') ? rest : undefined;
}

/** Without a slash at the end where there is no path: the canonical form of the MCP specification. */
export function canonicalResource(text: string): string {
  const { origin, pathname } = new URL(text);
  return pathname === '/' ? origin : `${origin}${pathname}`;
}

/**
 * Scheme and authority as the client wrote them, in canonical form. What proxies say of themselves (X-Forwarded-*) is
 * not asked: any client can say it. Throws BAD_REQUEST.
 */
export function originOf({ scheme, authority }: Pick<Exchange, 'scheme' | 'authority'>): string {
  const text = `${scheme}://${authority}`;
  // More than a host and a port would end up in headers and documents.
  if (!/^[a-z0-9.\-_]+(?::\d+)?$|^\[[0-9a-f:.]+\](?::\d+)?$/.test(authority) || !URL.canParse(text))
    throw new GatewayError('BAD_REQUEST', 'the host of the request is malformed');
  return new URL(text).origin;
}

/** Requests about what `matches` serve, at `places`: at their root, and for each path. */
export function wellKnownMatches(places: readonly string[], matches: readonly RouteMatch[]): RouteMatch[] {
  const paths = ownPaths(matches);
  return places.flatMap((place) => [
    anyRequest({ kind: 'exact', value: place }),
    ...paths.map((path) => anyRequest(under(place, path))),
  ]);
}

/** OpenID's other place, behind the path. Prefixes have it anyway. */
export function appendedMatches(matches: readonly RouteMatch[]): RouteMatch[] {
  return ownPaths(matches).flatMap(({ kind, value }) =>
    kind === 'exact' && value !== '/'
      ? [anyRequest({ kind, value: `${value.replace(/\/$/, '')}${OPENID_CONFIGURATION}` })]
      : [],
  );
}

/** The one path that the matches are about; undefined: there are several, or it is all of them. */
export function onlyPath(matches: readonly RouteMatch[]): string | undefined {
  const [path, other] = ownPaths(matches);
  return path === undefined || other || path.kind === 'regex' || path.value === '/' ? undefined : path.value;
}

/** As the Rust gateway has it, well-known places are written beside the path they are of. */
function ownPaths(matches: readonly RouteMatch[]): PathMatch[] {
  return matches
    .map(({ path }) => path)
    .filter(({ value }) => !PLACES.some((place) => behind(value, place) !== undefined));
}

function under(place: string, { kind, value }: PathMatch): PathMatch {
  if (kind === 'regex') return { kind, value: `${place.replaceAll('.', '\\.')}(?:${value})` };
  return { kind, value: value === '/' ? place : `${place}${value}` };
}

function anyRequest(path: PathMatch): RouteMatch {
  return { path, method: undefined, headers: [], query: [] };
}

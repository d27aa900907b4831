/** Another authority and another path for a request: what redirects and rewrites have in common. Pure. */
import { pathFault, replacePrefix } from '../lib/request-path.ts';
import { GatewayError } from './errors.ts';
import type { RouteMatch } from './plan.ts';

/** Host with or without port, as in a URL. */
export const AUTHORITY = /^(?:[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/;
/** RFC 3986 `pchar` and slashes. */
const PATH = /^[A-Za-z0-9\-._~!$&'()*+,;=:@/%]*$/;

export type PathRewrite = { readonly full: string } | { readonly prefix: string };
export type AuthorityRewrite =
  | { readonly full: string }
  | { readonly host: string }
  | { readonly port: number };

/** Why a path cannot stand in a request that the gateway makes. */
export function pathProblem(path: string): string | undefined {
  if (!path.startsWith('/')) return 'expected a path that begins with /';
  if (!PATH.test(path)) return 'expected a path without query, with unusual characters percent-encoded';
  const fault = pathFault(path);
  return fault && `such a path is not served: ${fault}`;
}

/** Why a text is no authority. */
export function authorityProblem(text: string): string | undefined {
  return AUTHORITY.test(text) ? undefined : 'it is no host or host:port';
}

export function rewrittenAuthority(authority: string, rewrite: AuthorityRewrite): string {
  if ('full' in rewrite) return rewrite.full;
  const [, host = authority, port = ''] = /^(.*?)(:\d+)?$/.exec(authority) ?? [];
  return 'host' in rewrite ? rewrite.host + port : `${host}:${rewrite.port}`;
}

/**
 * The path for a path. Paths that routing lets in are plain, and so are those configured: what is made of them names
 * nothing above the replacement. Throws CONFIG_INVALID for a prefix where the route has none.
 */
export function pathRewriter(
  rewrite: PathRewrite,
  matches: readonly RouteMatch[] = [],
): (path: string) => string {
  if ('full' in rewrite) return (path) => (path.startsWith('/') ? rewrite.full : path);
  if (matches.length === 0 || matches.some(({ path }) => path.kind === 'regex'))
    throw new GatewayError(
      'CONFIG_INVALID',
      'path.prefix: the route is found by a regular expression, so there is no prefix to replace',
    );
  const longestFirst = [...matches].sort((one, other) => other.path.value.length - one.path.value.length);
  return (path) => {
    for (const { path: match } of longestFirst) {
      if (match.kind === 'exact' && match.value.length !== path.length) continue;
      const rewritten = replacePrefix(path, match.value, rewrite.prefix);
      if (rewritten !== undefined) return rewritten;
    }
    return path;
  };
}

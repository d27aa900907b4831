/**
 * The `urlRewrite` policy: the server is asked for another path, under another name. The rest of the gateway goes on seeing
 * what the client asked for.
 */
import type { Exchange, Outbound } from '../../core/exchange.ts';
import { definePolicy } from '../../core/policy.ts';
import { pathRewriter, rewrittenAuthority } from '../../core/rewriting.ts';
import { type UrlRewriteConfig, urlRewriteSchema } from './schema.ts';

const KEY = 'urlRewrite';

export const urlRewrite = definePolicy({
  key: KEY,
  phase: 'transform',
  attach: ['route'],
  schema: urlRewriteSchema,
  build: (config, { route, ports }) => {
    if (route?.backends.every((kind) => kind === 'mcp') && route.backends.length > 0)
      ports.log.warn({}, `${KEY}: no effect on a route to MCP servers, which are asked where they are`);
    const rewrite = rewriteOf(config, route?.matches && { matches: route.matches });
    return {
      exchange: (next) => (exchange) => {
        exchange.outbound = { ...exchange.outbound, ...rewrite(exchange) };
        return next(exchange);
      },
    };
  },
});

function rewriteOf(
  { authority, path }: UrlRewriteConfig,
  { matches }: { matches?: Parameters<typeof pathRewriter>[1] } = {},
): (exchange: Exchange) => Outbound {
  const pathOf = path && pathRewriter(path, matches);
  const hostOf = (host: string): string => {
    return typeof authority === 'object' ? rewrittenAuthority(host, authority) : host;
  };
  return (exchange) => ({
    ...(pathOf && { url: withQuery(pathOf(exchange.path), exchange.query) }),
    ...(authority !== 'auto' && exchange.authority !== '' && { host: hostOf(exchange.authority) }),
  });
}

function withQuery(path: string, query: string): string {
  return query === '' ? path : `${path}?${query}`;
}

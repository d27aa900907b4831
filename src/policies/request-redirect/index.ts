/** The `requestRedirect` policy: the client is sent elsewhere. */
import type { Exchange } from '../../core/exchange.ts';
import { definePolicy } from '../../core/policy.ts';
import { pathRewriter, rewrittenAuthority } from '../../core/rewriting.ts';
import { Flow } from '../../lib/flow.ts';
import { type RequestRedirectConfig, requestRedirectSchema } from './schema.ts';

const DEFAULT_PORTS: Readonly<Record<string, RegExp>> = { http: /:80$/, https: /:443$/ };

export const requestRedirect = definePolicy({
  key: 'requestRedirect',
  phase: 'transform',
  attach: ['route', 'backend'],
  answers: true,
  schema: requestRedirectSchema,
  build: (config, { route }) => {
    const { status } = config;
    const pathOf = config.path ? pathRewriter(config.path, route?.matches) : (path: string) => path;
    return {
      exchange: () => async (exchange) => {
        const { query } = exchange;
        const place = originOf(exchange, config) + pathOf(exchange.path);
        const location = query === '' ? place : `${place}?${query}`;
        return { status, headers: ['location', location], body: Flow.empty() };
      },
    };
  },
});

function originOf(
  { scheme: asked, authority: host }: Exchange,
  { scheme = asked, authority }: RequestRedirectConfig,
): string {
  // The port of one scheme is not that of the other.
  const known = scheme === asked ? host : host.replace(/:\d+$/, '');
  const made = authority ? rewrittenAuthority(known, authority) : known;
  return `${scheme}://${made.replace(DEFAULT_PORTS[scheme] ?? /$/, '')}`;
}

/**
 * The `csrf` policy: pages of other origins do not get to use the login of a browser. Browsers say where a request comes
 * from (Sec-Fetch-Site, before it Origin) and pages cannot change that; what is no browser says nothing and may pass.
 */
import { GatewayError } from '../../core/errors.ts';
import { type Exchange, header } from '../../core/exchange.ts';
import { definePolicy } from '../../core/policy.ts';
import { csrfSchema } from './schema.ts';

/** RFC 9110 section 9.2.1. */
const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

export const csrf = definePolicy({
  key: 'csrf',
  phase: 'edge',
  attach: ['route'],
  schema: csrfSchema,
  build: ({ additionalOrigins }) => {
    const allowed: ReadonlySet<string> = new Set(additionalOrigins);
    return {
      exchange: (next) => (exchange) => {
        if (isHarmless(exchange) || isOwn(exchange) || allowed.has(originOf(exchange))) return next(exchange);
        const origin = header(exchange, 'origin');
        const from = origin === undefined ? 'another site' : `"${origin}"`;
        return Promise.reject(
          new GatewayError('FORBIDDEN_ORIGIN', `pages of ${from} may not send this request`),
        );
      },
    };
  },
});

/** A WebSocket is opened by GET, with cookies, and whatever is sent over it later has no Origin any more. */
function isHarmless({ method, upgrade }: Exchange): boolean {
  return SAFE.has(method) && upgrade === undefined;
}

function isOwn(exchange: Exchange): boolean {
  const site = header(exchange, 'sec-fetch-site');
  // `none`: the user typed the address.
  if (site !== undefined) return site === 'same-origin' || site === 'none';
  const origin = header(exchange, 'origin');
  return origin === undefined || isSameHost(origin, exchange.authority);
}

/** Not the scheme: who ends TLS before the gateway may know another one. */
function isSameHost(origin: string, authority: string): boolean {
  if (!URL.canParse(origin)) return false;
  const { protocol, host } = new URL(origin);
  const usual = protocol === 'https:' ? /:443$/ : /:80$/;
  return host !== '' && host === authority.replace(usual, '');
}

function originOf(exchange: Exchange): string {
  return header(exchange, 'origin')?.toLowerCase() ?? '';
}

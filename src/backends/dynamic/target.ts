/** Where an exchange is to be led: what the client says, or what an expression makes of it. */
import { GatewayError } from '../../core/errors.ts';
import type { Exchange } from '../../core/exchange.ts';
import type { Log } from '../../core/ports.ts';
import { compileBodiless } from '../../expr/bodiless.ts';
import type { Expr, Expression } from '../../expr/expression.ts';
import { PLACES } from '../../expr/places.ts';
import { asksForSecrets, exchangeScope, secretsOf } from '../../expr/scope.ts';
import { Values } from '../../expr/values.ts';
import type { Destination } from '../../lib/allow-list.ts';
import { type Authority, parseAuthority } from '../../lib/authority.ts';

export type Targeting = (exchange: Exchange, secure: boolean) => Destination;

const HTTP = 80;
const HTTPS = 443;
const USUAL = [HTTP, HTTPS];
export const USUAL_OF_TUNNELS = [HTTPS];

/** `expr`: where there is an expression. Throws CONFIG_INVALID for one that does not compile. */
export function targeting(target: string | undefined, expr: Expr | undefined, log: Log): Targeting {
  if (target === undefined || !expr)
    return (exchange, secure) => destination(exchange, { secure, of: said(exchange) });
  const expression = compileBodiless(expr, target, PLACES.http);
  const values = new Values({ policy: 'dynamic', log });
  return (exchange, secure) => destination(exchange, { secure, of: made(exchange, expression, values) });
}

/** Throws BAD_REQUEST for what is no place. A rewritten host counts: that is what rewriting it is for. */
function said({ authority, outbound }: Exchange): Authority {
  const place = parseAuthority(outbound?.host ?? authority);
  if (!place)
    throw new GatewayError('BAD_REQUEST', 'the request names no host to go to, as host or host:port');
  return place;
}

function made(exchange: Exchange, expression: Expression, values: Values): Authority {
  const scope = exchangeScope(exchange, asksForSecrets(expression) ? secretsOf(exchange) : undefined);
  const text = values.text(expression, scope, { name: 'target', check: checkMade });
  return parseAuthority(text) as Authority;
}

/** What is wrong with what an expression has made. */
export function checkMade(text: string): string | undefined {
  return parseAuthority(text)?.port === undefined ? 'it is not host:port' : undefined;
}

function destination(
  { method, scheme, absolute = scheme }: Exchange,
  { secure, of: { host, port, address } }: { readonly secure: boolean; readonly of: Authority },
): Destination {
  if (method === 'CONNECT') {
    if (port === undefined) throw new GatewayError('BAD_REQUEST', 'CONNECT needs host:port');
    return { host, port, address, usual: USUAL_OF_TUNNELS };
  }
  return { host, port: port ?? (secure || absolute === 'https' ? HTTPS : HTTP), address, usual: USUAL };
}

/**
 * The `dynamic` backend for connections whose bytes are passed on: to the name that TLS asks for, at the port that the
 * client wanted.
 */
import type { DialerDeps } from '../../core/backend.ts';
import type { Connection, Dialer } from '../../core/connection.ts';
import { GatewayError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import { compileBodiless } from '../../expr/bodiless.ts';
import { connectionScope } from '../../expr/connection-scope.ts';
import type { Expr } from '../../expr/expression.ts';
import { PLACES } from '../../expr/places.ts';
import { Values } from '../../expr/values.ts';
import { type Authority, parseAuthority } from '../../lib/authority.ts';
import { connectionOf } from '../../upstream/connection.ts';
import type { Destinations } from '../../upstream/destinations.ts';
import { upstreamTls } from '../../upstream/tls.ts';
import { Reaching } from './reaching.ts';
import type { DynamicConfig } from './schema.ts';
import { checkMade, USUAL_OF_TUNNELS } from './target.ts';

export interface Made {
  readonly destinations: Destinations;
  readonly expr: Expr | undefined;
}

/** Throws CONFIG_INVALID for an expression that does not compile. */
export function dynamicDialer(
  { target }: DynamicConfig,
  { ports, policies }: DialerDeps,
  { destinations, expr }: Made,
): Dialer {
  const tls = policies['backendTLS'] === undefined ? undefined : upstreamTls(policies);
  const connection = connectionOf(policies, LIMITS.connect.value);
  const reaching = new Reaching(destinations, { tls, connection, log: ports.log });
  const wanted =
    target === undefined || !expr
      ? asked
      : making(target, expr, new Values({ policy: 'dynamic', log: ports.log }));
  return {
    async dial(connection) {
      const { host, port, address } = wanted(connection);
      const to = connection.destination ?? connection.local;
      const destination = { host, port: port ?? to.port, address, usual: USUAL_OF_TUNNELS };
      const { endpoint, opening } = reaching.open(destination);
      connection.record.endpoint = endpoint;
      return opening;
    },
  };
}

function making(target: string, expr: Expr, values: Values): (connection: Connection) => Authority {
  const expression = compileBodiless(expr, target, PLACES.connection);
  return (connection) => {
    const check = { name: 'target', check: checkMade };
    return parseAuthority(values.text(expression, connectionScope(connection), check)) as Authority;
  };
}

function asked({ serverName }: Connection): Authority {
  const place = parseAuthority(serverName ?? '');
  if (!place) throw new GatewayError('BAD_REQUEST', 'no name is asked for in TLS: nobody says where to go');
  return place;
}

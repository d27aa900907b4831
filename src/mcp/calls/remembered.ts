/**
 * What rules may read of a request once it is over: an exchange kept for its own sake keeps the connection, the body and
 * all that node made of them.
 */
import { GatewayError } from '../../core/errors.ts';
import type { Exchange } from '../../core/exchange.ts';
import { Cancel } from '../../lib/cancel.ts';

export function remembered(exchange: Exchange): Exchange {
  const { id, method, url, path, query, authority, scheme, httpVersion, headers, rawHeaders } = exchange;
  const { client, local, principal, identity, credentials, certificate, tls } = exchange;
  return {
    id,
    method,
    url,
    path,
    query,
    authority,
    scheme,
    httpVersion,
    headers,
    rawHeaders,
    client,
    local,
    upgrade: undefined,
    record: exchange.record,
    body: OVER,
    cancel: new Cancel(),
    serves: () => false,
    ...(principal !== undefined && { principal }),
    ...(identity && { identity }),
    ...(credentials && { credentials }),
    certificate,
    tls,
  };
}

const over = (): never => {
  throw new GatewayError('INTERNAL', 'the body of a request that is over');
};
const OVER = { length: 0, read: over, stream: over };

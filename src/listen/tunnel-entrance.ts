/** CONNECT that leads to a port of the gateway itself: the connection goes on there as if it had been accepted there. */
import type { Socket } from 'node:net';
import type { Addresses } from '../core/connection.ts';
import { GatewayError } from '../core/errors.ts';
import type { Endpoint, Exchange, Tunnel } from '../core/exchange.ts';
import { formatAuthority, parseAuthority } from '../lib/authority.ts';

interface Enterable {
  inject(socket: Socket, addresses: Addresses): void;
}

/** Throws BAD_REQUEST. */
export function tunnelPlace({ authority }: Exchange): Endpoint {
  const { host, port } = parseAuthority(authority) ?? {};
  if (host === undefined || port === undefined)
    throw new GatewayError('BAD_REQUEST', 'CONNECT needs host:port');
  return { address: host, port };
}

export function tunnelInto(port: Enterable, exchange: Exchange, destination: Endpoint): Tunnel {
  const { record, client, local } = exchange;
  // A stream of it would have to pass for a socket.
  if (exchange.httpVersion === '2.0')
    throw new GatewayError('METHOD_NOT_ALLOWED', 'CONNECT is served here over HTTP/1.1 alone');
  record.endpoint = formatAuthority({ host: destination.address, port: destination.port });
  return {
    status: 200,
    headers: [],
    attach(over, early) {
      const socket = over as Socket;
      socket.prependOnceListener('close', () => {
        record.bytesIn = socket.bytesRead;
        record.bytesOut = socket.bytesWritten;
      });
      if (early.length > 0) socket.unshift(early);
      port.inject(socket, { client, local: { ...local, port: destination.port }, destination });
    },
  };
}

/**
 * One connection of a client whose bytes are passed on as they come: the altitude below the exchange. Made by listen/,
 * served by what a generation has built.
 */
import type { Socket } from 'node:net';
import type { ConnectionTls, Endpoint } from './exchange.ts';
import type { ConnectionRecord } from './signals.ts';

/** Between whom a connection is, whatever lies between them and the socket: a load balancer, a tunnel. */
export interface Addresses {
  readonly client: Endpoint;
  readonly local: Endpoint;
  /** What the client asked a tunnel to be connected with: a name or an address. */
  readonly destination?: Endpoint | undefined;
}

export interface Connection extends Addresses {
  /** Nothing has been taken from it that would have to pass; after TLS that ended here, what is within. */
  readonly socket: Socket;
  /** Asked for in TLS, lower-case. */
  readonly serverName: string | undefined;
  /** undefined: it is not over TLS, or over TLS that does not end here. */
  readonly tls: ConnectionTls | undefined;
  readonly record: ConnectionRecord;
}

/** Opens connections to an upstream. */
export interface Dialer {
  /**
   * Resolves with a connection that may be half open. Fills in `record.endpoint`. Throws GatewayError UPSTREAM_CONNECT or
   * UPSTREAM_TIMEOUT, after which another backend is tried; another code ends the connection.
   */
  dial(connection: Connection): Promise<Socket>;
}

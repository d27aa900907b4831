/** What is known of a connection over TLS beyond its socket. */
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { ConnectionTls } from '../core/exchange.ts';

const FACTS = Symbol('tls');

interface SecuredSocket extends Socket {
  [FACTS]?: ConnectionTls;
}

export function secured(socket: TLSSocket, facts: ConnectionTls): void {
  (socket as SecuredSocket)[FACTS] = facts;
}

/** undefined: not over TLS. */
export function tlsOf(socket: Socket): ConnectionTls | undefined {
  return (socket as SecuredSocket)[FACTS];
}

/** What is known of a connection over TLS beyond its socket. */
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { ConnectionTls } from '../core/exchange.ts';

const FACTS = Symbol('tls');

interface SecuredSocket extends Socket {
  [FACTS]?: ConnectionTls | undefined;
}

export function secured(socket: TLSSocket, facts: ConnectionTls): void {
  (socket as SecuredSocket)[FACTS] = facts;
}

/** What goes on over it elsewhere is not what its handshake let in. */
export function unsecured(socket: Socket): void {
  (socket as SecuredSocket)[FACTS] = undefined;
}

/** undefined: not over TLS. */
export function tlsOf(socket: Socket): ConnectionTls | undefined {
  return (socket as SecuredSocket)[FACTS];
}

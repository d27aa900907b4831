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

/** The TCP socket below. Node tells nobody, but has kept it under this name since its first release with streams. */
export function underlying(socket: Socket): Socket {
  return (socket as Socket & { readonly _parent?: Socket | null })._parent ?? socket;
}

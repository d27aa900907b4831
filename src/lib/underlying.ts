/** What lies below a TLS connection, and how one is broken so that its peer does not take it for complete. */
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** What is one level below: the TCP socket, but for TLS within TLS. Node tells nobody, but has kept it under this name since its first release with streams. */
export function underlying(socket: Socket): Socket {
  return (socket as Socket & { readonly _parent?: Socket | null })._parent ?? socket;
}

/** Resets the TCP connection below all levels of TLS: node throws where anything else is to be reset. */
export function reset(socket: Socket): void {
  let below = socket;
  for (let next = underlying(below); next !== below; next = underlying(below)) below = next;
  if (below.remoteAddress === undefined) socket.destroy();
  else below.resetAndDestroy();
}

/** With a reset where there is TCP below: to whoever reads up to the end of a connection, a close says "complete". */
export function breakOff(socket: Duplex): void {
  if (!(socket instanceof Socket)) {
    // A stream of HTTP/2: with a code that says so.
    socket.destroy(new Error('broken off'));
    return;
  }
  reset(socket);
}

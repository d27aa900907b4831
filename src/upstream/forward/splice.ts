/** Two sockets become one connection: when one side has ended, what it sent is delivered and the other is closed. */
import type { Duplex } from 'node:stream';

export function splice(client: Duplex, upstream: Duplex): void {
  const both = [client, upstream];
  const close = (): void => {
    for (const side of both) side.destroy();
  };
  for (const side of both) {
    side.on('error', ignore);
    side.once('close', close);
    // No half-open tunnels: a peer that vanished looks as if it had only stopped sending, and an upstream that waits
    // for more would be held for ever.
    side.once('finish', close);
  }
  client.pipe(upstream);
  upstream.pipe(client);
  if (client.destroyed || upstream.destroyed) close();
}

/** 'close' follows and does the work; without a listener the error would end the process. */
function ignore(): void {}

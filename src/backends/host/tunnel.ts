/** Two sockets become one connection. Each half may end by itself; when one side is gone, so is the other. */
import type { Duplex } from 'node:stream';

export function splice(client: Duplex, upstream: Duplex): void {
  for (const [one, other] of [
    [client, upstream],
    [upstream, client],
  ] as const) {
    one.on('error', ignore);
    one.once('close', () => other.destroy());
    one.pipe(other);
  }
  if (client.destroyed) upstream.destroy();
  if (upstream.destroyed) client.destroy();
}

/** 'close' follows and does the work; without a listener the error would end the process. */
function ignore(): void {}

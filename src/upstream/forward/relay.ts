/**
 * Two connections become one, byte for byte. A side that has ended is told so to the other, which may go on; silence for
 * too long, or a side that breaks, ends both. Knows nothing of what passes.
 */
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock, Timer } from '../../core/ports.ts';

export interface Relaying {
  readonly client: Duplex;
  /** May be half open. */
  readonly upstream: Socket;
  readonly clock: Clock;
  /** Silence that is suffered. */
  readonly idleMs: number;
  /** The same, once a side has ended. */
  readonly halfClosedMs: number;
  /** Runs once, when both have closed or are told to. */
  readonly ended: () => void;
}

export class Relay {
  readonly #relaying: Relaying;
  #watching: Timer;
  #passed = -1;
  #broken: Error | undefined;
  #over = false;

  constructor(relaying: Relaying) {
    this.#relaying = relaying;
    const { client, upstream, idleMs } = relaying;
    this.#watching = this.#watch(idleMs);
    for (const side of [client, upstream]) {
      side.on('error', (error) => {
        this.#broken ??= error;
      });
      side.once('close', () => this.#closed(side));
      side.once('end', () => this.hurry(relaying.halfClosedMs));
    }
    client.pipe(upstream);
    upstream.pipe(client);
    for (const side of [client, upstream]) if (side.destroyed) this.#closed(side);
  }

  /** From now on only so much silence is suffered. */
  hurry(ms: number): void {
    if (this.#over || ms > this.#relaying.idleMs) return;
    this.#watching.cancel();
    this.#passed = -1;
    this.#watching = this.#watch(ms);
  }

  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#watching.cancel();
    const { client, upstream, ended } = this.#relaying;
    // HTTP/2 says by a code whether all has been said.
    client.destroy(this.#broken);
    upstream.destroy();
    ended();
  }

  /** A peer that vanished looks as if it had nothing to say. Looked at from time to time: bytes cost nothing this way. */
  #watch(ms: number): Timer {
    return this.#relaying.clock.every(ms / 2, () => {
      const { client, upstream } = this.#relaying;
      // What the client has not taken yet is under way.
      const passed =
        upstream.bytesRead + upstream.bytesWritten - client.writableLength - upstream.writableLength;
      if (passed === this.#passed) this.close();
      this.#passed = passed;
    });
  }

  #closed(side: Duplex): void {
    const { client, upstream } = this.#relaying;
    const other = side === client ? upstream : client;
    // Its last bytes are on their way to the other side.
    if (side.readableEnded && !other.destroyed && !other.writableFinished)
      other.once('finish', () => this.close());
    else this.close();
  }
}

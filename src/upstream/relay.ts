/**
 * Two connections become one: bytes go both ways as fast as they are taken, and nothing else is held of them. Each side may
 * end what it says on its own; a side that breaks off breaks the other off, so that nobody takes a part for the whole.
 */
import type { Socket } from 'node:net';
import { GatewayError } from '../core/errors.ts';
import { breakOff } from '../lib/underlying.ts';

export interface SilenceLimits {
  /** Without a byte in either direction. */
  readonly idleMs: number;
  /** The same once a side has ended. */
  readonly halfOpenMs: number;
}

export interface RelayOptions extends SilenceLimits {
  readonly client: Socket;
  readonly upstream: Socket;
  /** Of the upstream, for messages. */
  readonly endpoint: string;
  /** Where the bytes of both directions are counted. */
  readonly counts: { bytesIn: number; bytesOut: number };
}

export class Relay {
  readonly #options: RelayOptions;
  #over: (error: GatewayError | undefined) => void = () => {};
  /** When both are closed; why they have not ended by themselves. */
  readonly over = new Promise<GatewayError | undefined>((resolve) => {
    this.#over = resolve;
  });
  readonly #ended = new Set<Socket>();
  readonly #closed = new Set<Socket>();
  #error: GatewayError | undefined;

  constructor(options: RelayOptions) {
    const { client, upstream, counts, idleMs } = options;
    this.#options = options;
    for (const side of [client, upstream]) {
      side.on('error', (error) => this.#broken(side, error));
      side.once('end', () => this.#end(side));
      side.once('close', () => this.#close(side));
      side.setTimeout(idleMs, () => this.cut(idle()));
    }
    this.#pump(client, (bytes) => {
      counts.bytesIn += bytes;
    });
    this.#pump(upstream, (bytes) => {
      counts.bytesOut += bytes;
    });
    for (const side of [client, upstream]) if (side.destroyed) this.#close(side);
  }

  cut(error: GatewayError): void {
    this.#error ??= error;
    const { client, upstream } = this.#options;
    breakOff(client);
    breakOff(upstream);
  }

  #pump(from: Socket, count: (bytes: number) => void): void {
    const to = this.#other(from);
    from.on('data', (chunk: Buffer) => {
      count(chunk.length);
      if (!to.write(chunk)) from.pause();
    });
    to.on('drain', () => from.resume());
    // Whoever looked at the first bytes has left it paused.
    from.resume();
  }

  #other(side: Socket): Socket {
    const { client, upstream } = this.#options;
    return side === client ? upstream : client;
  }

  /** It may go on to listen, as long as there is something to hear: a peer that vanished looks just like this. */
  #end(side: Socket): void {
    const { client, upstream, idleMs, halfOpenMs } = this.#options;
    this.#ended.add(side);
    this.#other(side).end();
    for (const each of [client, upstream]) each.setTimeout(Math.min(idleMs, halfOpenMs));
  }

  #broken(side: Socket, error?: Error): void {
    const { client, endpoint } = this.#options;
    const other = this.#other(side);
    if (this.#ended.has(side)) {
      // It has said all it had to say, which still has to arrive.
      other.destroySoon();
      return;
    }
    this.#error ??=
      side === client
        ? new GatewayError('CANCELLED', 'the client broke the connection off', { cause: error })
        : new GatewayError('UPSTREAM_CLOSED', `${endpoint} broke the connection off${because(error)}`, {
            cause: error,
          });
    breakOff(other);
  }

  #close(side: Socket): void {
    if (this.#closed.has(side)) return;
    this.#closed.add(side);
    if (this.#closed.size === 2) this.#over(this.#error);
    else if (!this.#ended.has(side) || !side.writableFinished) this.#broken(side);
  }
}

function because(error: Error | undefined): string {
  return error ? `: ${error.message}` : '';
}

function idle(): GatewayError {
  return new GatewayError('CONNECTION_IDLE', 'no byte in either direction for too long');
}

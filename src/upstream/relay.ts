/**
 * Two connections become one: bytes go both ways as fast as they are taken, and nothing else is held of them. Each side may
 * end what it says on its own; a side that breaks off breaks the other off, so that nobody takes a part for the whole.
 */
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { GatewayError } from '../core/errors.ts';
import { breakOff } from '../lib/underlying.ts';

export interface SilenceLimits {
  /** Without a byte in either direction. */
  readonly idleMs: number;
  /** The same once a side has ended. */
  readonly halfOpenMs: number;
}

/** A socket, or a stream of HTTP/2. */
export interface Side extends Duplex {
  setTimeout(ms: number, silent?: () => void): unknown;
}

export interface RelayOptions extends SilenceLimits {
  readonly client: Side;
  readonly upstream: Socket;
  /** Of the upstream, for messages. */
  readonly endpoint: string;
  /** Where the bytes of both directions are counted. */
  readonly counts: { bytesIn: number; bytesOut: number };
  /** Why it will not end by itself, before anything is closed. */
  readonly failed?: (error: GatewayError) => void;
}

export class Relay {
  readonly #options: RelayOptions;
  #over: (error: GatewayError | undefined) => void = () => {};
  /** When both are closed; why they have not ended by themselves. */
  readonly over = new Promise<GatewayError | undefined>((resolve) => {
    this.#over = resolve;
  });
  readonly #ended = new Set<Side>();
  readonly #closed = new Set<Side>();
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
    this.#fail(error);
    const { client, upstream } = this.#options;
    breakOff(client);
    breakOff(upstream);
  }

  /** From now on only so much silence is suffered. */
  hurry(ms: number): void {
    const { client, upstream } = this.#options;
    for (const each of [client, upstream]) each.setTimeout(ms);
  }

  #fail(error: GatewayError): void {
    if (this.#error) return;
    this.#error = error;
    this.#options.failed?.(error);
  }

  #pump(from: Side, count: (bytes: number) => void): void {
    const to = this.#other(from);
    from.on('data', (chunk: Buffer) => {
      count(chunk.length);
      if (!to.write(chunk)) from.pause();
    });
    to.on('drain', () => from.resume());
    // Whoever looked at the first bytes has left it paused.
    from.resume();
  }

  #other(side: Side): Side {
    const { client, upstream } = this.#options;
    return side === client ? upstream : client;
  }

  /** It may go on to listen, as long as there is something to hear: a peer that vanished looks just like this. */
  #end(side: Side): void {
    const { idleMs, halfOpenMs } = this.#options;
    this.#ended.add(side);
    this.#other(side).end();
    this.hurry(Math.min(idleMs, halfOpenMs));
  }

  #broken(side: Side, error?: Error): void {
    const { client, endpoint } = this.#options;
    const other = this.#other(side);
    if (this.#ended.has(side)) {
      // It has said all it had to say, which still has to arrive.
      finish(other);
      return;
    }
    this.#fail(
      side === client
        ? new GatewayError('CANCELLED', 'the client broke the connection off', { cause: error })
        : new GatewayError('UPSTREAM_CLOSED', `${endpoint} broke the connection off${because(error)}`, {
            cause: error,
          }),
    );
    breakOff(other);
  }

  #close(side: Side): void {
    if (this.#closed.has(side)) return;
    this.#closed.add(side);
    if (this.#closed.size === 2) this.#over(this.#error);
    // A stream that is reset ends first: what the other side has yet to say, nobody hears any more.
    else if (!this.#ended.has(side) || !this.#ended.has(this.#other(side)) || !side.writableFinished)
      this.#broken(side);
  }
}

/** Closed when what is on its way to it has arrived. */
function finish(side: Side): void {
  if (side.writableFinished) side.destroy();
  else side.end(() => side.destroy());
}

function because(error: Error | undefined): string {
  return error ? `: ${error.message}` : '';
}

function idle(): GatewayError {
  return new GatewayError('CONNECTION_IDLE', 'no byte in either direction for too long');
}

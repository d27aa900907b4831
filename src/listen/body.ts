/** A request's body as it comes in. Asks the client for it (100-continue) only when somebody reads. */
import type { Readable } from 'node:stream';
import { GatewayError } from '../core/errors.ts';
import type { RequestBody } from '../core/exchange.ts';

const NOTHING = Buffer.alloc(0);

export class IncomingBody implements RequestBody {
  readonly length: number | undefined;
  readonly #stream: Readable;
  #announce: (() => void) | undefined;
  #taken = false;

  /** `announce` tells the waiting client to go on; undefined when it sends without waiting. */
  constructor(stream: Readable, length: number | undefined, announce?: () => void) {
    this.#stream = stream;
    this.length = length;
    this.#announce = announce;
  }

  /** The client still waits for 100-continue: it will not send the body, and may take the reply for its cue. */
  get unannounced(): boolean {
    return this.#announce !== undefined;
  }

  async read(limit: number): Promise<Buffer> {
    this.#take();
    if (this.length === 0) return NOTHING;
    if (this.length !== undefined && this.length > limit) throw tooLarge(limit);
    this.#goAhead();
    return collect(this.#stream, limit);
  }

  stream(): Readable {
    this.#take();
    // Not before the consumer starts: an upstream that cannot be reached should not have cost the client its upload.
    if (this.#announce) this.#stream.once('resume', () => this.#goAhead());
    return this.#stream;
  }

  #take(): void {
    if (this.#taken) throw new GatewayError('INTERNAL', 'request body taken twice');
    this.#taken = true;
  }

  #goAhead(): void {
    const announce = this.#announce;
    this.#announce = undefined;
    announce?.();
  }
}

/** Content-Length as a number; undefined when there is none. The HTTP parser has already refused malformed ones. */
export function declaredLength(headers: Readonly<Record<string, unknown>>): number | undefined {
  const text = headers['content-length'];
  return typeof text === 'string' ? Number(text) : undefined;
}

function collect(stream: Readable, limit: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    let ended = false;
    const stop = (): void => {
      stream.off('data', onData).off('end', onEnd).off('close', onClose);
    };
    const onData = (chunk: Buffer): void => {
      size += chunk.length;
      if (size <= limit) {
        chunks.push(chunk);
        return;
      }
      stop();
      // What follows is discarded; the connection's owner limits for how long.
      stream.resume();
      reject(tooLarge(limit));
    };
    // No listener is taken off at a regular end: the stream goes, and taking three off costs more than the read.
    const onEnd = (): void => {
      ended = true;
      resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size));
    };
    const onClose = (): void => {
      if (ended) return;
      stop();
      reject(new GatewayError('CANCELLED', 'the client went away while sending its request'));
    };
    if (stream.destroyed || isAborted(stream)) onClose();
    else stream.on('data', onData).on('end', onEnd).on('close', onClose).on('error', ignore);
  });
}

/** Node's HTTP/2 request object ends after an abort as if all were well. */
function isAborted(stream: Readable & { readonly aborted?: boolean }): boolean {
  return stream.aborted === true;
}

function tooLarge(limit: number): GatewayError {
  return new GatewayError('BODY_TOO_LARGE', `request body is larger than ${limit} bytes`);
}

/** 'close' follows and is what counts; without a listener the error would end the process. */
function ignore(): void {}

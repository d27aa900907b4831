/** A request's body as it comes in. Asks the client for it (100-continue) only when somebody reads. */
import type { Readable } from 'node:stream';
import { GatewayError } from '../core/errors.ts';
import { type Exchange, isGrpc, type RequestBody } from '../core/exchange.ts';
import type { Upload, Uploads } from './uploads.ts';

const NOTHING = Buffer.alloc(0);

export interface Incoming {
  readonly stream: Readable;
  readonly length: number | undefined;
  /** Tells the waiting client to go on; undefined when it sends without waiting. */
  readonly announce?: (() => void) | undefined;
  readonly uploads: Uploads;
}

export class IncomingBody implements RequestBody, Upload {
  readonly length: number | undefined;
  /** Whose body it is. */
  exchange: Pick<Exchange, 'cancel' | 'headers' | 'httpVersion' | 'record'> | undefined;
  waitsSince = 0;
  most: Upload['most'] = 'bodyTimeMs';
  readonly #stream: Readable;
  readonly #uploads: Uploads;
  #announce: (() => void) | undefined;
  #taken = false;
  /** Fails who reads the body whole. */
  #fail: ((error: GatewayError) => void) | undefined;

  constructor({ stream, length, announce, uploads }: Incoming) {
    this.#stream = stream;
    this.#uploads = uploads;
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
    await undefined;
    const whole = this.#atHand();
    if (whole) return whole;
    this.#goAhead();
    this.#begin();
    const failing = (fail: (error: GatewayError) => void): void => {
      this.#fail = fail;
    };
    try {
      return await collect(this.#stream, limit, failing);
    } finally {
      this.#uploads.delete(this);
    }
  }

  stream(): Readable | Buffer {
    this.#take();
    const whole = this.#atHand();
    if (whole) return whole;
    // Not before the consumer starts: an upstream that cannot be reached should not have cost the client its upload.
    if (this.#announce) this.#stream.once('resume', () => this.#goAhead());
    // A call over gRPC may have nothing to say for long, in either direction; its deadline is in its headers.
    if (this.length !== 0 && !(this.exchange && isGrpc(this.exchange))) this.#watch();
    return this.#stream;
  }

  /** A body that is passed on may pause as long as its upstream does not take it, and once there is a reply. */
  awaited(): boolean {
    if (this.#fail) return true;
    const { readableFlowing, readableLength } = this.#stream;
    return readableFlowing === true && readableLength === 0 && this.exchange?.record.status === 0;
  }

  late(error: GatewayError): void {
    if (this.#fail) this.#fail(error);
    else this.exchange?.cancel.cancel(error);
  }

  /**
   * A short body comes with its head, and is there when the parser is through with what it got: one turn after the
   * exchange has begun. To take it costs a tenth of listening for it.
   */
  #atHand(): Buffer | undefined {
    const stream = this.#stream;
    if (this.length === undefined || stream.readableLength !== this.length) return undefined;
    const whole = stream.read() as Buffer | null;
    // Said although nobody waits: without it node would close the connection behind the reply.
    if (whole) this.#goAhead();
    return whole ?? undefined;
  }

  #begin(): void {
    this.waitsSince = this.#uploads.now();
    this.#uploads.add(this);
  }

  #watch(): void {
    const stream = this.#stream;
    this.most = 'bodyPauseMs';
    // Whoever listens for data sets the stream flowing: not before its reader does.
    stream.once('resume', () => {
      this.#begin();
      stream.on('data', () => {
        this.waitsSince = this.#uploads.now();
      });
    });
    stream.once('close', () => this.#uploads.delete(this));
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

function collect(
  stream: Readable,
  limit: number,
  failing: (fail: (error: GatewayError) => void) => void,
): Promise<Buffer> {
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
      fail(tooLarge(limit));
    };
    const fail = (error: GatewayError): void => {
      stop();
      // What follows is discarded; the connection's owner limits for how long.
      stream.resume();
      reject(error);
    };
    failing(fail);
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

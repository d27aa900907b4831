/**
 * A body on the move: one producer pushes, one sink receives. Chunks that arrive before the sink are kept (undici
 * delivers the head and the first data in one tick), and a body that is already whole stays one Buffer, so that it
 * is written with a single call. No Node streams: a Transform costs more than the whole parse of a small message.
 */
export interface Sink {
  data(chunk: Buffer): void;
  end(trailers: readonly string[] | undefined): void;
  fail(error: Error): void;
}

/** What a consumer may ask of the producer. */
export interface FlowSource {
  pause(): void;
  resume(): void;
  cancel(reason: Error): void;
}

/** What may wait for a sink. A producer that goes on beyond this is paused until the sink is there. */
const EARLY_BYTES = 64 * 1024;

const NO_SOURCE: FlowSource = { pause() {}, resume() {}, cancel() {} };

/** Thrown by `collect` when the body is longer than its limit. */
export class FlowLimitError extends Error {
  readonly limit: number;
  constructor(limit: number) {
    super(`body is longer than ${limit} bytes`);
    this.limit = limit;
  }
}

export class Flow {
  readonly #source: FlowSource;
  #sink: Sink | undefined;
  #early: Buffer[] = [];
  #earlyBytes = 0;
  #held = false;
  #ended = false;
  #failure: Error | undefined;
  #trailers: readonly string[] | undefined;

  constructor(source: FlowSource = NO_SOURCE) {
    this.#source = source;
  }

  /** A finished body. */
  static of(bytes: Buffer | string): Flow {
    const flow = new Flow();
    const chunk = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
    if (chunk.length > 0) flow.push(chunk);
    flow.end();
    return flow;
  }

  /** A finished body in pieces, which are written one after the other rather than copied into one. */
  static inPieces(pieces: readonly Buffer[]): Flow {
    const flow = new Flow();
    for (const piece of pieces) flow.push(piece);
    flow.end();
    return flow;
  }

  static empty(): Flow {
    return Flow.of(Buffer.alloc(0));
  }

  // Producer side.

  push(chunk: Buffer): void {
    if (this.#ended || this.#failure) return;
    if (this.#sink) {
      this.#sink.data(chunk);
      return;
    }
    this.#early.push(chunk);
    this.#earlyBytes += chunk.length;
    if (this.#earlyBytes <= EARLY_BYTES || this.#held) return;
    this.#held = true;
    this.#source.pause();
  }

  /** `trailers` as a flat list: name, value, name, value. */
  end(trailers?: readonly string[]): void {
    if (this.#ended || this.#failure) return;
    this.#ended = true;
    this.#trailers = trailers;
    this.#sink?.end(trailers);
  }

  fail(error: Error): void {
    if (this.#ended || this.#failure) return;
    this.#failure = error;
    this.#sink?.fail(error);
  }

  // Consumer side.

  /** The whole body, when it has fully arrived and nobody has started to read it. */
  whole(): Buffer | undefined {
    const pieces = this.pieces();
    return pieces?.length === 1 ? pieces[0] : pieces && Buffer.concat(pieces);
  }

  /** Behind it, once it has ended, and if there are any. */
  get trailers(): readonly string[] | undefined {
    return this.#trailers;
  }

  /** The same as it arrived, uncopied. */
  pieces(): readonly Buffer[] | undefined {
    if (!this.#ended || this.#sink || this.#trailers?.length) return undefined;
    return this.#early;
  }

  /** Attaches the one sink; what arrived early is delivered first. */
  to(sink: Sink): void {
    if (this.#sink) throw new Error('a flow has one sink');
    this.#sink = sink;
    const early = this.#early;
    this.#early = [];
    for (const chunk of early) sink.data(chunk);
    if (this.#ended) sink.end(this.#trailers);
    else if (this.#failure) sink.fail(this.#failure);
    else if (this.#held) this.resume();
  }

  pause(): void {
    this.#held = false;
    this.#source.pause();
  }

  resume(): void {
    this.#held = false;
    this.#source.resume();
  }

  /** Tells the producer that nobody wants the rest. */
  cancel(reason: Error): void {
    if (this.#ended || this.#failure) return;
    this.#source.cancel(reason);
  }

  /** Reads the whole body. Rejects with FlowLimitError past `limit` bytes, and cancels the producer. */
  collect(limit: number): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      let size = 0;
      let over = false;
      this.to({
        data: (chunk) => {
          if (over) return;
          size += chunk.length;
          if (size > limit) {
            over = true;
            const error = new FlowLimitError(limit);
            reject(error);
            this.cancel(error);
          } else chunks.push(chunk);
        },
        end: () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)),
        fail: reject,
      });
    });
  }
}

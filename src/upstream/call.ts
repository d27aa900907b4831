/**
 * One request on its way to an upstream: the handler that undici (and http2.ts) calls back, the source of the reply's
 * Flow, and what a Cancel reaches. It uses undici's older handler methods on purpose: Client speaks them natively and wraps
 * the newer ones (`lib/handler/unwrap-handler.js`), which parses headers into an object nobody here wants.
 */
import type { Duplex, Readable } from 'node:stream';
import { type Dispatcher, util } from 'undici';
import { GatewayError } from '../core/errors.ts';
import type { Cancel } from '../lib/cancel.ts';
import { Flow, type FlowSource } from '../lib/flow.ts';
import { isDropped, isUnprocessed, upstreamFailure } from './failure.ts';
import type { Sent } from './sent.ts';

export interface UpstreamRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** Flat list. No hop-by-hop headers; Host is the origin's unless given; Content-Length only for a stream. */
  readonly headers: readonly string[];
  readonly body: Buffer | Readable | undefined;
  readonly cancel?: Cancel | undefined;
  /** The answer lives long (an SSE stream): a connection for itself while it lives, without body timeout, never the call pool. */
  readonly long?: boolean | undefined;
  /** Over a new connection, which ends with it. */
  readonly alone?: boolean | undefined;
  /** HTTP/2 alone carries it (gRPC): it is spoken without TLS, too, unless another version is configured. */
  readonly http2?: boolean | undefined;
  /** Until the reply's head; default 300 s, 0 turns it off. */
  readonly headersTimeoutMs?: number | undefined;
}

export interface UpstreamReply {
  readonly status: number;
  /** Flat list, names lower-cased, hop-by-hop headers included. */
  readonly headers: readonly string[];
  readonly body: Flow;
  /** What it answers. */
  readonly sent?: Sent;
}

export interface UpstreamUpgrade {
  readonly status: number;
  readonly headers: readonly string[];
  readonly socket: Duplex;
  /** What the upstream sent right behind its head. */
  readonly head: Buffer;
}

export interface CallOptions {
  /** For messages. */
  readonly endpoint: string;
  readonly request: UpstreamRequest;
  readonly resolve: (answer: UpstreamReply | UpstreamUpgrade) => void;
  readonly reject: (error: Error) => void;
  /** Sends the same call once more, on another connection. */
  readonly again: (call: HttpCall) => void;
}

const REPEATABLE = new Set(['GET', 'HEAD', 'OPTIONS']);
const NOTHING = Buffer.alloc(0);

export class HttpCall implements Dispatcher.DispatchHandler, FlowSource {
  readonly #options: CallOptions;
  readonly #forget: (() => void) | undefined;
  #abort: ((error?: Error) => void) | undefined;
  #resume: (() => void) | undefined;
  #flow: Flow | undefined;
  #dropped: Error | undefined;
  #written = false;
  #started = false;
  #repeated = false;
  #paused = false;
  #settled = false;
  /** Runs once when undici is done with this call; releases a connection of its own. */
  ended: (() => void) | undefined;

  constructor(options: CallOptions) {
    this.#options = options;
    this.#forget = options.request.cancel?.onCancel((reason) => this.cancel(reason));
  }

  get request(): UpstreamRequest {
    return this.#options.request;
  }

  get over(): boolean {
    return this.#dropped !== undefined;
  }

  // FlowSource.

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    // Not now: undici's parser must not be resumed inside another connection's parser callback (it asserts that).
    queueMicrotask(() => {
      if (!this.#paused) this.#resume?.();
    });
  }

  cancel(reason: Error): void {
    if (this.#dropped || this.#settled) return;
    this.#dropped = cancelled(reason);
    if (this.#abort) this.#abort(this.#dropped);
    else this.onError(this.#dropped);
  }

  // undici's handler.

  onConnect(abort: (error?: Error) => void): void {
    // Throwing fails this request alone; abort() would close a healthy connection as well.
    if (this.#dropped) throw this.#dropped;
    this.#written = true;
    this.#abort = abort;
  }

  onResponseStarted(): void {
    this.#started = true;
  }

  onHeaders(status: number, headers: readonly (Buffer | string)[], resume: () => void): boolean {
    if (status < 200) return true;
    this.#resume = resume;
    this.#flow = new Flow(this);
    const { path, headers: asked } = this.request;
    const sent = { path, headers: asked };
    this.#options.resolve({ status, headers: flatten(headers), body: this.#flow, sent });
    return !this.#paused;
  }

  onData(chunk: Buffer): boolean {
    this.#flow?.push(chunk);
    return !this.#paused;
  }

  onComplete(trailers: string[] | null): void {
    this.#end();
    this.#flow?.end(trailerList(trailers));
  }

  onUpgrade(status: number, headers: Buffer[] | string[] | null, socket: Duplex): void {
    this.#end();
    // undici has taken its listeners off; an error before the tunnel stands would end the process.
    socket.on('error', ignore);
    this.#options.resolve({ status, headers: flatten(headers ?? []), socket, head: NOTHING });
  }

  onError(error: Error): void {
    if (this.#settled) return;
    if (this.#mayRepeat(error)) {
      this.#repeated = true;
      this.#abort = undefined;
      queueMicrotask(() => this.#options.again(this));
      return;
    }
    this.#end();
    const failure = this.#dropped ?? upstreamFailure(this.#options.endpoint, error, this.#written);
    if (this.#flow) this.#flow.fail(failure);
    else this.#options.reject(failure);
  }

  #end(): void {
    this.#settled = true;
    this.#abort = undefined;
    this.#forget?.();
    this.ended?.();
  }

  /**
   * A keep-alive connection may die while the request is on its way; such a request is sent once more when it is
   * safe. What undici had not yet written it moves to another connection by itself.
   */
  #mayRepeat(error: Error): boolean {
    if (this.#repeated || this.#started || this.#dropped || !this.#written) return false;
    const { method, body, alone } = this.request;
    if (body !== undefined && !Buffer.isBuffer(body)) return false;
    return isUnprocessed(error) || (!alone && REPEATABLE.has(method) && isDropped(error));
  }
}

function cancelled(reason: Error): GatewayError {
  if (reason instanceof GatewayError) return reason;
  return new GatewayError('CANCELLED', 'the request was cancelled', { cause: reason });
}

function flatten(headers: readonly (Buffer | string)[]): string[] {
  const list = new Array<string>(headers.length);
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const value = headers[i + 1] as Buffer | string;
    list[i] = util.headerNameToString(headers[i] as Buffer | string);
    list[i + 1] = typeof value === 'string' ? value : value.toString('latin1');
  }
  return list;
}

function trailerList(trailers: readonly (Buffer | string)[] | null): string[] | undefined {
  return trailers && trailers.length > 0 ? flatten(trailers) : undefined;
}

function ignore(): void {}

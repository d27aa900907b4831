/**
 * The answer to one POST without a session: plain JSON when there is nothing but the result; an event stream as soon as
 * something has to be said before it, or when the client has waited for a heartbeat. The stream belongs to this one
 * request: nothing in it can be resumed, and a client that closes it gives the request up.
 */
import { GatewayError } from '../../core/errors.ts';
import type { Exchange, Reply } from '../../core/exchange.ts';
import type { Ports } from '../../core/ports.ts';
import { Flow } from '../../lib/flow.ts';
import type { Importance } from '../call.ts';
import { renderError } from '../calls/run-call.ts';
import type { Message } from '../message.ts';
import { EventStream } from './event-stream.ts';
import { errorReply, JSON_HEADERS, STREAM_HEADERS } from './exchange.ts';
import { type Beating, type Heart, QUIET_BEATS } from './heart.ts';
import type { StreamLimits } from './options.ts';

/** What the client waits for. */
export interface Work {
  leave(reply: SingleReply, reason: Error): void;
}

/** Of a front, for all its replies. */
export interface ReplyOptions {
  readonly heart: Heart;
  readonly limits: Pick<StreamLimits, 'maxQueue'>;
  readonly ports: Ports;
}

export class SingleReply implements Beating {
  /** Settles when it is known how the POST is answered. */
  readonly reply: Promise<Reply>;
  readonly #options: ReplyOptions;
  readonly #exchange: Exchange;
  readonly #request: Message;
  #work: Work | undefined;
  #resolve!: (reply: Reply) => void;
  #stream: EventStream | undefined;
  #forget: (() => void) | undefined;
  #beats = 0;
  #over = false;

  constructor(options: ReplyOptions, exchange: Exchange, request: Message) {
    this.#options = options;
    this.#exchange = exchange;
    this.#request = request;
    this.reply = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  /** From now on the client waits: it is kept alive, and `work` hears when it goes away. */
  awaits(work: Work): void {
    this.#work = work;
    if (this.#over) return;
    this.#options.heart.add(this);
    this.#forget = this.#exchange.cancel.onCancel((reason) => this.#left(reason));
  }

  notify(message: Buffer, importance: Importance): void {
    if (this.#over) return;
    this.#open().send(message, importance);
  }

  /** The complete response. `status` is for plain JSON: a stream has begun with 200. */
  answer(status: number, pieces: readonly Buffer[]): void {
    if (!this.#ends()) return;
    if (!this.#stream) {
      this.#resolve({ status, headers: JSON_HEADERS, body: Flow.inPieces(pieces) });
      return;
    }
    this.#stream.send(Buffer.concat(pieces), 'keep');
    this.#stream.end();
  }

  /** An HTTP error with its headers, where the stream has not begun. */
  refuse(error: GatewayError): void {
    if (this.#stream) return this.answer(200, [renderError(Buffer.from(this.#request.id), error)]);
    if (this.#ends()) this.#resolve(errorReply(this.#exchange, error, this.#request));
  }

  beat(): void {
    this.#beats += 1;
    if (this.#beats >= QUIET_BEATS) this.#open();
  }

  /** False when it has ended before. */
  #ends(): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.#forget?.();
    this.#options.heart.remove(this);
    return true;
  }

  #left(reason: Error): void {
    if (!this.#ends()) return;
    this.#work?.leave(this, reason);
    // Nobody reads it, but whoever counts replies must not wait for ever.
    this.#resolve(errorReply(this.#exchange, gone(), this.#request));
  }

  #open(): EventStream {
    if (this.#stream) return this.#stream;
    const { limits, ports, heart } = this.#options;
    heart.remove(this);
    this.#stream = new EventStream({
      replay: undefined,
      maxQueue: limits.maxQueue,
      heart,
      detached: () => this.#left(gone()),
      dropped: (importance) => ports.signals.count('mcp_messages_dropped_total', { importance }),
    });
    this.#resolve({ status: 200, headers: STREAM_HEADERS, body: this.#stream.attach() });
    return this.#stream;
  }
}

function gone(): GatewayError {
  return new GatewayError('CANCELLED', 'the client went away');
}

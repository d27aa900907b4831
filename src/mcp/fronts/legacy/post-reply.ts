/**
 * The answer to one POST: plain JSON when there is nothing but answers, an event stream as soon as something else
 * has to be said before (progress, a log message, a question) or the client has waited a while.
 */
import type { Reply } from '../../../core/exchange.ts';
import { Flow } from '../../../lib/flow.ts';
import type { Importance, McpOutcome, Peer, Question } from '../../call.ts';
import { wantsPriming } from '../../revisions.ts';
import type { Session } from '../../sessions/session.ts';
import type { EventStream } from '../event-stream.ts';
import { JSON_HEADERS, STREAM_HEADERS } from '../exchange.ts';
import { type Beating, type Heart, QUIET_BEATS } from '../heart.ts';
import type { StreamLimits } from '../options.ts';
import { type BatchAnswer, joinBatch } from './batch.ts';
import type { ClientStreams } from './client-streams.ts';

export interface PostReplyOptions {
  readonly session: Session;
  readonly streams: ClientStreams;
  readonly heart: Heart;
  readonly limits: StreamLimits;
  /** Requests in the POST; more than one is a batch, answered with an array. */
  readonly requests: number;
  readonly batch: boolean;
  readonly prefersStream: boolean;
}

export class PostReply implements Peer, Beating {
  /** Settles when it is known how the POST is answered. */
  readonly reply: Promise<Reply>;
  readonly #options: PostReplyOptions;
  readonly #answers: BatchAnswer[] = [];
  #resolve!: (reply: Reply) => void;
  #reject!: (error: Error) => void;
  #stream: EventStream | undefined;
  #left: number;
  #beats = 0;
  #clientGone = false;

  constructor(options: PostReplyOptions) {
    this.#options = options;
    this.#left = options.requests;
    this.reply = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    options.heart.add(this);
    if (options.prefersStream) this.#open();
  }

  get streaming(): boolean {
    return this.#stream !== undefined;
  }

  /** An idle connection is cut by some proxy sooner or later, so one that waits for long becomes a stream. */
  beat(): void {
    this.#beats += 1;
    if (this.#beats >= QUIET_BEATS) this.#open();
  }

  resumable(): void {
    if (wantsPriming(this.#options.session.options.identity.version)) this.#open();
  }

  paused(retryMs: number): void {
    const { session, batch } = this.#options;
    if (!batch && wantsPriming(session.options.identity.version)) this.#open().pause(retryMs);
  }

  notify(message: Buffer, importance: Importance): void {
    this.#open().send(message, importance);
  }

  ask(question: Question): Promise<McpOutcome> {
    return this.#options.session.ask(question, (message) => {
      this.#open().send(message, 'keep');
      return true;
    });
  }

  /** The complete response to one request. */
  answer(answer: BatchAnswer): void {
    this.#left -= 1;
    if (this.#stream) this.#stream.send(Buffer.concat(answer.pieces), 'keep');
    else this.#answers.push(answer);
    if (this.#left === 0) this.#finish();
  }

  /** Answers the POST with an HTTP error instead; false when its stream has begun already. */
  refuse(error: Error): boolean {
    if (this.#stream) return false;
    this.#options.heart.remove(this);
    this.#reject(error);
    return true;
  }

  /** The client left before anything was written: it knows no event id, so nothing can be resumed. */
  abandoned(): void {
    this.#clientGone = true;
  }

  #open(): EventStream {
    if (this.#stream) return this.#stream;
    const { streams, session, limits, heart } = this.#options;
    heart.remove(this);
    const stream = streams.post();
    this.#stream = stream;
    const flow = stream.attach();
    if (wantsPriming(session.options.identity.version)) stream.prime(limits.retryMs);
    for (const { pieces } of this.#answers.splice(0)) stream.send(Buffer.concat(pieces), 'keep');
    if (this.#clientGone) flow.cancel(new Error('the client has gone'));
    this.#resolve({ status: 200, headers: STREAM_HEADERS, body: flow });
    return stream;
  }

  #finish(): void {
    this.#options.heart.remove(this);
    if (this.#stream) return this.#options.streams.finished(this.#stream);
    const [first] = this.#answers;
    const body = this.#options.batch ? joinBatch(this.#answers) : (first?.pieces ?? []);
    this.#resolve({ status: 200, headers: JSON_HEADERS, body: Flow.inPieces(body) });
  }
}

/** One request under way on a link: who waits for it, how long, and how it ends exactly once. */
import { GatewayError } from '../../core/errors.ts';
import type { Clock, Timer } from '../../core/ports.ts';
import { Cancel } from '../../lib/cancel.ts';
import type { McpOutcome, Peer } from '../call.ts';

const CALL_OVER = new GatewayError('CANCELLED', 'the call that asked is over');

export interface Deadline {
  /** Milliseconds without progress. */
  readonly ms: number;
  /** Milliseconds in all, however much progress there is. */
  readonly maxMs: number;
}

export interface LinkCall {
  readonly method: string;
  /** Native tool or prompt name, or URI. */
  readonly name: string | undefined;
  /** The whole message, given the id it has on this link; progress tokens are replaced by that id. */
  write(id: number): Buffer;
  /** Raw JSON text of the caller's own progress token, put back into progress notifications. */
  readonly progressToken: Buffer | undefined;
  readonly peer: Peer | undefined;
  readonly cancel: Cancel;
  readonly deadline: Deadline;
  readonly headers: readonly string[] | undefined;
}

export class Flight {
  readonly id: number;
  readonly call: LinkCall;
  /** Ends the exchange with the upstream when nobody waits any more. */
  readonly hop = new Cancel();
  readonly #settle: { resolve(outcome: McpOutcome): void; reject(error: Error): void };
  readonly #clock: Clock;
  readonly #latest: number;
  #timer: Timer | undefined;
  #forget: (() => void) | undefined;

  constructor(
    id: number,
    call: LinkCall,
    options: { clock: Clock; resolve(o: McpOutcome): void; reject(e: Error): void },
  ) {
    this.id = id;
    this.call = call;
    this.#settle = options;
    this.#clock = options.clock;
    this.#latest = options.clock.monotonic() + call.deadline.maxMs;
  }

  start(handlers: { cancelled(reason: Error): void; expired(): void }): void {
    this.#expired = handlers.expired;
    this.#arm(this.call.deadline.ms);
    this.#forget = this.call.cancel.onCancel(handlers.cancelled);
  }

  #expired: () => void = () => {};

  /** Questions this call made the server ask; withdrawn when the call is over. */
  readonly questions = new Set<Cancel>();
  #holds = 0;

  /** The server waits for the client: its silence is not the server's, so only the maximum counts. */
  hold(): void {
    this.#holds += 1;
    this.#extend(Number.POSITIVE_INFINITY);
  }

  unhold(): void {
    this.#holds -= 1;
    if (this.#holds === 0) this.extend();
  }

  /** How long the call was allowed to take, once that time is over. */
  get allowedMs(): number {
    const { ms, maxMs } = this.call.deadline;
    return this.#untilLatest ? maxMs : ms;
  }

  /** Progress has come: the call may take as long again, within its maximum. */
  extend(): void {
    if (!this.#over && this.#holds === 0) this.#extend(this.call.deadline.ms);
  }

  resolve(outcome: McpOutcome): void {
    this.#release();
    this.#settle.resolve(outcome);
  }

  reject(error: Error): void {
    this.#release();
    this.#settle.reject(error);
  }

  #over = false;
  /** The timer runs to the maximum. */
  #untilLatest = false;

  #extend(ms: number): void {
    const left = Math.max(0, this.#latest - this.#clock.monotonic());
    this.#untilLatest = left < ms;
    this.#arm(Math.min(ms, left));
  }

  #arm(ms: number): void {
    if (this.#over) return;
    this.#timer?.cancel();
    this.#timer = this.#clock.after(ms, this.#expired);
  }

  #release(): void {
    this.#over = true;
    this.#timer?.cancel();
    this.#forget?.();
    if (this.questions.size > 0) for (const question of this.questions) question.cancel(CALL_OVER);
  }
}

/** One request under way on a link: who waits for it, how long, and how it ends exactly once. */
import { GatewayError } from '../../core/errors.ts';
import type { Clock } from '../../core/ports.ts';
import { Cancel } from '../../lib/cancel.ts';
import type { McpOutcome, Peer } from '../call.ts';
import type { Outgoing } from '../definition.ts';
import type { Message } from '../message.ts';

const CALL_OVER = new GatewayError('CANCELLED', 'the call that asked is over');

/** What subscriptions bring; all else that a modern server says is about a request, known to us or not. */
export const CHANGES: ReadonlySet<string> = new Set([
  'notifications/tools/list_changed',
  'notifications/prompts/list_changed',
  'notifications/resources/list_changed',
  'notifications/resources/updated',
  'notifications/tasks',
]);

export interface Deadline {
  /** Milliseconds without progress. */
  readonly ms: number;
  /** Milliseconds in all, however much progress there is; Infinity where the call is never over by itself. */
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
  /** Headers of the client for this call alone, in place of those the link was opened with. */
  readonly client?: readonly string[] | undefined;
  /** See `Outgoing.record`. */
  readonly record?: Outgoing['record'];
  /** See `Outgoing.long`. */
  readonly long?: boolean;
  /** The server has accepted this call as a subscription: what it will tell of. Only subscriptions have this. */
  acknowledged?(message: Message): void;
}

export interface FlightOptions {
  readonly clock: Clock;
  resolve(outcome: McpOutcome): void;
  reject(error: Error): void;
  /** The caller does not want the answer any more. */
  readonly cancelled: (reason: Error) => void;
  /** `dueAt` has changed. */
  readonly rescheduled: () => void;
}

export class Flight {
  readonly id: number;
  readonly call: LinkCall;
  /** Ends the exchange with the upstream when nobody waits any more. */
  readonly hop = new Cancel();
  /** Monotonic milliseconds; the link looks for flights that are due, with one timer for all of them. */
  dueAt: number;
  readonly #options: FlightOptions;
  readonly #latest: number;
  #questions: Set<Cancel> | undefined;
  #holds = 0;
  #forget: (() => void) | undefined;
  #over = false;
  /** Due is the maximum rather than a pause without progress. */
  #untilLatest = false;

  constructor(id: number, call: LinkCall, options: FlightOptions) {
    this.id = id;
    this.call = call;
    this.#options = options;
    const now = options.clock.monotonic();
    this.#latest = now + call.deadline.maxMs;
    this.dueAt = now + call.deadline.ms;
    this.#forget = call.cancel.onCancel(options.cancelled);
  }

  /** A question this call made the server ask; withdrawn when the call is over. */
  asked(question: Cancel): void {
    this.#questions ??= new Set();
    this.#questions.add(question);
  }

  answered(question: Cancel): void {
    this.#questions?.delete(question);
  }

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
    this.#options.resolve(outcome);
  }

  reject(error: Error): void {
    this.#release();
    this.#options.reject(error);
  }

  #extend(ms: number): void {
    const now = this.#options.clock.monotonic();
    this.#untilLatest = this.#latest < now + ms;
    this.dueAt = Math.min(now + ms, this.#latest);
    if (!this.#over) this.#options.rescheduled();
  }

  #release(): void {
    this.#over = true;
    this.#forget?.();
    if (this.#questions) for (const question of this.#questions) question.cancel(CALL_OVER);
  }
}

/** Without what the gateway asks by itself (lists, subscriptions): no server asks a client because of that. */
export function ofClients(flights: readonly Flight[]): readonly Flight[] {
  return flights.filter(({ call }) => call.peer !== undefined);
}

/**
 * All calls of modern clients that have asked something: found by what their client brings back, counted, ended when
 * nobody comes. A call that never asks is not here.
 */
import { GatewayError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Clock, Log, Timer } from '../../core/ports.ts';
import type { Closable } from '../../core/scope.ts';
import type { Cancel } from '../../lib/cancel.ts';
import type { Seal } from '../../lib/seal.ts';
import { type Asking, ParkedCall, type Place } from './parked-call.ts';
import { type ParkedState, RequestStates } from './request-state.ts';

export interface ParkedCallsOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** The seal in force: a reload may bring another key. */
  seal(): Seal;
  /** This process, as no other one and no earlier run is called. */
  readonly owner: string;
  readonly maxTotal?: number;
  /** Of one visitor. */
  readonly maxEach?: number;
  readonly maxBytes?: number;
  readonly ttlMs?: number;
  /** Runs its argument when the questions a server asks together have come. Default: some milliseconds later. */
  readonly gather?: ((offer: () => void) => Timer) | undefined;
}

/** Messages that a server writes one right after the other may still be read one by one. */
const GATHER_MS = 10;

export class ParkedCalls implements Closable {
  readonly #options: ParkedCallsOptions;
  readonly #maxTotal: number;
  readonly #maxEach: number;
  readonly #maxBytes: number;
  readonly #ttlMs: number;
  readonly #calls = new Map<string, ParkedCall>();
  /** Weak: nothing to clear when a visitor is gone. */
  readonly #byVisitor = new WeakMap<object, Set<ParkedCall>>();
  #bytes = 0;
  #lastId = 0;
  #closed = false;

  constructor(options: ParkedCallsOptions) {
    this.#options = options;
    this.#maxTotal = options.maxTotal ?? LIMITS.parkedTotal.value;
    this.#maxEach = options.maxEach ?? LIMITS.parkedCalls.value;
    this.#maxBytes = options.maxBytes ?? LIMITS.parkedBytes.value;
    this.#ttlMs = options.ttlMs ?? LIMITS.parked.value;
  }

  get size(): number {
    return this.#calls.size;
  }

  /** Kept for all of them. */
  get bytes(): number {
    return this.#bytes;
  }

  /** A call begins. `cancel`: its own, which it also ends by when it is parked for too long. */
  begin(asking: Asking & { readonly cancel: Cancel }): ParkedCall {
    return new ParkedCall(asking, asking.cancel, this.#takePlace);
  }

  /**
   * The call that `asking` continues; then `answer` and `attend`, without waiting in between. Throws STATE_INVALID, and
   * leaves the call as it is, when it is over, not this request's, or continued by another one already.
   */
  resume(state: ParkedState, asking: Asking): ParkedCall {
    const call = state.owner === this.#options.owner ? this.#calls.get(state.id) : undefined;
    if (!call) {
      throw new GatewayError(
        'STATE_INVALID',
        `the call of this requestState is not here any more: it was answered or cancelled, its client stayed away for ${this.#ttlMs / 1000} s, or it began in another process; call again without it`,
      );
    }
    call.retried(asking);
    return call;
  }

  /** The visitor has ended: its calls are cancelled. */
  endOf(visitor: object, reason: Error): void {
    for (const call of [...(this.#byVisitor.get(visitor) ?? [])]) call.cancel.cancel(reason);
  }

  close(): void {
    this.#closed = true;
    const reason = new GatewayError('SHUTTING_DOWN', 'the gateway is shutting down');
    for (const call of [...this.#calls.values()]) call.cancel.cancel(reason);
  }

  readonly #takePlace = (call: ParkedCall, { visitor, principal }: Asking): Place => {
    const own = this.#byVisitor.get(visitor) ?? new Set();
    this.#check(own.size);
    this.#lastId += 1;
    const id = String(this.#lastId);
    this.#calls.set(id, call);
    this.#byVisitor.set(visitor, own.add(call));
    const { clock, seal, owner, log } = this.#options;
    const { gather = (offer) => clock.after(GATHER_MS, offer) } = this.#options;
    let kept = 0;
    const count = (bytes: number): void => {
      kept += bytes;
      this.#bytes += bytes;
    };
    return {
      state: () => new RequestStates(seal()).forParked({ id, owner, principal }),
      expect: (late) =>
        clock.after(this.#ttlMs, () => {
          log.debug({ parked: id, ms: this.#ttlMs }, 'nobody came back with the answer to a question');
          late(new GatewayError('CANCELLED', `the client did not answer within ${this.#ttlMs} ms`));
        }),
      gather,
      keep: (bytes) => {
        if (bytes > 0 && this.#bytes + bytes > this.#maxBytes) return false;
        count(bytes);
        return true;
      },
      free: () => {
        count(-kept);
        this.#calls.delete(id);
        own.delete(call);
      },
    };
  };

  #check(ofVisitor: number): void {
    if (this.#closed) throw new GatewayError('SHUTTING_DOWN', 'the gateway is shutting down');
    if (ofVisitor < this.#maxEach && this.#calls.size < this.#maxTotal) return;
    const whose = ofVisitor < this.#maxEach ? 'all clients' : 'the client';
    throw new GatewayError('OVERLOADED', `too many calls of ${whose} wait for an answer already`);
  }
}

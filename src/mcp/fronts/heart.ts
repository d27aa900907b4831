/**
 * Keep-alive for everything that waits for an answer or listens: an idle connection is cut by some proxy sooner or
 * later. One timer for all of a front, because a timer per call costs more than its parse.
 */
import type { Clock, Timer } from '../../core/ports.ts';
import type { Closable } from '../../core/scope.ts';
import { Few } from '../../lib/few.ts';

export interface Beating {
  /** Twice per heartbeat. */
  beat(): void;
}

/** Beats without a word after which a sign of life is due. */
export const QUIET_BEATS = 2;

export class Heart implements Closable {
  readonly #clock: Clock;
  readonly #beatMs: number;
  readonly #beating = new Few<Beating, Beating>();
  #timer: Timer | undefined;

  constructor(clock: Clock, heartbeatMs: number) {
    this.#clock = clock;
    this.#beatMs = heartbeatMs / 2;
  }

  add(beating: Beating): void {
    this.#beating.set(beating, beating);
    this.#timer ??= this.#clock.every(this.#beatMs, () => this.#beat());
  }

  /** The timer rests with the next beat that finds nobody: calls that follow each other share it. */
  remove(beating: Beating): void {
    this.#beating.delete(beating);
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #beat(): void {
    for (const each of this.#beating.values()) each.beat();
    if (this.#beating.size === 0) this.close();
  }
}

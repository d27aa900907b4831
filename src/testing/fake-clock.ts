/** A clock that stands still until a test moves it. */
import type { Clock, Timer } from '../core/ports.ts';

interface Planned {
  at: number;
  readonly everyMs: number | undefined;
  readonly run: () => void;
}

export class FakeClock implements Clock {
  readonly #start: number;
  #elapsed = 0;
  readonly #planned = new Set<Planned>();

  /** `start`: the wall clock at the beginning, in milliseconds since the epoch. */
  constructor(start = Date.UTC(2026, 0, 1)) {
    this.#start = start;
  }

  now(): number {
    return this.#start + this.#elapsed;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  after(ms: number, run: () => void): Timer {
    return this.#plan({ at: this.#elapsed + ms, everyMs: undefined, run });
  }

  every(ms: number, run: () => void): Timer {
    // A pause of nothing would keep `advance` from ever ending.
    const everyMs = Math.max(1, ms);
    return this.#plan({ at: this.#elapsed + everyMs, everyMs, run });
  }

  /** Timers that have not run yet. */
  get waiting(): number {
    return this.#planned.size;
  }

  /**
   * Moves time forward and runs what falls due, in order, each at its own time. What a timer sets off has a turn of
   * the event loop before the next one runs, so that timers it plans are found.
   */
  async advance(ms: number): Promise<void> {
    const end = this.#elapsed + ms;
    await turn();
    for (let next = this.#due(end); next; next = this.#due(end)) {
      this.#elapsed = next.at;
      if (next.everyMs === undefined) this.#planned.delete(next);
      else next.at += next.everyMs;
      next.run();
      await turn();
    }
    this.#elapsed = end;
  }

  #plan(planned: Planned): Timer {
    this.#planned.add(planned);
    return { cancel: () => this.#planned.delete(planned) };
  }

  /** The earliest; of several at the same time the one planned first. */
  #due(end: number): Planned | undefined {
    let first: Planned | undefined;
    for (const each of this.#planned) if (each.at <= end && (!first || each.at < first.at)) first = each;
    return first;
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

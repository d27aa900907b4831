/** Exponential back-off with jitter. Holds no timer: the caller owns the waiting. */
export interface BackoffOptions {
  readonly firstMs: number;
  readonly maxMs: number;
  readonly factor: number;
  /** In [0, 1), as Math.random gives it. */
  readonly random: () => number;
}

export class Backoff {
  readonly #options: BackoffOptions;
  #stepMs: number;

  constructor(options: BackoffOptions) {
    this.#options = options;
    this.#stepMs = options.firstMs;
  }

  /** Milliseconds to wait before the next try: between half of the step and all of it, so that clients spread out. */
  next(): number {
    const { maxMs, factor, random } = this.#options;
    const step = Math.min(this.#stepMs, maxMs);
    this.#stepMs = Math.min(step * factor, maxMs);
    return Math.round(step / 2 + (step / 2) * random());
  }

  /** After a success: the next failure starts from `firstMs` again. */
  reset(): void {
    this.#stepMs = this.#options.firstMs;
  }
}

/**
 * Children started ahead of need: spawned, nothing sent, because only the session that takes one knows what to
 * initialise it with. A spare that dies is replaced with back-off; a command that keeps dying is left alone until it
 * has worked for a session again.
 */
import type { Clock, Timer } from '../../core/ports.ts';
import type { Closable } from '../../core/scope.ts';
import type { ChildWire } from './wire.ts';

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 60_000;
/** Deaths in a row after which warming stops. */
const CRASH_LOOP = 5;

export interface SpareOptions {
  readonly size: number;
  readonly clock: Clock;
  /** Starts a child; undefined when there is no room or it cannot be started. */
  readonly start: () => ChildWire | undefined;
}

export class Spares implements Closable {
  readonly #options: SpareOptions;
  readonly #waiting: ChildWire[] = [];
  #warming = false;
  #closed = false;
  #deaths = 0;
  #pause: Timer | undefined;

  constructor(options: SpareOptions) {
    this.#options = options;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  warm(): void {
    this.#warming = true;
    this.#fill();
  }

  /** The longest-waiting live spare; another is warmed in its place. */
  take(): ChildWire | undefined {
    const spare = this.#waiting.shift();
    if (spare) this.#fill();
    return spare;
  }

  /** The command has answered a session: whatever made spares die is over. */
  worked(): void {
    this.#deaths = 0;
    this.#pause?.cancel();
    this.#pause = undefined;
    this.#fill();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#pause?.cancel();
    await Promise.all(this.#waiting.splice(0).map((spare) => spare.close()));
  }

  #fill(): void {
    while (this.#mayStart()) {
      const spare = this.#options.start();
      if (!spare) {
        this.#died();
        return;
      }
      this.#waiting.push(spare);
      void spare.child.exited.then(() => this.#lost(spare));
    }
  }

  #mayStart(): boolean {
    if (!this.#warming || this.#closed || this.#pause || this.#deaths >= CRASH_LOOP) return false;
    return this.#waiting.length < this.#options.size;
  }

  #lost(spare: ChildWire): void {
    const at = this.#waiting.indexOf(spare);
    if (at < 0) return;
    this.#waiting.splice(at, 1);
    this.#died();
  }

  #died(): void {
    this.#deaths += 1;
    if (this.#closed || this.#pause || this.#deaths >= CRASH_LOOP) return;
    const delay = Math.min(FIRST_DELAY_MS * 2 ** this.#deaths, LONGEST_DELAY_MS);
    this.#pause = this.#options.clock.after(delay, () => {
      this.#pause = undefined;
      this.#fill();
    });
  }
}

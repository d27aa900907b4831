/**
 * Children started ahead of need: spawned, nothing sent, because only the session that takes one knows what to
 * initialise it with. A spare that dies is replaced with back-off; a command that keeps dying is left alone until it
 * has worked for a session again.
 */
import type { Ports, Timer } from '../../core/ports.ts';
import type { Closable } from '../../core/scope.ts';
import { Backoff } from '../../lib/backoff.ts';
import type { ChildWire } from './wire.ts';

const DELAYS = { firstMs: 1000, maxMs: 60_000, factor: 2 };
/** Deaths in a row after which warming stops. */
const CRASH_LOOP = 5;

export interface SpareOptions {
  readonly size: number;
  readonly ports: Pick<Ports, 'clock' | 'random'>;
  /** Starts a child; undefined when there is no room or it cannot be started. */
  readonly start: () => ChildWire | undefined;
}

export class Spares implements Closable {
  readonly #options: SpareOptions;
  readonly #waiting: ChildWire[] = [];
  readonly #backoff: Backoff;
  #warming = false;
  #closed = false;
  #deaths = 0;
  #pause: Timer | undefined;

  constructor(options: SpareOptions) {
    this.#options = options;
    this.#backoff = new Backoff({
      ...DELAYS,
      random: () => options.ports.random(4).readUInt32BE() / 2 ** 32,
    });
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
    this.#backoff.reset();
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
    this.#pause = this.#options.ports.clock.after(this.#backoff.next(), () => {
      this.#pause = undefined;
      this.#fill();
    });
  }
}

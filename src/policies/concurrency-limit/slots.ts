/**
 * Slots by key: who finds none waits in line or is told no. First come, first served; whoever goes away, or has waited
 * long enough, leaves the line. Keys exist while somebody holds a slot, so nothing grows with their number.
 */
import { GatewayError } from '../../core/errors.ts';
import type { Clock, Timer } from '../../core/ports.ts';
import type { Closable } from '../../core/scope.ts';
import type { Cancel } from '../../lib/cancel.ts';

export interface SlotSettings {
  readonly max: number;
  readonly maxWaiting: number;
  readonly waitMs: number;
}

interface Waiting {
  readonly max: number;
  give(): void;
  refuse(error: Error): void;
}

interface Line {
  taken: number;
  /** In the order in which they came. */
  readonly waiting: Set<Waiting>;
}

/** Gives the slot back; a second time does nothing. */
export type Leave = () => void;

export class Slots implements Closable {
  readonly #clock: Pick<Clock, 'after'>;
  readonly #lines = new Map<string, Line>();

  constructor(clock: Pick<Clock, 'after'>) {
    this.#clock = clock;
  }

  /** Keys with a slot taken. */
  get size(): number {
    return this.#lines.size;
  }

  /**
   * `settings` are those of who comes: another configuration may say otherwise about the same slots. Throws, or rejects
   * with, OVERLOADED; rejects with the reason of `cancel`.
   */
  take(key: string, settings: SlotSettings, cancel: Cancel): Leave | Promise<Leave> {
    let line = this.#lines.get(key);
    if (!line) {
      line = { taken: 0, waiting: new Set() };
      this.#lines.set(key, line);
    }
    if (line.taken < settings.max && line.waiting.size === 0) {
      line.taken += 1;
      return this.#leave(key, line);
    }
    if (line.waiting.size >= settings.maxWaiting) throw full(settings.max);
    return this.#wait(key, line, { settings, cancel });
  }

  close(): void {
    const error = new GatewayError('SHUTTING_DOWN', 'the gateway no longer serves this');
    for (const { waiting } of this.#lines.values()) for (const one of waiting) one.refuse(error);
    this.#lines.clear();
  }

  #wait(
    key: string,
    line: Line,
    { settings, cancel }: { readonly settings: SlotSettings; readonly cancel: Cancel },
  ): Promise<Leave> {
    return new Promise((resolve, reject) => {
      let timer: Timer | undefined;
      let forget: (() => void) | undefined;
      const out = (): void => {
        line.waiting.delete(waiting);
        timer?.cancel();
        forget?.();
      };
      const waiting: Waiting = {
        max: settings.max,
        give: () => {
          out();
          line.taken += 1;
          resolve(this.#leave(key, line));
        },
        refuse: (error) => {
          out();
          reject(error);
          // Whoever stood behind may have had room before them, by other settings.
          this.#next(key, line);
        },
      };
      line.waiting.add(waiting);
      timer = this.#clock.after(settings.waitMs, () => waiting.refuse(full(settings.max)));
      forget = cancel.onCancel((reason) => waiting.refuse(reason));
    });
  }

  #leave(key: string, line: Line): Leave {
    let left = false;
    return () => {
      if (left) return;
      left = true;
      line.taken -= 1;
      this.#next(key, line);
    };
  }

  #next(key: string, line: Line): void {
    for (const first of line.waiting) {
      if (line.taken >= first.max) return;
      first.give();
    }
    if (line.taken === 0 && this.#lines.get(key) === line) this.#lines.delete(key);
  }
}

/** When one is free nobody knows: soon is the best guess. */
const AGAIN_SECONDS = 1;

function full(max: number): GatewayError {
  return new GatewayError('OVERLOADED', `more than ${max} at a time are not served here; try again soon`, {
    headers: ['retry-after', String(AGAIN_SECONDS)],
    data: { retryAfterMs: AGAIN_SECONDS * 1000 },
  });
}

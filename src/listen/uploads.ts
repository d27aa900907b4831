/**
 * How long clients may take over the bodies of their requests. Looked after together, now and then: a timer for each
 * body would cost more than reading most of them.
 */
import { GatewayError } from '../core/errors.ts';
import type { Clock, Timer } from '../core/ports.ts';
import type { Limits } from './limits.ts';

export interface Upload {
  /** When the gateway began to wait for its next byte, by the monotonic clock. */
  waitsSince: number;
  readonly most: 'bodyTimeMs' | 'bodyPauseMs';
  /** Whether it is the client that is waited for now. */
  awaited(): boolean;
  late(error: GatewayError): void;
}

const LOOKS_EACH_MS = 2_000;

export class Uploads {
  readonly #clock: Clock;
  readonly #limits: () => Limits;
  readonly #all = new Set<Upload>();
  #timer: Timer | undefined;

  constructor(clock: Clock, limits: () => Limits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  now(): number {
    return this.#clock.monotonic();
  }

  add(upload: Upload): void {
    this.#all.add(upload);
    this.#timer ??= this.#next();
  }

  delete(upload: Upload): void {
    this.#all.delete(upload);
  }

  #next(): Timer {
    const { bodyTimeMs, bodyPauseMs } = this.#limits();
    return this.#clock.after(Math.min(LOOKS_EACH_MS, bodyTimeMs / 4, bodyPauseMs / 4), () => this.#look());
  }

  #look(): void {
    const now = this.#clock.monotonic();
    const limits = this.#limits();
    for (const upload of this.#all) {
      if (!upload.awaited()) upload.waitsSince = now;
      else if (now - upload.waitsSince >= limits[upload.most]) {
        this.#all.delete(upload);
        upload.late(tooSlow(limits[upload.most]));
      }
    }
    this.#timer = this.#all.size > 0 ? this.#next() : undefined;
  }
}

function tooSlow(ms: number): GatewayError {
  return new GatewayError('REQUEST_TIMEOUT', `the body of the request did not arrive within ${ms / 1000} s`);
}

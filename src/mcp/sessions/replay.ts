/**
 * What was written to a session's event streams lately, so that a client that lost its connection can fetch the rest.
 * Bounded per session and over all sessions; the oldest go first.
 */
import type { Closable } from '../../core/scope.ts';

export interface ReplayLimits {
  readonly sessionBytes: number;
  readonly totalBytes: number;
}

interface Kept {
  readonly stream: string;
  readonly seq: number;
  readonly message: Buffer;
}

/** The memory all rings share. */
export class ReplayBudget implements Closable {
  readonly limits: ReplayLimits;
  used = 0;

  constructor(limits: ReplayLimits) {
    this.limits = limits;
  }

  close(): void {}
}

export class ReplayRing {
  readonly #budget: ReplayBudget;
  #kept: Kept[] = [];
  #bytes = 0;

  constructor(budget: ReplayBudget) {
    this.#budget = budget;
  }

  add(stream: string, seq: number, message: Buffer): void {
    const { limits } = this.#budget;
    if (message.length > limits.sessionBytes) return;
    while (
      this.#kept.length > 0 &&
      (this.#bytes + message.length > limits.sessionBytes || this.#over(message.length))
    )
      this.#drop();
    if (this.#over(message.length)) return;
    this.#kept.push({ stream, seq, message });
    this.#bytes += message.length;
    this.#budget.used += message.length;
  }

  /** Messages of one stream after `seq`, or undefined when some of them are no longer kept. */
  after(stream: string, seq: number): readonly { seq: number; message: Buffer }[] | undefined {
    const mine = this.#kept.filter((kept) => kept.stream === stream);
    const later = mine.filter((kept) => kept.seq > seq);
    if (later.length > 0 && later[0]?.seq !== seq + 1) return undefined;
    return later;
  }

  clear(): void {
    this.#budget.used -= this.#bytes;
    this.#bytes = 0;
    this.#kept = [];
  }

  #over(more: number): boolean {
    return this.#budget.used + more > this.#budget.limits.totalBytes;
  }

  #drop(): void {
    const oldest = this.#kept.shift();
    if (!oldest) return;
    this.#bytes -= oldest.message.length;
    this.#budget.used -= oldest.message.length;
  }
}

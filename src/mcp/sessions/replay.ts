/**
 * What was written to a session's event streams lately, so that a client that lost its connection can fetch the rest.
 * Bounded per session and over all sessions: within a session the oldest message goes first, among sessions the one
 * that has written nothing for longest loses first.
 */
import type { Closable } from '../../core/scope.ts';

export interface ReplayLimits {
  readonly sessionBytes: number;
  readonly totalBytes: number;
}

export interface Kept {
  readonly stream: string;
  readonly seq: number;
  readonly message: Buffer;
}

/** What keeping a message costs beside its bytes: many empty ones must not cost more memory than the limits say. */
const OVERHEAD = 64;

/** The memory all rings share. */
export class ReplayBudget implements Closable {
  readonly limits: ReplayLimits;
  #used = 0;
  /** Those that hold something, the longest unwritten first. */
  readonly #rings = new Set<ReplayRing>();

  constructor(limits: ReplayLimits) {
    // No session may have more than all of them.
    this.limits = { ...limits, sessionBytes: Math.min(limits.sessionBytes, limits.totalBytes) };
  }

  /** Bytes that all rings hold together. */
  get used(): number {
    return this.#used;
  }

  /** Room for `bytes` in `ring`, taken from whoever has written nothing for longest. */
  take(ring: ReplayRing, bytes: number): void {
    for (const oldest of this.#rings) {
      while (this.#used + bytes > this.limits.totalBytes && oldest.drop());
      if (this.#used + bytes <= this.limits.totalBytes) break;
      this.#rings.delete(oldest);
    }
    this.#rings.delete(ring);
    this.#rings.add(ring);
    this.#used += bytes;
  }

  give(bytes: number): void {
    this.#used -= bytes;
  }

  forget(ring: ReplayRing): void {
    this.#rings.delete(ring);
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
    const bytes = cost(message);
    const { sessionBytes, totalBytes } = this.#budget.limits;
    if (bytes > totalBytes) return;
    // A message larger than the ring is kept alone: it is a result somebody waits for.
    while (this.#bytes > 0 && this.#bytes + bytes > sessionBytes) this.drop();
    this.#budget.take(this, bytes);
    this.#kept.push({ stream, seq, message });
    this.#bytes += bytes;
  }

  /** The messages of one stream after `seq` that are still kept: an answer is worth having even where progress before it is lost. */
  after(stream: string, seq: number): readonly Kept[] {
    return this.#kept.filter((kept) => kept.stream === stream && kept.seq > seq);
  }

  /** Forgets the oldest message; false when there is none. */
  drop(): boolean {
    const oldest = this.#kept.shift();
    if (!oldest) return false;
    const bytes = cost(oldest.message);
    this.#bytes -= bytes;
    this.#budget.give(bytes);
    return true;
  }

  clear(): void {
    this.#budget.give(this.#bytes);
    this.#budget.forget(this);
    this.#bytes = 0;
    this.#kept = [];
  }
}

function cost(message: Buffer): number {
  return message.length + OVERHEAD;
}

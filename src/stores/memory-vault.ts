/** Secrets kept for as long as the process runs. */
import { LIMITS } from '../core/limits.ts';
import type { Vault } from '../core/vault.ts';

export class MemoryVault implements Vault {
  readonly #entries = new Map<string, string>();
  readonly #max: number;

  constructor(max: number = LIMITS.keptTokens.value) {
    this.#max = max;
  }

  open(): Promise<void> {
    return DONE;
  }

  get(key: string): string | undefined {
    return this.#entries.get(key);
  }

  set(key: string, value: string): Promise<void> {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size > this.#max) {
      const [oldest] = this.#entries.keys();
      if (oldest !== undefined) this.#entries.delete(oldest);
    }
    return DONE;
  }

  delete(key: string): Promise<void> {
    this.#entries.delete(key);
    return DONE;
  }

  /** Oldest first. */
  entries(): readonly (readonly [string, string])[] {
    return [...this.#entries];
  }

  close(): void {}
}

const DONE = Promise.resolve();

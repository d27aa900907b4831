/**
 * What a text behind an address says: asked for when somebody first wants it, by one request at a time, and anew at a
 * certain age while the old one serves. Where the address fails, the old one serves for longer.
 */
import type { GatewayError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { Ports } from '../core/ports.ts';
import type { Closable } from '../core/scope.ts';
import { Cancel } from '../lib/cancel.ts';

/** The text at an address. Rejects for anything but a whole 200, and when cancelled. */
export type FetchText = (cancel: Cancel) => Promise<string>;

export interface RemoteTextOptions<T> {
  /** For the log. */
  readonly url: string;
  /** For the log: `keys of an issuer`. */
  readonly what: string;
  readonly fetch: FetchText;
  readonly ports: Pick<Ports, 'clock' | 'log'>;
  /** Throws with what is wrong, in words that quote nothing of the text. */
  parse(text: string): T;
  /** For the log. */
  describe(value: T): object;
  /** What whoever waits is told. */
  failure(cause: unknown): GatewayError;
}

/** After a failure requests are refused for so long without asking: they would all wait for the same dead address. */
export const RETRY_MS = 5_000;

export class RemoteText<T> implements Closable {
  readonly #options: RemoteTextOptions<T>;
  readonly #cancel = new Cancel();
  #value: T | undefined;
  #text = '';
  #fetchedAt = 0;
  #fetching: Promise<T> | undefined;
  #failure: { readonly error: GatewayError; readonly at: number } | undefined;

  constructor(options: RemoteTextOptions<T>) {
    this.#options = options;
  }

  /** What there is, however old. */
  get value(): T | undefined {
    return this.#value;
  }

  get fetching(): Promise<T> | undefined {
    return this.#fetching;
  }

  current(): T | Promise<T> {
    const age = this.#now() - this.#fetchedAt;
    if (this.#value === undefined || age >= LIMITS.keySetStale.value) return this.renewed();
    if (age >= LIMITS.keySetAge.value) this.renewed().catch(ignore);
    return this.#value;
  }

  /** The same object where the text is the same. */
  async renewed(): Promise<T> {
    if (this.#fetching) return this.#fetching;
    const failure = this.#failure;
    if (failure && this.#now() - failure.at < RETRY_MS) throw failure.error;
    this.#fetching = this.#ask().finally(() => {
      this.#fetching = undefined;
    });
    return this.#fetching;
  }

  close(): void {
    this.#cancel.cancel(this.#options.failure(new Error('no longer in use')));
  }

  async #ask(): Promise<T> {
    const { fetch, parse, failure, describe, ports, what, url } = this.#options;
    try {
      const text = await fetch(this.#cancel);
      const same = this.#value !== undefined && text === this.#text;
      const value = same ? (this.#value as T) : parse(text);
      if (!same) ports.log.info({ url, ...describe(value) }, `${what} fetched`);
      this.#value = value;
      this.#text = text;
      this.#fetchedAt = this.#now();
      this.#failure = undefined;
      return value;
    } catch (cause) {
      const error = failure(cause);
      this.#failure = { error, at: this.#now() };
      const reason = cause instanceof Error ? cause.message : 'unknown';
      if (!this.#cancel.cancelled) ports.log.warn({ url, reason }, `${what} cannot be fetched`);
      throw error;
    }
  }

  #now(): number {
    return this.#options.ports.clock.monotonic();
  }
}

function ignore(): void {}

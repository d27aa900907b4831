/**
 * Where the keys of an issuer come from: the configuration, a file, an address. An address is asked when the first
 * token comes, by one request at a time; afterwards tokens wait for it only where they name a key nobody knows.
 */
import { GatewayError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { Ports } from '../core/ports.ts';
import type { Closable } from '../core/scope.ts';
import { Cancel } from '../lib/cancel.ts';
import { CheckedFile } from './checked-file.ts';
import { type KeySet, parseKeySet } from './key-set.ts';

export interface KeySource extends Closable {
  /** The keys in force; another object once they have changed. Throws KEYS_UNAVAILABLE. */
  current(): KeySet | Promise<KeySet>;
  /** For a token whose key is not among them: asks anew where it is time to. */
  renewed(): KeySet | Promise<KeySet>;
}

/** The text at an address. Rejects for anything but a whole 200, and when cancelled. */
export type FetchText = (cancel: Cancel) => Promise<string>;

type SourcePorts = Pick<Ports, 'clock' | 'log'>;

export function inlineKeys(text: string): KeySource {
  const keys = parseKeySet(text);
  return { current: () => keys, renewed: () => keys, close() {} };
}

/** Throws CONFIG_INVALID. */
export function fileKeys(path: string, what: string, ports: SourcePorts): KeySource {
  const file = new CheckedFile({ path, what, ports, parse: parseKeySet });
  const current = () => file.current();
  return { current, renewed: current, close() {} };
}

/** After a failure requests are refused for so long without asking: they would all wait for the same dead address. */
const RETRY_MS = 5_000;

export class RemoteKeys implements KeySource {
  readonly #url: string;
  readonly #fetch: FetchText;
  readonly #ports: SourcePorts;
  readonly #cancel = new Cancel();
  #keys: KeySet | undefined;
  #text = '';
  #fetchedAt = 0;
  #fetching: Promise<KeySet> | undefined;
  #failure: { readonly error: GatewayError; readonly at: number } | undefined;
  #renewedAt: number | undefined;

  /** `url` is for the log. */
  constructor(url: string, fetch: FetchText, ports: SourcePorts) {
    this.#url = url;
    this.#fetch = fetch;
    this.#ports = ports;
  }

  current(): KeySet | Promise<KeySet> {
    const age = this.#now() - this.#fetchedAt;
    if (!this.#keys || age >= LIMITS.keySetStale.value) return this.#fetched();
    if (age >= LIMITS.keySetAge.value) this.#fetched().catch(ignore);
    return this.#keys;
  }

  renewed(): KeySet | Promise<KeySet> {
    const now = this.#now();
    if (this.#keys && this.#renewedAt !== undefined && now - this.#renewedAt < LIMITS.keySetPause.value)
      return this.#fetching ?? this.#keys;
    this.#renewedAt = now;
    const keys = this.#keys;
    return keys ? this.#fetched().catch(() => keys) : this.#fetched();
  }

  close(): void {
    this.#cancel.cancel(new GatewayError('KEYS_UNAVAILABLE', 'no longer in use'));
  }

  async #fetched(): Promise<KeySet> {
    if (this.#fetching) return this.#fetching;
    const failure = this.#failure;
    if (failure && this.#now() - failure.at < RETRY_MS) throw failure.error;
    this.#fetching = this.#ask().finally(() => {
      this.#fetching = undefined;
    });
    return this.#fetching;
  }

  async #ask(): Promise<KeySet> {
    const { log } = this.#ports;
    try {
      const text = await this.#fetch(this.#cancel);
      const keys = this.#keys && text === this.#text ? this.#keys : parseKeySet(text);
      if (keys !== this.#keys)
        log.info({ url: this.#url, keys: keys.size, ignored: keys.ignored }, 'keys of an issuer fetched');
      this.#keys = keys;
      this.#text = text;
      this.#fetchedAt = this.#now();
      this.#failure = undefined;
      return keys;
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : 'unknown';
      const error = new GatewayError(
        'KEYS_UNAVAILABLE',
        'the keys of the issuer of the token cannot be had',
        {
          cause,
          headers: ['retry-after', String(RETRY_MS / 1000)],
        },
      );
      this.#failure = { error, at: this.#now() };
      if (!this.#cancel.cancelled)
        log.warn({ url: this.#url, reason }, 'keys of an issuer cannot be fetched');
      throw error;
    }
  }

  #now(): number {
    return this.#ports.clock.monotonic();
  }
}

function ignore(): void {}

/**
 * Keys that programs are given. Only their SHA-256 is kept and looked up, so that neither memory nor timing tells
 * anything about a key; that is enough for keys, which are random, and would not be for passwords.
 */
import { hash, timingSafeEqual } from 'node:crypto';
import { GatewayError } from '../core/errors.ts';
import type { Identity } from '../core/identity.ts';

export interface ApiKey {
  /** SHA-256 as lower-case hex. */
  readonly digest: string;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** Enough of the hash to tell keys apart in a log. */
const NAME_DIGITS = 16;

export class ApiKeys {
  readonly #entries = new Map<string, { readonly digest: Buffer; readonly identity: Identity }>();

  constructor(keys: readonly ApiKey[]) {
    for (const { digest, metadata } of keys) {
      const identity = { principal: `key:${digest.slice(0, NAME_DIGITS)}`, apiKey: { metadata } };
      this.#entries.set(digest, { digest: Buffer.from(digest, 'hex'), identity });
    }
  }

  /** Throws UNAUTHENTICATED. */
  verify(key: string): Identity {
    const digest = digestOf(key);
    const entry = this.#entries.get(digest);
    if (entry && timingSafeEqual(entry.digest, Buffer.from(digest, 'hex'))) return entry.identity;
    throw new GatewayError('UNAUTHENTICATED', 'unknown API key');
  }
}

export function digestOf(key: string): string {
  return hash('sha256', key, 'hex');
}

/**
 * Keys that programs are given. Only their SHA-256 is kept and looked up, so that neither memory nor timing tells
 * anything about a key; that is enough for keys, which are random, and would not be for passwords.
 */
import { hash, timingSafeEqual } from 'node:crypto';
import { GatewayError } from '../core/errors.ts';
import type { Identity } from '../core/identity.ts';

export interface ApiKey {
  /** SHA-256 as lower-case hex; of a key that may change, the one in force whenever asked. */
  readonly digest: string | (() => string);
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** Enough of the hash to tell keys apart in a log. */
const NAME_DIGITS = 16;

export class ApiKeys {
  readonly #entries = new Map<string, Entry>();
  readonly #changing: readonly (() => Entry)[];

  constructor(keys: readonly ApiKey[]) {
    const changing: (() => Entry)[] = [];
    for (const { digest, metadata } of keys) {
      if (typeof digest === 'string') this.#entries.set(digest, entryOf(digest, metadata));
      else changing.push(() => entryOf(digest(), metadata));
    }
    this.#changing = changing;
  }

  /** Throws UNAUTHENTICATED. */
  verify(key: string): Identity {
    const digest = digestOf(key);
    const bytes = Buffer.from(digest, 'hex');
    const fits = (entry: Entry | undefined) => entry !== undefined && timingSafeEqual(entry.digest, bytes);
    const known = this.#entries.get(digest);
    if (known && fits(known)) return known.identity;
    for (const current of this.#changing) {
      const entry = current();
      if (fits(entry)) return entry.identity;
    }
    throw new GatewayError('UNAUTHENTICATED', 'unknown API key');
  }
}

interface Entry {
  readonly digest: Buffer;
  readonly identity: Identity;
}

function entryOf(digest: string, metadata: ApiKey['metadata']): Entry {
  const principal = `key:${digest.slice(0, NAME_DIGITS)}`;
  return { digest: Buffer.from(digest, 'hex'), identity: { principal, apiKey: { metadata } } };
}

export function digestOf(key: string): string {
  return hash('sha256', key, 'hex');
}

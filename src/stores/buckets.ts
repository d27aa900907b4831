/**
 * Token buckets by key, in memory. As in the Rust gateway: a bucket begins full, and is filled in whole intervals that
 * count from its beginning. Filled when somebody asks, so a bucket costs no timer. Knows nothing of requests.
 */
import { hash } from 'node:crypto';
import type { Clock } from '../core/ports.ts';
import type { Closable } from '../core/scope.ts';

export interface BucketSettings {
  readonly maxTokens: number;
  readonly tokensPerFill: number;
  readonly fillMs: number;
}

export interface Taken {
  readonly allowed: boolean;
  readonly limit: number;
  /** Whole tokens that are left. */
  readonly remaining: number;
  /** Until the next fill. */
  readonly resetMs: number;
  /** Of a refusal: until there are enough tokens; undefined: never. */
  readonly retryMs: number | undefined;
}

interface Bucket {
  tokens: number;
  /** When it is filled next, by the monotonic clock. */
  fillAt: number;
}

export interface BucketsOptions {
  readonly settings: BucketSettings;
  readonly maxKeys: number;
  readonly clock: Pick<Clock, 'monotonic'>;
}

/** Oldest keys that are looked at for a full bucket before one that still counts is forgotten. */
const LOOKED_AT = 8;

/** Longer keys are kept as their hash: they are made of what clients send. */
const LONGEST_KEY = 128;

export class Buckets implements Closable {
  readonly #settings: BucketSettings;
  readonly #maxKeys: number;
  readonly #clock: Pick<Clock, 'monotonic'>;
  /** In the order of their last use. */
  readonly #buckets = new Map<string, Bucket>();

  constructor({ settings, maxKeys, clock }: BucketsOptions) {
    this.#settings = settings;
    this.#maxKeys = maxKeys;
    this.#clock = clock;
  }

  get size(): number {
    return this.#buckets.size;
  }

  take(key: string, cost: number): Taken {
    const now = this.#clock.monotonic();
    const bucket = this.#used(shortKey(key), now);
    const allowed = bucket.tokens >= cost;
    if (allowed) bucket.tokens -= cost;
    return {
      allowed,
      limit: this.#settings.maxTokens,
      remaining: Math.floor(bucket.tokens),
      resetMs: bucket.fillAt - now,
      retryMs: allowed ? 0 : this.#enoughIn(bucket, cost, now),
    };
  }

  /** What was taken for something that another limit has refused. */
  giveBack(key: string, cost: number): void {
    const bucket = this.#buckets.get(shortKey(key));
    if (bucket) bucket.tokens = Math.min(this.#settings.maxTokens, bucket.tokens + cost);
  }

  close(): void {
    this.#buckets.clear();
  }

  #used(key: string, now: number): Bucket {
    const known = this.#buckets.get(key);
    if (known) {
      this.#fill(known, now);
      this.#buckets.delete(key);
      this.#buckets.set(key, known);
      return known;
    }
    if (this.#buckets.size >= this.#maxKeys) this.#forgetOne(now);
    const { maxTokens, fillMs } = this.#settings;
    const bucket = { tokens: maxTokens, fillAt: now + fillMs };
    this.#buckets.set(key, bucket);
    return bucket;
  }

  #fill(bucket: Bucket, now: number): void {
    if (now < bucket.fillAt) return;
    const { maxTokens, tokensPerFill, fillMs } = this.#settings;
    const fills = Math.floor((now - bucket.fillAt) / fillMs) + 1;
    bucket.tokens = Math.min(maxTokens, bucket.tokens + fills * tokensPerFill);
    bucket.fillAt += fills * fillMs;
  }

  #enoughIn({ tokens, fillAt }: Bucket, cost: number, now: number): number | undefined {
    const { maxTokens, tokensPerFill, fillMs } = this.#settings;
    if (cost > maxTokens) return undefined;
    const fills = Math.ceil((cost - tokens) / tokensPerFill);
    return fillAt - now + (fills - 1) * fillMs;
  }

  /** A full bucket says nothing that a new one would not; without one, the key that was quiet longest. */
  #forgetOne(now: number): void {
    let oldest: string | undefined;
    let looked = 0;
    for (const [key, bucket] of this.#buckets) {
      oldest ??= key;
      this.#fill(bucket, now);
      if (bucket.tokens >= this.#settings.maxTokens) {
        oldest = key;
        break;
      }
      looked += 1;
      if (looked === LOOKED_AT) break;
    }
    if (oldest !== undefined) this.#buckets.delete(oldest);
  }
}

function shortKey(key: string): string {
  return key.length <= LONGEST_KEY ? key : `#${hash('sha256', key, 'base64url')}`;
}

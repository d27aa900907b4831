/**
 * One entry of `localRateLimit`: whom it concerns, which bucket it takes from, how much. Where an expression fails the
 * answer is the narrow one: it does concern, and who has no key or no cost is refused.
 */
import { GatewayError } from '../../core/errors.ts';
import { type Computed, FAILED } from '../../expr/computed.ts';
import type { Scope } from '../../expr/expression.ts';
import type { Taken } from '../../stores/buckets.ts';

/** Where buckets are: in this process, or shared with others. */
export interface BucketStore {
  take(key: string, cost: number): Taken | Promise<Taken>;
  giveBack(key: string, cost: number): void;
}

export interface LimitParts {
  readonly condition: Computed | undefined;
  readonly when: Computed | undefined;
  readonly key: Computed | undefined;
  readonly cost: Computed | undefined;
  readonly store: BucketStore;
}

interface Charge {
  readonly store: BucketStore;
  readonly key: string;
  readonly cost: number;
}

export interface LimitsOptions {
  readonly limits: readonly LimitParts[];
  /** Only the first whose condition holds counts. */
  readonly firstMatch: boolean;
}

export class Limits {
  readonly #limits: readonly LimitParts[];
  readonly #firstMatch: boolean;

  constructor({ limits, firstMatch }: LimitsOptions) {
    this.#limits = limits;
    this.#firstMatch = firstMatch;
  }

  /**
   * Takes from every bucket that is concerned, or from none. Says how the tightest stands; undefined where none was
   * concerned. Throws, or rejects with, RATE_LIMITED, FORBIDDEN, and OVERLOADED where shared buckets cannot be had.
   */
  admit(scope: Scope): Taken | undefined | Promise<Taken | undefined> {
    if (this.#firstMatch) {
      const matched = this.#limits.find(({ condition }) => holds(condition, scope));
      return matched && concerned(matched, scope) ? allowed(take(matched, scope)) : undefined;
    }
    const [only] = this.#limits;
    if (this.#limits.length === 1 && only)
      return concerned(only, scope) ? allowed(take(only, scope)) : undefined;
    return this.#all(scope);
  }

  async #all(scope: Scope): Promise<Taken | undefined> {
    const charges: Charge[] = [];
    let tightest: Taken | undefined;
    try {
      for (const limit of this.#limits) {
        if (!concerned(limit, scope)) continue;
        const charge = chargeOf(limit, scope);
        const taken = await charge.store.take(charge.key, charge.cost);
        if (!taken.allowed) throw refusal(taken);
        charges.push(charge);
        if (!tightest || taken.remaining < tightest.remaining) tightest = taken;
      }
    } catch (error) {
      for (const { store, key, cost } of charges) store.giveBack(key, cost);
      throw error;
    }
    return tightest;
  }
}

function concerned({ when }: LimitParts, scope: Scope): boolean {
  return when === undefined || when.holds(scope) !== false;
}

function holds(condition: Computed | undefined, scope: Scope): boolean {
  return condition === undefined || condition.holds(scope) !== false;
}

function take(limit: LimitParts, scope: Scope): Taken | Promise<Taken> {
  const { store, key, cost } = chargeOf(limit, scope);
  return store.take(key, cost);
}

function chargeOf({ store, key, cost }: LimitParts, scope: Scope): Charge {
  const charge = { store, key: key ? key.key(scope) : '', cost: cost ? cost.amount(scope) : 1 };
  if (charge.key === FAILED || charge.cost === FAILED)
    throw new GatewayError('FORBIDDEN', 'it cannot be told for whom this request would count');
  return charge as Charge;
}

function allowed(taken: Taken | Promise<Taken>): Taken | Promise<Taken> {
  if (taken instanceof Promise) return taken.then(allowed);
  if (taken.allowed) return taken;
  throw refusal(taken);
}

function refusal(taken: Taken): GatewayError {
  const { limit, remaining, retryMs } = taken;
  const headers = limitHeaders(taken);
  if (retryMs === undefined)
    return new GatewayError('RATE_LIMITED', 'this request takes more than the limit ever allows', {
      headers,
    });
  const seconds = inSeconds(retryMs);
  return new GatewayError('RATE_LIMITED', `too many requests; try again in ${seconds} s`, {
    headers: [...headers, 'retry-after', String(seconds)],
    data: { retryAfterMs: Math.ceil(retryMs), limit, remaining },
  });
}

export const LIMIT_HEADER = 'x-ratelimit-limit';

/** Those of the Rust gateway, in whole seconds: a client that comes when they say is not too early. */
export function limitHeaders({ limit, remaining, resetMs }: Taken): readonly string[] {
  return [
    LIMIT_HEADER,
    String(limit),
    'x-ratelimit-remaining',
    String(remaining),
    'x-ratelimit-reset',
    String(inSeconds(resetMs)),
  ];
}

function inSeconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1000));
}

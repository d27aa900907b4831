/**
 * One entry of `localRateLimit`: whom it concerns, which bucket it takes from, how much. Where an expression fails the
 * answer is the narrow one: it does concern, and who has no key or no cost is refused. But what fails because it is
 * about tools and this is a list is not concerned.
 */
import { GatewayError } from '../../core/errors.ts';
import { type ItemKind, isElsewhere } from '../../expr/call-scope.ts';
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
  /** Kinds of items that its expressions come to; empty: it is about all that comes by. */
  readonly kinds: readonly ItemKind[];
}

/** What comes by. */
export interface Passing {
  readonly scope: Scope;
  /** What an MCP call names; undefined for one that names nothing, and for HTTP requests. */
  readonly kind: ItemKind | undefined;
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
  admit(passing: Passing): Taken | undefined | Promise<Taken | undefined> {
    const [first] = this.#limits;
    if (this.#limits.length > 1 && !this.#firstMatch) return this.#all(passing);
    const limit = this.#firstMatch
      ? this.#limits.find(({ condition, kinds }) => holds(condition, passing, kinds))
      : first;
    const charge = limit && chargeOf(limit, passing);
    return charge && allowed(charge.store.take(charge.key, charge.cost));
  }

  async #all(passing: Passing): Promise<Taken | undefined> {
    const charges: Charge[] = [];
    let tightest: Taken | undefined;
    try {
      for (const limit of this.#limits) {
        const charge = chargeOf(limit, passing);
        if (!charge) continue;
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

function holds(test: Computed | undefined, { scope, kind }: Passing, kinds: readonly ItemKind[]): boolean {
  if (!test) return true;
  const elsewhere = isElsewhere(kinds, kind);
  const held = test.holds(scope, elsewhere);
  return held === FAILED ? !elsewhere : held;
}

/** Undefined: it is not concerned. */
function chargeOf(limit: LimitParts, passing: Passing): Charge | undefined {
  const { store, kinds } = limit;
  if (!holds(limit.when, passing, kinds)) return undefined;
  const { scope, kind } = passing;
  const elsewhere = isElsewhere(kinds, kind);
  const key = limit.key ? limit.key.key(scope, elsewhere) : '';
  const cost = limit.cost ? limit.cost.amount(scope, elsewhere) : 1;
  if (key !== FAILED && cost !== FAILED) return { store, key, cost };
  if (elsewhere) return undefined;
  throw new GatewayError('FORBIDDEN', 'it cannot be told for whom this would count');
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

/**
 * Rulings that are the same for the same client and item, kept for as long as its identity: rules about claims and names
 * need not be evaluated for each call (3 µs for three of them), nor for each tool of each list.
 */
import type { GuardedItem, GuardedRequest, Ruling } from '../../core/guard.ts';
import type { Expression } from '../../expr/expression.ts';

const STABLE =
  /^(?:jwt|apiKey|basicAuth|mcp\.(?:methodName|(?:tool|prompt|resource|task)\.(?:name|target)))(?:\.|$)/;
const SECRET = /^(?:jwt\.rawToken|apiKey\.key)(?:\.|$)|^(?:jwt|apiKey)$/;

/** Whether its value follows from who asks, for what, and by which method. Secrets are no part of an identity. */
export function staysSame({ reads, varies }: Expression): boolean {
  return !varies && [...reads].every((read) => STABLE.test(read) && !SECRET.test(read));
}

/** Items judged for one identity: as many as a large catalogue has. */
const MOST = 4096;
/** Names and URIs are what clients say: long ones are judged anew rather than kept by the thousand. */
const LONGEST_KEY = 512;
const NOBODY = {};

export class Rulings {
  readonly #known = new WeakMap<object, Map<string, Ruling>>();

  /** A witness wants to hear of the rules themselves. */
  of(
    request: GuardedRequest,
    [method, item]: readonly [string, GuardedItem | undefined],
    judge: () => Ruling,
  ): Ruling {
    if (request?.witness) return judge();
    const key = keyOf(method, item);
    if (key.length > LONGEST_KEY) return judge();
    const mine = this.#of(request?.identity ?? NOBODY);
    let ruling = mine.get(key);
    if (ruling === undefined) {
      ruling = judge();
      if (mine.size >= MOST) mine.clear();
      mine.set(key, ruling);
    }
    return ruling;
  }

  #of(identity: object): Map<string, Ruling> {
    let mine = this.#known.get(identity);
    if (!mine) {
      mine = new Map();
      this.#known.set(identity, mine);
    }
    return mine;
  }
}

/** A client can call its method anything where it names no item; it must not pass for a call of one. */
function keyOf(method: string, item: GuardedItem | undefined): string {
  return item ? `of ${item.kind} ${item.target} ${method} ${item.name}` : `alone ${method}`;
}

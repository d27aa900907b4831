/**
 * `requestState` as modern clients get it: sealed, bound to who may bring it back. It names a call that is parked here,
 * or holds the state a modern server gave out, with the target that must get it back. Knows no call and no target.
 */
import { GatewayError } from '../../core/errors.ts';
import { canonicalJson } from '../../lib/canonical-json.ts';
import { splice, without } from '../../lib/json-text.ts';
import { isObject } from '../../lib/json-value.ts';
import type { Seal } from '../../lib/seal.ts';
import { type Message, SLOT } from '../message.ts';
import { fingerprint } from '../sessions/token.ts';
import { spans } from './requests.ts';

/** A call that waits in the process `owner`. */
export interface ParkedState {
  readonly kind: 'parked';
  readonly id: string;
  readonly owner: string;
}

export type OpenedState =
  | ParkedState
  /** What a modern server wants to see again. */
  | { readonly kind: 'upstream'; readonly target: string; readonly state: string };

/** Kind; fingerprint of the principal; owner and id, or target and state. */
type Sealed = readonly ['p' | 'u', string, string, string];

export class RequestStates {
  readonly #seal: Seal;

  /** Of any purpose: one of its own is made of it, so a session token is never taken for a state. */
  constructor(seal: Seal) {
    this.#seal = seal.for('request state');
  }

  forParked(parked: { id: string; owner: string; principal: string }): string {
    return this.#sealed(['p', fingerprint(parked.principal), parked.owner, parked.id]);
  }

  forUpstream(upstream: { target: string; principal: string; state: string }): string {
    return this.#sealed(['u', fingerprint(upstream.principal), upstream.target, upstream.state]);
  }

  /** Throws STATE_INVALID for what is not ours, was changed, or was given to another principal. */
  open(state: string, principal: string): OpenedState {
    const text = this.#seal.open(state);
    if (text === undefined) throw foreign();
    const [kind, subject, place, rest] = JSON.parse(text) as Sealed;
    // The same words: whoever holds the state of another shall not learn that it is a good one.
    if (subject !== fingerprint(principal)) throw foreign();
    return kind === 'p'
      ? { kind: 'parked', owner: place, id: rest }
      : { kind: 'upstream', target: place, state: rest };
  }

  #sealed(content: Sealed): string {
    return this.#seal.seal(JSON.stringify(content));
  }
}

/**
 * Whether two requests are the same call: method and params, without what differs in a retry by its nature. Order and
 * white space do not count, for a client may build its retry anew; most write it as before, which is seen at once.
 */
export function isSameRequest(one: Message, other: Message): boolean {
  if (one.method !== other.method) return false;
  return bytesOf(one).equals(bytesOf(other)) || canonicalOf(one) === canonicalOf(other);
}

const OF_EACH_ROUND = [
  [SLOT.meta, '_meta'],
  [SLOT.inputResponses, 'inputResponses'],
  [SLOT.requestState, 'requestState'],
] as const;
const NOTHING = Buffer.alloc(0);

function bytesOf({ text }: Message): Buffer {
  if (!text.has(SLOT.params)) return NOTHING;
  const params = { start: text.startOf(SLOT.params), end: text.endOf(SLOT.params) };
  return splice(text.bytes, without(text.bytes, spans(text, OF_EACH_ROUND)), params);
}

function canonicalOf({ text }: Message): string {
  const params: unknown = text.has(SLOT.params) ? JSON.parse(text.raw(SLOT.params).toString('utf8')) : null;
  const kept = isObject(params)
    ? { ...params, _meta: undefined, inputResponses: undefined, requestState: undefined }
    : params;
  return canonicalJson(kept);
}

function foreign(): GatewayError {
  return new GatewayError(
    'STATE_INVALID',
    'the requestState was not given to this client by this gateway, or was changed; call again without it',
  );
}

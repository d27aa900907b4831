/**
 * What the evaluator calls for every function: charges what the work costs, keeps texts within their limit, and answers
 * equality itself. The evaluator has no limits of its own, and a rule meets whatever clients send.
 */
import {
  type CelEnv,
  type CelList,
  type CelMap,
  type CelValue,
  celError,
  celList,
  isCelError,
  isCelList,
  isCelMap,
  isCelUint,
} from '@bufbuild/cel';
import { LIMITS } from '../../core/limits.ts';
import { Fault, frame } from './frame.ts';
import { isSecret } from './opaque.ts';

type Resolver = CelEnv['funcs'];
export type Group = NonNullable<ReturnType<Resolver['find']>>;
export type Run = (target: CelValue | undefined, args: CelValue[], id: number) => CelValue;

const LONGEST = LIMITS.expressionText.value;
export const TOO_LONG = `a text of more than the limit of ${LONGEST} characters`;

/**
 * Characters that one step pays for, by who goes through them: the engine's search, its parsers and hashes, or a loop
 * in JavaScript that makes something of each.
 */
const SEARCHED = 512;
const PARSED = 64;
const MADE = 16;
const PARSING =
  /^(?:json|jsonField|size|string|bytes|unvalidatedJwtPayload)$|^(?:base64|sha1|sha256|md5)\b|^base64/;
const MAKING =
  /^(?:split|replace|format|join|lowerAscii|upperAscii|trim|toJson|to_json|ip|cidr)$|^(?:url|form|strings)[.]|query$/i;
/** They go through all that is in their arguments. */
const DEEP_FUNCTIONS = new Set(['toJson', 'to_json', 'format']);
/** Steps of what costs much more than its arguments show: the engine's tables for formats and time zones. */
const PER_CLAUSE = 300;
const PER_TIME_ZONE = 2000;
/** They look at none of the elements. */
const CHEAP_ON_LISTS = new Set(['size', '_[_]', 'type', 'dyn']);

/** The functions of `env` as the evaluator may have them, with `special` ones in their place or beside them. */
export function metered(env: CelEnv, special: ReadonlyMap<string, Run>): CelEnv {
  const groups = new Map<string, Group | undefined>();
  const funcs: Resolver = Object.create(env.funcs, {
    find: {
      value: (name: string): Group | undefined => {
        if (!groups.has(name))
          groups.set(name, groupOf(name, { found: env.funcs.find(name), run: special.get(name) }));
        return groups.get(name);
      },
    },
  });
  return Object.create(env, { funcs: { value: funcs } });
}

function groupOf(
  name: string,
  { found, run }: { found: Group | undefined; run: Run | undefined },
): Group | undefined {
  if (run) return specialGroup(name, run);
  if (!found) return undefined;
  const rate = MAKING.test(name) ? MADE : PARSING.test(name) ? PARSED : SEARCHED;
  const perElement = CHEAP_ON_LISTS.has(name) ? 0 : 1;
  const surcharge = surchargeOf(name);
  const call: Group['call'] = (id, target, args) => {
    let steps = target === undefined ? 0 : weight(target, rate, perElement);
    for (const arg of args) steps += weight(arg, rate, perElement);
    try {
      if (steps >= 1) frame().charge(steps);
      surcharge?.(target, args);
      const result = found.call(id, target, args);
      if (typeof result === 'string' && result.length > LONGEST) throw new Fault(TOO_LONG);
      // Arithmetic fails without saying where.
      return isCelError(result) && result.exprId === undefined ? celError(result.message, id) : result;
    } catch (error) {
      return celError(error, id);
    }
  };
  return Object.create(found, { call: { value: call } });
}

function surchargeOf(
  name: string,
): ((target: CelValue | undefined, args: readonly CelValue[]) => void) | undefined {
  if (/^get[A-Z]/.test(name)) return (_, args) => frame().charge(args.length * PER_TIME_ZONE);
  if (!DEEP_FUNCTIONS.has(name)) return undefined;
  return (target, args) => {
    if (typeof target === 'string') frame().charge((target.split('%').length - 1) * PER_CLAUSE);
    args.forEach(chargeAll);
  };
}

function chargeAll(value: CelValue): void {
  frame().charge(1 + weight(value, MADE, 0));
  if (typeof value !== 'object' || value === null) return;
  if (isCelList(value)) for (const item of value) chargeAll(item);
  else if (isCelMap(value)) for (const [, item] of value) chargeAll(item);
}

function weight(value: CelValue, rate: number, perElement: number): number {
  if (typeof value === 'string') return value.length < rate ? 0 : value.length / rate;
  if (typeof value !== 'object' || value === null) return 0;
  if (value instanceof Uint8Array) return value.length / rate;
  return perElement > 0 && (isCelList(value) || isCelMap(value)) ? value.size * perElement : 0;
}

function specialGroup(name: string, run: Run): Group {
  return {
    name,
    [Symbol.iterator]: () => [].values() as IterableIterator<never>,
    call: (id, target, args) => {
      try {
        return run(target, args, id);
      } catch (error) {
        return celError(error, id);
      }
    },
  };
}

/** Equality and what is made of it, with the evaluator's own for messages. */
export function equality(env: CelEnv): {
  special: [string, Run][];
  equal: (left: CelValue, right: CelValue) => boolean;
} {
  const messages = env.funcs.find('_==_') as Group;
  const equal = (left: CelValue, right: CelValue): boolean => {
    if (left === right) return typeof left !== 'number' || !Number.isNaN(left);
    if (typeof left === 'string' && typeof right === 'string') {
      if (left.length === right.length && left.length > SEARCHED) frame().charge(left.length / SEARCHED);
      return false;
    }
    const [a, b] = [unwrapped(left), unwrapped(right)];
    // biome-ignore lint/suspicious/noDoubleEquals: numbers of different types are equal when their values are.
    if (isNumber(a) && isNumber(b)) return a == b;
    if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null)
      return refuseSecrets(left, right) && false;
    if (a instanceof Uint8Array) return b instanceof Uint8Array && sameBytes(a, b);
    if (isCelList(a)) return isCelList(b) && sameLists(a, b, equal);
    if (isCelMap(a)) return isCelMap(b) && sameMaps(a, b, equal);
    refuseSecrets(left, right);
    const result = messages.call(0, undefined, [left, right]);
    if (isCelError(result)) throw result;
    return result === true;
  };
  const isIn = (wanted: CelValue, container: CelValue): boolean => {
    if (isCelMap(container)) return isKey(wanted) && container.has(wanted);
    if (!isCelList(container)) throw new Fault('`in` takes a list or a map on its right');
    for (const item of container) {
      frame().charge(1);
      if (equal(item, wanted)) return true;
    }
    return false;
  };
  const two =
    (run: (left: CelValue, right: CelValue) => CelValue): Run =>
    (_, args) =>
      run(args[0] as CelValue, args[1] as CelValue);
  return {
    equal,
    special: [
      ['_==_', two(equal)],
      ['_!=_', two((left, right) => !equal(left, right))],
      ['@in', two(isIn)],
    ],
  };
}

function unwrapped(value: CelValue): CelValue {
  return isCelUint(value) ? value.value : value;
}

function isNumber(value: CelValue): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint';
}

function isKey(value: CelValue): value is Parameters<CelMap['has']>[0] {
  if (typeof value === 'object') return isCelUint(value);
  return true;
}

/** A secret that silently equals nothing would make a deny rule that never denies. */
function refuseSecrets(left: CelValue, right: CelValue): true {
  if (left === null || right === null) return true;
  if (isSecret(left) || isSecret(right)) throw new Fault('a secret is compared by .unredacted()');
  return true;
}

function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  frame().charge(left.length / MADE);
  return left.length === right.length && left.every((byte, at) => byte === right[at]);
}

type Equal = (left: CelValue, right: CelValue) => boolean;

function sameLists(left: CelList, right: CelList, equal: Equal): boolean {
  if (left.size !== right.size) return false;
  for (let at = 0; at < left.size; at += 1) {
    frame().charge(1);
    if (!equal(left.get(at) as CelValue, right.get(at) as CelValue)) return false;
  }
  return true;
}

function sameMaps(left: CelMap, right: CelMap, equal: Equal): boolean {
  if (left.size !== right.size) return false;
  for (const [key, value] of left) {
    frame().charge(1);
    const other = right.get(key);
    if (other === undefined || !equal(value, other)) return false;
  }
  return true;
}

/** `+` of lists as a new list: the evaluator chains them, and each doubling would make the chain twice as long for nothing. */
export function addLists(env: CelEnv): [string, Run] {
  const rest = groupOf('_+_', { found: env.funcs.find('_+_'), run: undefined }) as Group;
  return [
    '_+_',
    (_, args, id) => {
      const [left, right] = args;
      if (left === undefined || right === undefined || !isCelList(left) || !isCelList(right))
        return rest.call(id, undefined, args) as CelValue;
      frame().charge(left.size + right.size);
      return celList([...left, ...right]);
    },
  ];
}

/** What the compiler calls in the trees it makes. Their names cannot be written in an expression. */
import {
  type CelList,
  type CelMap,
  type CelValue,
  celList,
  celMap,
  isCelError,
  isCelList,
  isCelMap,
} from '@bufbuild/cel';
import { type Attempt, Fault, frame } from './frame.ts';
import { NO_SUCH_KEY } from './functions/data.ts';
import type { Run } from './meter.ts';

type Key = Exclude<Parameters<CelMap['get']>[0], number>;

/** Maps and lists that loops are making, which nobody else has yet. */
const making = new WeakMap<CelMap, Map<Key, CelValue>>();
const filling = new WeakMap<CelList, CelValue[]>();

export const specials: readonly [string, Run][] = [
  [
    '@step',
    (_, [steps, condition]) => {
      frame().charge(Number(steps));
      return condition as CelValue;
    },
  ],
  [
    '@range',
    (_, [range]) => {
      if (range !== undefined && (isCelList(range) || isCelMap(range))) frame().charge(range.size / 2);
      return range as CelValue;
    },
  ],
  [
    '@keys',
    (_, [map]) => {
      if (map === undefined || !isCelMap(map)) throw new Fault('this takes a map');
      frame().charge(map.size / 2);
      return map;
    },
  ],
  [
    '@list',
    () => {
      const elements: CelValue[] = [];
      const list = celList(elements);
      filling.set(list, elements);
      return list;
    },
  ],
  [
    '@push',
    (_, [list, element]) => {
      filling.get(list as CelList)?.push(element as CelValue);
      return list as CelValue;
    },
  ],
  ['@constant', (_, [at]) => frame().parts.constants[Number(at)] as CelValue],
  [
    '@map',
    () => {
      const entries = new Map<Key, CelValue>();
      const map = celMap(entries);
      making.set(map, entries);
      return map;
    },
  ],
  [
    '@put',
    (_, [map, key, value]) => {
      making.get(map as CelMap)?.set(key as Key, value as CelValue);
      return map as CelValue;
    },
  ],
  [
    '@default',
    (_, args) => {
      const [first, second] = attempted(args);
      const value = first?.();
      if (value !== undefined && value !== null && !isCelError(value)) return value as CelValue;
      if (isCelError(value) && !isMissing(value)) throw value;
      return done(second?.());
    },
  ],
  [
    '@coalesce',
    (_, args) => {
      let value: unknown;
      let sawNull = false;
      for (const attempt of attempted(args)) {
        value = attempt();
        if (value !== null && !isCelError(value)) return value as CelValue;
        sawNull ||= value === null;
      }
      return sawNull ? null : done(value);
    },
  ],
];

/** The attempts that a call names by number of the first and count, with the variables around them. */
function attempted([first, count, ...values]: CelValue[]): (() => unknown)[] {
  const { attempts, roots } = frame().parts;
  return attempts.slice(Number(first), Number(first) + Number(count)).map((attempt: Attempt) => () => {
    frame().charge(1);
    if (attempt.locals.length === 0) return attempt.run(roots);
    const bindings: Record<string, CelValue> = Object.create(roots);
    attempt.locals.forEach((name, at) => {
      Object.defineProperty(bindings, name, { value: values[at] });
    });
    return attempt.run(bindings);
  });
}

function done(value: unknown): CelValue {
  if (isCelError(value)) throw value;
  return value as CelValue;
}

/** What the evaluator says of a member that is not there; pinned by tests. */
export function isMissing({ message }: { readonly message: string }): boolean {
  return (
    message === NO_SUCH_KEY ||
    /^(?:field not found: |unresolved attribute$|index \S+ out of bounds \[0, -1\))/.test(message)
  );
}

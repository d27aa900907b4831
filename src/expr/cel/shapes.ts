/** Which functions there are and how they are called: name, on a value or not, number of arguments. */
import type { CelEnv } from '@bufbuild/cel';

interface Shape {
  readonly counts: Set<number>;
  readonly methodCounts: Set<number>;
  /** Takes any number from this one on. */
  readonly atLeast?: number;
  /** Which argument names a variable. */
  readonly variable?: number;
  readonly usage?: string;
}

const ANY = Number.POSITIVE_INFINITY;

/** What the compiler expands, or the parser: a use that the parser did not expand is a wrong one. */
const MACROS: readonly (Partial<Omit<Shape, 'counts' | 'methodCounts'>> & {
  name: string;
  counts?: number;
  methodCounts?: number;
})[] = [
  { name: 'default', counts: 2 },
  { name: 'coalesce', atLeast: 1 },
  { name: 'math.least', atLeast: 1 },
  { name: 'math.greatest', atLeast: 1 },
  { name: 'max', atLeast: 1 },
  { name: 'min', atLeast: 1 },
  { name: 'with', methodCounts: 2, variable: 0 },
  { name: 'mapValues', methodCounts: 2, variable: 0 },
  { name: 'filterKeys', methodCounts: 2, variable: 0 },
  { name: 'cel.bind', counts: 3, variable: 0 },
  { name: 'has', usage: 'has(x.field)', atLeast: ANY },
  { name: 'all', usage: 'x.all(name, test)', atLeast: ANY },
  { name: 'exists', usage: 'x.exists(name, test)', atLeast: ANY },
  { name: 'exists_one', usage: 'x.exists_one(name, test)', atLeast: ANY },
  { name: 'map', usage: 'x.map(name, value)', atLeast: ANY },
  { name: 'filter', usage: 'x.filter(name, test)', atLeast: ANY },
];

export class Shapes {
  readonly #shapes = new Map<string, Shape>();

  constructor(env: CelEnv) {
    for (const { name, target, arguments: args } of env.funcs) {
      const shape = this.#shapes.get(name) ?? { counts: new Set(), methodCounts: new Set() };
      (target === undefined ? shape.counts : shape.methodCounts).add(args.length);
      this.#shapes.set(name, shape);
    }
    for (const { name, counts, methodCounts, ...rest } of MACROS) {
      this.#shapes.set(name, {
        ...rest,
        counts: new Set(counts === undefined ? [] : [counts]),
        methodCounts: new Set(methodCounts === undefined ? [] : [methodCounts]),
      });
    }
  }

  has(name: string): boolean {
    return this.#shapes.has(name);
  }

  /** Those that people write. */
  names(): string[] {
    return [...this.#shapes.keys()].filter((name) => !this.isOperator(name));
  }

  isOperator(name: string): boolean {
    return /[^\w.]|^_.*_$/.test(name);
  }

  binds(name: string): number | undefined {
    return this.#shapes.get(name)?.variable;
  }

  /** What is wrong with a call; undefined when nothing is. */
  problem(name: string, { method, count }: { method: boolean; count: number }): string | undefined {
    const shape = this.#shapes.get(name) as Shape;
    if (shape.usage !== undefined) return `\`${name}\` is written ${shape.usage}`;
    const counts = method ? shape.methodCounts : shape.counts;
    if (!method && shape.atLeast !== undefined)
      return count >= shape.atLeast ? undefined : `\`${name}\` takes ${shape.atLeast} or more arguments`;
    if (counts.size === 0)
      return method
        ? `\`${name}\` is not called on a value: ${name}(x)`
        : `\`${name}\` is called on a value: x.${name}()`;
    if (counts.has(count)) return undefined;
    const wanted = [...counts].sort((left, right) => left - right).join(' or ');
    return `\`${name}\` takes ${wanted} argument${wanted === '1' ? '' : 's'}`;
  }
}

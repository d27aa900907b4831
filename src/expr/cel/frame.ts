/**
 * What belongs to the evaluation under way: its scope, the work it may still do, what it has found out. Evaluation is
 * synchronous, so there is one at a time; one that a scope's getter starts within another stacks on it.
 */
import type { CelInput, CelMap, CelValue } from '@bufbuild/cel';
import { LIMITS } from '../../core/limits.ts';
import type { Scope } from '../expression.ts';
import type { HeaderView } from '../header-view.ts';

/** A part of an expression that may fail: the first argument of `default`, those of `coalesce`. */
export interface Attempt {
  /** Variables of macros around it, by the order in which their values are passed. */
  readonly locals: readonly string[];
  readonly run: (bindings: Readonly<Record<string, CelValue>>) => unknown;
}

/** How values of a scope come into CEL: values.ts. */
export interface Conversion {
  input(value: unknown): CelInput;
  lasting(value: unknown): CelInput;
  headers(view: HeaderView): CelMap;
  cookie(view: HeaderView, name: string): CelInput | undefined;
}

/** A regular expression: patterns.ts. */
export interface Matching {
  test(text: string): boolean;
  replace(text: string, replacement: string): string;
}

export interface Parts {
  readonly converter: Conversion;
  readonly attempts: readonly Attempt[];
  readonly patterns: ReadonlyMap<string, Matching>;
  /** Values that are made once: `cidr("10.0.0.0/8")`. */
  readonly constants: readonly CelValue[];
  /** Bindings of the place's roots. */
  readonly roots: Readonly<Record<string, CelValue>>;
}

export class Frame {
  readonly scope: Scope;
  readonly parts: Parts;
  #left: number = LIMITS.expressionSteps.value;
  #roots: Map<string, CelInput> | undefined;

  constructor(scope: Scope, parts: Parts) {
    this.scope = scope;
    this.parts = parts;
  }

  get exhausted(): boolean {
    return this.#left < 0;
  }

  /** What the scope has for a root, converted once for this evaluation. */
  root(name: string): CelInput {
    this.#roots ??= new Map();
    let value = this.#roots.get(name);
    if (value === undefined) {
      value = this.parts.converter.input(this.scope[name]);
      this.#roots.set(name, value);
    }
    return value;
  }

  /** Throws when the work is more than an evaluation may do; it stays so, whatever the expression makes of the error. */
  charge(steps: number): void {
    this.#left -= steps;
    if (this.#left < 0) throw new Fault(TOO_MUCH_WORK);
  }
}

/** An error of ours: its message says nothing of the values, so it may be shown. */
export class Fault extends Error {}

export const TOO_MUCH_WORK = `more work than the limit of ${LIMITS.expressionSteps.value} steps`;

let current: Frame | undefined;

/** The frame of the evaluation that calls. */
export function frame(): Frame {
  if (!current) throw new Error('no expression is being evaluated');
  return current;
}

export function within<T>(next: Frame, run: () => T): T {
  const before = current;
  const { stackTraceLimit } = Error;
  current = next;
  // Errors are values in CEL: a missing claim makes several, and none of them is worth ten times its rule.
  Error.stackTraceLimit = 0;
  try {
    return run();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
    current = before;
  }
}

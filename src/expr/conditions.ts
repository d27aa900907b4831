/** The first of several entries whose condition holds. */
import type { PolicyProblem } from '../core/policy.ts';
import type { Log } from '../core/ports.ts';
import { Computed } from './computed.ts';
import { comesTo, type Expr, ExprError, type Expression, type Scope } from './expression.ts';
import type { Place } from './places.ts';

export interface Entry<T> {
  /** Where it stands within its policy. */
  readonly path: PolicyProblem['path'];
  readonly condition: string | undefined;
  readonly value: T;
}

/** An expression of a policy, and where it stands within it. */
export interface PlacedText {
  readonly path: PolicyProblem['path'];
  readonly text: string;
  readonly place: Place;
}

interface Choice<T> {
  readonly condition: Computed | undefined;
  readonly value: T;
}

export class Conditions<T> {
  readonly #choices: readonly Choice<T>[];
  /** Those of them that come to the body of the request need it read. */
  readonly expressions: readonly Expression[];

  constructor(choices: readonly Choice<T>[]) {
    this.#choices = choices;
    this.expressions = choices.flatMap(({ condition }) => condition?.expression ?? []);
  }

  get all(): readonly T[] {
    return this.#choices.map(({ value }) => value);
  }

  /** undefined: none holds. One that cannot be evaluated does not. */
  choose(scope: Scope): T | undefined {
    return this.#choices.find(({ condition }) => !condition || condition.holds(scope) === true)?.value;
  }
}

/** `compile`: the expression for a condition; `make`: what an entry stands for. */
export function conditionsOf<T, R>(
  entries: readonly Entry<T>[],
  parts: {
    readonly policy: string;
    readonly log: Log;
    compile(text: string): Expression;
    make(value: T): R;
  },
): Conditions<R> {
  const { policy, log, compile, make } = parts;
  return new Conditions(
    entries.map(({ path, condition, value }) => ({
      condition:
        condition === undefined
          ? undefined
          : new Computed(compile(condition), { name: [policy, ...path, 'condition'].join('.'), log }),
      value: make(value),
    })),
  );
}

/** What is wrong with expressions, for messages with a place in the file. */
export function* textProblems(expr: Expr, texts: Iterable<PlacedText>): Iterable<PolicyProblem> {
  for (const { path, text, place } of texts) {
    try {
      expr.compile(text, place);
    } catch (error) {
      if (!(error instanceof ExprError)) throw error;
      const { message, offset, length } = error;
      yield { path, message, part: { of: text, offset, length } };
    }
  }
}

export function anyComesTo(expressions: readonly Expression[], path: string): boolean {
  return expressions.some((expression) => comesTo(expression, path));
}

/**
 * Rules that decide by expressions, as the Rust gateway orders them: a deny that holds, then a require that does not,
 * then the allows. One that cannot be evaluated never opens a door: an allow does not hold, a deny does, a require
 * does not.
 */
import { GatewayError } from '../core/errors.ts';
import type { Expr, ExprError, Expression, Scope } from './expression.ts';
import type { Place } from './places.ts';

export type Effect = 'allow' | 'deny' | 'require';

export interface RuleSource {
  readonly effect: Effect;
  readonly expression: string;
}

export interface Rule {
  readonly effect: Effect;
  readonly expression: Expression;
  /** As written, from 1. */
  readonly number: number;
}

export interface Verdict {
  readonly allowed: boolean;
  /** The rule that decided; undefined where no allow held, or there are no rules. */
  readonly by: Rule | undefined;
}

/** Throws CONFIG_INVALID naming the rule; `policy` is for that message. */
export function compileRules(
  expr: Expr,
  rules: readonly RuleSource[],
  { place, policy }: { readonly place: Place; readonly policy: string },
): Rule[] {
  return rules.map(({ effect, expression }, index) => {
    try {
      return { effect, expression: expr.compile(expression, place), number: index + 1 };
    } catch (cause) {
      if (!(cause instanceof GatewayError)) throw cause;
      throw new GatewayError('CONFIG_INVALID', `${policy}: rule ${index + 1}: ${cause.message}`, { cause });
    }
  });
}

export class Rules {
  readonly #deny: readonly Rule[];
  readonly #require: readonly Rule[];
  readonly #allow: readonly Rule[];
  readonly #failed: (rule: Rule, error: ExprError) => void;

  /** `failed` hears of rules that could not be evaluated. */
  constructor(rules: readonly Rule[], failed: (rule: Rule, error: ExprError) => void) {
    const of = (wanted: Effect) => rules.filter(({ effect }) => effect === wanted);
    this.#deny = of('deny');
    this.#require = of('require');
    this.#allow = of('allow');
    this.#failed = failed;
  }

  judge(scope: Scope): Verdict {
    for (const rule of this.#deny) if (this.#holds(rule, scope, true)) return { allowed: false, by: rule };
    for (const rule of this.#require)
      if (!this.#holds(rule, scope, false)) return { allowed: false, by: rule };
    for (const rule of this.#allow) if (this.#holds(rule, scope, false)) return { allowed: true, by: rule };
    return { allowed: this.#allow.length === 0, by: undefined };
  }

  #holds(rule: Rule, scope: Scope, otherwise: boolean): boolean {
    try {
      return rule.expression.test(scope);
    } catch (error) {
      if (!(error instanceof GatewayError) || error.code !== 'EXPRESSION_FAILED') throw error;
      this.#failed(rule, error as ExprError);
      return otherwise;
    }
  }
}

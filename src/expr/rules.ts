/**
 * Rules that decide by expressions, as the Rust gateway orders them: a deny that holds, then a require that does not,
 * then the allows. One that cannot be evaluated never opens a door: an allow does not hold, a deny does, a require
 * does not.
 */
import { GatewayError } from '../core/errors.ts';
import type { PolicyProblem } from '../core/policy.ts';
import type { Effect, Judgement, RuleFinding, Witness } from '../core/witness.ts';
import { comesTo, type Expr, ExprError, type Expression, type Scope } from './expression.ts';
import type { Place } from './places.ts';
import { readings } from './readings.ts';

export interface RuleSource {
  readonly effect: Effect;
  readonly expression: string;
  /** What a token has to grant for the rule to let its bearer in; for the challenge. */
  readonly scopes?: readonly string[] | undefined;
}

export interface Rule {
  readonly effect: Effect;
  readonly expression: Expression;
  /** As written, from 1. */
  readonly number: number;
  readonly scopes?: readonly string[] | undefined;
}

export interface Verdict {
  readonly allowed: boolean;
  /** The rule that decided; undefined where no allow held, or there are no rules. */
  readonly by: Rule | undefined;
}

export interface RulesPlace {
  readonly place: Place;
  /** For messages. */
  readonly policy: string;
  /** Variables that the place has but these rules cannot read, and why. */
  readonly without?: Readonly<Record<string, string>>;
}

/** Throws CONFIG_INVALID naming the rule. */
export function compileRules(expr: Expr, sources: readonly RuleSource[], where: RulesPlace): Rule[] {
  return sources.map((source, index) => {
    try {
      return compileRule(expr, { ...source, number: index + 1 }, where);
    } catch (cause) {
      if (!(cause instanceof ExprError)) throw cause;
      throw new GatewayError('CONFIG_INVALID', `${where.policy}: rule ${index + 1}: ${cause.message}`, {
        cause,
      });
    }
  });
}

/** What is wrong with each of the rules, by its place in the list. */
export function* ruleProblems(
  expr: Expr,
  sources: readonly RuleSource[],
  where: RulesPlace,
): Iterable<PolicyProblem> {
  for (const [index, source] of sources.entries()) {
    try {
      compileRule(expr, { ...source, number: index + 1 }, where);
    } catch (error) {
      if (!(error instanceof ExprError)) throw error;
      const { message, offset, length } = error;
      yield { path: ['rules', index], message, part: { of: source.expression, offset, length } };
    }
  }
}

function compileRule(
  expr: Expr,
  { effect, expression: text, scopes, number }: RuleSource & { readonly number: number },
  { place, without = {} }: RulesPlace,
): Rule {
  const expression = expr.compile(text, place);
  for (const [variable, why] of Object.entries(without)) {
    if (!comesTo(expression, variable)) continue;
    const offset = Math.max(0, text.indexOf(variable));
    throw new ExprError('CONFIG_INVALID', `\`${variable}\` cannot be read here: ${why}`, {
      offset,
      length: variable.length,
    });
  }
  return { effect, expression, scopes, number };
}

/** Where the answer to a question goes when somebody asked why. */
export interface Hearing {
  readonly witness: Witness;
  readonly question: Judgement['question'];
  readonly item?: Judgement['item'];
}

export interface Unknown {
  read: boolean;
}

export interface Asking {
  /** Rules that may fail here without harm, because they are judged again, or are about something else. */
  undecided?(rule: Rule): boolean;
  /** Told when a rule comes to what nobody knows here; whatever it makes of that is left open too. */
  readonly unknown?: Unknown | undefined;
  readonly hearing?: Hearing | undefined;
}

export interface RulesOptions {
  /** Key of the policy. */
  readonly policy: string;
  /** Hears of rules that could not be evaluated; of each once, since one fails for whoever wants it to. */
  failed(rule: Rule, error: ExprError): void;
}

export class Rules {
  readonly #deny: readonly Rule[];
  readonly #require: readonly Rule[];
  readonly #allow: readonly Rule[];
  readonly #options: RulesOptions;
  readonly #said = new Set<Rule>();

  constructor(rules: readonly Rule[], options: RulesOptions) {
    const of = (wanted: Effect) => rules.filter(({ effect }) => effect === wanted);
    this.#deny = of('deny');
    this.#require = of('require');
    this.#allow = of('allow');
    this.#options = options;
  }

  /** What would have let somebody in whom no allow has: the scopes of the first one that names some. */
  get scopesOfAllow(): readonly string[] | undefined {
    return this.#allow.find(({ scopes }) => scopes)?.scopes;
  }

  judge(scope: Scope, asking: Asking = NOTHING): Verdict {
    const { hearing } = asking;
    if (!hearing) return this.#verdict(scope, asking, undefined);
    const findings = new Map<Rule, Found>();
    const verdict = this.#verdict(scope, asking, findings);
    const rules = [...this.#deny, ...this.#require, ...this.#allow];
    const { witness, question, item } = hearing;
    witness.judged({
      policy: this.#options.policy,
      question,
      item,
      allowed: verdict.allowed,
      by: verdict.by?.number,
      rules: rules.map((rule) => ({
        number: rule.number,
        effect: rule.effect,
        expression: rule.expression.source,
        scopes: rule.scopes,
        ...(findings.get(rule) ?? UNJUDGED),
        reads: readings(rule.expression, scope),
      })),
    });
    return verdict;
  }

  #verdict(scope: Scope, asking: Asking, findings: Findings): Verdict {
    const holds = (rule: Rule, otherwise: boolean): boolean =>
      this.#holds(rule, scope, { asking, findings, otherwise });
    for (const rule of this.#deny) if (holds(rule, true)) return { allowed: false, by: rule };
    for (const rule of this.#require) if (!holds(rule, false)) return { allowed: false, by: rule };
    for (const rule of this.#allow) if (holds(rule, false)) return { allowed: true, by: rule };
    return { allowed: this.#allow.length === 0, by: undefined };
  }

  #holds(
    rule: Rule,
    scope: Scope,
    { asking, findings, otherwise }: { asking: Asking; findings: Findings; otherwise: boolean },
  ): boolean {
    const { unknown } = asking;
    if (unknown) unknown.read = false;
    try {
      const held = rule.expression.test(scope);
      const leftOpen = unknown?.read === true;
      findings?.set(rule, { outcome: held ? 'true' : 'false', ...(leftOpen && { leftOpen }) });
      return leftOpen ? !otherwise : held;
    } catch (error) {
      if (!(error instanceof ExprError)) throw error;
      this.#sayOnce(rule, error);
      const leftOpen = asking.undecided?.(rule) === true;
      findings?.set(rule, { outcome: 'error', message: error.message, leftOpen });
      return leftOpen ? !otherwise : otherwise;
    }
  }

  #sayOnce(rule: Rule, error: ExprError): void {
    if (this.#said.has(rule)) return;
    this.#said.add(rule);
    this.#options.failed(rule, error);
  }
}

type Found = Pick<RuleFinding, 'outcome' | 'message' | 'leftOpen'>;
type Findings = Map<Rule, Found> | undefined;

const UNJUDGED: Found = { outcome: 'unjudged' };
const NOTHING: Asking = {};

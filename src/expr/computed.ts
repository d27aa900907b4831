/**
 * What policies compute of a request or a call by an expression: a key, a text, a number. Where it cannot be had there
 * is one word in the log, whoever makes it fail and however often; what then happens is for the policy to decide.
 */
import type { Log } from '../core/ports.ts';
import { ExprError, type Expression, type Scope } from './expression.ts';
import { asksForSecrets } from './scope.ts';
import { MASKED } from './secret.ts';

export interface ComputedOptions {
  /** For the log: `localRateLimit[0].key`. */
  readonly name: string;
  readonly log: Log;
}

export const FAILED: unique symbol = Symbol('failed');
export type Failed = typeof FAILED;

export class Computed {
  readonly expression: Expression;
  readonly #options: ComputedOptions;
  readonly #secret: boolean;
  #said = false;

  constructor(expression: Expression, options: ComputedOptions) {
    this.expression = expression;
    this.#options = options;
    this.#secret = asksForSecrets(expression);
  }

  /** Different values have different texts. `quiet`: that it fails here is no news. */
  key(scope: Scope, quiet = false): string | Failed {
    const value = this.value(scope, quiet);
    if (value === FAILED) return FAILED;
    const text = typeof value === 'string' ? `"${value}` : (JSON.stringify(value) ?? 'null');
    return this.#readable(text);
  }

  /** Undefined: there is none (null). */
  text(scope: Scope, quiet = false): string | Failed | undefined {
    const value = this.value(scope, quiet);
    if (value === null) return undefined;
    if (value === FAILED) return FAILED;
    if (typeof value === 'number' || typeof value === 'boolean') return String(value);
    if (typeof value !== 'string') return this.#failed('the result is no text');
    return this.#readable(value);
  }

  /** A number from 0. */
  amount(scope: Scope, quiet = false): number | Failed {
    const value = this.value(scope, quiet);
    if (typeof value === 'number' && value >= 0 && Number.isFinite(value)) return value;
    return value === FAILED ? FAILED : this.#failed('the result is no number from 0');
  }

  /** Whether it is exactly true. */
  holds(scope: Scope, quiet = false): boolean | Failed {
    try {
      return this.expression.test(scope);
    } catch (error) {
      return this.#caught(error, quiet);
    }
  }

  value(scope: Scope, quiet = false): unknown {
    try {
      return this.expression.evaluate(scope);
    } catch (error) {
      return this.#caught(error, quiet);
    }
  }

  /** All secrets print alike: the same for everybody is not what was meant. */
  #readable(text: string): string | Failed {
    if (!this.#secret || !text.includes(MASKED)) return text;
    return this.#failed('a secret is read by .unredacted()');
  }

  #caught(error: unknown, quiet: boolean): Failed {
    if (!(error instanceof ExprError)) throw error;
    if (quiet) return FAILED;
    return this.#failed(error.message);
  }

  #failed(error: string): Failed {
    const { log, name } = this.#options;
    if (!this.#said) log.warn({ error }, `${name}: cannot be evaluated for some requests`);
    this.#said = true;
    return FAILED;
  }
}

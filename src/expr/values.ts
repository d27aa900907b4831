/**
 * Values that a policy has to make of a request or reply: texts of headers, bodies. Where one cannot be made nothing of
 * it may go on: whoever asked gets an error, and the log says once aloud what is wrong.
 */
import { GatewayError } from '../core/errors.ts';
import type { Log } from '../core/ports.ts';
import { ExprError, type Expression, type Scope } from './expression.ts';
import { MASKED } from './secret.ts';

export interface TextValue {
  readonly value: string;
  /** Without the value. */
  readonly problem: string | undefined;
}

/** `check`: why a text is not what is wanted. */
export function textOf(
  expression: Expression,
  scope: Scope,
  check: (text: string) => string | undefined,
): TextValue {
  try {
    const made = expression.evaluate(scope);
    if (made === null || made === undefined) return { value: '', problem: 'it is null' };
    if (typeof made === 'object') return { value: '', problem: 'it is no text, number or boolean' };
    const value = String(made);
    if (value === MASKED) return { value: '', problem: 'it is a secret; .unredacted() passes it on' };
    return { value, problem: check(value) };
  } catch (error) {
    if (!(error instanceof ExprError)) throw error;
    return { value: '', problem: error.message };
  }
}

export interface Body {
  readonly bytes: Buffer;
  readonly kind: 'text' | 'json' | 'bytes';
}

export interface ValuesOptions {
  readonly policy: string;
  readonly log: Log;
}

export class Values {
  readonly #options: ValuesOptions;
  readonly #said = new Set<string>();

  constructor(options: ValuesOptions) {
    this.#options = options;
  }

  /** Throws EXPRESSION_FAILED. `name`: of what it is for. */
  text(
    expression: Expression,
    scope: Scope,
    { name, check }: { readonly name: string; check(text: string): string | undefined },
  ): string {
    const { value, problem } = textOf(expression, scope, check);
    return problem === undefined ? value : this.#refuse(name, problem);
  }

  /** Texts and bytes as they are, anything else as JSON. Throws EXPRESSION_FAILED. */
  body(expression: Expression, scope: Scope, name: string): Body {
    const made = this.#evaluate(expression, scope, name);
    if (made === null || made === undefined) return this.#refuse(name, 'it is null');
    if (made === MASKED) return this.#refuse(name, 'it is a secret; .unredacted() passes it on');
    if (typeof made === 'string') return { bytes: Buffer.from(made), kind: 'text' };
    if (made instanceof Uint8Array) return { bytes: Buffer.from(made), kind: 'bytes' };
    return { bytes: Buffer.from(JSON.stringify(made)), kind: 'json' };
  }

  #evaluate(expression: Expression, scope: Scope, name: string): unknown {
    try {
      return expression.evaluate(scope);
    } catch (error) {
      if (!(error instanceof ExprError)) throw error;
      return this.#refuse(name, error.message);
    }
  }

  #refuse(name: string, reason: string): never {
    const { policy, log } = this.#options;
    // Once: what cannot be made fails for whoever wants it to, as often as they want.
    const level = this.#said.has(name) ? 'debug' : 'warn';
    this.#said.add(name);
    log[level]({ reason }, `${policy}: ${name} cannot be made; refused`);
    throw new GatewayError('EXPRESSION_FAILED', `${policy}: ${name} cannot be made of this request`);
  }
}

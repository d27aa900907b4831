/**
 * What the gateway knows of CEL expressions: compile once, ask what one reads, evaluate over a scope. The evaluator and
 * its functions lie in cel/ and are loaded only where a configuration has expressions (load.ts).
 */
import { GatewayError } from '../core/errors.ts';
import type { Place } from './places.ts';

export interface Expr {
  /** Throws ExprError CONFIG_INVALID: not CEL, unknown names, beyond a limit. The same text for the same place compiles once. */
  compile(source: string, place: Place): Expression;
}

/**
 * The values of a place's variables by root. Read only when an expression comes to them, so getters may do work; what
 * is absent is null for the expression. Values are plain JSON-like data that nobody changes, and Date, Uint8Array,
 * HeaderView, LazyRecord, Secret.
 */
export type Scope = Readonly<Record<string, unknown>>;

export interface Expression {
  readonly source: string;
  /**
   * The variables it can come to, as deep as they are declared and one name deeper where any is possible:
   * `request.path`, `jwt.sub`, `mcp.tool.arguments.path`; `jwt` for all claims. Ask with `comesTo`.
   */
  readonly reads: ReadonlySet<string>;
  /** It may give another value for the same scope: `random()`, `uuid()`. */
  readonly varies: boolean;
  /** JSON-like: numbers, texts, lists, objects; bytes as Uint8Array, times and durations as text. Throws ExprError EXPRESSION_FAILED. */
  evaluate(scope: Scope): unknown;
  /** Whether it is exactly true. Throws as `evaluate` does. */
  test(scope: Scope): boolean;
}

export interface Span {
  /** UTF-16 characters from the beginning of the source. */
  readonly offset: number;
  readonly length: number;
}

/**
 * A failing evaluation may name keys and types of what it worked on, never values: its message can be logged. What the
 * evaluator said, which may quote values, is the `cause`.
 */
export class ExprError extends GatewayError {
  readonly offset: number;
  readonly length: number;

  constructor(
    code: 'CONFIG_INVALID' | 'EXPRESSION_FAILED',
    message: string,
    { offset, length, cause }: Span & { readonly cause?: unknown },
  ) {
    super(code, message, cause === undefined ? {} : { cause });
    this.name = 'ExprError';
    this.offset = offset;
    this.length = length;
  }
}

/** Whether an expression can come to the variable at `path`, to a part of it, or to what it is a part of. */
export function comesTo(expression: Pick<Expression, 'reads'>, path: string): boolean {
  for (const read of expression.reads)
    if (read === path || read.startsWith(`${path}.`) || path.startsWith(`${read}.`)) return true;
  return false;
}

/** Single expressions of policies for which bodies are never read: they stream. */
import type { PolicyProblem } from '../core/policy.ts';
import { comesTo, type Expr, ExprError, type Expression } from './expression.ts';
import type { Place } from './places.ts';

const BODIES = ['request.body', 'response.body'];

/** Throws ExprError CONFIG_INVALID, also for what reads a body. */
export function compileBodiless(expr: Expr, text: string, place: Place): Expression {
  const expression = expr.compile(text, place);
  for (const body of BODIES) {
    if (!comesTo(expression, body)) continue;
    const span = { offset: Math.max(0, text.indexOf(body)), length: body.length };
    throw new ExprError('CONFIG_INVALID', `\`${body}\` cannot be read here: bodies are streamed`, span);
  }
  return expression;
}

/** What is wrong with it, for messages with a place in the file. */
export function* bodilessProblems(
  expr: Expr,
  text: string | undefined,
  { place, path }: { readonly place: Place; readonly path: PolicyProblem['path'] },
): Iterable<PolicyProblem> {
  if (text === undefined) return;
  try {
    compileBodiless(expr, text, place);
  } catch (error) {
    if (!(error instanceof ExprError)) throw error;
    const { message, offset, length } = error;
    yield { path, message, part: { of: text, offset, length } };
  }
}

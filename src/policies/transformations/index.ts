/**
 * The `transformations` policy: headers towards an upstream with values from who sends the request. Where a value
 * cannot be made the request is refused: an upstream that tells clients apart by a header must not get one without.
 */
import { hash } from 'node:crypto';
import { GatewayError } from '../../core/errors.ts';
import type { Exchange } from '../../core/exchange.ts';
import { definePolicy, type PolicyProblem } from '../../core/policy.ts';
import type { Log } from '../../core/ports.ts';
import { comesTo, type Expr, ExprError, type Expression } from '../../expr/expression.ts';
import { loadExpr } from '../../expr/load.ts';
import { PLACES } from '../../expr/places.ts';
import { asksForSecrets, exchangeScope, secretsOf } from '../../expr/scope.ts';
import { MASKED } from '../../expr/secret.ts';
import { canonicalJson } from '../../lib/canonical-json.ts';
import { type HeaderChanges, headerMapping, valueProblem } from '../../upstream/request-headers.ts';
import { transformationsSchema } from './schema.ts';

const KEY = 'transformations';
const BODY = 'request.body';

export const transformations = definePolicy({
  key: KEY,
  phase: 'transform',
  attach: ['backend', 'target'],
  altitudes: ['outgoing'],
  schema: transformationsSchema,
  load: loadExpr,
  problems: ({ request }, expr) => problems(expr, request),
  build: ({ request }, { ports }, expr) => {
    const [problem] = problems(expr, request);
    if (problem) throw new GatewayError('CONFIG_INVALID', `${KEY}: ${problem.message}`);
    const compiled = {
      set: each(request.set, (text) => compile(expr, text)),
      add: each(request.add, (text) => compile(expr, text)),
      remove: request.remove,
    };
    const key = `${KEY} ${hash('sha256', canonicalJson(request), 'hex')}`;
    return { mapping: headerMapping(key, compiled, valuesFor(compiled, ports.log)) };
  },
});

function compile(expr: Expr, text: string): Expression {
  const expression = expr.compile(text, PLACES.http);
  if (!comesTo(expression, BODY)) return expression;
  throw new ExprError('CONFIG_INVALID', `\`${BODY}\` cannot be read here: bodies are streamed`, {
    offset: Math.max(0, text.indexOf(BODY)),
    length: BODY.length,
  });
}

function* problems(expr: Expr, { set, add }: HeaderChanges<string>): Iterable<PolicyProblem> {
  for (const [kind, table] of Object.entries({ set, add })) {
    for (const [name, text] of Object.entries(table)) {
      try {
        compile(expr, text);
      } catch (error) {
        if (!(error instanceof ExprError)) throw error;
        const { message, offset, length } = error;
        yield { path: ['request', kind, name], message, part: { of: text, offset, length } };
      }
    }
  }
}

function valuesFor({ set, add }: HeaderChanges<Expression>, log: Log) {
  const withSecrets = [...Object.values(set), ...Object.values(add)].some(asksForSecrets);
  const said = new Set<string>();
  const refuse = (
    exchange: Exchange,
    header: string,
    about: { reason: string; target?: string | undefined },
  ): never => {
    // Once: a header that cannot be made fails for whoever wants it to, as often as they want.
    const level = said.has(header) ? 'debug' : 'warn';
    said.add(header);
    const who = { exchange: exchange.id, 'user.id': exchange.principal };
    log[level]({ ...who, header, ...about }, `${KEY}: a header cannot be made; refused`);
    throw new GatewayError(
      'FORBIDDEN',
      `the header "${header}" that the upstream needs cannot be made of this request`,
    );
  };
  return (exchange: Exchange, target?: string) => {
    const scope = exchangeScope(exchange, withSecrets ? secretsOf(exchange) : undefined);
    return (expression: Expression, header: string): string => {
      const { value, problem } = textOf(expression, scope);
      return problem === undefined ? value : refuse(exchange, header, { target, reason: problem });
    };
  };
}

interface Text {
  readonly value: string;
  /** Without the value. */
  readonly problem: string | undefined;
}

function textOf(expression: Expression, scope: Parameters<Expression['evaluate']>[0]): Text {
  try {
    const made = expression.evaluate(scope);
    if (made === null || made === undefined) return { value: '', problem: 'it is null' };
    if (typeof made === 'object') return { value: '', problem: 'it is no text, number or boolean' };
    const value = String(made);
    if (value === MASKED) return { value: '', problem: 'it is a secret; .unredacted() passes it on' };
    return { value, problem: valueProblem(value) };
  } catch (error) {
    if (!(error instanceof ExprError)) throw error;
    return { value: '', problem: error.message };
  }
}

function each<T, R>(table: Readonly<Record<string, T>>, make: (value: T) => R): Record<string, R> {
  return Object.fromEntries(Object.entries(table).map(([name, value]) => [name, make(value)]));
}

/** The `directResponse` policy: the gateway answers itself, where a condition holds or always. */
import { GatewayError } from '../../core/errors.ts';
import type { Exchange, Reply } from '../../core/exchange.ts';
import { LIMITS } from '../../core/limits.ts';
import { definePolicy } from '../../core/policy.ts';
import { bytesAtHand, withWholeBody } from '../../core/whole-body.ts';
import { anyComesTo, conditionsOf, type PlacedText, textProblems } from '../../expr/conditions.ts';
import type { Expression, Scope } from '../../expr/expression.ts';
import { loadExpr } from '../../expr/load.ts';
import { PLACES } from '../../expr/places.ts';
import { asksForSecrets, exchangeScope, secretsOf } from '../../expr/scope.ts';
import { type Body, Values } from '../../expr/values.ts';
import { Flow } from '../../lib/flow.ts';
import { valueProblem } from '../../upstream/request-headers.ts';
import { type DirectResponseConfig, directResponseSchema, type ResponseConfig } from './schema.ts';

const KEY = 'directResponse';
/** Whoever shows a reply guesses what it is where nothing says so, and might take a text for a page with scripts. */
const TYPES = {
  text: 'text/plain; charset=utf-8',
  json: 'application/json',
  bytes: 'application/octet-stream',
} as const;

export const directResponse = definePolicy({
  key: KEY,
  phase: 'resilience',
  attach: ['route'],
  answers: true,
  schema: directResponseSchema,
  load: loadExpr,
  problems: (entries, expr) => textProblems(expr, textsOf(entries)),
  build: (entries, { ports }, expr) => {
    const [problem] = textProblems(expr, textsOf(entries));
    if (problem) throw new GatewayError('CONFIG_INVALID', `${KEY}: ${problem.message}`);
    const compile = (text: string): Expression => expr.compile(text, PLACES.http);
    const conditions = conditionsOf(entries, {
      policy: KEY,
      log: ports.log,
      compile,
      make: (config) => responseOf(config, compile),
    });
    const expressions = [...conditions.expressions, ...conditions.all.flatMap((one) => one.expressions)];
    const readsBody = anyComesTo(expressions, 'request.body');
    const readsSecrets = expressions.some(asksForSecrets);
    const values = new Values({ policy: KEY, log: ports.log });
    return {
      exchange: (next) => async (asked) => {
        const exchange = readsBody ? await withWholeBody(asked, LIMITS.policyBody.value) : asked;
        const scope = scopeOf(exchange, readsSecrets);
        const chosen = conditions.choose(scope);
        return chosen ? replyOf(chosen, scope, values) : next(exchange);
      },
    };
  },
});

function* textsOf(entries: DirectResponseConfig): Iterable<PlacedText> {
  const place = PLACES.http;
  for (const { path, condition, value } of entries) {
    if (condition !== undefined) yield { path: [...path, 'condition'], text: condition, place };
    if (value.bodyExpression !== undefined)
      yield { path: [...path, 'bodyExpression'], text: value.bodyExpression, place };
    for (const [name, text] of Object.entries(value.headers))
      yield { path: [...path, 'headers', name], text, place };
  }
}

interface Response {
  readonly status: number;
  readonly body: Expression | Body | undefined;
  readonly headers: readonly (readonly [string, Expression])[];
  readonly expressions: readonly Expression[];
}

function responseOf(
  { status, body, bodyExpression, headers }: ResponseConfig,
  compile: (text: string) => Expression,
): Response {
  const made = Object.entries(headers).map(([name, text]) => [name.toLowerCase(), compile(text)] as const);
  const computed = bodyExpression === undefined ? undefined : compile(bodyExpression);
  const fixed = body === undefined ? undefined : { bytes: Buffer.from(body), kind: 'text' as const };
  const expressions = [...made.map(([, expression]) => expression), ...(computed ? [computed] : [])];
  return { status, body: computed ?? fixed, headers: made, expressions };
}

function scopeOf(exchange: Exchange, secrets: boolean): Scope {
  return exchangeScope(exchange, { ...(secrets && secretsOf(exchange)), body: bytesAtHand(exchange) });
}

function replyOf({ status, body, headers: named }: Response, scope: Scope, values: Values): Reply {
  const made = body && 'evaluate' in body ? values.body(body, scope, 'the body') : body;
  const headers = named.flatMap(([name, expression]) => [
    name,
    values.text(expression, scope, { name: `the header "${name}"`, check: valueProblem }),
  ]);
  const typed = named.some(([name]) => name === 'content-type');
  if (made && !typed) headers.push('content-type', TYPES[made.kind]);
  return { status, headers, body: made ? Flow.of(made.bytes) : Flow.empty() };
}

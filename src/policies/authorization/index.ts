/** The `authorization` policy: rules about HTTP requests and who sends them. Each level decides for itself. */
import { GatewayError } from '../../core/errors.ts';
import type { Answer, Exchange } from '../../core/exchange.ts';
import { definePolicy } from '../../core/policy.ts';
import type { Log } from '../../core/ports.ts';
import type { Layer } from '../../core/service.ts';
import { comesTo } from '../../expr/expression.ts';
import { loadExpr } from '../../expr/load.ts';
import { PLACES } from '../../expr/places.ts';
import { compileRules, type Rule, Rules, type RulesPlace, ruleProblems } from '../../expr/rules.ts';
import { asksForSecrets, exchangeScope, secretsOf } from '../../expr/scope.ts';
import { authorizationSchema } from './schema.ts';

const KEY = 'authorization';
const WHERE: RulesPlace = {
  place: PLACES.http,
  policy: KEY,
  without: { 'request.body': 'bodies are streamed' },
};

export const authorization = definePolicy({
  key: KEY,
  phase: 'authorize',
  attach: ['listener', 'route', 'backend'],
  schema: authorizationSchema,
  load: loadExpr,
  problems: ({ rules }, expr) => ruleProblems(expr, rules, WHERE),
  build: ({ rules }, { ports, route, place }, expr) => {
    const compiled = compileRules(expr, rules, WHERE);
    if (route?.agent === false && compiled.some(({ expression }) => comesTo(expression, 'a2a')))
      ports.log.warn(
        {},
        `${place}: ${KEY}: rules ask for \`a2a\`, which is null: no policy \`a2a\` stands there`,
      );
    return { exchange: authorizationLayer(compiled, { place, log: ports.log }) };
  },
  merge: (wider, narrower) => ({ rules: [...wider.rules, ...narrower.rules] }),
});

/** What comes of a rule that cannot be evaluated. */
const FAILED = { allow: 'it lets nobody in', deny: 'it refuses', require: 'it refuses' } as const;

function authorizationLayer(
  compiled: readonly Rule[],
  { place, log }: { readonly place: string; readonly log: Log },
): Layer<Exchange, Answer> {
  const rules = new Rules(compiled, {
    policy: KEY,
    failed: ({ number, effect }, { message }) =>
      log.warn(
        { place, rule: number, error: message },
        `${KEY}: a rule cannot be evaluated; ${FAILED[effect]}`,
      ),
  });
  const withSecrets = compiled.some(({ expression }) => asksForSecrets(expression));
  return (next) => async (exchange) => {
    const scope = exchangeScope(exchange, withSecrets ? secretsOf(exchange) : undefined);
    const { witness } = exchange;
    const { allowed, by } = rules.judge(scope, witness && { hearing: { witness, question: 'request' } });
    if (allowed) return next(exchange);
    log.debug({ exchange: exchange.id, rule: by?.number }, `${KEY}: refused`);
    throw new GatewayError('FORBIDDEN', 'not allowed by the rules of this place');
  };
}

/** The `health` policy: watches how a backend answers, and asks it, so that balancing can leave out one that fails. */
import { asGatewayError, GatewayError } from '../../core/errors.ts';
import { type Answer, type Exchange, isTunnel, type Reply } from '../../core/exchange.ts';
import { definePolicy, type PolicyDeps } from '../../core/policy.ts';
import type { Log } from '../../core/ports.ts';
import type { BackendHealth } from '../../core/resilience.ts';
import type { Layer } from '../../core/service.ts';
import { bodilessProblems, compileBodiless } from '../../expr/bodiless.ts';
import { Computed, FAILED } from '../../expr/computed.ts';
import type { Expression } from '../../expr/expression.ts';
import { loadExpr } from '../../expr/load.ts';
import { PLACES } from '../../expr/places.ts';
import { exchangeScope } from '../../expr/scope.ts';
import { canonicalJson } from '../../lib/canonical-json.ts';
import type { CheckConfig } from './check-schema.ts';
import { Checker } from './checker.ts';
import { healthSchema } from './schema.ts';
import { type Eviction, Standing } from './standing.ts';

const KEY = 'health';

export const health = definePolicy({
  key: KEY,
  phase: 'resilience',
  attach: ['backend'],
  schema: healthSchema,
  load: loadExpr,
  problems: ({ unhealthyExpression: text }, expr) =>
    bodilessProblems(expr, text, { place: PLACES.response, path: ['unhealthyExpression'] }),
  build: ({ unhealthyExpression: text, eviction, check }, deps, expr) => {
    const { ports, lasting, scope, place } = deps;
    const standing = lasting.hold(scope, `health of ${place}`, () => new Standing(nameOf(place), ports));
    const unhealthy = text ? judged(compileBodiless(expr, text, PLACES.response), ports.log) : isServerError;
    const checker = check && checkerFor(check, deps);
    const health: BackendHealth = {
      get evicted() {
        return standing.evicted;
      },
      start: () => {
        standing.checkedBy(checker);
        checker?.start();
      },
      report: () => standing.report(),
    };
    return { health, exchange: watching(standing, { unhealthy, eviction }) };
  },
});

/** Shared by all that ask the same upstream the same: further backends, routes and generations. */
function checkerFor(check: CheckConfig, { ports, lasting, scope, probe }: PolicyDeps): Checker {
  if (!probe) throw new GatewayError('CONFIG_INVALID', 'health.check: only `host` backends can be checked');
  const key = `health check ${probe.key} ${canonicalJson(check)}`;
  return lasting.hold(scope, key, () => new Checker({ probe, check, ports }));
}

type Unhealthy = (exchange: Exchange, reply: Reply) => boolean;

interface Judge {
  readonly unhealthy: Unhealthy;
  readonly eviction: Eviction | undefined;
}

function watching(standing: Standing, { unhealthy, eviction }: Judge): Layer<Exchange, Answer> {
  return (next) => async (exchange) => {
    let answer: Answer;
    try {
      answer = await next(exchange);
    } catch (error) {
      // A client that goes away, or asks for what cannot be, says nothing about the backend.
      if (asGatewayError(error).fault === 'upstream') standing.failed(eviction);
      throw error;
    }
    if (!isTunnel(answer) && unhealthy(exchange, answer)) standing.failed(eviction);
    else standing.succeeded();
    return answer;
  };
}

const isServerError: Unhealthy = (_exchange, { status }) => status >= 500;

/** One that cannot be evaluated leaves it to the status. */
function judged(expression: Expression, log: Log): Unhealthy {
  const computed = new Computed(expression, { name: `${KEY}.unhealthyExpression`, log });
  return (exchange, reply) => {
    const { status, headers } = reply;
    const holds = computed.holds(exchangeScope(exchange, { response: { status, headers } }));
    return holds === FAILED ? isServerError(exchange, reply) : holds;
  };
}

/** As the other metrics name it: the key of the backend. */
function nameOf(place: string): string {
  return place.replace(/^backend /, '');
}

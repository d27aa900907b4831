/** The `delay` policy: holds requests back before they go on, to see how clients bear slow servers. */
import type { Exchange } from '../../core/exchange.ts';
import { LIMITS } from '../../core/limits.ts';
import { pause } from '../../core/pause.ts';
import { definePolicy } from '../../core/policy.ts';
import type { Log } from '../../core/ports.ts';
import { bodilessProblems, compileBodiless } from '../../expr/bodiless.ts';
import { ExprError, type Expression } from '../../expr/expression.ts';
import { loadExpr } from '../../expr/load.ts';
import { PLACES } from '../../expr/places.ts';
import { exchangeScope } from '../../expr/scope.ts';
import { parseDuration } from '../../lib/duration.ts';
import { delaySchema } from './schema.ts';

const KEY = 'delay';

export const delay = definePolicy({
  key: KEY,
  phase: 'resilience',
  attach: ['route'],
  schema: delaySchema,
  load: loadExpr,
  problems: ({ duration }, expr) =>
    typeof duration === 'number'
      ? []
      : bodilessProblems(expr, duration.expression, { place: PLACES.http, path: ['duration'] }),
  build: ({ duration }, { ports }, expr) => {
    const msOf =
      typeof duration === 'number'
        ? () => duration
        : computed(compileBodiless(expr, duration.expression, PLACES.http), ports.log);
    return {
      exchange: (next) => async (exchange) => {
        const ms = Math.min(msOf(exchange), LIMITS.delay.value);
        if (ms > 0) await pause(ports.clock, ms, exchange.cancel);
        return next(exchange);
      },
    };
  },
});

function computed(expression: Expression, log: Log): (exchange: Exchange) => number {
  let said = false;
  return (exchange) => {
    try {
      return milliseconds(expression.evaluate(exchangeScope(exchange)));
    } catch (error) {
      if (!(error instanceof ExprError)) throw error;
      if (!said) log.warn({ error: error.message }, `${KEY}: cannot be evaluated; nothing waits`);
      said = true;
      return 0;
    }
  };
}

/** Durations come as text. What is none, or lies in the past, is no delay. */
function milliseconds(value: unknown): number {
  if (typeof value !== 'number' && typeof value !== 'string') return 0;
  return parseDuration(value) ?? 0;
}

/** The `delay` policy: holds requests back before they go on, to see how clients bear slow servers. */
import type { Exchange } from '../../core/exchange.ts';
import { LIMITS } from '../../core/limits.ts';
import { pause } from '../../core/pause.ts';
import { definePolicy } from '../../core/policy.ts';
import type { Log } from '../../core/ports.ts';
import { bodilessProblems, compileBodiless } from '../../expr/bodiless.ts';
import { Computed } from '../../expr/computed.ts';
import type { Expression } from '../../expr/expression.ts';
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
        : computedBy(compileBodiless(expr, duration.expression, PLACES.http), ports.log);
    return {
      exchange: (next) => async (exchange) => {
        const ms = Math.min(msOf(exchange), LIMITS.delay.value);
        if (ms > 0) await pause(ports.clock, ms, exchange.cancel);
        return next(exchange);
      },
    };
  },
});

function computedBy(expression: Expression, log: Log): (exchange: Exchange) => number {
  const computed = new Computed(expression, { name: `${KEY}.duration`, log });
  return (exchange) => milliseconds(computed.value(exchangeScope(exchange)));
}

/** Durations come as text. What is none, lies in the past or cannot be computed is no delay. */
function milliseconds(value: unknown): number {
  if (typeof value !== 'number' && typeof value !== 'string') return 0;
  return parseDuration(value) ?? 0;
}

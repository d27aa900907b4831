/** The `retry` policy: HTTP requests are repeated here, MCP calls by the mcp backend (`CallRetry`). */
import type { Exchange } from '../../core/exchange.ts';
import { LIMITS } from '../../core/limits.ts';
import { definePolicy } from '../../core/policy.ts';
import type { Log, Ports } from '../../core/ports.ts';
import type { CallRetry } from '../../core/resilience.ts';
import { bodilessProblems, compileBodiless } from '../../expr/bodiless.ts';
import { Computed } from '../../expr/computed.ts';
import type { Expr, Expression, Scope } from '../../expr/expression.ts';
import { loadExpr } from '../../expr/load.ts';
import { PLACES } from '../../expr/places.ts';
import { exchangeScope } from '../../expr/scope.ts';
import { Backoff } from '../../lib/backoff.ts';
import { type RetryRules, retryLayer } from './layer.ts';
import { type RetryConfig, retrySchema } from './schema.ts';

const KEY = 'retry';
const FIRST_PAUSE_MS = 25;

export const retry = definePolicy({
  key: KEY,
  phase: 'resilience',
  attach: ['route'],
  altitudes: ['exchange', 'mcp'],
  schema: retrySchema,
  load: loadExpr,
  *problems({ precondition, condition }, expr) {
    yield* bodilessProblems(expr, precondition, { place: PLACES.http, path: ['precondition'] });
    yield* bodilessProblems(expr, condition, { place: PLACES.response, path: ['condition'] });
  },
  build: (config, { ports, route }, expr) => {
    const rules = rulesOf(config, expr, ports);
    const { attempts, codes, backoff, precondition } = rules;
    // Over standard input and output there is no request to judge.
    const allows: CallRetry['allows'] = (request) =>
      precondition === undefined || (request !== undefined && precondition(request));
    // An MCP request is never repeated as a whole: only who looks into it can tell whether it may be.
    const layer = route && !route.backends.includes('mcp') ? retryLayer(rules, ports) : undefined;
    return { retry: { attempts, codes, backoff, allows }, ...(layer && { exchange: layer }) };
  },
});

function rulesOf(config: RetryConfig, expr: Expr, ports: Ports): RetryRules {
  const { attempts, codes, precondition, condition } = config;
  const before =
    precondition && holds(compileBodiless(expr, precondition, PLACES.http), 'precondition', ports.log);
  const after = condition && holds(compileBodiless(expr, condition, PLACES.response), 'condition', ports.log);
  return {
    attempts,
    codes: new Set(codes),
    backoff: () => backoffOf(config, ports),
    precondition: before ? (exchange: Exchange) => before(exchangeScope(exchange)) : undefined,
    condition: after
      ? (exchange, { status, headers }) => after(exchangeScope(exchange, { response: { status, headers } }))
      : undefined,
  };
}

/** One that cannot be evaluated does not hold. */
function holds(expression: Expression, name: string, log: Log): (scope: Scope) => boolean {
  const computed = new Computed(expression, { name: `${KEY}.${name}`, log });
  return (scope) => computed.holds(scope) === true;
}

function backoffOf({ backoff: firstMs = FIRST_PAUSE_MS }: RetryConfig, { random }: Ports): Backoff {
  const maxMs = Math.max(firstMs, LIMITS.retryPause.value);
  return new Backoff({ firstMs, maxMs, factor: 2, random: () => random(4).readUInt32LE() / 2 ** 32 });
}

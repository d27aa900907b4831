/**
 * The `concurrencyLimit` policy: how many at a time. Before MCP backends and targets it counts calls, for a stream that
 * listens is no work; before other backends requests, each until its reply has ended.
 */
import { GatewayError } from '../../core/errors.ts';
import type { Answer, Exchange } from '../../core/exchange.ts';
import type { McpGate } from '../../core/guard.ts';
import { definePolicy, type PolicyDeps, type PolicyParts } from '../../core/policy.ts';
import type { Layer } from '../../core/service.ts';
import { bodilessProblems, compileBodiless } from '../../expr/bodiless.ts';
import { callScope, isElsewhere, kindsOf } from '../../expr/call-scope.ts';
import { Computed, FAILED, type Failed } from '../../expr/computed.ts';
import { comesTo, type Expr } from '../../expr/expression.ts';
import { loadExpr } from '../../expr/load.ts';
import { PLACES } from '../../expr/places.ts';
import { asksForSecrets, exchangeScope, secretsOf } from '../../expr/scope.ts';
import { type ConcurrencyLimitConfig, concurrencyLimitSchema } from './schema.ts';
import { type SlotSettings, Slots } from './slots.ts';
import { untilOver } from './until-over.ts';

const KEY = 'concurrencyLimit';

export const concurrencyLimit = definePolicy<ConcurrencyLimitConfig, Expr>({
  key: KEY,
  phase: 'limit',
  attach: ['route', 'backend', 'target'],
  altitudes: ['exchange', 'mcp'],
  schema: concurrencyLimitSchema,
  load: loadExpr,
  *problems({ key }, expr) {
    yield* bodilessProblems(expr, key, { place: PLACES.mcp, path: ['key'] });
  },
  build(config, deps, expr) {
    const mcp = countsCalls(deps);
    const key = keyOf(config, deps, expr);
    if (!mcp && key && comesTo(key.expression, 'mcp'))
      throw new GatewayError('CONFIG_INVALID', `${KEY}: \`mcp\` is read, and no \`mcp\` backend lies behind`);
    return partsOf({ config, key, deps, mcp });
  },
});

function countsCalls({ level, route }: PolicyDeps): boolean {
  if (level === 'target') return true;
  const calls = (route?.backends ?? []).filter((kind) => kind === 'mcp').length;
  if (calls > 0 && calls < (route?.backends.length ?? 0))
    throw new GatewayError(
      'CONFIG_INVALID',
      `${KEY}: \`mcp\` and other backends count differently; put it at each of them`,
    );
  return calls > 0;
}

function keyOf({ key }: ConcurrencyLimitConfig, { ports }: PolicyDeps, expr: Expr): Computed | undefined {
  if (key === undefined) return undefined;
  return new Computed(compileBodiless(expr, key, PLACES.mcp), { name: `${KEY}.key`, log: ports.log });
}

interface Building {
  readonly config: ConcurrencyLimitConfig;
  readonly key: Computed | undefined;
  readonly deps: PolicyDeps;
  readonly mcp: boolean;
}

function partsOf({ config, key, deps, mcp }: Building): PolicyParts {
  const { maxCalls: max, maxWaiting, waitTimeout: waitMs } = config;
  const settings: SlotSettings = { max, maxWaiting, waitMs };
  // Not by the numbers: what was let in before they changed is still there.
  const slots = deps.lasting.hold(
    deps.scope,
    `slots:${deps.place}:${config.key ?? ''}`,
    () => new Slots(deps.ports.clock),
  );
  if (!mcp) return { exchange: layerOf({ slots, settings, key }) };
  return { gate: gateOf({ slots, settings, key }) };
}

interface Limit {
  readonly slots: Slots;
  readonly settings: SlotSettings;
  readonly key: Computed | undefined;
}

function gateOf({ slots, settings, key }: Limit): McpGate {
  const secrets = key !== undefined && asksForSecrets(key.expression);
  const kinds = key ? kindsOf([key.expression]) : [];
  return {
    enter(call, request, cancel) {
      const elsewhere = isElsewhere(kinds, call.item?.kind);
      const name = key ? key.key(callScope(call, request, secrets), elsewhere) : '';
      if (name === FAILED && elsewhere) return undefined;
      return slots.take(known(name), settings, cancel);
    },
  };
}

function layerOf({ slots, settings, key }: Limit): Layer<Exchange, Answer> {
  const secrets = key !== undefined && asksForSecrets(key.expression);
  return (next) => async (exchange) => {
    const name = key ? key.key(exchangeScope(exchange, secrets ? secretsOf(exchange) : undefined)) : '';
    const leave = await slots.take(known(name), settings, exchange.cancel);
    try {
      return untilOver(await next(exchange), leave);
    } catch (error) {
      leave();
      throw error;
    }
  };
}

function known(name: string | Failed): string {
  if (name !== FAILED) return name;
  throw new GatewayError('FORBIDDEN', 'it cannot be told for whom this would count');
}

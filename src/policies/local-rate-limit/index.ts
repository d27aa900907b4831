/**
 * The `localRateLimit` policy: how often, by token buckets. A limit that reads `mcp.*`, or stands at a target, counts MCP
 * calls, any other HTTP requests. Buckets belong to their place, and outlive reloads that change neither the place nor the limit.
 */
import { hash } from 'node:crypto';
import { secretAs, secretName } from '../../auth/secret.ts';
import { GatewayError } from '../../core/errors.ts';
import type { Answer, Exchange } from '../../core/exchange.ts';
import type { McpGate } from '../../core/guard.ts';
import { LIMITS } from '../../core/limits.ts';
import { definePolicy, type PolicyDeps } from '../../core/policy.ts';
import type { Layer } from '../../core/service.ts';
import { bodilessProblems, compileBodiless } from '../../expr/bodiless.ts';
import { callScope, kindsOf } from '../../expr/call-scope.ts';
import { Computed } from '../../expr/computed.ts';
import { comesTo, type Expr, type Expression } from '../../expr/expression.ts';
import { loadExpr } from '../../expr/load.ts';
import { PLACES } from '../../expr/places.ts';
import { asksForSecrets, exchangeScope, secretsOf } from '../../expr/scope.ts';
import { canonicalJson } from '../../lib/canonical-json.ts';
import { Buckets } from '../../stores/buckets.ts';
import { RedisConnection } from '../../stores/redis.ts';
import { redisAddress } from '../../stores/redis-address.ts';
import { SharedBuckets } from '../../stores/shared-buckets.ts';
import { type BucketStore, LIMIT_HEADER, type LimitParts, Limits, limitHeaders } from './limit.ts';
import {
  type LimitConfig,
  type LocalRateLimitConfig,
  localRateLimitSchema,
  type RedisConfig,
} from './schema.ts';

const KEY = 'localRateLimit';
const TEXTS = ['condition', 'when', 'key', 'cost'] as const;

export const localRateLimit = definePolicy<LocalRateLimitConfig, Expr>({
  key: KEY,
  phase: 'limit',
  attach: ['route', 'backend', 'target'],
  altitudes: ['exchange', 'mcp'],
  schema: localRateLimitSchema,
  load: loadExpr,
  *problems({ limits, firstMatch }, expr) {
    for (const [index, limit] of limits.entries())
      for (const name of TEXTS) {
        const path = [...(firstMatch ? ['conditional'] : []), index, name];
        yield* bodilessProblems(expr, limit[name], { place: PLACES.mcp, path });
      }
  },
  build({ limits, firstMatch }, deps, expr) {
    const built = buildLimits(limits, { ...deps, expr });
    const { level, route } = deps;
    // Entries of which one counts are decided in one place.
    const together = level === 'target' || (firstMatch && built.some(readsMcp));
    const onCalls = built.filter((limit) => together || readsMcp(limit));
    if (onCalls.length > 0 && route && !route.backends.includes('mcp'))
      throw new GatewayError('CONFIG_INVALID', `${KEY}: \`mcp\` is read, and no \`mcp\` backend lies behind`);
    const onRequests = built.filter((limit) => !onCalls.includes(limit));
    return {
      ...(onRequests.length > 0 && { exchange: layerOf(onRequests, firstMatch) }),
      ...(onCalls.length > 0 && { gate: gateOf(onCalls, firstMatch) }),
    };
  },
});

interface Built extends LimitParts {
  readonly expressions: readonly Expression[];
}

interface Building extends PolicyDeps {
  readonly expr: Expr;
}

function buildLimits(configs: readonly LimitConfig[], deps: Building): Built[] {
  const seen = new Map<string, number>();
  return configs.map((config, index) => {
    // Found again after a reload by what it says; two that say the same have a bucket each.
    const said = canonicalJson({ ...config, redis: config.redis && storeName(config.redis) });
    const count = seen.get(said) ?? 0;
    seen.set(said, count + 1);
    return buildLimit(config, { ...deps, name: `${KEY}[${index}]`, said: `${said}#${count}` });
  });
}

interface Named extends Building {
  /** For messages. */
  readonly name: string;
  readonly said: string;
}

function buildLimit(config: LimitConfig, deps: Named): Built {
  const expressions: Expression[] = [];
  const computed = (name: (typeof TEXTS)[number]): Computed | undefined => {
    const text = config[name];
    if (text === undefined) return undefined;
    const expression = compileBodiless(deps.expr, text, PLACES.mcp);
    expressions.push(expression);
    return new Computed(expression, { name: `${deps.name}.${name}`, log: deps.ports.log });
  };
  return {
    condition: computed('condition'),
    when: computed('when'),
    key: computed('key'),
    cost: computed('cost'),
    store: bucketsOf(config, deps),
    kinds: kindsOf(expressions),
    expressions,
  };
}

function bucketsOf(config: LimitConfig, { lasting, scope, ports, place, said, name }: Named): BucketStore {
  const { maxTokens, tokensPerFill, fillInterval: fillMs, redis } = config;
  const settings = { maxTokens, tokensPerFill, fillMs };
  const { clock } = ports;
  const local = lasting.hold(
    scope,
    `limit:${place}:${said}`,
    () => new Buckets({ settings, maxKeys: LIMITS.rateLimitKeys.value, clock }),
  );
  if (!redis) return local;
  const what = `${name}.redis.url`;
  const connection = lasting.hold(scope, `redis:${secretName(redis.url)}`, () => {
    const address = secretAs(redis.url, { what, ports, parse: redisAddress });
    return new RedisConnection({ address, ports, policy: KEY });
  });
  // The same limit at the same place of another gateway, whatever its port.
  const limit = `${place.replace(/^(\w+) \d+\//, '$1 ')} ${said}`;
  const prefix = `${redis.prefix}${hash('sha256', limit, 'base64url').slice(0, 22)}:`;
  return new SharedBuckets({
    connection,
    settings,
    prefix,
    timeoutMs: redis.timeout,
    local: redis.failureMode === 'failOpen' ? local : undefined,
  });
}

/** Without the secret; what another gateway may choose for itself does not make another limit. */
function storeName({ prefix }: RedisConfig): string {
  return prefix;
}

function readsMcp({ expressions }: Built): boolean {
  return expressions.some((expression) => comesTo(expression, 'mcp'));
}

function layerOf(built: readonly Built[], firstMatch: boolean): Layer<Exchange, Answer> {
  const limits = new Limits({ limits: built, firstMatch });
  const withSecrets = readSecrets(built);
  return (next) => async (exchange) => {
    const scope = exchangeScope(exchange, withSecrets ? secretsOf(exchange) : undefined);
    const admitted = limits.admit({ scope, kind: undefined });
    const taken = admitted instanceof Promise ? await admitted : admitted;
    const answer = await next(exchange);
    // Those of a limit further in are the tighter ones, those of the upstream tell of the upstream.
    if (!taken || saysLimit(answer.headers)) return answer;
    return { ...answer, headers: [...answer.headers, ...limitHeaders(taken)] };
  };
}

function saysLimit(headers: readonly string[]): boolean {
  for (let at = 0; at < headers.length; at += 2)
    if (headers[at]?.length === LIMIT_HEADER.length && headers[at]?.toLowerCase() === LIMIT_HEADER)
      return true;
  return false;
}

function gateOf(built: readonly Built[], firstMatch: boolean): McpGate {
  const limits = new Limits({ limits: built, firstMatch });
  const withSecrets = readSecrets(built);
  return {
    enter(call, request) {
      const admitted = limits.admit({
        scope: callScope(call, request, withSecrets),
        kind: call.item?.kind,
      });
      return admitted instanceof Promise ? admitted.then(() => undefined) : undefined;
    },
  };
}

function readSecrets(built: readonly Built[]): boolean {
  return built.some(({ expressions }) => expressions.some(asksForSecrets));
}

/**
 * The `remoteRateLimit` policy: a service that speaks Envoy's protocol is asked. Descriptors that read `mcp.*`, or stand
 * at a target, are about MCP calls, others about HTTP requests.
 */
import { GatewayError } from '../../core/errors.ts';
import type { Answer, Exchange } from '../../core/exchange.ts';
import type { McpGate } from '../../core/guard.ts';
import { withoutHeaders } from '../../core/outgoing.ts';
import { definePolicy, type PolicyDeps } from '../../core/policy.ts';
import type { Layer } from '../../core/service.ts';
import { bodilessProblems, compileBodiless } from '../../expr/bodiless.ts';
import { callScope, type ItemKind, kindsOf } from '../../expr/call-scope.ts';
import { Computed } from '../../expr/computed.ts';
import { comesTo, type Expr, type Expression, type Scope } from '../../expr/expression.ts';
import { loadExpr } from '../../expr/load.ts';
import { PLACES } from '../../expr/places.ts';
import { asksForSecrets, exchangeScope, secretsOf } from '../../expr/scope.ts';
import { Flow } from '../../lib/flow.ts';
import { RateLimitClient } from '../../upstream/rate-limit-service/client.ts';
import { CODE, type RateLimitResponse } from '../../upstream/rate-limit-service/question.ts';
import { headersToAdd, overLimit, replyHeaders } from './answer.ts';
import { type DescriptorParts, descriptorsOf } from './descriptors.ts';
import { type DescriptorConfig, type RemoteRateLimitConfig, remoteRateLimitSchema } from './schema.ts';

const KEY = 'remoteRateLimit';

export const remoteRateLimit = definePolicy<RemoteRateLimitConfig, Expr>({
  key: KEY,
  phase: 'limit',
  attach: ['route', 'backend', 'target'],
  altitudes: ['exchange', 'mcp'],
  schema: remoteRateLimitSchema,
  load: loadExpr,
  *problems({ descriptors }, expr) {
    for (const [index, descriptor] of descriptors.entries())
      for (const { path, text } of textsOf(descriptor))
        yield* bodilessProblems(expr, text, { place: PLACES.mcp, path: ['descriptors', index, ...path] });
  },
  build(config, deps, expr) {
    const parts = config.descriptors.map((one, index) => partsOf(one, { deps, expr, index }));
    const onCalls = parts.filter(
      ({ expressions }) => deps.level === 'target' || expressions.some((one) => comesTo(one, 'mcp')),
    );
    if (onCalls.length > 0 && deps.route && !deps.route.backends.includes('mcp'))
      throw new GatewayError('CONFIG_INVALID', `${KEY}: \`mcp\` is read, and no \`mcp\` backend lies behind`);
    const onRequests = parts.filter((one) => !onCalls.includes(one));
    const service = serviceOf(config, deps);
    return {
      ...(onRequests.length > 0 && { exchange: layerOf(onRequests, service) }),
      ...(onCalls.length > 0 && { gate: gateOf(onCalls, service) }),
    };
  },
});

function* textsOf({ entries, cost, limitOverride }: DescriptorConfig) {
  for (const [index, { value }] of entries.entries())
    yield { path: ['entries', index, 'value'], text: value };
  yield { path: ['cost'], text: cost };
  yield { path: ['limitOverride'], text: limitOverride };
}

function partsOf(
  { entries, cost, limitOverride }: DescriptorConfig,
  { deps, expr, index }: { readonly deps: PolicyDeps; readonly expr: Expr; readonly index: number },
): DescriptorParts {
  const expressions: Expression[] = [];
  const computed = (text: string, path: string): Computed => {
    const expression = compileBodiless(expr, text, PLACES.mcp);
    expressions.push(expression);
    return new Computed(expression, { name: `${KEY}.descriptors[${index}].${path}`, log: deps.ports.log });
  };
  const made = entries.map(({ key, value }, at) => ({ key, value: computed(value, `entries[${at}].value`) }));
  return {
    entries: made,
    cost: cost === undefined ? undefined : computed(cost, 'cost'),
    limitOverride: limitOverride === undefined ? undefined : computed(limitOverride, 'limitOverride'),
    kinds: kindsOf(expressions),
    expressions,
  };
}

interface Asking {
  readonly scope: Scope;
  readonly kind: ItemKind | undefined;
  readonly parts: readonly DescriptorParts[];
}

/** Undefined: there is nothing to ask, or nobody to answer and everything may pass then. Rejects with LIMITS_UNAVAILABLE. */
type Service = (asking: Asking) => Promise<RateLimitResponse | undefined>;

function serviceOf(config: RemoteRateLimitConfig, { lasting, scope, ports }: PolicyDeps): Service {
  const { host: url, domain, timeout, failureMode } = config;
  const client = lasting.hold(
    scope,
    `rate-limit-service:${url}`,
    () => new RateLimitClient({ url, clock: ports.clock }),
  );
  let down = false;
  return async ({ scope: read, kind, parts }) => {
    const descriptors = descriptorsOf(parts, read, kind);
    if (descriptors.length === 0) return undefined;
    try {
      const response = await client.ask({ domain, descriptors }, timeout);
      down = false;
      return response;
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      if (!down) ports.log.warn({ url, failureMode, error: String(error.cause) }, `${KEY}: no answer`);
      down = true;
      if (failureMode === 'failOpen') return undefined;
      throw error;
    }
  };
}

function layerOf(parts: readonly DescriptorParts[], ask: Service): Layer<Exchange, Answer> {
  const secrets = readSecrets(parts);
  return (next) => async (exchange) => {
    const scope = exchangeScope(exchange, secrets ? secretsOf(exchange) : undefined);
    const response = await ask({ scope, kind: undefined, parts });
    if (!response) return next(exchange);
    if (response.overallCode === CODE.ok) {
      addToRequest(exchange, headersToAdd(response.requestHeadersToAdd));
      const answer = await next(exchange);
      return { ...answer, headers: [...answer.headers, ...replyHeaders(response, answer.headers)] };
    }
    const refusal = overLimit(response);
    if (response.rawBody.length === 0) throw refusal;
    exchange.record.reason = refusal.code;
    const body = Flow.of(Buffer.from(response.rawBody));
    return { status: refusal.http, headers: refusal.detail.headers ?? [], body };
  };
}

/** What the client sent under the same names is not what the service says. */
function addToRequest(exchange: Exchange, headers: readonly string[]): void {
  if (headers.length === 0) return;
  const names = headers.filter((_, at) => at % 2 === 0);
  exchange.rawHeaders = [...withoutHeaders(exchange.rawHeaders, names), ...headers];
}

function gateOf(parts: readonly DescriptorParts[], ask: Service): McpGate {
  const secrets = readSecrets(parts);
  return {
    async enter(call, request) {
      const response = await ask({ scope: callScope(call, request, secrets), kind: call.item?.kind, parts });
      if (response && response.overallCode !== CODE.ok) throw overLimit(response);
      return undefined;
    },
  };
}

function readSecrets(parts: readonly DescriptorParts[]): boolean {
  return parts.some(({ expressions }) => expressions.some(asksForSecrets));
}

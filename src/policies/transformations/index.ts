/**
 * The `transformations` policy: requests and replies as expressions make them. Headers of requests are made where the
 * request leaves (mapping.ts), the rest in a layer. Bodies are read where an expression reads them, and only then.
 */
import { GatewayError } from '../../core/errors.ts';
import type { Answer, Exchange } from '../../core/exchange.ts';
import { LIMITS } from '../../core/limits.ts';
import { allMappings } from '../../core/outgoing.ts';
import { definePolicy, type PolicyProblem } from '../../core/policy.ts';
import { type Layer, stack } from '../../core/service.ts';
import { withWholeBody } from '../../core/whole-body.ts';
import { bodilessProblems } from '../../expr/bodiless.ts';
import { textProblems } from '../../expr/conditions.ts';
import type { Expr } from '../../expr/expression.ts';
import { loadExpr } from '../../expr/load.ts';
import { PLACES } from '../../expr/places.ts';
import { Values } from '../../expr/values.ts';
import { checkMcpHeaders } from '../../upstream/request-headers.ts';
import { type CompiledChanges, type CompiledStage, compileStage, KEY, textsOf } from './compiled.ts';
import { requestScope, stageMapping } from './mapping.ts';
import { transformedReply } from './reply.ts';
import { rewritten } from './request.ts';
import { type Stage, type TransformationsConfig, targetSchema, transformationsSchema } from './schema.ts';

export const transformations = definePolicy({
  key: KEY,
  phase: 'transform',
  attach: ['route', 'backend', 'target'],
  altitudes: ['exchange', 'outgoing'],
  schema: transformationsSchema,
  schemaAt: { target: targetSchema },
  load: loadExpr,
  problems: (stages, expr) => problemsOf(stages, expr),
  build: (stages, { ports, route }, expr) => {
    const [problem] = problemsOf(stages, expr);
    if (problem) throw new GatewayError('CONFIG_INVALID', `${KEY}: ${problem.message}`);
    const { log } = ports;
    const compiled = stages.map((stage) => ({ stage, compiled: compileStage(stage, expr, log) }));
    if (route?.backends.includes('mcp')) for (const each of compiled) checkForMcp(each.compiled);
    const values = new Values({ policy: KEY, log });
    const layers = compiled.map((each) => layerOf(each.compiled, values));
    const mappings = compiled.flatMap((each) => stageMapping(each.stage, each.compiled, log) ?? []);
    const mapping = allMappings(mappings);
    return { exchange: (next) => stack(layers, next), ...(mapping && { mapping }) };
  },
  merge: (wider, narrower) => [...wider, ...narrower],
});

function* problemsOf(stages: TransformationsConfig, expr: Expr): Iterable<PolicyProblem> {
  for (const stage of stages) {
    const wrong = stage.some(({ value }) => value.mcp)
      ? [...textsOf(stage)].flatMap(({ text, ...at }) => [...bodilessProblems(expr, text, at)])
      : [...textProblems(expr, textsOf(stage))];
    yield* wrong;
    if (wrong.length === 0) yield* varying(stage, expr);
  }
}

/** A condition is asked where headers are made, and where everything else is: it has to say the same in both places. */
function* varying(stage: Stage, expr: Expr): Iterable<PolicyProblem> {
  for (const { path, condition } of stage) {
    if (condition !== undefined && expr.compile(condition, PLACES.http).varies)
      yield { path: [...path, 'condition'], message: 'a condition cannot depend on chance here' };
  }
}

/** Clients and servers of MCP speak through the gateway, which makes their requests and replies itself. */
function checkForMcp({ conditions, readsRequestBody, readsReplyBody }: CompiledStage): void {
  const refuse = (what: string): never => {
    throw new GatewayError('CONFIG_INVALID', `${KEY}: ${what} with an \`mcp\` backend`);
  };
  if (readsRequestBody || readsReplyBody) refuse('bodies cannot be read');
  for (const changes of conditions.all.flatMap(({ request, response }) => [request, response])) {
    if (changes.body) refuse('bodies cannot be changed');
    if (changes.pseudo.size > 0) refuse(`\`${[...changes.pseudo.keys()][0]}\` cannot be set`);
    checkMcpHeaders(KEY, changes.headers);
  }
}

function layerOf(
  { conditions, readsRequestBody, readsSecrets: secrets }: CompiledStage,
  values: Values,
): Layer<Exchange, Answer> {
  const idle =
    !readsRequestBody && conditions.all.every((one) => isHeadersOnly(one.request) && isNothing(one.response));
  if (idle) return (next) => next;
  return (next) => async (asked) => {
    const exchange = readsRequestBody ? await withWholeBody(asked, LIMITS.policyBody.value) : asked;
    const scope = requestScope(exchange, secrets);
    const chosen = conditions.choose(scope);
    if (!chosen) return next(exchange);
    const outbound = rewritten(chosen.request, { exchange, scope, values });
    if (outbound) exchange.outbound = outbound;
    const answer = await next(exchange);
    if (isNothing(chosen.response)) return answer;
    return transformedReply(answer, chosen.response, { exchange, values, secrets });
  };
}

function isHeadersOnly({ pseudo, body }: CompiledChanges): boolean {
  return pseudo.size === 0 && body === undefined;
}

function isNothing({ headers, ...changes }: CompiledChanges): boolean {
  const { set, add, remove } = headers;
  return (
    isHeadersOnly({ headers, ...changes }) && Object.keys({ ...set, ...add }).length + remove.length === 0
  );
}

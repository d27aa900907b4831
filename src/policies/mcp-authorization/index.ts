/** The `mcpAuthorization` policy: which tools, prompts, resources and tasks a client sees and may use. */
import type { GuardedCall, GuardedItem, GuardedRequest, McpGuard } from '../../core/guard.ts';
import { definePolicy } from '../../core/policy.ts';
import type { Log } from '../../core/ports.ts';
import { comesTo, type Scope } from '../../expr/expression.ts';
import { loadExpr } from '../../expr/load.ts';
import { PLACES } from '../../expr/places.ts';
import { compileRules, type Rule, Rules, type RulesPlace, ruleProblems } from '../../expr/rules.ts';
import { asksForSecrets, exchangeScope, secretsOf } from '../../expr/scope.ts';
import { canonicalJson } from '../../lib/canonical-json.ts';
import { mcpAuthorizationSchema } from './schema.ts';

const KEY = 'mcpAuthorization';
const WHERE: RulesPlace = {
  place: PLACES.mcp,
  policy: KEY,
  without: { 'request.body': 'arguments are in `mcp.tool.arguments`' },
};

export const mcpAuthorization = definePolicy({
  key: KEY,
  phase: 'authorize',
  attach: ['route', 'backend', 'target'],
  altitudes: ['mcp'],
  schema: mcpAuthorizationSchema,
  load: loadExpr,
  problems: ({ rules }, expr) => ruleProblems(expr, rules, WHERE),
  build: ({ rules }, { ports }, expr) => {
    const compiled = compileRules(expr, rules, WHERE);
    warnOfTraps(compiled, ports.log);
    return { mcp: { key: canonicalJson(rules), ...guardOf(compiled, ports.log) } };
  },
  merge: (wider, narrower) => ({ rules: [...wider.rules, ...narrower.rules] }),
});

function guardOf(compiled: readonly Rule[], log: Log): Omit<McpGuard, 'key'> {
  const said = new Set<Rule>();
  const rules = new Rules(compiled, (rule, { message }) => {
    // Once: a rule about tools fails for every prompt, and a rule on arguments for every list.
    if (said.has(rule)) return;
    said.add(rule);
    log.debug({ rule: rule.number, error: message }, `${KEY}: a rule cannot be evaluated; it lets nobody in`);
  });
  const withSecrets = compiled.some(({ expression }) => asksForSecrets(expression));
  const scopeOf = (request: GuardedRequest, mcp: object): Scope => {
    // Without a request (standard input and output) there is nobody who has proved anything.
    if (!request) return { mcp } as unknown as Scope;
    return exchangeScope(request, withSecrets ? { ...secretsOf(request), mcp } : { mcp });
  };
  const facts = new Map(compiled.map((rule) => [rule, factsOf(rule)]));
  const concerns = (rule: Rule, kind: GuardedItem['kind'] | undefined): boolean => {
    const { kinds } = facts.get(rule) as Facts;
    return kinds.length === 0 || (kind !== undefined && kinds.includes(kind));
  };
  // A deny about tools says nothing about prompts. An allow or require about tools does: prompts do not meet it.
  const elsewhere = (rule: Rule, kind: GuardedItem['kind'] | undefined): boolean =>
    rule.effect === 'deny' && !concerns(rule, kind);
  return {
    judge: (call, request) => {
      const scope = scopeOf(request, ofCall(call));
      const { allowed, by } = rules.judge(scope, (rule) => elsewhere(rule, call.item?.kind));
      if (allowed) return { allowed };
      return { allowed, scopes: by ? by.scopes : rules.scopesOfAllow };
    },
    shows: (item, request) => {
      const scope = scopeOf(request, variables(item, undefined));
      // What depends on the arguments is decided when there are some.
      const later = (rule: Rule): boolean => facts.get(rule)?.readsCall === true && concerns(rule, item.kind);
      return rules.judge(scope, (rule) => later(rule) || elsewhere(rule, item.kind)).allowed;
    },
  };
}

interface Facts {
  /** Kinds of items it is about. */
  readonly kinds: readonly GuardedItem['kind'][];
  /** It can only be decided for a call. */
  readonly readsCall: boolean;
}

const KINDS = ['tool', 'prompt', 'resource', 'task'] as const;
const OF_CALLS = ['mcp.tool.arguments', 'mcp.methodName', 'mcp.client', 'mcp.sessionId'];

function factsOf({ expression }: Rule): Facts {
  return {
    kinds: KINDS.filter((kind) => comesTo(expression, `mcp.${kind}`)),
    readsCall: OF_CALLS.some((variable) => comesTo(expression, variable)),
  };
}

function ofCall(call: GuardedCall): object {
  const { method: methodName, sessionId, item } = call;
  return {
    ...(item && variables(item, call)),
    methodName,
    sessionId,
    get client() {
      return call.client();
    },
  };
}

/** Only the kind concerned is there; arguments and annotations are read when a rule comes to them. */
function variables(item: GuardedItem, call: GuardedCall | undefined): object {
  const { kind, target, name } = item;
  if (kind !== 'tool') return { [kind]: { target, name } };
  return {
    tool: {
      target,
      name,
      get arguments() {
        return call?.arguments();
      },
      get annotations() {
        return item.annotations();
      },
    },
  };
}

/** Allow rules that only tools can meet hide everything else, which few people mean. */
function warnOfTraps(rules: readonly Rule[], log: Log): void {
  const allows = rules.filter(({ effect }) => effect === 'allow');
  const others = ['mcp.prompt', 'mcp.resource', 'mcp.task'];
  const onlyTools = allows.every(
    ({ expression }) =>
      comesTo(expression, 'mcp.tool') && !others.some((other) => comesTo(expression, other)),
  );
  if (allows.length === 0 || !onlyTools) return;
  const rule = 'add {allow: "!has(mcp.tool)"} to show them';
  log.warn({ policy: KEY }, `every allow rule is about tools, so prompts and resources are hidden; ${rule}`);
}

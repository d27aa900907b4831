/** The `mcpAuthorization` policy: which tools, prompts, resources and tasks a client sees and may use. */
import type { GuardedCall, GuardedItem, GuardedRequest, McpGuard, Ruling } from '../../core/guard.ts';
import { definePolicy } from '../../core/policy.ts';
import type { Log } from '../../core/ports.ts';
import type { Scope as Lifetime } from '../../core/scope.ts';
import { comesTo, type Expression, type Scope } from '../../expr/expression.ts';
import { loadExpr } from '../../expr/load.ts';
import { PLACES } from '../../expr/places.ts';
import { valueAt } from '../../expr/readings.ts';
import {
  compileRules,
  type Hearing,
  type Rule,
  Rules,
  type RulesPlace,
  ruleProblems,
  type Unknown,
} from '../../expr/rules.ts';
import { asksForSecrets, exchangeScope, secretsOf } from '../../expr/scope.ts';
import { canonicalJson } from '../../lib/canonical-json.ts';
import { Rulings, staysSame } from './rulings.ts';
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
  build: ({ rules }, { ports, scope, place }, expr) => {
    const compiled = compileRules(expr, rules, WHERE);
    const trap = trapOf(compiled);
    if (trap && isNews(trap, scope)) ports.log.warn({ policy: KEY, place }, trap.warning);
    return { mcp: { key: canonicalJson(rules), ...guardOf(compiled, ports.log) } };
  },
  merge: (wider, narrower) => ({ rules: [...wider.rules, ...narrower.rules] }),
});

type Kind = GuardedItem['kind'];

function guardOf(compiled: readonly Rule[], log: Log): Omit<McpGuard, 'key'> {
  const rules = new Rules(compiled, {
    policy: KEY,
    // A rule about tools fails for every prompt, and a rule on arguments for every list.
    failed: (rule, { message }) =>
      log.debug(
        { rule: rule.number, error: message },
        `${KEY}: a rule cannot be evaluated; it lets nobody in`,
      ),
  });
  const withSecrets = compiled.some(({ expression }) => asksForSecrets(expression));
  const scopeOf = (request: GuardedRequest, mcp: object): Scope => {
    // Without a request (standard input and output) there is nobody who has proved anything.
    if (!request) return { mcp } as unknown as Scope;
    return exchangeScope(request, withSecrets ? { ...secretsOf(request), mcp } : { mcp });
  };
  const facts = new Map(compiled.map((rule) => [rule, factsOf(rule)]));
  const undecided = (rule: Rule, kind: Kind | undefined, at: { scope: Scope; listed: boolean }): boolean => {
    const found = facts.get(rule) as Facts;
    const concerned = found.kinds.length === 0 || (kind !== undefined && found.kinds.includes(kind));
    // What depends on the call is decided when there is one.
    if (concerned) return at.listed && found.readsCall;
    // A deny about tools says nothing about prompts. An allow or require about tools does: prompts do not meet it.
    return rule.effect === 'deny' && !failsAnyway(rule, found, at.scope);
  };
  const judge = (call: GuardedCall, request: GuardedRequest): Ruling => {
    const scope = scopeOf(request, ofCall(call));
    const { allowed, by } = rules.judge(scope, {
      undecided: (rule) => undecided(rule, call.item?.kind, { scope, listed: false }),
      hearing: hearing(request, 'call', call.item),
    });
    if (allowed) return { allowed };
    return { allowed, scopes: by ? by.scopes : rules.scopesOfAllow };
  };
  const shows = (item: GuardedItem, request: GuardedRequest): Ruling => {
    const unknown: Unknown = { read: false };
    const scope = scopeOf(request, ofList(item, unknown));
    const { allowed } = rules.judge(scope, {
      unknown,
      undecided: (rule) => undecided(rule, item.kind, { scope, listed: true }),
      hearing: hearing(request, 'list', item),
    });
    return { allowed };
  };
  if (!compiled.every(({ expression }) => staysSame(expression)))
    return { judge, shows: (item, request) => shows(item, request).allowed };
  const [calls, lists] = [new Rulings(), new Rulings()];
  return {
    judge: (call, request) => calls.of(request, [call.method, call.item], () => judge(call, request)),
    shows: (item, request) => lists.of(request, ['', item], () => shows(item, request)).allowed,
  };
}

function hearing(
  request: GuardedRequest,
  question: Hearing['question'],
  item: GuardedItem | undefined,
): Hearing | undefined {
  return request?.witness && { witness: request.witness, question, item };
}

interface Facts {
  /** Kinds of items it is about. */
  readonly kinds: readonly Kind[];
  /** It can only be decided for a call. */
  readonly readsCall: boolean;
  /** What it reads beside the item: claims, headers. */
  readonly beside: readonly string[];
  /** Stands for items of its kinds where there are none. */
  readonly nothing: object;
}

const KINDS = ['tool', 'prompt', 'resource', 'task'] as const;
const OF_CALLS = ['mcp.tool.arguments', 'mcp.methodName', 'mcp.client', 'mcp.sessionId'];

function factsOf({ expression }: Rule): Facts {
  const kinds = KINDS.filter((kind) => comesTo(expression, `mcp.${kind}`));
  return {
    kinds,
    readsCall: OF_CALLS.some((variable) => comesTo(expression, variable)),
    beside: [...expression.reads].filter((read) => read !== 'mcp' && !read.startsWith('mcp.')),
    nothing: Object.fromEntries(kinds.map((kind) => [kind, nothingOf(expression, kind)])),
  };
}

/** An item without a name, target or arguments, but with every member that the expression looks for. */
function nothingOf({ reads }: Expression, kind: Kind): object {
  const members = (of: string, value: unknown): object => {
    const within = `mcp.${kind}.${of}.`;
    const names = [...reads].filter((read) => read.startsWith(within));
    return Object.fromEntries(names.map((read) => [read.slice(within.length), value]));
  };
  return {
    target: '',
    name: '',
    arguments: members('arguments', ''),
    annotations: members('annotations', false),
  };
}

/**
 * `deny: mcp.tool.name == "x" || jwt.role == "guest"` fails for every prompt, because there is no tool. It must not be
 * passed over where it would fail for a tool as well, because there is no claim: that is a deny that cannot be decided.
 */
function failsAnyway({ expression }: Rule, { beside, nothing }: Facts, scope: Scope): boolean {
  if (beside.every((read) => valueAt(scope, read) !== undefined)) return false;
  try {
    return expression.test(withItem(scope, nothing));
  } catch {
    return true;
  }
}

function withItem(scope: Scope, item: object): Scope {
  const mcp = { ...(scope['mcp'] as object), ...item };
  return new Proxy(scope, {
    get: (target, name) => (name === 'mcp' ? mcp : Reflect.get(target, name, target)),
  });
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

/** What only a call has is read as if it were not there, and noted: `default(mcp.tool.arguments.path, "")` fails nowhere. */
function ofList(item: GuardedItem, unknown: Unknown): object {
  const ofACall = (): undefined => {
    unknown.read = true;
  };
  return {
    ...variables(item, { arguments: ofACall }),
    get methodName() {
      return ofACall();
    },
    get sessionId() {
      return ofACall();
    },
    get client() {
      return ofACall();
    },
  };
}

/** Only the kind concerned is there; arguments and annotations are read when a rule comes to them. */
function variables(item: GuardedItem, call: Pick<GuardedCall, 'arguments'>): object {
  const { kind, target, name } = item;
  if (kind !== 'tool') return { [kind]: { target, name } };
  return {
    tool: {
      target,
      name,
      get arguments() {
        return call.arguments();
      },
      get annotations() {
        return item.annotations();
      },
    },
  };
}

interface Trap {
  readonly warning: string;
  /** Texts of the rules. */
  readonly rules: readonly string[];
}

/** Allow rules that only tools can meet hide everything else, which few people mean. */
function trapOf(rules: readonly Rule[]): Trap | undefined {
  const allows = rules.filter(({ effect }) => effect === 'allow');
  const others = ['mcp.prompt', 'mcp.resource', 'mcp.task'];
  const onlyTools = allows.every(
    ({ expression }) =>
      comesTo(expression, 'mcp.tool') &&
      // Whoever asks whether there is a tool has thought of it.
      !/\bhas\(\s*mcp\.tool\s*\)/.test(expression.source) &&
      !others.some((other) => comesTo(expression, other)),
  );
  if (allows.length === 0 || !onlyTools) return undefined;
  const rule = 'add {allow: "!has(mcp.tool)"} to show them';
  return {
    warning: `every allow rule is about tools, so prompts and resources are hidden; ${rule}`,
    rules: allows.map(({ expression }) => expression.source),
  };
}

/** Rules that have been warned of, by the generation that they belong to. */
const warned = new WeakMap<Lifetime, Set<string>>();

/** A generation builds the same rules several times: for each altitude, and together with those around them. */
function isNews({ rules }: Trap, generation: Lifetime): boolean {
  const known = warned.get(generation) ?? new Set();
  warned.set(generation, known);
  const news = rules.some((text) => !known.has(text));
  for (const text of rules) known.add(text);
  return news;
}

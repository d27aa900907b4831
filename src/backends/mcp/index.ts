/** The `mcp` backend: many MCP servers shown as one. Builds the view; the endpoint behind it outlives reloads. */
import { createHash } from 'node:crypto';
import type { ZodType } from 'zod';
import { sessionKey } from '../../auth/secret.ts';
import { onlyPath } from '../../auth/well-known.ts';
import { type Backend, type BackendDefinition, type BackendDeps, defineBackend } from '../../core/backend.ts';
import { LIMITS } from '../../core/limits.ts';
import type { UpstreamCredentials } from '../../core/outgoing.ts';
import type { PolicySet } from '../../core/policy.ts';
import { timeoutsOf } from '../../core/resilience.ts';
import { Scope } from '../../core/scope.ts';
import { canonicalJson } from '../../lib/canonical-json.ts';
import type { TargetDefinition } from '../../mcp/definition.ts';
import { Endpoint } from '../../mcp/endpoint.ts';
import { connectChannel } from '../../mcp/fronts/channel.ts';
import { HttpFront } from '../../mcp/fronts/front.ts';
import { ReplayBudget } from '../../mcp/sessions/replay.ts';
import { type SessionSettings, SessionTable } from '../../mcp/sessions/session-table.ts';
import { Target } from '../../mcp/target/target.ts';
import { type MemberPlan, View } from '../../mcp/view/view.ts';
import { textsOf } from '../../upstream/text.ts';
import { upstreamTls } from '../../upstream/tls.ts';
import { VERSION } from '../../version.ts';
import { LiveLimits } from './limits.ts';
import { MetadataRelay, relayClaims, withWellKnown } from './relay.ts';
import { type McpConfig, mcpSchema, type TargetConfig } from './schema.ts';

/** `targetPolicies`, `outgoing`: as in mcpSchema. */
export function mcpBackend(
  kinds: readonly TargetDefinition[],
  targetPolicies?: ZodType<PolicySet>,
  outgoing?: ReadonlySet<string>,
): BackendDefinition {
  const byKey = new Map(kinds.map((kind) => [kind.key, kind]));
  return defineBackend<McpConfig>({
    key: 'mcp',
    schema: mcpSchema(kinds, targetPolicies, outgoing),
    claims: (config, { matches, policies }) =>
      relayedUrl(config, { policies, kinds: byKey }) ? relayClaims(matches) : [],
    build: (config, deps) => buildBackend(config, deps, byKey),
  });
}

type Kinds = ReadonlyMap<string, TargetDefinition>;

interface Context {
  readonly deps: BackendDeps;
  readonly kinds: Kinds;
  readonly limits: LiveLimits;
}

function buildBackend(config: McpConfig, deps: BackendDeps, kinds: Kinds): Backend {
  const settings = sessionSettings(deps);
  const limits = holdLimits(deps);
  const endpoint = holdEndpoint(deps, settings, limits);
  const members = config.targets.map((target) => memberOf(target, config, { deps, kinds, limits }));
  const view = new View({
    members,
    prefixMode: config.prefixMode,
    failureMode: config.failureMode,
    nameLimit: config.nameLimit,
    stateless: config.statefulMode === 'stateless',
    guard: deps.guard(deps.policies),
    gate: deps.gate(),
    retry: deps.retry(),
    requestMs: timeoutsOf(deps.policies).requestTimeout || undefined,
  });
  const relay = relayOf(config, { deps, kinds });
  return {
    handle: withWellKnown((exchange) => endpoint.front.handle(exchange), relay),
    owns: (exchange) => endpoint.front.owns(exchange),
    activate: () => {
      limits.settings = deps.settings.limits;
      endpoint.core.sessions.configure(settings);
      endpoint.core.rebase(view);
    },
    retire: () => endpoint.core.rebase(EMPTY_VIEW),
    drain: () => {
      endpoint.front.drain();
      endpoint.core.drain();
    },
    connect: (channel) => connectChannel(endpoint.core, channel, limits),
    start: () => {
      for (const { target } of members) target.start();
    },
  };
}

/** Where the one server is whose logins are the client's business: it stands alone, and nobody else asks for one. */
function relayedUrl(
  { targets }: McpConfig,
  { policies, kinds }: { policies: PolicySet; kinds: Kinds },
): URL | undefined {
  const [target] = targets;
  if (!target || targets.length > 1 || policies['mcpAuthentication'] !== undefined) return undefined;
  const { kind, own } = kindOf(target, kinds);
  return kind.url?.(own);
}

function relayOf(
  config: McpConfig,
  { deps, kinds }: Pick<Context, 'deps' | 'kinds'>,
): MetadataRelay | undefined {
  const { ports, lasting, scope, matches = [] } = deps;
  const url = relayedUrl(config, { policies: deps.policies, kinds });
  const policies = { ...deps.policies, ...config.targets[0]?.policies };
  // What the gateway itself logs in for, its clients need not.
  if (!url || deps.outgoing(policies).credentials) return undefined;
  const { keySetBytes, keySetTime } = LIMITS;
  const bounds = { maxBytes: keySetBytes.value, timeoutMs: keySetTime.value };
  const tls = url.protocol === 'https:' ? upstreamTls(policies) : undefined;
  return new MetadataRelay({
    url,
    path: onlyPath(matches),
    textAt: textsOf(url.origin, { lasting, scope, clock: ports.clock, tls, ...bounds }),
  });
}

/** What is shown of a backend that is no longer configured. */
const EMPTY_VIEW = new View({
  members: [],
  prefixMode: 'conditional',
  failureMode: 'failClosed',
  nameLimit: 64,
});

interface Held {
  readonly core: Endpoint;
  readonly front: HttpFront;
  close(): void;
}

function holdLimits({ lasting, scope, settings }: BackendDeps): LiveLimits {
  return lasting.hold(scope, 'mcp-limits', () => new LiveLimits(settings.limits));
}

function holdEndpoint(
  { lasting, scope, key, ports }: BackendDeps,
  settings: SessionSettings,
  limits: LiveLimits,
): Held {
  const sessions = lasting.hold(scope, 'mcp-sessions', () => new SessionTable({ ports, ...settings }));
  const budget = lasting.hold(
    scope,
    'mcp-replay',
    () => new ReplayBudget({ sessionBytes: LIMITS.replayRing.value, totalBytes: LIMITS.replayTotal.value }),
  );
  return lasting.hold(scope, `mcp-endpoint:${key}`, () => {
    const core = new Endpoint({ key, ports, sessions, version: VERSION });
    const front = new HttpFront({ endpoint: core, ports, budget, limits });
    return {
      core,
      front,
      close: () => {
        front.close();
        core.close();
      },
    };
  });
}

function sessionSettings({ settings, ports }: BackendDeps): SessionSettings {
  return { key: sessionKey(settings, ports), idleMs: settings.sessionTtlMs, max: settings.maxSessions };
}

function memberOf(config: TargetConfig, backend: McpConfig, context: Context): MemberPlan {
  const { deps } = context;
  const own = config.policies ?? {};
  const outgoing = deps.outgoing(own, deps.policies);
  const maxMs = backend.maxCallDuration ?? LIMITS.maxCall.value;
  const callMs =
    config.callTimeout ?? backend.callTimeout ?? backend.tool_call_timeout_ms ?? LIMITS.call.value;
  const { requestTimeout, backendRequestTimeout } = timeoutsOf(deps.policies);
  const longest = Math.min(
    requestTimeout || Number.POSITIVE_INFINITY,
    backendRequestTimeout || Number.POSITIVE_INFINITY,
  );
  const deadline = (ms: number) => ({ ms: Math.min(ms, longest), maxMs: Math.max(ms, maxMs) });
  return {
    target: holdTarget(config, backend, { ...context, credentials: outgoing.credentials }),
    curation: config.tools,
    guard: deps.guard(own),
    gate: deps.gate({ name: config.name, policies: own }),
    outgoing,
    deadline: deadline(callMs),
    toolDeadlines: new Map(
      Object.entries(config.toolTimeouts ?? {}).map(([tool, ms]) => [tool, deadline(ms)]),
    ),
  };
}

/** The same upstream named twice, or kept over a reload, is one target: its identity is what it was made from. */
function holdTarget(
  config: TargetConfig,
  backend: McpConfig,
  context: Context & { credentials: UpstreamCredentials | undefined },
): Target {
  const { deps, kinds, limits, credentials } = context;
  const { kind, own } = kindOf(config, kinds);
  const connectMs =
    config.connectTimeout ?? backend.connectTimeout ?? backend.connection_timeout_ms ?? LIMITS.connect.value;
  const policies = { ...deps.policies, ...config.policies };
  const made = [kind.key, config.name, kind.identity(own, policies), connectMs, credentials?.key];
  const identity = canonicalJson(made);
  const key = `target:${createHash('sha256').update(identity).digest('hex')}`;
  return deps.lasting.hold(deps.current, key, () => {
    const { ports, lasting } = deps;
    const scope = new Scope();
    const connector = kind.build(own, {
      ports,
      name: config.name,
      backend: { lasting, scope, policies },
      timeouts: { connectMs },
      limits,
      credentials,
    });
    const target = new Target({
      name: config.name,
      connector,
      ports,
      connectMs,
      version: VERSION,
      reconcileMs: LIMITS.reconcile.value,
      scope,
    });
    return target;
  });
}

function kindOf(config: TargetConfig, kinds: Kinds): { kind: TargetDefinition; own: unknown } {
  const values = config as Readonly<Record<string, unknown>>;
  for (const kind of kinds.values())
    if (values[kind.key] !== undefined) return { kind, own: values[kind.key] };
  // The bare `host:` beside `name`: the schema has made sure that it is there.
  const mcp = kinds.get('mcp') as TargetDefinition;
  return { kind: mcp, own: mcp.schema.parse({ host: config.host }) };
}

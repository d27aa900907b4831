/** The `mcp` key under `backends[]` and at the top level: targets and how they are merged. */
import { z } from 'zod';
import type { PolicySet } from '../../core/policy.ts';
import { durationSchema } from '../../core/schema.ts';
import type { TargetDefinition } from '../../mcp/definition.ts';
import { remoteUrl } from '../../mcp/remote/schema.ts';

const curationSchema = z.strictObject({
  include: z
    .array(z.string())
    .optional()
    .meta({ description: 'Only these tools (native names, `*` matches any run).' }),
  exclude: z.array(z.string()).optional().meta({ description: 'Not these tools; wins over include.' }),
  rename: z.record(z.string(), z.string()).optional().meta({ description: 'Native name to shown name.' }),
  description: z
    .record(z.string(), z.string())
    .optional()
    .meta({ description: 'Native name to shown description.' }),
});

const NAME = /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,61}[A-Za-z0-9])?$/;

const NO_POLICIES: z.ZodType<PolicySet> = z.strictObject({});
const NONE: ReadonlySet<string> = new Set();

interface TargetPolicies {
  readonly targetPolicies: z.ZodType<PolicySet>;
  readonly outgoing: ReadonlySet<string>;
}

/**
 * Exactly one of the kinds must be present; config/ checks that (a plain union would lose the position of the
 * mistake). `host` beside `name` is the bare spelling of an `mcp` target.
 */
function targetSchema(kinds: readonly TargetDefinition[], { targetPolicies, outgoing }: TargetPolicies) {
  const keys: Record<string, z.ZodType> = {};
  for (const kind of kinds) keys[kind.key] = kind.schema.optional();
  return z
    .strictObject({
      name: z
        .string()
        .regex(NAME, 'letters, digits, "-" and "." only, at most 63 (no "_" or "+": they separate names)')
        .meta({ description: 'Prefix of everything this target offers.' }),
      ...keys,
      host: z.string().optional().meta({ description: 'Bare spelling of `mcp: {host}`.' }),
      tools: curationSchema.optional().meta({ description: 'Which tools are shown, and how.' }),
      connectTimeout: durationSchema
        .optional()
        .meta({ description: 'Time to connect or start, and initialise.' }),
      callTimeout: durationSchema
        .optional()
        .meta({ description: 'Deadline of a call; progress extends it.' }),
      toolTimeouts: z
        .record(z.string(), durationSchema)
        .optional()
        .meta({ description: 'Deadline per native tool name.' }),
      policies: targetPolicies.optional().meta({ description: 'Policies of this target alone.' }),
    })
    .superRefine((target, context) => {
      const given = [...kinds.map((kind) => kind.key), 'host'].filter(
        (key) => (target as Record<string, unknown>)[key] !== undefined,
      );
      if (given.length === 1) {
        const bare = kinds.find(({ key }) => key === given[0])?.bare === true;
        if (bare) for (const key of outgoing) refuseAtBare(key, target.policies, context);
        return checkBareHost(target.host, context);
      }
      const choices = kinds.map((kind) => kind.key).join(', ');
      const message =
        given.length === 0 ? `expected one of ${choices}` : `give only one of ${given.join(', ')}`;
      context.addIssue({ code: 'custom', message, input: target });
    });
}

function checkBareHost(host: string | undefined, context: z.RefinementCtx): void {
  const url = host === undefined ? undefined : remoteUrl({ host }, '/');
  if (typeof url === 'string')
    context.addIssue({ code: 'custom', message: url, path: ['host'], input: host });
}

function refuseAtBare(key: string, policies: PolicySet | undefined, context: z.RefinementCtx): void {
  if (policies?.[key] === undefined) return;
  const message = 'this target is a process: nothing that is sent to it carries headers or credentials';
  context.addIssue({ code: 'custom', message, path: ['policies', key], input: '' });
}

/**
 * `targetPolicies`: what may stand under a target's `policies`; the composer of definitions knows which ship.
 * `outgoing`: keys of those about what requests carry.
 */
export function mcpSchema(
  kinds: readonly TargetDefinition[],
  targetPolicies: z.ZodType<PolicySet> = NO_POLICIES,
  outgoing: ReadonlySet<string> = NONE,
) {
  return z.strictObject({
    targets: z
      .array(targetSchema(kinds, { targetPolicies, outgoing }))
      .default([])
      .superRefine(uniqueNames, { when: ({ value }) => Array.isArray(value) })
      .meta({ description: 'The MCP servers that are shown as one.' }),
    prefixMode: z.enum(['conditional', 'always', 'never']).default('conditional').meta({
      description:
        'Whether names carry the name of their target; `conditional`: when there are several targets.',
    }),
    failureMode: z
      .enum(['failClosed', 'failOpen'])
      .default('failClosed')
      .meta({ description: 'A target that cannot answer fails a merged request, or is left out of it.' }),
    statefulMode: z.enum(['stateful', 'stateless']).default('stateful').meta({
      description:
        'Whether legacy clients over streamable HTTP have sessions; without one, servers can ask them nothing.',
    }),
    nameLimit: z
      .int()
      .min(16)
      .max(256)
      .default(64)
      .meta({ description: 'Longest exposed name; longer ones are shortened.' }),
    connectTimeout: durationSchema.optional().meta({ description: 'Default 10s.' }),
    callTimeout: durationSchema.optional().meta({ description: 'Default 30s.' }),
    maxCallDuration: durationSchema
      .optional()
      .meta({ description: 'What progress can extend a call to (default 10m).' }),
    connection_timeout_ms: z
      .int()
      .positive()
      .optional()
      .meta({ description: 'The same as `connectTimeout`, in milliseconds.' }),
    tool_call_timeout_ms: z
      .int()
      .positive()
      .optional()
      .meta({ description: 'The same as `callTimeout`, in milliseconds.' }),
  });
}

/** Runs on targets that are wrong in other ways too, so that every fault is reported at once. */
function uniqueNames(targets: readonly unknown[], context: z.RefinementCtx): void {
  const seen = new Set<unknown>();
  targets.forEach((target, index) => {
    const name = (target as { name?: unknown } | null | undefined)?.name;
    if (typeof name !== 'string') return;
    if (seen.has(name)) {
      const message = `two targets are called "${name}"`;
      context.addIssue({ code: 'custom', message, path: [index, 'name'], input: name });
    }
    seen.add(name);
  });
}

export type McpConfig = z.output<ReturnType<typeof mcpSchema>>;
export type TargetConfig = McpConfig['targets'][number];

/** The answer to initialize: one server's own words, or several servers' joined. Pure. */
import { isObject } from '../lib/json-value.ts';
import type { ServerInfo } from './link/handshake.ts';

export interface MergeInput {
  /** Agreed revision. */
  readonly version: string;
  readonly single: boolean;
  readonly infos: readonly { readonly name: string; readonly info: ServerInfo }[];
  readonly gatewayVersion: string;
}

export function mergeInfo(input: MergeInput): Buffer {
  const [only] = input.infos;
  if (input.single && only) return passOn(only.info, input.version);
  const instructions = joinInstructions(input.infos);
  return Buffer.from(
    JSON.stringify({
      protocolVersion: input.version,
      capabilities: unionCapabilities(input.infos.map(({ info }) => info.capabilities)),
      serverInfo: { name: 'agentgateway', version: input.gatewayVersion },
      ...(instructions === undefined ? {} : { instructions }),
    }),
  );
}

/** The server's own answer, with the revision that this client and we have agreed on. */
function passOn(info: ServerInfo, version: string): Buffer {
  const value = JSON.parse(info.raw.toString('utf8')) as Record<string, unknown>;
  return Buffer.from(JSON.stringify({ ...value, protocolVersion: version }));
}

/** Capabilities whose methods name no target: nobody could tell whom a task id belongs to. */
const ONLY_ALONE: ReadonlySet<string> = new Set(['tasks']);

/** What any of them can do and merged lists can carry. */
export function unionCapabilities(
  all: readonly Readonly<Record<string, unknown>>[],
): Record<string, unknown> {
  const merged = Object.fromEntries(Object.entries(union(all)).filter(([name]) => !ONLY_ALONE.has(name)));
  // The gateway itself tells of changes: a reload changes the lists even of servers that never do.
  for (const list of ['tools', 'prompts', 'resources']) {
    const value = merged[list];
    if (isObject(value)) merged[list] = { ...value, listChanged: true };
  }
  return merged;
}

/** Nested objects (`listChanged`, `subscribe`) likewise. A map: servers choose the names. */
function union(all: readonly Readonly<Record<string, unknown>>[]): Record<string, unknown> {
  const whole = new Map<string, unknown>();
  for (const capabilities of all) {
    for (const [name, value] of Object.entries(capabilities)) {
      const before = whole.get(name);
      if (isObject(before) && isObject(value)) whole.set(name, union([before, value]));
      else if (before === undefined || before === false) whole.set(name, value);
    }
  }
  return Object.fromEntries(whole);
}

function joinInstructions(infos: MergeInput['infos']): string | undefined {
  const sections = infos
    .filter(({ info }) => info.instructions)
    .map(({ name, info }) => `# ${name}\n\n${info.instructions}`);
  return sections.length === 0 ? undefined : sections.join('\n\n');
}

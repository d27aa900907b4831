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

/** Everything any of them can do; nested objects (`listChanged`, `subscribe`) likewise. */
export function unionCapabilities(
  all: readonly Readonly<Record<string, unknown>>[],
): Record<string, unknown> {
  const union: Record<string, unknown> = {};
  for (const capabilities of all) {
    for (const [name, value] of Object.entries(capabilities)) {
      const before = union[name];
      if (isObject(before) && isObject(value)) union[name] = unionCapabilities([before, value]);
      else if (before === undefined || before === false) union[name] = value;
    }
  }
  // The gateway itself tells of changes: a reload changes the lists even of servers that never do.
  for (const list of ['tools', 'prompts', 'resources']) {
    const value = union[list];
    if (isObject(value)) union[list] = { ...value, listChanged: true };
  }
  return union;
}

function joinInstructions(infos: MergeInput['infos']): string | undefined {
  const sections = infos
    .filter(({ info }) => info.instructions)
    .map(({ name, info }) => `# ${name}\n\n${info.instructions}`);
  return sections.length === 0 ? undefined : sections.join('\n\n');
}

/**
 * The answers to initialize and server/discover: one server's own words, as it spelled them, or several servers'
 * joined. Pure.
 */
import { compact, members, quote, splice } from '../lib/json-text.ts';
import { isObject } from '../lib/json-value.ts';
import { withoutTasks } from './bridge/tasks.ts';
import type { ServerInfo } from './link/opened.ts';
import { type OwnWords, ownWords } from './link/own-words.ts';
import { REVISIONS } from './revisions.ts';

export interface MergeInput {
  readonly single: boolean;
  readonly infos: readonly { readonly name: string; readonly info: ServerInfo }[];
  readonly gatewayVersion: string;
}

/** The result of initialize. `version`: the revision agreed on. */
export function mergeInfo(input: MergeInput, version: string): Buffer {
  const [only] = input.infos;
  if (input.single && only?.info.era === 'legacy') return passOn(only.info, { protocolVersion: version });
  const { capabilities, serverInfo, instructions } = said(input);
  return object([
    ['protocolVersion', quote(version)],
    ['capabilities', withoutTasks(capabilities, 'modern')],
    ['serverInfo', serverInfo],
    ['instructions', instructions],
  ]);
}

/**
 * The result of server/discover. What clients may speak is what the gateway speaks, whatever the servers do. It is not
 * to be kept, whatever a single server says: a reload changes it.
 */
export function mergeDiscover(input: MergeInput): Buffer {
  const [only] = input.infos;
  if (input.single && only?.info.era === 'modern')
    return passOn(only.info, { supportedVersions: REVISIONS, ttlMs: 0 });
  const { capabilities, serverInfo, instructions } = said(input);
  return object([
    ['resultType', quote('complete')],
    ['ttlMs', Buffer.from('0')],
    ['cacheScope', quote('private')],
    ['supportedVersions', json(REVISIONS)],
    ['capabilities', withoutTasks(capabilities, 'legacy')],
    ['instructions', instructions],
    ['_meta', object([['io.modelcontextprotocol/serverInfo', serverInfo]])],
  ]);
}

function said({ single, infos, gatewayVersion }: MergeInput): OwnWords & { readonly serverInfo: Buffer } {
  const own = json({ name: 'agentgateway', version: gatewayVersion });
  const [only] = infos;
  if (single && only) {
    const words = ownWords(only.info);
    return { ...words, serverInfo: words.serverInfo ?? own };
  }
  const instructions = joinInstructions(infos);
  return {
    capabilities: json(unionCapabilities(infos.map(({ info }) => info.capabilities))),
    serverInfo: own,
    instructions: instructions === undefined ? undefined : quote(instructions),
  };
}

/** The server's own answer, but for what this client and we have agreed on. */
function passOn({ raw }: ServerInfo, ours: Readonly<Record<string, unknown>>): Buffer {
  const line = compact(raw);
  const theirs = members(line).filter(({ name }) => Object.hasOwn(ours, name));
  return splice(
    line,
    theirs.map(({ name, start, end }) => ({ start, end, with: json(ours[name]) })),
  );
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

/** Of raw texts; what is undefined is left out. */
function object(entries: readonly (readonly [name: string, text: Buffer | undefined])[]): Buffer {
  const pieces: Buffer[] = [];
  for (const [name, text] of entries) {
    if (!text) continue;
    pieces.push(Buffer.from(pieces.length === 0 ? '{' : ','), quote(name), Buffer.from(':'), text);
  }
  return Buffer.concat([...pieces, Buffer.from('}')]);
}

/** Capabilities whose methods name no target, or list what is not merged: they hold for a single server. */
const ONLY_ALONE: ReadonlySet<string> = new Set(['tasks', 'io.modelcontextprotocol/skills']);

/** What any of them can do and merged lists can carry. */
export function unionCapabilities(
  all: readonly Readonly<Record<string, unknown>>[],
): Record<string, unknown> {
  const merged = mergeable(union(all));
  if (isObject(merged['extensions'])) merged['extensions'] = mergeable(merged['extensions']);
  // The gateway itself tells of changes: a reload changes the lists even of servers that never do.
  for (const list of ['tools', 'prompts', 'resources']) {
    const value = merged[list];
    if (isObject(value)) merged[list] = { ...value, listChanged: true };
  }
  return merged;
}

function mergeable(capabilities: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(capabilities).filter(([name]) => !ONLY_ALONE.has(name)));
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

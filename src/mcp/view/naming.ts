/**
 * How names of a target look to clients, and which are shown. Pure. Names go one way only; the way back is the map of
 * exposed names that a listing keeps, never splitting at a separator.
 */
import { createHash } from 'node:crypto';
import { matchesPattern } from '../../lib/pattern.ts';

export interface Curation {
  readonly include?: readonly string[] | undefined;
  readonly exclude?: readonly string[] | undefined;
  readonly rename?: Readonly<Record<string, string>> | undefined;
  readonly description?: Readonly<Record<string, string>> | undefined;
}

export interface NameRules {
  /** `<target>_` or empty. */
  readonly prefix: string;
  /** Longest name that clients accept; longer ones are shortened. */
  readonly limit: number;
}

export type PrefixMode = 'conditional' | 'always' | 'never';

/** Whether names carry the name of their target. */
export function isPrefixed(mode: PrefixMode, targets: number): boolean {
  return mode === 'always' || (mode === 'conditional' && targets > 1);
}

/** Whether URIs do: whatever the mode, several targets are told apart by them. */
export function mapsUris(mode: PrefixMode, targets: number): boolean {
  return targets > 1 || mode === 'always';
}

const ACCEPTED = /^[A-Za-z0-9_.-]+$/;
const REJECTED = /[^A-Za-z0-9_.-]+/g;

/**
 * The exposed form of a native name. A name that is too long or has characters clients reject keeps a readable head
 * and ends in a hash of the whole, so that it is stable and two such names differ.
 */
export function exposeName(native: string, rules: NameRules): string {
  const full = rules.prefix + native;
  if (full.length <= rules.limit && ACCEPTED.test(full)) return full;
  const mark = `_${createHash('sha256').update(full).digest('hex').slice(0, 8)}`;
  return full.replace(REJECTED, '-').slice(0, rules.limit - mark.length) + mark;
}

const MARKED = /_[0-9a-f]{8}$/;

/** Whether a name may be one that was shortened, so that only the list can say what it stands for. */
export function mayBeShortened(exposed: string): boolean {
  return MARKED.test(exposed);
}

/** Whether a tool is shown. `*` in a pattern matches any run of characters; exclude wins over include. */
export function isShown(native: string, curation: Curation | undefined): boolean {
  if (!curation) return true;
  if (curation.exclude?.some((pattern) => matchesPattern(native, pattern))) return false;
  return curation.include?.some((pattern) => matchesPattern(native, pattern)) ?? true;
}

const UI = 'ui://';

/** `target+uri`; MCP Apps need their scheme first, so `ui://x` becomes `ui://target+x`. */
export function exposeUri(uri: string, target: string): string {
  return uri.startsWith(UI) ? `${UI}${target}+${uri.slice(UI.length)}` : `${target}+${uri}`;
}

/** The target a URI names and the URI as that target knows it. Target names have no `+`, so the first one separates. */
export function resolveUri(exposed: string): { target: string; uri: string } | undefined {
  const scheme = exposed.startsWith(UI) ? UI : '';
  const at = exposed.indexOf('+', scheme.length);
  if (at < 0) return undefined;
  return { target: exposed.slice(scheme.length, at), uri: scheme + exposed.slice(at + 1) };
}

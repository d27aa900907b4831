/** Host names in rules and requests: exact, or `*.suffix` for one or more labels before it (Gateway API Hostname). */
import { hostOf } from '../lib/address.ts';

/** The host of an authority as rules spell it: no port, lower case, no final dot. */
export function requestHost(authority: string): string {
  return hostOf(authority.toLowerCase()).replace(/\.$/, '');
}

/** A pattern in one spelling; undefined stands for every host. */
export function hostPattern(pattern: string | undefined): string | undefined {
  const name = pattern?.toLowerCase().replace(/\.$/, '');
  return name === '*' ? undefined : name;
}

export interface HostMap<T> {
  readonly exact: ReadonlyMap<string, T>;
  /** Key: suffix with its leading dot. */
  readonly wildcard: ReadonlyMap<string, T>;
  readonly any: T | undefined;
}

/** Of two equal patterns the first wins, as everywhere in routing. */
export function hostMap<T>(patterns: Iterable<readonly [string | undefined, T]>): HostMap<T> {
  const exact = new Map<string, T>();
  const wildcard = new Map<string, T>();
  let any: T | undefined;
  for (const [pattern, value] of patterns) {
    const name = hostPattern(pattern);
    if (name === undefined) any ??= value;
    else if (name.startsWith('*.')) setOnce(wildcard, name.slice(1), value);
    else setOnce(exact, name, value);
  }
  return { exact, wildcard, any };
}

/** What applies to `host`, most specific first: the exact name, longer suffixes before shorter ones, the rest. */
export function* hostCandidates<T>(map: HostMap<T>, host: string): Generator<T> {
  const exact = map.exact.get(host);
  if (exact !== undefined) yield exact;
  if (map.wildcard.size > 0) {
    // From the second character: `*.example.com` does not match `.example.com`.
    for (let dot = host.indexOf('.', 1); dot >= 0; dot = host.indexOf('.', dot + 1)) {
      const found = map.wildcard.get(host.slice(dot));
      if (found !== undefined) yield found;
    }
  }
  if (map.any !== undefined) yield map.any;
}

function setOnce<T>(map: Map<string, T>, key: string, value: T): void {
  if (!map.has(key)) map.set(key, value);
}

/** What a list's sender says of keeping it (revision 2026-07-28, "Caching"). */

/** `ttlMs` in milliseconds. `public`: whoever asks would get the same. */
export interface Caching {
  readonly ttlMs: number;
  readonly scope: 'public' | 'private';
}

/** Of servers that say nothing: what they answer may depend on who asks, and change at any time. */
export const UNCACHED: Caching = { ttlMs: 0, scope: 'private' };

/** What holds for an answer made of both. */
export function stricter(a: Caching, b: Caching): Caching {
  const scope = a.scope === 'public' && b.scope === 'public' ? 'public' : 'private';
  return { ttlMs: Math.min(a.ttlMs, b.ttlMs), scope };
}

/** From raw members; what is missing or makes no sense is the stricter. */
export function readCaching(ttlMs: string | undefined, scope: string | undefined): Caching {
  const ttl = Number(ttlMs);
  return {
    ttlMs: Number.isSafeInteger(ttl) && ttl >= 0 ? ttl : 0,
    scope: scope === 'public' ? 'public' : 'private',
  };
}

/** The members every cacheable modern result begins with, for in front of others. */
export function cachingMembers({ ttlMs, scope }: Caching): string {
  return `"resultType":"complete","ttlMs":${ttlMs},"cacheScope":"${scope}"`;
}

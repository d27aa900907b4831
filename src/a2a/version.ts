/** Which version of A2A a request speaks (specification 3.6). Pure. */

/** What a request without a version speaks. */
const OLDEST_VERSION = '0.3';

/**
 * `Major.Minor` of the header `A2A-Version` or the query parameter of the same name. undefined: malformed, or the two
 * say different things. A patch number says nothing (3.6), so it is left off.
 */
export function versionOf(header: string | undefined, query: string): string | undefined {
  const said = [header, ...parameters(query)].filter((value) => value !== undefined);
  const versions = new Set(said.map(plainVersion));
  if (versions.size > 1) return undefined;
  return versions.size === 0 ? OLDEST_VERSION : [...versions][0];
}

function plainVersion(text: string): string | undefined {
  if (text.trim() === '') return OLDEST_VERSION;
  return /^\s*(\d{1,4}\.\d{1,4})(?:\.\d{1,4})?\s*$/.exec(text)?.[1];
}

function parameters(query: string): string[] {
  if (!/version|%/i.test(query)) return [];
  return [...new URLSearchParams(query)].flatMap(([name, value]) =>
    name.toLowerCase() === 'a2a-version' ? [value] : [],
  );
}

/** The path that a description puts before its own: of the first server, with its variables filled in. */
import { isObject } from '../lib/json-value.ts';

const LONGEST = 2000;

/** `levels`: lists of servers, the narrowest first. Without a slash at the end; the host is said by the configuration. */
export function serverPath(levels: readonly unknown[]): string {
  const servers = levels.find((level) => Array.isArray(level) && level.length > 0) as unknown[] | undefined;
  const server = servers?.[0];
  if (!isObject(server) || typeof server['url'] !== 'string') return '';
  const { variables } = server;
  const url = server['url'].replace(/\{([^{}]+)\}/g, (whole, name: string) => {
    const variable = isObject(variables) ? variables[name] : undefined;
    const value = isObject(variable) ? variable['default'] : undefined;
    return value === undefined ? whole : String(value);
  });
  if (url.length > LONGEST) return '';
  // Resolved as a reference: a relative one such as "v2" stands for a path, too.
  const base = 'http://server.invalid/';
  if (!URL.canParse(url, base)) return '';
  return new URL(url, base).pathname.replace(/\/+$/, '');
}

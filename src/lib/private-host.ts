/**
 * Hosts that lie within somebody's network: addresses that are not on the Internet, names that are never asked of it.
 * Pure; names are not resolved, so one that leads to such an address is not recognised.
 */
import { isLoopbackHost } from './address.ts';
import { reachOf } from './reach.ts';

/** RFC 6762, RFC 8375, the name that ICANN keeps for private use; and names without a dot, which resolvers complete. */
const NAMES = /(?:^|\.)(?:local|internal|home\.arpa)$|^[^.]+$/;

/** Takes IPv6 with or without brackets, and hosts as `URL` writes them. */
export function isPrivateHost(host: string): boolean {
  const name = host
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '');
  const reach = reachOf(name);
  return reach === undefined ? isLoopbackHost(name) || NAMES.test(name) : reach !== 'public';
}

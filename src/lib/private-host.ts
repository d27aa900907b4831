/**
 * Hosts that lie within somebody's network: addresses that are not on the Internet, names that are never asked of it.
 * Pure; names are not resolved, so one that leads to such an address is not recognised.
 */
import { isLoopbackHost } from './address.ts';
import { type Cidr, containsIp, parseCidr, parseIp } from './ip.ts';

/** RFC 6890 and the IANA registries it began: not globally reachable. */
const NETWORKS: readonly Cidr[] = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '::/96',
  'fc00::/7',
  'fe80::/10',
].flatMap((text) => parseCidr(text) ?? []);
/** IPv4 in the clothes of IPv6: mapped (RFC 4291), translated (RFC 6052). */
const WRAPPED: readonly Cidr[] = ['::ffff:0:0/96', '64:ff9b::/96'].flatMap((text) => parseCidr(text) ?? []);
/** RFC 6762, and the name that ICANN keeps for private use. */
const NAMES = /(?:^|\.)(?:local|internal)$/;

/** Takes IPv6 with or without brackets, and hosts as `URL` writes them. */
export function isPrivateHost(host: string): boolean {
  const name = host
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '');
  if (isLoopbackHost(name) || NAMES.test(name)) return true;
  const address = parseIp(name);
  if (!address) return false;
  const plain = WRAPPED.some((network) => containsIp(network, address)) ? address.subarray(12) : address;
  return NETWORKS.some((network) => containsIp(network, plain));
}

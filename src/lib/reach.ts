/**
 * How far an address reaches: the whole internet, a private network, or this machine. Who was led to an address by
 * somebody else must not get further inside than that somebody is (SSRF). Pure; names are not resolved.
 */
import { type Cidr, containsIp, parseCidr, parseIp } from './ip.ts';

/** From the outside in; `never`: not an address of a server (link-local ones give out credentials of clouds). */
export type Reach = 'public' | 'private' | 'loopback' | 'never';

const ORDER: readonly Reach[] = ['public', 'private', 'loopback', 'never'];

/** Whether something at `from` may lead to `to`. */
export function mayLead(from: Reach, to: Reach): boolean {
  return to !== 'never' && ORDER.indexOf(to) <= ORDER.indexOf(from);
}

/** The one further inside. */
export function inner(one: Reach, other: Reach): Reach {
  return ORDER.indexOf(one) > ORDER.indexOf(other) ? one : other;
}

const networks = (...texts: readonly string[]): readonly Cidr[] =>
  texts.map((text) => parseCidr(text) as Cidr);

/** IANA's special-purpose registries. */
const V4: readonly (readonly [Reach, readonly Cidr[]])[] = [
  ['loopback', networks('127.0.0.0/8')],
  ['private', networks('10.0.0.0/8', '100.64.0.0/10', '172.16.0.0/12', '192.168.0.0/16', '198.18.0.0/15')],
  // The host agent of a large cloud, which hands certificates and settings to its machines.
  ['never', networks('168.63.129.16/32')],
  ['never', networks('0.0.0.0/8', '169.254.0.0/16', '224.0.0.0/3')],
  ['never', networks('192.0.0.0/24', '192.0.2.0/24', '192.88.99.0/24', '198.51.100.0/24', '203.0.113.0/24')],
];
const V6: readonly (readonly [Reach, readonly Cidr[]])[] = [
  ['loopback', networks('::1/128')],
  // The address of the metadata service of a large cloud.
  ['never', networks('fd00:ec2::254/128')],
  ['private', networks('fc00::/7')],
  ['never', networks('2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20')],
  ['public', networks('2000::/3')],
];
/** IPv4 in other clothes: mapped, and translated (NAT64). */
const V4_IN_V6 = networks('::ffff:0:0/96', '64:ff9b::/96');

/** undefined: not an IP address. */
export function reachOf(address: string): Reach | undefined {
  const ip = parseIp(address.replace(/^\[(.*)\]$/, '$1'));
  if (!ip) return undefined;
  if (ip.length === 4) return among(V4, ip) ?? 'public';
  if (V4_IN_V6.some((network) => containsIp(network, ip))) return among(V4, ip.subarray(12)) ?? 'public';
  return among(V6, ip) ?? 'never';
}

function among(table: typeof V4, ip: Uint8Array): Reach | undefined {
  return table.find(([, all]) => all.some((network) => containsIp(network, ip)))?.[0];
}

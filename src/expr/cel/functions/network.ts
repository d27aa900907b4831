/** Addresses and networks, as the Kubernetes libraries `ip` and `cidr` have them. */
import { type CelFunc, CelScalar, celFunc, celMethod } from '@bufbuild/cel';
import { type Cidr, containsCidr, containsIp, masked, parseCidr, parseIp } from '../../../lib/ip.ts';
import { Fault } from '../frame.ts';
import { addressOf, CIDR, cidrValue, IP, ipValue, networkOf } from '../opaque.ts';

const { BOOL, INT, STRING } = CelScalar;

export const networkFunctions: readonly CelFunc[] = [
  celFunc('isIP', [STRING], BOOL, (text) => parseIp(text) !== undefined),
  celFunc('ip', [STRING], IP, (text) => ipValue(ip(text))),
  celFunc('string', [IP], STRING, (value) => String(value.message['text' as keyof typeof value.message])),
  celFunc('string', [CIDR], STRING, (value) => String(value.message['text' as keyof typeof value.message])),
  celMethod('family', IP, [], INT, function () {
    return addressOf(this).length === 4 ? 4n : 6n;
  }),
  property('isUnspecified', isUnspecified),
  property('isLoopback', isLoopback),
  property('isLinkLocalMulticast', isLinkLocalMulticast),
  property('isLinkLocalUnicast', isLinkLocalUnicast),
  property('isGlobalUnicast', isGlobalUnicast),
  celFunc('isCIDR', [STRING], BOOL, (text) => parseCidr(text) !== undefined),
  celFunc('cidr', [STRING], CIDR, (text) => cidrValue(cidr(text))),
  celMethod('containsIP', CIDR, [IP], BOOL, function (other) {
    return containsIp(networkOf(this), addressOf(other));
  }),
  celMethod('containsIP', CIDR, [STRING], BOOL, function (other) {
    return containsIp(networkOf(this), ip(other));
  }),
  celMethod('containsCIDR', CIDR, [CIDR], BOOL, function (other) {
    return containsCidr(networkOf(this), networkOf(other));
  }),
  celMethod('containsCIDR', CIDR, [STRING], BOOL, function (other) {
    return containsCidr(networkOf(this), cidr(other));
  }),
  celMethod('ip', CIDR, [], IP, function () {
    return ipValue(networkOf(this).address);
  }),
  celMethod('masked', CIDR, [], CIDR, function () {
    return cidrValue(masked(networkOf(this)));
  }),
  celMethod('prefixLength', CIDR, [], INT, function () {
    return BigInt(networkOf(this).prefix);
  }),
];

function property(name: string, holds: (address: Uint8Array) => boolean): CelFunc {
  return celMethod(name, IP, [], BOOL, function () {
    return holds(addressOf(this));
  });
}

function ip(text: string): Uint8Array {
  const address = parseIp(text);
  if (!address) throw new Fault('this is not an IP address');
  return address;
}

function cidr(text: string): Cidr {
  const network = parseCidr(text);
  if (!network) throw new Fault('this is not a network such as 10.0.0.0/8');
  return network;
}

const within = (network: string): ((address: Uint8Array) => boolean) => {
  const parsed = cidr(network);
  return (address) => containsIp(parsed, address);
};

const LOOPBACK_4 = within('127.0.0.0/8');
const LOOPBACK_6 = within('::1/128');
const LINK_LOCAL_4 = within('169.254.0.0/16');
const LINK_LOCAL_6 = within('fe80::/10');
const LINK_MULTICAST_4 = within('224.0.0.0/24');
const MULTICAST_4 = within('224.0.0.0/4');
const MULTICAST_6 = within('ff00::/8');
const UNIQUE_LOCAL_6 = within('fc00::/7');
const BROADCAST = within('255.255.255.255/32');

function isUnspecified(address: Uint8Array): boolean {
  return address.every((byte) => byte === 0);
}

function isLoopback(address: Uint8Array): boolean {
  return LOOPBACK_4(address) || LOOPBACK_6(address);
}

/** IPv6 has the scope in the low half of the second byte. */
function isLinkLocalMulticast(address: Uint8Array): boolean {
  return LINK_MULTICAST_4(address) || (MULTICAST_6(address) && ((address[1] as number) & 15) === 2);
}

function isLinkLocalUnicast(address: Uint8Array): boolean {
  return LINK_LOCAL_4(address) || LINK_LOCAL_6(address);
}

/** Private IPv4 networks count, unique local IPv6 ones do not: as in the Rust gateway. */
function isGlobalUnicast(address: Uint8Array): boolean {
  return ![
    isUnspecified,
    isLoopback,
    isLinkLocalUnicast,
    MULTICAST_4,
    MULTICAST_6,
    UNIQUE_LOCAL_6,
    BROADCAST,
  ].some((is) => is(address));
}

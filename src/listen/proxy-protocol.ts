/**
 * The PROXY header that a load balancer puts before what a client says: versions 1 and 2 of HAProxy's specification
 * (proxy-protocol.txt, sections 2.1 and 2.2). Strict: what two readers could read differently is no header. Pure.
 */
import type { Endpoint } from '../core/exchange.ts';
import type { ProxyProtocolPlan } from '../core/plan.ts';
import { formatIp, parseIp } from '../lib/ip.ts';

/** Between whom the connection is, as the load balancer knows it. */
export interface ProxiedAddresses {
  readonly client: Endpoint;
  readonly local: Endpoint;
}

export type ProxyReading =
  /** `addresses` undefined: it is the load balancer's own, or of a kind that has none. */
  | {
      readonly kind: 'header';
      readonly length: number;
      readonly addresses: ProxiedAddresses | undefined;
    }
  /** `need`: how many bytes there must be before reading again is of any use. */
  | { readonly kind: 'more'; readonly need: number }
  /** It begins with something else. */
  | { readonly kind: 'none' }
  | { readonly kind: 'invalid'; readonly reason: string };

const V1_SIGNATURE = Buffer.from('PROXY ');
/** Shortest and longest line, its end included. */
const V1_LEAST = 'PROXY UNKNOWN\r\n'.length;
const V1_MOST = 107;
const V2_SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n');
const V2_HEAD = 16;
const LOCAL = 0x20;
const PROXY = 0x21;
/** Family and transport: UNSPEC, TCP over IPv4, over IPv6, a Unix stream. What follows are its addresses, in bytes. */
const SIZES: Readonly<Record<number, number>> = { 0: 0, 17: 12, 33: 36, 49: 216 };
const TCP_FAMILIES: Readonly<Record<number, number>> = { 17: 4, 33: 16 };

/** `bytes` are all that has come so far; `limit` is for a whole header of version 2. */
export function readProxyProtocol(
  bytes: Buffer,
  version: ProxyProtocolPlan['version'],
  limit: number,
): ProxyReading {
  for (const [signature, own, read] of [
    [V1_SIGNATURE, 'v1', readV1],
    [V2_SIGNATURE, 'v2', readV2],
  ] as const) {
    const known = Math.min(bytes.length, signature.length);
    if (signature.compare(bytes, 0, known, 0, known) !== 0) continue;
    if (known < signature.length) return { kind: 'more', need: known + 1 };
    if (version !== 'all' && version !== own) return invalid(notTaken(own));
    return read(bytes, limit);
  }
  return { kind: 'none' };
}

function notTaken(version: string): string {
  const where = '`proxyProtocol` of the bind, or in `frontendPolicies.proxy`';
  return `version ${version}, which is not taken here: say \`version: ${version}\` or \`all\` in ${where}`;
}

function readV1(bytes: Buffer): ProxyReading {
  const end = bytes.subarray(0, V1_MOST).indexOf('\r\n');
  if (end === -1) {
    if (bytes.length >= V1_MOST) return invalid('a line that is too long');
    return { kind: 'more', need: Math.max(V1_LEAST, bytes.length + 1) };
  }
  const length = end + 2;
  const words = bytes.toString('latin1', V1_SIGNATURE.length, end).split(' ');
  const [family, source, destination, sourcePort, destinationPort, ...others] = words;
  // Whatever else stands in the line has no meaning (section 2.1).
  if (family === 'UNKNOWN') return { kind: 'header', length, addresses: undefined };
  const size = family === 'TCP4' ? 4 : family === 'TCP6' ? 16 : undefined;
  const client = endpointV1(source, sourcePort, size);
  const local = endpointV1(destination, destinationPort, size);
  if (!client || !local || others.length > 0) return invalid('a line that makes no sense');
  return { kind: 'header', length, addresses: { client, local } };
}

function endpointV1(address = '', port = '', size = 0): Endpoint | undefined {
  const bytes = parseIp(address);
  if (bytes?.length !== size || !/^(?:0|[1-9]\d{0,4})$/.test(port) || Number(port) > 65_535) return undefined;
  return { address: shown(bytes), port: Number(port) };
}

function readV2(bytes: Buffer, limit: number): ProxyReading {
  if (bytes.length < V2_HEAD) return { kind: 'more', need: V2_HEAD };
  const [command = 0, family = 0] = bytes.subarray(12);
  const length = V2_HEAD + bytes.readUInt16BE(14);
  if (command !== LOCAL && command !== PROXY) return invalid('an unknown version or command');
  if (length > limit) return invalid(`more than ${limit} bytes`);
  const size = SIZES[family];
  if (command === PROXY && size === undefined) return invalid('an unknown family or transport');
  if (bytes.length < length) return { kind: 'more', need: length };
  // Its own connection, whatever stands behind (section 2.2).
  if (command === LOCAL) return { kind: 'header', length, addresses: undefined };
  const block = bytes.subarray(V2_HEAD, length);
  if (block.length < (size ?? 0)) return invalid('addresses that are cut short');
  // Of a family that is not specified nothing is known, so that not even further fields can be told from addresses.
  if (family !== 0 && !areFields(block.subarray(size)))
    return invalid('malformed fields behind the addresses');
  const width = TCP_FAMILIES[family];
  return { kind: 'header', length, addresses: width === undefined ? undefined : addressesV2(block, width) };
}

function addressesV2(block: Buffer, width: number): ProxiedAddresses {
  const endpoint = (which: 0 | 1): Endpoint => ({
    address: shown(block.subarray(which * width, (which + 1) * width)),
    port: block.readUInt16BE(2 * width + 2 * which),
  });
  return { client: endpoint(0), local: endpoint(1) };
}

/** Type, length and value, one after the other (section 2.2.7). None is of use here. */
function areFields(rest: Buffer): boolean {
  let at = 0;
  while (at + 3 <= rest.length) at += 3 + rest.readUInt16BE(at + 1);
  return at === rest.length;
}

const MAPPED = Buffer.from('00000000000000000000ffff', 'hex');

/** One address has one spelling, or rules about it could be got around. */
function shown(address: Uint8Array): string {
  if (address.length === 16 && MAPPED.equals(address.subarray(0, 12))) return formatIp(address.subarray(12));
  return formatIp(address);
}

function invalid(reason: string): ProxyReading {
  return { kind: 'invalid', reason };
}

/**
 * Where a request says that it goes: `host` or `host:port`, in one spelling for each place. `127.1`, `0x7f.1`,
 * `2130706433` and `[::ffff:127.0.0.1]` are the same address to whoever connects; rules must see it as one. Pure.
 */
import { type Cidr, formatIp, parseCidr, parseIp } from './ip.ts';

export interface Authority {
  /** Lower-case ASCII without a final dot; addresses as RFC 5952 writes them, IPv6 without brackets. */
  readonly host: string;
  readonly port: number | undefined;
  /** Where the host is an address: 4 or 16 bytes; IPv4 within IPv6 is IPv4. */
  readonly address: Uint8Array | undefined;
}

/** RFC 1035 section 2.3.4. */
const LONGEST_NAME = 253;
const SHAPE = /^(\[[0-9A-Fa-f:.]+\]|[^\s:@/?#\\[\]%]+)(?::(\d{1,5}))?$/;
const NAME = /^[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*$/;

/** undefined for anything else: user names, empty hosts and ports, paths, escapes. */
export function parseAuthority(text: string): Authority | undefined {
  const [, written, digits] = (text.length <= LONGEST_NAME + 7 && SHAPE.exec(text)) || [];
  const port = digits === undefined ? undefined : Number(digits);
  if (written === undefined || port === 0 || (port ?? 0) > 65_535) return undefined;
  // As browsers read it: other bases and missing parts of IPv4, names beyond ASCII.
  if (!URL.canParse(`http://${written}/`)) return undefined;
  const { hostname } = new URL(`http://${written}/`);
  const name = hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
  const ip = parseIp(name);
  if (!ip)
    return name.length <= LONGEST_NAME && NAME.test(name)
      ? { host: name, port, address: undefined }
      : undefined;
  const address = plainIp(ip);
  return { host: formatIp(address), port, address };
}

/** `host:port` as URLs and Host headers have it. */
export function formatAuthority({ host, port }: Pick<Authority, 'host' | 'port'>): string {
  const name = host.includes(':') ? `[${host}]` : host;
  return port === undefined ? name : `${name}:${port}`;
}

/** IPv4-mapped IPv6 is what systems connect to over IPv4. */
export function plainIp(ip: Uint8Array): Uint8Array {
  const mapped =
    ip.length === 16 && ip.subarray(0, 10).every((byte) => byte === 0) && ip[10] === 255 && ip[11] === 255;
  return mapped ? ip.subarray(12) : ip;
}

/** An address, or a network of them; IPv4 within IPv6 is IPv4. undefined also for a network that holds more than that. */
export function parseNetwork(text: string): Cidr | undefined {
  const ip = parseIp(text);
  const cidr = ip ? { address: ip, prefix: ip.length * 8 } : parseCidr(text);
  if (!cidr) return undefined;
  const address = plainIp(cidr.address);
  const prefix = cidr.prefix - (cidr.address.length - address.length) * 8;
  return prefix < 0 ? undefined : { address, prefix };
}

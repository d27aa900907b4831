/** IP addresses and networks as bytes: 4 or 16 of them. Pure; names are not resolved. */
import { isIPv4, isIPv6 } from 'node:net';

export interface Cidr {
  /** As written, not masked. */
  readonly address: Uint8Array;
  readonly prefix: number;
}

/** undefined for anything but an address: no zone, no port, no leading zeros. */
export function parseIp(text: string): Uint8Array | undefined {
  if (isIPv4(text)) return Uint8Array.from(text.split('.'), Number);
  return isIPv6(text) && !text.includes('%') ? parseV6(text) : undefined;
}

function parseV6(text: string): Uint8Array {
  const bytes = new Uint8Array(16);
  const [head = '', tail] = text.split('::');
  bytes.set(groups(head));
  const last = groups(tail ?? '');
  bytes.set(last, 16 - last.length);
  return bytes;
}

function groups(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((part) => {
    if (part.includes('.')) return part.split('.').map(Number);
    const value = Number.parseInt(part, 16);
    return [value >> 8, value & 255];
  });
}

/** Canonical: RFC 5952. */
export function formatIp(address: Uint8Array): string {
  if (address.length === 4) return address.join('.');
  const words = Array.from({ length: 8 }, (_, at) => word(address, at).toString(16));
  const { start, length } = longestZeros(words);
  if (length < 2) return words.join(':');
  return `${words.slice(0, start).join(':')}::${words.slice(start + length).join(':')}`;
}

function word(address: Uint8Array, at: number): number {
  return ((address[at * 2] as number) << 8) | (address[at * 2 + 1] as number);
}

function longestZeros(words: readonly string[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (let at = 0; at <= words.length; at += 1) {
    if (words[at] === '0') continue;
    if (at - start > best.length) best = { start, length: at - start };
    start = at + 1;
  }
  return best;
}

export function parseCidr(text: string): Cidr | undefined {
  const [, host, digits] = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(text) ?? [];
  const address = host === undefined ? undefined : parseIp(host);
  const prefix = Number(digits);
  return address && prefix <= address.length * 8 ? { address, prefix } : undefined;
}

export function formatCidr({ address, prefix }: Cidr): string {
  return `${formatIp(address)}/${prefix}`;
}

export function masked({ address, prefix }: Cidr): Cidr {
  return { address: address.map((byte, at) => byte & mask(prefix - at * 8)), prefix };
}

export function containsIp({ address, prefix }: Cidr, other: Uint8Array): boolean {
  return (
    other.length === address.length &&
    other.every((byte, at) => ((byte ^ (address[at] as number)) & mask(prefix - at * 8)) === 0)
  );
}

export function containsCidr(outer: Cidr, inner: Cidr): boolean {
  return inner.prefix >= outer.prefix && containsIp(outer, inner.address);
}

/** The byte of a netmask that has `bits` ones from here on. */
function mask(bits: number): number {
  return bits >= 8 ? 255 : bits <= 0 ? 0 : (255 << (8 - bits)) & 255;
}

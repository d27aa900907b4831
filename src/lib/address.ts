/**
 * Addresses a server listens on, as configurations write them: `localhost:15020`, `127.0.0.1:0`, `[::1]:80`, `:3000`,
 * `3000`, `unix:/run/x.sock`. Pure text work; resolving and binding are the caller's.
 */
import { isIP, isIPv4 } from 'node:net';

export type Address =
  | {
      readonly kind: 'tcp';
      /** A name or an IP without brackets; undefined when only a port was given. */
      readonly host: string | undefined;
      readonly port: number;
    }
  | { readonly kind: 'unix'; readonly path: string };

/** undefined when `text` is not an address. */
export function parseAddress(text: string): Address | undefined {
  if (text.startsWith('unix:')) {
    const path = text.slice('unix:'.length).replace(/^\/\/(?=\/)/, '');
    return path === '' ? undefined : { kind: 'unix', path };
  }
  const parts = /^(?:(?:\[([^\]]+)\]|([^:[\]/@\s]*)):)?(\d{1,5})$/.exec(text);
  if (!parts) return undefined;
  const [, bracketed, plain, digits] = parts;
  const port = Number(digits);
  if (port > 65535) return undefined;
  if (bracketed !== undefined && isIP(bracketed) !== 6) return undefined;
  return { kind: 'tcp', host: bracketed ?? (plain || undefined), port };
}

/** The inverse of `parseAddress`, for logs and URLs. */
export function formatAddress(address: Address): string {
  if (address.kind === 'unix') return `unix:${address.path}`;
  const host = address.host ?? '';
  return host.includes(':') ? `[${host}]:${address.port}` : `${host}:${address.port}`;
}

/**
 * True for a host that only this machine can mean: an IP of the loopback range, `localhost` and names under it (RFC 6761
 * section 6.3). Takes IPv6 with or without brackets.
 */
export function isLoopbackHost(host: string): boolean {
  const name = host
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '');
  if (name === 'localhost' || name.endsWith('.localhost')) return true;
  if (isIPv4(name)) return name.startsWith('127.');
  return name === '::1' || name === '0:0:0:0:0:0:0:1' || name.startsWith('::ffff:127.');
}

/** The host of a Host header or authority, without its port; IPv6 without brackets. */
export function hostOf(authority: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d*)?$/.exec(authority);
  if (bracketed) return bracketed[1] as string;
  return authority.replace(/:\d*$/, '');
}

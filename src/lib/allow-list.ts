/**
 * Where somebody may go who says himself where to: `api.github.com`, `*.example.com`, `host:port`, `10.0.0.0/8`, `*`.
 * A name lets nobody further than the public Internet, whatever its DNS says: an address that is not public has to be
 * named as one. Pure; names are resolved by the caller, who asks again about what he has found.
 */
import { parseAuthority, parseNetwork, plainIp } from './authority.ts';
import { type Cidr, containsIp } from './ip.ts';
import { reachOf } from './reach.ts';

export interface Destination {
  /** As `parseAuthority` has it. */
  readonly host: string;
  readonly port: number;
  /** Where the host is an address. */
  readonly address: Uint8Array | undefined;
  /** Ports that need not be named. */
  readonly usual: readonly number[];
}

interface Pattern {
  /** undefined: every name. */
  readonly name?: string | undefined;
  readonly network?: Cidr;
  /** undefined: the usual ones. */
  readonly port: number | 'any' | undefined;
}

/** A shorter prefix names public and private networks alike. */
const SHORTEST = { 4: 8, 16: 7 } as const;
const PORT = /^(.*[^:]):(\d{1,5}|\*)$/;

/** What is wrong with it; undefined: nothing. */
export function patternProblem(text: string): string | undefined {
  const pattern = parsePattern(text);
  return typeof pattern === 'string' ? pattern : undefined;
}

export class AllowList {
  readonly #patterns: readonly Pattern[];

  /** undefined: everything public. */
  constructor(patterns: readonly string[] | undefined) {
    this.#patterns = (patterns ?? ['*']).map((text) => {
      const pattern = parsePattern(text);
      if (typeof pattern === 'string') throw new TypeError(`${text}: ${pattern}`);
      return pattern;
    });
  }

  /** Before it is resolved: whether it could be gone to, whatever the address. */
  admits(destination: Destination): boolean {
    const { address } = destination;
    if (address) return this.permits(destination, address);
    return this.#named(destination) || this.#networks(destination).length > 0;
  }

  /** Whether it may be gone to at this address, which is its own or has been found for its name. */
  permits(destination: Destination, found: Uint8Array): boolean {
    const address = plainIp(found);
    if (this.#networks(destination).some((network) => containsIp(network, address))) return true;
    if (isPublic(address)) return this.#named(destination);
    return this.#named(destination, isOwn) && this.#lent(address);
  }

  #named({ host, port, usual, address }: Destination, which: (pattern: Pattern) => boolean = any): boolean {
    return this.#patterns.some(
      (pattern) =>
        pattern.network === undefined &&
        which(pattern) &&
        hasPort(pattern, port, usual) &&
        hasName(pattern, host, address),
    );
  }

  /** To a name with ports of its own. A network that says its port is meant for that one alone. */
  #lent(address: Uint8Array): boolean {
    return this.#patterns.some(
      ({ network, port }) => network && port === undefined && containsIp(network, address),
    );
  }

  #networks({ port, usual }: Destination): Cidr[] {
    return this.#patterns.flatMap((pattern) =>
      pattern.network && hasPort(pattern, port, usual) ? [pattern.network] : [],
    );
  }
}

const any = (): boolean => true;

/** Not `*`: anybody can make a name that leads anywhere. */
const isOwn = ({ name }: Pattern): boolean => name !== undefined;

function hasPort({ port: wanted }: Pattern, port: number, usual: readonly number[]): boolean {
  return wanted === undefined ? usual.includes(port) : wanted === 'any' || wanted === port;
}

function hasName({ name }: Pattern, host: string, address: Uint8Array | undefined): boolean {
  if (name === undefined) return true;
  // `*.0.0.1` is no name of 127.0.0.1.
  return name.startsWith('.') ? address === undefined && host.endsWith(name) : host === name;
}

function isPublic(address: Uint8Array): boolean {
  return reachOf(address.length === 4 ? address.join('.') : v6(address)) === 'public';
}

function v6(address: Uint8Array): string {
  return Buffer.from(address)
    .toString('hex')
    .replace(/(.{4})(?!$)/g, '$1:');
}

/** The pattern, or what is wrong with it. */
function parsePattern(text: string): Pattern | string {
  const bare = parseNetwork(text);
  if (bare) return checked({ network: bare, port: undefined });
  const [, before = text, digits] = PORT.exec(text) ?? [];
  const port = digits === undefined ? undefined : digits === '*' ? 'any' : Number(digits);
  if (port === 0 || (typeof port === 'number' && port > 65_535)) return 'a port is a number from 1 to 65535';
  const network = parseNetwork(before.replace(/^\[(.*)\]$/, '$1'));
  if (network && (network.address.length === 4 || before.startsWith('['))) return checked({ network, port });
  if (before === '*') return { name: undefined, port };
  const suffix = before.startsWith('*.') ? '.' : '';
  const place = before.includes(':') ? undefined : parseAuthority(before.slice(suffix === '' ? 0 : 2));
  if (!place || place.address)
    return 'expected a host name, *.name, an address, a network such as 10.0.0.0/8, or *';
  return { name: `${suffix}${place.host}`, port };
}

function checked(pattern: Pattern & { readonly network: Cidr }): Pattern | string {
  const { address, prefix } = pattern.network;
  const least = SHORTEST[address.length as 4 | 16];
  if (prefix >= least) return pattern;
  return `a network this large holds public and private addresses: write * for all that is public, and name the private ones (/${least} or smaller)`;
}

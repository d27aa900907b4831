/**
 * Destinations that clients name, held against a list of those that are allowed. What a name leads to is judged when it
 * is connected to, and the connection goes to the addresses that were judged: a second answer of the DNS changes nothing.
 */
import type { LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { GatewayError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { AllowList, Destination } from '../lib/allow-list.ts';
import { formatAuthority } from '../lib/authority.ts';
import { parseIp } from '../lib/ip.ts';
import { type Resolve, resolvingAtMost, systemResolve } from './resolve.ts';

export class Destinations {
  readonly #allow: AllowList;
  readonly #resolve: Resolve;

  constructor(allow: AllowList, resolve: Resolve = systemResolve) {
    this.#allow = allow;
    this.#resolve = resolvingAtMost(LIMITS.forwardLookups.value, resolve);
  }

  /** Throws FORBIDDEN_DESTINATION for what no answer of the DNS could make allowed. */
  check(destination: Destination): void {
    const { host, port, address } = destination;
    if (this.#allow.admits(destination)) return;
    const what = formatAuthority(destination);
    const form = address ? `"${what}" or its network` : `"${formatAuthority({ host, port })}"`;
    throw forbidden(`${what} is not among the destinations that are allowed`, form);
  }

  /** Whether a connection that stands would still be made. */
  permits(destination: Destination, address: string): boolean {
    const ip = parseIp(address);
    return ip !== undefined && this.#allow.permits(destination, ip);
  }

  /** Those that may be connected to, at least one. Rejects with FORBIDDEN_DESTINATION or the resolver's error. */
  async addresses(destination: Destination): Promise<readonly LookupAddress[]> {
    this.check(destination);
    const { host, address } = destination;
    if (address) return [{ address: host, family: address.length === 4 ? 4 : 6 }];
    const found = await this.#resolve(host);
    const allowed = found.filter((one) => this.permits(destination, one.address));
    if (allowed.length > 0) return allowed;
    if (found.length === 0) throw new Error(`${host} has no address`);
    throw forbidden(
      `${host} leads to an address that is not public`,
      'the address, or its network, as 10.1.2.3 or 10.0.0.0/8',
    );
  }

  /** For one destination alone. */
  lookup(destination: Destination): LookupFunction {
    return (_host, { all, family }, done) => {
      this.addresses(destination).then(
        (found) => {
          const wanted = family === 4 || family === 6 ? found.filter((one) => one.family === family) : found;
          const [first] = wanted;
          if (!first) done(new Error(`${destination.host} has no such address`), '', 4);
          else if (all) done(null, [...wanted]);
          else done(null, first.address, first.family);
        },
        (error: Error) => done(error, '', 4),
      );
    };
  }
}

function forbidden(why: string, remedy: string): GatewayError {
  return new GatewayError(
    'FORBIDDEN_DESTINATION',
    `${why}; name ${remedy} in \`allow\` of the dynamic backend`,
  );
}

/** Single connections to the places that clients name, for whoever passes bytes on: to the addresses that are allowed. */
import type { Socket } from 'node:net';
import { LIMITS } from '../../core/limits.ts';
import type { Log } from '../../core/ports.ts';
import type { Destination } from '../../lib/allow-list.ts';
import { formatAuthority } from '../../lib/authority.ts';
import type { Destinations } from '../../upstream/destinations.ts';
import { Dial } from '../../upstream/dial.ts';
import type { UpstreamTls } from '../../upstream/tls.ts';

export class Reaching {
  readonly #destinations: Destinations;
  readonly #tls: UpstreamTls | undefined;
  readonly #log: Log;

  constructor(destinations: Destinations, { tls, log }: { tls: UpstreamTls | undefined; log: Log }) {
    this.#destinations = destinations;
    this.#tls = tls;
    this.#log = log;
  }

  /** Throws FORBIDDEN_DESTINATION, or rejects with it or another GatewayError. The connection may be half open. */
  open(destination: Destination): { readonly endpoint: string; readonly opening: Promise<Socket> } {
    this.#destinations.check(destination);
    const dial = new Dial({
      authority: formatAuthority(destination),
      unixSocket: undefined,
      tls: this.#tls,
      connectTimeoutMs: LIMITS.connect.value,
      lookup: this.#destinations.lookup(destination),
      log: this.#log,
    });
    return { endpoint: dial.endpoint, opening: dial.open() };
  }
}

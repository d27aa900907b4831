/** Single connections to the places that clients name, for whoever passes bytes on: to the addresses that are allowed. */
import type { Socket } from 'node:net';
import type { Log } from '../../core/ports.ts';
import type { Destination } from '../../lib/allow-list.ts';
import { formatAuthority } from '../../lib/authority.ts';
import type { Connection } from '../../upstream/connection.ts';
import type { Destinations } from '../../upstream/destinations.ts';
import { Dial } from '../../upstream/dial.ts';
import type { UpstreamTls } from '../../upstream/tls.ts';

/** How connections are made. */
export interface Connecting {
  /** undefined: without. */
  readonly tls: UpstreamTls | undefined;
  readonly connection: Connection;
}

export class Reaching {
  readonly #destinations: Destinations;
  readonly #options: Connecting & { readonly log: Log };

  constructor(destinations: Destinations, options: Connecting & { readonly log: Log }) {
    this.#destinations = destinations;
    this.#options = options;
  }

  /** Throws FORBIDDEN_DESTINATION, or rejects with it or another GatewayError. The connection may be half open. */
  open(destination: Destination): { readonly endpoint: string; readonly opening: Promise<Socket> } {
    this.#destinations.check(destination);
    const { tls, connection, log } = this.#options;
    const { connectTimeoutMs, keepalives } = connection;
    const dial = new Dial({
      authority: formatAuthority(destination),
      unixSocket: undefined,
      tls,
      connectTimeoutMs,
      keepalives,
      lookup: this.#destinations.lookup(destination),
      log,
    });
    return { endpoint: dial.endpoint, opening: dial.open() };
  }
}

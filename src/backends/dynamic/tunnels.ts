/** Tunnels of one backend: bytes between clients and the places they asked for. They outlive reloads that still allow them. */
import type { Socket } from 'node:net';
import { GatewayError } from '../../core/errors.ts';
import type { Exchange, Tunnel } from '../../core/exchange.ts';
import type { LimitSettings } from '../../core/limits.ts';
import type { Clock } from '../../core/ports.ts';
import type { Closable } from '../../core/scope.ts';
import type { Destination } from '../../lib/allow-list.ts';
import { formatAuthority } from '../../lib/authority.ts';
import type { Destinations } from '../../upstream/destinations.ts';
import { dial } from '../../upstream/forward/dial.ts';
import { Relay } from '../../upstream/forward/relay.ts';

/** Silence of a tunnel that a gateway which stops still waits through. */
const LAST_WORDS_MS = 1_000;

interface Open {
  readonly destination: Destination;
  /** What it is connected to. */
  readonly address: string;
  readonly relay: Relay;
}

export class Tunnels implements Closable {
  readonly #clock: Clock;
  readonly #open = new Set<Open>();
  /** Being connected, or not taken over by the client's side yet. */
  #coming = 0;
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get count(): number {
    return this.#open.size + this.#coming;
  }

  /** Rejects with a GatewayError. */
  async open(exchange: Exchange, destination: Destination, within: Within): Promise<Tunnel> {
    const { destinations, limits } = within;
    const { cancel, record, local } = exchange;
    const name = formatAuthority(destination);
    record.endpoint = name;
    if (this.count >= limits.tunnels)
      throw new GatewayError('OVERLOADED', 'too many tunnels', { headers: ['retry-after', '1'] });
    this.#coming += 1;
    let upstream: Socket;
    try {
      const addresses = () => destinations.addresses(destination);
      upstream = await dial({ name, port: destination.port, addresses, cancel, clock: this.#clock });
    } finally {
      this.#coming -= 1;
    }
    if (isOurs(upstream, local.port)) {
      upstream.destroy();
      throw new GatewayError('FORWARD_LOOP', `${name} is this gateway itself`);
    }
    if (this.#closed || cancel.cancelled) {
      upstream.destroy();
      throw new GatewayError('UPSTREAM_CLOSED', 'this backend is no longer in use');
    }
    return {
      status: 200,
      headers: [],
      attach: (client, early) => {
        if (early.length > 0) upstream.write(early);
        // Before whoever closes the record: it counts what has passed.
        client.prependOnceListener('close', () => {
          record.bytesOut = upstream.bytesRead;
          record.bytesIn = upstream.bytesWritten;
        });
        const relay = new Relay({
          client,
          upstream,
          clock: this.#clock,
          idleMs: limits.tunnelIdle,
          halfClosedMs: Math.min(limits.tunnelIdle, limits.tunnelHalfClosed),
          ended: () => this.#open.delete(tunnel),
        });
        const tunnel = { destination, address: upstream.remoteAddress ?? '', relay };
        this.#open.add(tunnel);
        if (this.#closed) relay.close();
      },
    };
  }

  /** Others rules are in force: what they do not allow ends. */
  judge(destinations: Destinations): void {
    for (const { destination, address, relay } of this.#open)
      if (!destinations.permits(destination, address)) relay.close();
  }

  /** The gateway stops: tunnels in which nothing is said end. */
  drain(): void {
    for (const { relay } of this.#open) relay.hurry(LAST_WORDS_MS);
  }

  close(): void {
    this.#closed = true;
    for (const { relay } of this.#open) relay.close();
  }
}

interface Within {
  readonly destinations: Destinations;
  readonly limits: LimitSettings;
}

/** Each tunnel to itself would ask for another one. */
function isOurs({ remoteAddress, remotePort, localAddress }: Socket, port: number): boolean {
  return remotePort === port && remoteAddress === localAddress;
}

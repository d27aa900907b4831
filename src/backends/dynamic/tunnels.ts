/** Tunnels of one backend: bytes between clients and the places they asked for. They outlive reloads that still allow them. */
import type { Socket } from 'node:net';
import { GatewayError } from '../../core/errors.ts';
import type { Exchange, Tunnel } from '../../core/exchange.ts';
import type { LimitSettings } from '../../core/limits.ts';
import type { Closable } from '../../core/scope.ts';
import type { Destination } from '../../lib/allow-list.ts';
import type { Cancel } from '../../lib/cancel.ts';
import { Relay, type Side } from '../../upstream/relay.ts';
import type { Reaching } from './reaching.ts';

/** Silence of a tunnel that a gateway which stops still waits through. */
const LAST_WORDS_MS = 1_000;

interface Open {
  readonly destination: Destination;
  /** What it is connected to. */
  readonly address: string;
  readonly relay: Relay;
}

interface Within {
  readonly reaching: Reaching;
  readonly limits: LimitSettings;
}

export class Tunnels implements Closable {
  readonly #open = new Set<Open>();
  #coming = 0;
  #closed = false;

  /** Rejects with a GatewayError. */
  async open(exchange: Exchange, destination: Destination, { reaching, limits }: Within): Promise<Tunnel> {
    const { cancel, record, local } = exchange;
    if (this.#open.size + this.#coming >= limits.tunnels)
      throw new GatewayError('OVERLOADED', 'too many tunnels', { headers: ['retry-after', '1'] });
    const { endpoint, opening } = reaching.open(destination);
    record.endpoint = endpoint;
    this.#coming += 1;
    const upstream = await unlessCancelled(opening, cancel).finally(() => {
      this.#coming -= 1;
    });
    if (isOurs(upstream, local.port)) {
      upstream.destroy();
      throw new GatewayError('FORWARD_LOOP', `${endpoint} is this gateway itself`);
    }
    // It may go before anybody has taken it over.
    upstream.on('error', ignore);
    const { connectionIdle: idleMs, connectionHalfOpen: halfOpenMs } = limits;
    return {
      status: 200,
      headers: [],
      attach: (client, early) => {
        if (early.length > 0) upstream.write(early);
        const counts = Object.assign(record, { bytesIn: early.length });
        const relay = new Relay({
          client: client as Side,
          upstream,
          endpoint,
          idleMs,
          halfOpenMs,
          counts,
          failed: ({ code, message }) => {
            record.reason = code;
            record.error = message;
          },
        });
        const tunnel = { destination, address: upstream.remoteAddress ?? '', relay };
        this.#open.add(tunnel);
        void relay.over.then(() => this.#open.delete(tunnel));
        if (this.#closed) relay.cut(unwanted());
      },
    };
  }

  /** Other rules are in force: what they do not allow ends. */
  judge(permits: (destination: Destination, address: string) => boolean): void {
    for (const { destination, address, relay } of this.#open)
      if (!permits(destination, address)) relay.cut(unwanted());
  }

  /** The gateway stops: tunnels in which nothing is said end. */
  drain(): void {
    for (const { relay } of this.#open) relay.hurry(LAST_WORDS_MS);
  }

  close(): void {
    this.#closed = true;
    for (const { relay } of this.#open) relay.cut(unwanted());
  }
}

/** The connection, unless the client goes first: then whatever comes of it is closed. */
function unlessCancelled(opening: Promise<Socket>, cancel: Cancel): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const forget = cancel.onCancel(reject);
    opening.then(
      (socket) => {
        forget();
        if (cancel.cancelled) socket.destroy();
        else resolve(socket);
      },
      (error) => {
        forget();
        reject(error);
      },
    );
  });
}

function unwanted(): GatewayError {
  return new GatewayError('FORBIDDEN_DESTINATION', 'the configuration no longer lets it through');
}

/** Each tunnel to itself would ask for another one. */
function isOurs({ remoteAddress, remotePort, localAddress }: Socket, port: number): boolean {
  return remotePort === port && remoteAddress === localAddress;
}

function ignore(): void {}

/**
 * Between whom a connection is: what its socket says, unless a PROXY header or a tunnel has said otherwise. What was said
 * of a TCP socket holds for the TLS within.
 */
import type { Socket } from 'node:net';
import type { Addresses } from '../core/connection.ts';
import type { Endpoint } from '../core/exchange.ts';
import { underlying } from '../lib/underlying.ts';

const ADDRESSES = Symbol('addresses');

interface AddressedSocket extends Socket {
  [ADDRESSES]?: Addresses;
}

export function addressed(socket: Socket, addresses: Addresses): void {
  (socket as AddressedSocket)[ADDRESSES] = addresses;
}

/** Whether somebody has said so; asked before anything else is. */
export function isAddressed(socket: Socket): boolean {
  return (socket as AddressedSocket)[ADDRESSES] !== undefined;
}

export function addressesOf(socket: Socket): Addresses {
  const known = (socket as AddressedSocket)[ADDRESSES];
  if (known) return known;
  const below = underlying(socket);
  const found = below === socket ? new OwnAddresses(socket) : addressesOf(below);
  addressed(socket, found);
  return found;
}

class OwnAddresses implements Addresses {
  readonly client: Endpoint;
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
    // At once: a socket that has been closed knows nothing any more.
    this.client = { address: plainAddress(socket.remoteAddress), port: socket.remotePort ?? 0 };
  }

  /** Costs a system call, and few ask. */
  get local(): Endpoint {
    const { localAddress, localPort } = this.#socket;
    return { address: plainAddress(localAddress), port: localPort ?? 0 };
  }
}

/** IPv4 peers of a dual-stack socket come as `::ffff:10.0.0.1`; rules and logs know them as 10.0.0.1. */
function plainAddress(address: string | undefined): string {
  if (address === undefined) return '';
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}

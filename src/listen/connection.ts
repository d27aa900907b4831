/** A connection whose bytes are passed on: what is known of it, and its record from the first moment to the last. */
import type { Socket } from 'node:net';
import type { Connection } from '../core/connection.ts';
import { asGatewayError } from '../core/errors.ts';
import type { Service } from '../core/service.ts';
import type { ConnectionRecord } from '../core/signals.ts';
import { addressesOf } from './addresses.ts';
import { tlsOf } from './secured.ts';
import type { Serving } from './serving.ts';

export interface Passing {
  readonly serve: Service<Connection, void>;
  /** Of what passes, or of what it is within. */
  readonly protocol: ConnectionRecord['protocol'];
  /** Asked for in TLS. */
  readonly serverName: string | undefined;
}

/** `socket` still has all its bytes to be read; when it is over, it is closed. */
export function passOn(socket: Socket, passing: Passing, serving: Pick<Serving, 'ports' | 'draining'>): void {
  const { clock, signals } = serving.ports;
  const begun = clock.monotonic();
  const connection = connectionOf(socket, passing, clock.now());
  const { record } = connection;
  const end = (error?: unknown): void => {
    if (error !== undefined) {
      const { code, message } = asGatewayError(error);
      record.reason = serving.draining && code === 'CANCELLED' ? 'SHUTTING_DOWN' : code;
      record.error = message;
    }
    record.ms = clock.monotonic() - begun;
    socket.destroy();
    signals.connectionEnded(record);
  };
  passing.serve(connection).then(() => end(), end);
}

function connectionOf(socket: Socket, { protocol, serverName }: Passing, startedAt: number): Connection {
  const tls = tlsOf(socket);
  const addresses = addressesOf(socket);
  return {
    socket,
    client: addresses.client,
    get local() {
      return addresses.local;
    },
    destination: addresses.destination,
    serverName,
    tls,
    record: {
      startedAt,
      client: addresses.client.address,
      protocol,
      serverName,
      user: tls?.identity?.principal,
      listener: '',
      route: undefined,
      backend: undefined,
      endpoint: undefined,
      bytesIn: 0,
      bytesOut: 0,
      ms: 0,
      reason: undefined,
      error: undefined,
    },
  };
}

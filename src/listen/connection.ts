/** A connection whose bytes are passed on: what is known of it, and its record from the first moment to the last. */
import type { Socket } from 'node:net';
import type { Connection } from '../core/connection.ts';
import { asGatewayError, type ErrorCode } from '../core/errors.ts';
import type { Service } from '../core/service.ts';
import type { ConnectionRecord } from '../core/signals.ts';
import { addressesOf } from './addresses.ts';
import { tlsOf } from './secured.ts';
import type { Serving } from './serving.ts';

export interface Passing {
  /** Still has all its bytes to be read. */
  readonly socket: Socket;
  readonly serve: Service<Connection, void>;
  /** Of what passes, or of what it is within. */
  readonly protocol: ConnectionRecord['protocol'];
  /** Asked for in TLS. */
  readonly serverName: string | undefined;
}

/** When it is over, the socket is closed. */
export function passOn(passing: Passing, serving: Pick<Serving, 'ports' | 'draining'>): void {
  const { clock, signals } = serving.ports;
  const begun = clock.monotonic();
  const connection = connectionOf(passing, clock.now());
  const { record } = connection;
  const end = (error?: unknown): void => {
    if (error !== undefined) {
      const { code, message } = asGatewayError(error);
      record.reason = serving.draining && CUT.has(code) ? 'SHUTTING_DOWN' : code;
      record.error = message;
    }
    record.ms = clock.monotonic() - begun;
    passing.socket.destroy();
    signals.connectionEnded(record);
  };
  passing.serve(connection).then(() => end(), end);
}

/** What it looks like to be cut where a port is closed. */
const CUT: ReadonlySet<ErrorCode> = new Set(['CANCELLED', 'ROUTE_NOT_FOUND']);

function connectionOf({ socket, protocol, serverName }: Passing, startedAt: number): Connection {
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

/** Opens a TCP connection to one of several addresses that belong to one place, and to nothing else. */
import type { LookupAddress } from 'node:dns';
import { connect, type LookupFunction, type Socket } from 'node:net';
import { GatewayError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Clock } from '../../core/ports.ts';
import type { Cancel } from '../../lib/cancel.ts';
import { upstreamFailure } from '../failure.ts';

export interface Dialling {
  /** As people know the place: `host:port`. */
  readonly name: string;
  readonly port: number;
  readonly addresses: () => Promise<readonly LookupAddress[]>;
  readonly cancel: Cancel;
  readonly clock: Clock;
}

const KEEP_ALIVE_MS = 60_000;

/** The connection may be half open. Rejects with a GatewayError. */
export function dial({ name, port, addresses, cancel, clock }: Dialling): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const ms = LIMITS.connect.value;
    let socket: Socket | undefined;
    let over = false;
    const end = (): void => {
      over = true;
      timer.cancel();
      forget();
    };
    const fail = (error: Error): void => {
      if (over) return;
      end();
      socket?.destroy();
      reject(upstreamFailure(name, error, false));
    };
    const timer = clock.after(ms, () => fail(new Error(`no connection within ${ms} ms`)));
    const forget = cancel.onCancel((reason) => fail(gone(reason)));
    addresses().then((found) => {
      if (over) return;
      socket = open(port, found);
      socket.on('error', fail);
      socket.once('connect', () => {
        end();
        resolve(socket as Socket);
      });
    }, fail);
  });
}

function open(port: number, addresses: readonly LookupAddress[]): Socket {
  // The name is not used: both families are tried by these addresses alone.
  const lookup: LookupFunction = (_name, { all }, done) => {
    const [first] = addresses as readonly [LookupAddress];
    if (all) done(null, [...addresses]);
    else done(null, first.address, first.family);
  };
  return connect({
    host: 'known.invalid',
    port,
    lookup,
    autoSelectFamily: true,
    allowHalfOpen: true,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_MS,
  });
}

function gone(reason: Error): GatewayError {
  return reason instanceof GatewayError ? reason : new GatewayError('CANCELLED', reason.message);
}

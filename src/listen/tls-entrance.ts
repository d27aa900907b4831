/**
 * A TLS connection from its first byte to the end of its handshake: reads which name is asked for, hands the
 * connection to whoever is responsible for that name, and says why one is turned away. Knows no listener.
 */
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { addressesOf } from './addresses.ts';
import { readClientHello } from './client-hello.ts';
import type { Passing } from './connection.ts';
import { gather } from './gather.ts';
import type { Serving } from './serving.ts';
import type { TlsHandler } from './tls-terminator.ts';

/** Who is responsible for a name; undefined: nobody. */
export type TlsChoice = (serverName: string | undefined) => TlsHandler | undefined;

/** One of them runs, once; neither where the connection is turned away. */
interface Entered {
  secured(secure: TLSSocket): void;
  /** What is passed on, and by whom. */
  taken(passing: Passing): void;
}

interface Entering extends Entered {
  readonly socket: Socket;
  /** Ends the connection, once, and says why. */
  readonly refuse: (refusal: Refusal) => void;
}

interface Refusal {
  /** A label of the metric: few and closed. */
  readonly reason:
    | 'plain_port'
    | 'plain_client'
    | 'hello'
    | 'unknown_name'
    | 'timeout'
    | 'certificate'
    | 'protocol'
    | 'closed';
  readonly detail: string;
  readonly serverName?: string | undefined;
  /** Sent to the client in the clear, which is right as long as the handshake has not begun (RFC 8446 section 6). */
  readonly alert?: number;
}

/** Alerts (RFC 8446 section 6): level and what they say. */
const FATAL = 2;
const HANDSHAKE_FAILURE = 40;
const DECODE_ERROR = 50;
const UNRECOGNIZED_NAME = 112;

export class TlsEntrance {
  readonly #serving: Serving;
  readonly #choice: () => TlsChoice | undefined;

  /** `choice` is asked for each connection, since a reload may change it; undefined: the port has no TLS. */
  constructor(serving: Serving, choice: () => TlsChoice | undefined) {
    this.#serving = serving;
    this.#choice = choice;
  }

  /** `first` has been taken from the socket. */
  enter(socket: Socket, first: Buffer, { secured, taken }: Entered): void {
    const { limits, ports } = this.#serving;
    const address = addressesOf(socket).client.address;
    let over = false;
    const refuse = (refusal: Refusal): void => {
      if (over) return;
      over = true;
      this.#note(address, refusal);
      turnAway(socket, refusal.alert);
    };
    // The whole handshake: a pause alone can be kept short for ever.
    const deadline = ports.clock.after(limits.handshakeTimeoutMs, () =>
      refuse({ reason: 'timeout', detail: 'the handshake took too long' }),
    );
    socket.once('close', () => deadline.cancel());
    const done = (): void => {
      over = true;
      deadline.cancel();
    };
    const entering: Entering = {
      socket,
      refuse,
      secured: (secure) => {
        done();
        secured(secure);
      },
      taken: (passing) => {
        done();
        taken(passing);
      },
    };
    gather(socket, first, (bytes) => this.#read(bytes, entering));
  }

  /** Whoever begins otherwise than TLS does, where there is nothing else. */
  refusePlain(socket: Socket): void {
    const { address } = addressesOf(socket).client;
    this.#note(address, { reason: 'plain_client', detail: 'this port speaks TLS alone' });
    socket.destroy();
  }

  /** How many bytes it takes; 0: the hello is whole, or refused. */
  #read(bytes: Buffer, entering: Entering): number {
    const { socket, refuse } = entering;
    const reading = readClientHello(bytes, this.#serving.limits.helloBytes);
    if (reading.kind === 'more') return reading.need;
    if (reading.kind === 'invalid') refuse({ reason: 'hello', detail: reading.reason, alert: DECODE_ERROR });
    else {
      socket.unshift(bytes);
      this.#hand(reading.serverName, entering);
    }
    return 0;
  }

  #hand(serverName: string | undefined, { socket, secured, taken, refuse }: Entering): void {
    const choice = this.#choice();
    if (!choice) {
      const detail = 'this port speaks plain HTTP';
      refuse({ reason: 'plain_port', detail, serverName, alert: HANDSHAKE_FAILURE });
      return;
    }
    const handler = choice(serverName);
    if (!handler) {
      const detail =
        serverName === undefined ? 'no name was asked for' : 'no listener or route has this name';
      refuse({ reason: 'unknown_name', detail, serverName, alert: UNRECOGNIZED_NAME });
      return;
    }
    const failed = (reason: Refusal['reason'], detail: string): void =>
      refuse({ reason, detail, serverName });
    handler.accept(socket, {
      serverName,
      secured,
      taken: (over, serve) => taken({ socket: over, serve, protocol: 'tls', serverName }),
      failed,
    });
  }

  #note(address: string, { reason, detail, serverName }: Refusal): void {
    const { log, signals } = this.#serving.ports;
    signals.count('tls_connections_refused_total', { reason });
    const fields = { reason, detail, serverName, 'src.addr': address };
    if (reason === 'closed') log.debug(fields, 'TLS connection refused');
    else log.info(fields, 'TLS connection refused');
  }
}

function turnAway(socket: Socket, alert: number | undefined): void {
  if (alert === undefined || !socket.writable) {
    socket.destroy();
    return;
  }
  socket.end(Buffer.from([0x15, 3, 3, 0, 2, FATAL, alert]));
  socket.destroySoon();
}

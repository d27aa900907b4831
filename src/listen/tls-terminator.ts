/**
 * Ends TLS with the settings of a listener. Lives as long as any generation has those settings, so that a reload
 * neither forgets TLS sessions nor reads files again. Who comes through is decided here; what they may do is not.
 */
import { constants } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer, type SecureContextOptions, type Server, type TLSSocket } from 'node:tls';
import type { Connection } from '../core/connection.ts';
import type { ConnectionTls } from '../core/exchange.ts';
import type { ListenerTls } from '../core/plan.ts';
import type { Ports } from '../core/ports.ts';
import type { Closable } from '../core/scope.ts';
import type { Service } from '../core/service.ts';
import { underlying } from '../lib/underlying.ts';
import { ClientCertificate } from './client-certificate.ts';
import { secured } from './secured.ts';
import { type Credentials, WatchedCredentials } from './server-credentials.ts';

/** What a port does with a TLS connection once it knows which name was asked for. */
export interface TlsHandler {
  /** `socket` still has its hello to be read. */
  accept(socket: Socket, handshake: Handshake): void;
}

export interface Handshake {
  /** Lower-case. */
  readonly serverName: string | undefined;
  secured(socket: TLSSocket): void;
  /** Instead: what is passed on, and by whom. `socket` still has all its bytes. */
  taken(socket: Socket, serve: Service<Connection, void>): void;
  /** The connection is closed already. */
  failed(reason: 'certificate' | 'protocol' | 'closed', detail: string): void;
}

export interface TlsTerminatorOptions {
  readonly tls: ListenerTls;
  /** Name of a listener that has these settings, for messages. */
  readonly listener: string;
  /** Names these settings among all others. */
  readonly key: string;
  readonly ports: Pick<Ports, 'clock' | 'log'>;
}

export class TlsTerminator implements TlsHandler, Closable {
  readonly #options: TlsTerminatorOptions;
  readonly #server: Server;
  readonly #credentials: WatchedCredentials;
  readonly #handshakes = new WeakMap<Socket, Handshake>();

  /** Throws CONFIG_INVALID. */
  constructor(options: TlsTerminatorOptions) {
    const { tls, listener, ports } = options;
    this.#options = options;
    const mutual = tls.root !== undefined;
    this.#server = createServer({
      ALPNProtocols: [...tls.alpn],
      requestCert: mutual,
      rejectUnauthorized: mutual,
    });
    this.#server.on('secureConnection', (socket) => this.#secured(socket));
    this.#server.on('tlsClientError', (error, socket) => this.#failed(error, socket));
    // A new context has new keys for session tickets: nobody resumes what an authority vouched for that is gone.
    const use = (credentials: Credentials): void => this.#use(credentials);
    this.#credentials = new WatchedCredentials({ tls, listener, ports, use });
  }

  get key(): string {
    return this.#options.key;
  }

  accept(socket: Socket, handshake: Handshake): void {
    this.#handshakes.set(socket, handshake);
    // The TLS socket takes it over. Tunnels let either side end first; a handshake would wait for who is gone.
    socket.allowHalfOpen = false;
    this.#server.emit('connection', socket);
  }

  /** Nobody new comes through; connections stay. */
  close(): void {
    this.#credentials.close();
  }

  #use(credentials: Credentials): void {
    try {
      this.#server.setSecureContext(contextOptions(this.#options.tls, credentials));
    } catch (error) {
      const { message } = error as Error;
      if (/ECDH/.test(message))
        throw new Error('keyExchangeGroups: this release of Node does not know all of them');
      throw new Error(`cert: it cannot be used: ${message}`);
    }
  }

  #secured(socket: TLSSocket): void {
    const handshake = this.#ended(socket);
    const facts = handshake && this.#facts(socket, handshake);
    if (!facts) {
      socket.destroy();
      return;
    }
    socket.allowHalfOpen = true;
    secured(socket, facts);
    handshake.secured(socket);
  }

  /** undefined where a verified certificate should be and is not. */
  #facts(socket: TLSSocket, { serverName }: Handshake): ConnectionTls | undefined {
    const { key, tls } = this.#options;
    if (tls.root === undefined) return { key, serverName, certificate: undefined, identity: undefined };
    // Once: asked again, some releases of Node know of none.
    const own = socket.authorized ? socket.getPeerX509Certificate() : undefined;
    if (!own) return undefined;
    const certificate = new ClientCertificate(own);
    return { key, serverName, certificate, identity: { principal: `tls:${certificate.fingerprint}` } };
  }

  #failed(error: NodeJS.ErrnoException, socket: TLSSocket): void {
    const { code = '', message } = error;
    // Node closes the connection of a certificate that it could not verify, and calls that a client who hung up.
    const unverified = socket.authorizationError as unknown as string | null | undefined;
    const detail = unverified ?? (code || message);
    const aboutCertificate = unverified || code === 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE';
    const reason = aboutCertificate ? 'certificate' : code.startsWith('ERR_SSL_') ? 'protocol' : 'closed';
    this.#ended(socket)?.failed(reason, detail);
  }

  #ended(socket: TLSSocket): Handshake | undefined {
    const below = underlying(socket);
    const handshake = this.#handshakes.get(below);
    this.#handshakes.delete(below);
    return handshake;
  }
}

function contextOptions(tls: ListenerTls, credentials: Credentials): SecureContextOptions {
  const { minVersion, maxVersion, ciphers, groups } = tls;
  const { cert, key, root } = credentials;
  // A resumed session is not verified again, and each resumption prolongs it: a client whose certificate has expired
  // would stay for as long as it keeps coming back.
  const noTickets = root === undefined ? 0 : constants.SSL_OP_NO_TICKET;
  return {
    cert,
    key,
    ...(root === undefined ? {} : { ca: root }),
    minVersion,
    maxVersion,
    ciphers: ciphers.join(':'),
    ...(groups.length === 0 ? {} : { ecdhCurve: groups.join(':') }),
    honorCipherOrder: true,
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION | noTickets,
  };
}

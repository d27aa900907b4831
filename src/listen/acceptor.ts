/**
 * Owns the sockets of one port: binds it, reads PROXY headers, tells TLS, HTTP/2 and HTTP/1.1 apart by the first bytes,
 * drains and closes. Knows nothing of routes or generations: `handle` and `entry` find the one in force.
 */
import type { Server } from 'node:http';
import type { Http2Server, ServerHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import type { Addresses, Connection } from '../core/connection.ts';
import type { ProxyProtocolPlan } from '../core/plan.ts';
import type { Closable } from '../core/scope.ts';
import type { Service } from '../core/service.ts';
import { breakOff, reset } from '../lib/underlying.ts';
import { addressed, addressesOf, isAddressed } from './addresses.ts';
import { bind } from './bind.ts';
import { HANDSHAKE } from './client-hello.ts';
import { type Passing, passOn } from './connection.ts';
import { configure, http1Server } from './http1.ts';
import { http2Server } from './http2.ts';
import type { Limits } from './limits.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import { readProxyHeader } from './proxy-entrance.ts';
import { unsecured } from './secured.ts';
import { Serving, type ServingOptions } from './serving.ts';
import { type TlsChoice, TlsEntrance } from './tls-entrance.ts';

/** How connections enter a port. */
export interface Entry {
  /** undefined: with what the client says. */
  readonly proxyProtocol?: ProxyProtocolPlan | undefined;
  /** Takes all of them, without a look at what they say. */
  readonly tcp?: Service<Connection, void> | undefined;
  /** Who takes those over TLS; undefined: this port has none. */
  readonly tls?: TlsChoice | undefined;
  /** What is not TLS is not HTTP either. */
  readonly tlsAlone?: boolean;
}

export interface AcceptorOptions extends Omit<ServingOptions, 'limits'> {
  /** 0: the system picks one, the same for both loopback families. undefined: for messages, where nothing listens. */
  readonly port: number | undefined;
  /** undefined: loopback, 127.0.0.1 and ::1. */
  readonly address: string | undefined;
  readonly limits?: Partial<Limits>;
  /** Asked for each connection, since a reload may change it. */
  readonly entry?: () => Entry | undefined;
}

type Speak = (over: Socket) => void;

interface Arriving {
  readonly socket: Socket;
  readonly entry: Entry;
  readonly speak: Speak;
}

/** How every HTTP/2 connection begins (RFC 9113 section 3.4). No HTTP/1.1 method is called PRI. */
const PREFACE = Buffer.from('PRI ');
const NOTHING = Buffer.alloc(0);
const PLAIN: Entry = {};
const WARN_EACH_MS = 60_000;

export class Acceptor implements Closable {
  readonly #options: AcceptorOptions;
  readonly #serving: Serving;
  #http2: Http2Server;
  readonly #entrance: TlsEntrance;
  readonly #sockets = new Set<Socket>();
  /** Connections that have not said anything yet, or are not done with their handshake. */
  readonly #silent = new Set<Socket>();
  readonly #passed = new WeakSet<Socket>();
  readonly #sessions = new Set<ServerHttp2Session>();
  #servers: readonly Server[] = [];
  #drained: (() => void) | undefined;
  /** By when the next warning about refused connections may follow. */
  #quietUntil = Number.NEGATIVE_INFINITY;

  constructor(options: AcceptorOptions) {
    this.#options = options;
    this.#serving = new Serving({ ...options, limits: { ...DEFAULT_LIMITS, ...options.limits } });
    this.#entrance = new TlsEntrance(this.#serving, () => options.entry?.()?.tls);
    this.#http2 = this.#makeHttp2();
  }

  get inFlight(): number {
    return this.#serving.inFlight;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  /** New limits, for what comes from now on; connections over HTTP/2 keep those they began with. */
  configure(limits: Limits): void {
    this.#serving.limits = limits;
    for (const server of this.#servers) configure(server, limits);
    this.#http2 = this.#makeHttp2();
  }

  /** Throws GatewayError LISTEN_FAILED, with nothing left open. */
  async listen(): Promise<{ port: number }> {
    const { port: wanted = 0, address } = this.#options;
    const { port, servers } = await bind(() => this.#makeHttp1(), { port: wanted, address });
    this.#servers = servers;
    return { port };
  }

  /**
   * A connection that came by another way, as if it had been accepted here: with no PROXY header. TLS that it came over was
   * agreed on with another port: here the connection is plain, and its client nobody before it proves who it is.
   */
  inject(socket: Socket, addresses: Addresses): void {
    addressed(socket, addresses);
    unsecured(socket);
    if (this.#servers.length === 0) this.#servers = [this.#deaf()];
    this.#servers[0]?.emit('connection', socket);
  }

  /** Stops accepting, closes idle connections, lets exchanges end for `drainMs`, then cuts what is left. */
  async close(drainMs = 0): Promise<void> {
    const { clock } = this.#serving.ports;
    this.#serving.draining = true;
    // Closes connections that are idle now; one whose exchange ends later is idle one turn after that.
    for (const server of this.#servers) server.close();
    this.#serving.onLeft = () => setImmediate(() => this.#closeIdle());
    for (const socket of this.#silent) socket.destroy();
    for (const session of this.#sessions) session.close();
    if (this.#sockets.size > 0 && drainMs > 0) {
      await new Promise<void>((resolve) => {
        const timer = clock.after(drainMs, resolve);
        this.#drained = () => {
          timer.cancel();
          resolve();
        };
      });
    }
    for (const socket of this.#sockets) {
      // Of what is passed on nobody but a reset says that it is not complete.
      if (this.#passed.has(socket)) breakOff(socket);
      else socket.destroy();
    }
    this.#http2.close();
  }

  #makeHttp1(): Server {
    return http1Server(this.#serving, (socket, speak) => this.#accept(socket, speak));
  }

  /** Does not listen; but that is what makes node watch how long headers take. */
  #deaf(): Server {
    const server = this.#makeHttp1();
    server.emit('listening');
    return server;
  }

  #makeHttp2(): Http2Server {
    const server = http2Server(this.#serving);
    server.on('session', (session) => {
      this.#sessions.add(session);
      session.once('close', () => this.#sessions.delete(session));
    });
    return server;
  }

  #closeIdle(): void {
    for (const server of this.#servers) server.closeIdleConnections();
  }

  #accept(socket: Socket, speak: Speak): void {
    if (this.#sockets.size >= this.#serving.limits.connections) {
      this.#turnAway(socket);
      return;
    }
    this.#sockets.add(socket);
    this.#silent.add(socket);
    socket.on('error', ignore);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      this.#silent.delete(socket);
      if (this.#sockets.size === 0) this.#drained?.();
    });
    const entry = this.#options.entry?.() ?? PLAIN;
    const arriving = { socket, entry, speak };
    const { proxyProtocol } = entry;
    if (!proxyProtocol || isAddressed(socket)) {
      // While it is there to be asked.
      addressesOf(socket);
      this.#enter(arriving);
    } else readProxyHeader(socket, { serving: this.#serving, proxyProtocol }, () => this.#enter(arriving));
  }

  #enter(arriving: Arriving): void {
    const { socket, entry } = arriving;
    if (entry.tcp) {
      this.#passOn(socket, { socket, serve: entry.tcp, protocol: 'tcp', serverName: undefined });
      return;
    }
    socket.setTimeout(
      this.#serving.limits.headersTimeoutMs,
      () => this.#silent.has(socket) && socket.destroy(),
    );
    this.#peek(arriving);
  }

  /** Before it has said anything, so that nothing can be told to it. */
  #turnAway(socket: Socket): void {
    const { log, signals, clock } = this.#serving.ports;
    signals.count('connections_refused_total', { reason: 'limit' });
    socket.on('error', ignore);
    reset(socket);
    const now = clock.monotonic();
    if (now < this.#quietUntil) return;
    this.#quietUntil = now + WARN_EACH_MS;
    const { connections } = this.#serving.limits;
    log.warn(
      { port: this.#options.port, connections },
      'connections are refused: the port has as many as it may',
    );
  }

  #peek(arriving: Arriving, before: Buffer = NOTHING): void {
    const { socket } = arriving;
    socket.once('readable', () => {
      const next = socket.read() as Buffer | null;
      if (next === null) {
        socket.destroy();
        return;
      }
      this.#sort(arriving, before.length === 0 ? next : Buffer.concat([before, next]));
    });
  }

  /** By what it begins with. */
  #sort(arriving: Arriving, first: Buffer): void {
    const { socket, speak, entry } = arriving;
    if (first[0] === HANDSHAKE) {
      this.#enterTls(arriving, first);
      return;
    }
    if (entry.tlsAlone) {
      this.#entrance.refusePlain(socket);
      return;
    }
    const known = Math.min(first.length, PREFACE.length);
    const http2 = PREFACE.compare(first, 0, known, 0, known) === 0;
    if (http2 && known < PREFACE.length) {
      // Not put back before it is clear: what is put back is readable at once, so that "P" alone would spin for ever.
      this.#peek(arriving, first);
      return;
    }
    socket.unshift(first);
    this.#heard(socket);
    if (http2) this.#speakHttp2(socket);
    else speak(socket);
  }

  #enterTls({ socket, speak }: Arriving, first: Buffer): void {
    socket.setTimeout(0);
    this.#entrance.enter(socket, first, {
      taken: (passing) => this.#passOn(socket, passing),
      secured: (secure) => {
        secure.on('error', ignore);
        this.#heard(socket);
        // HTTP/2 over TLS is agreed on by ALPN and nothing else (RFC 9113 section 3.3).
        if (secure.alpnProtocol === 'h2') this.#speakHttp2(secure);
        else speak(secure);
      },
    });
  }

  /**
   * A client that ends its side is gone, and node tells a session only of a socket that is closed. The sockets are those of
   * an HTTP/1.1 server, which stay open when the client has ended them.
   */
  #speakHttp2(socket: Socket): void {
    socket.allowHalfOpen = false;
    this.#http2.emit('connection', socket);
  }

  /** `accepted`: what is passed, or what it came over. */
  #passOn(accepted: Socket, passing: Passing): void {
    this.#heard(accepted);
    this.#passed.add(accepted);
    passing.socket.on('error', ignore);
    passOn(passing, this.#serving);
  }

  #heard(socket: Socket): void {
    this.#silent.delete(socket);
    socket.setTimeout(0);
  }
}

function ignore(): void {}

/**
 * One upstream origin over HTTP. Calls share a bounded pool of keep-alive connections; an answer that lives long
 * (`long`) and an upgrade have a connection outside of it, a stream one that an earlier stream left where there is one,
 * so that a hundred open streams never starve the calls.
 * Knows nothing of routes, MCP or policies.
 */
import { hash } from 'node:crypto';
import type { LookupFunction, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Client, type Dispatcher, Pool } from 'undici';
import type { Lasting } from '../core/backend.ts';
import { GatewayError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { Log } from '../core/ports.ts';
import type { Closable, Scope } from '../core/scope.ts';
import type { Cancel } from '../lib/cancel.ts';
import { canonicalJson } from '../lib/canonical-json.ts';
import { HttpCall, type UpstreamReply, type UpstreamRequest, type UpstreamUpgrade } from './call.ts';
import type { HttpVersion, Keepalives } from './connection.ts';
import { upstreamFailure } from './failure.ts';
import { type Dial, type Http2Options, Http2Sessions } from './http2.ts';
import {
  type Connect,
  type ConnectorOptions,
  connector,
  type Protocol,
  serverName,
  type UpstreamTls,
  withoutBrackets,
} from './tls.ts';
import { tlsMaterial } from './tls-material.ts';

export type { UpstreamReply, UpstreamRequest, UpstreamUpgrade } from './call.ts';
export type { UpstreamTls } from './tls.ts';

export interface UpstreamOrigin {
  /** `http://host:port` or `https://host:port`, without path. */
  readonly origin: string;
  readonly tls?: UpstreamTls | undefined;
  readonly connectTimeoutMs: number;
  /** Offer HTTP/2 by ALPN, unless `tls.alpn` says what is offered; https only. */
  readonly allowH2?: boolean | undefined;
  /** What is spoken whatever the upstream offers; HTTP/2 without TLS by prior knowledge. WebSockets use 1.1. */
  readonly version?: HttpVersion | undefined;
  readonly keepalives?: Keepalives | undefined;
  readonly unixSocket?: string | undefined;
  /** Resolves names in place of the system; not for upstreams that are shared. */
  readonly lookup?: LookupFunction | undefined;
  /** Hears of certificates that are not verified, and of files that change. */
  readonly log?: Log | undefined;
}

/** A connection that one call has to itself. */
interface Own {
  destroy(error?: Error): unknown;
}

interface Sessions {
  readonly calls: Http2Sessions;
  readonly long: Http2Sessions;
}

export interface UpgradeRequest extends UpstreamRequest {
  /** Protocol asked for, as in the Upgrade header. */
  readonly protocol: string;
}

/** HTTP/2 connections for calls; each carries up to 100 at a time. */
const MAX_SESSIONS = 4;
/** Connections that are kept for streams to come. */
const MAX_IDLE = 32;
const HTTP1: readonly Protocol[] = ['http/1.1'];
const HTTP2: readonly Protocol[] = ['h2'];
const BOTH: readonly Protocol[] = ['h2', 'http/1.1'];
/**
 * Idle time after which a connection is not used again, unless the upstream's Keep-Alive header says more. Below
 * the 5 s of servers that close idle connections without announcing it (uvicorn, Node): the race is theirs to win.
 */
const KEEP_ALIVE_MS = 4_000;

export class HttpUpstream implements Closable {
  readonly #options: UpstreamOrigin;
  readonly #client: Client.Options;
  readonly #serverName: string | undefined;
  readonly #pool: Pool;
  readonly #own = new Set<Own>();
  /** What streams that are over have left behind, for the next ones. */
  readonly #idle: Client[] = [];
  readonly #tunnels = new Set<Duplex>();
  readonly #again = (call: HttpCall): void => this.#call(call);
  readonly #connecting: Omit<ConnectorOptions, 'offer'>;
  /** Offers what is configured. */
  readonly #dial: Dial;
  readonly #http2: Sessions | undefined;
  /** The upstream was offered HTTP/2 and chose HTTP/1.1. */
  #prefersHttp1 = false;
  /** The connection on which it said so. */
  #spare: Socket | undefined;
  #closed = false;

  /** Throws CONFIG_INVALID for certificates and keys that cannot be used. */
  constructor(options: UpstreamOrigin) {
    const { tls = {}, connectTimeoutMs, unixSocket, lookup, keepalives, version } = options;
    const origin = new URL(options.origin);
    const secure = origin.protocol === 'https:';
    const material = secure ? tlsMaterial(options) : undefined;
    const offer = offered(options);
    this.#options = options;
    this.#serverName = serverName(origin, tls);
    this.#connecting = { origin, tls, material, connectTimeoutMs, unixSocket, lookup, keepalives };
    const connect =
      !secure || (tls.alpn ?? HTTP1).includes('http/1.1')
        ? connector({ ...this.#connecting, offer: HTTP1 })
        : withoutHttp1;
    this.#client = {
      connect: (target, done) => {
        const spare = this.#spare;
        this.#spare = undefined;
        // Not at once: undici's client ignores a connection that comes before its connect has returned.
        if (spare && !spare.destroyed) queueMicrotask(() => done(null, spare));
        else connect(target, done);
      },
      pipelining: 1,
      maxHeaderSize: LIMITS.upstreamHeaderBytes.value,
      headersTimeout: LIMITS.upstreamHead.value,
      bodyTimeout: LIMITS.upstreamSilence.value,
      keepAliveTimeout: KEEP_ALIVE_MS,
    };
    this.#pool = new Pool(options.origin, { ...this.#client, connections: LIMITS.upstreamConnections.value });
    this.#dial = dialling(origin, connector({ ...this.#connecting, offer }));
    if (secure ? offer.includes('h2') : version !== '1.1')
      this.#http2 = {
        calls: this.#sessions({ bodyTimeoutMs: LIMITS.upstreamSilence.value, maxSessions: MAX_SESSIONS }),
        long: this.#sessions({ bodyTimeoutMs: 0, maxSessions: Number.POSITIVE_INFINITY }),
      };
  }

  get origin(): string {
    return this.#options.origin;
  }

  /** As people know it. */
  get endpoint(): string {
    const { unixSocket } = this.#options;
    return unixSocket === undefined ? this.origin : `unix:${unixSocket}`;
  }

  /** The same for the same options. */
  get name(): string {
    return nameOf(this.#options);
  }

  /** Long-lived streams and tunnels that are open. */
  get longCount(): number {
    return this.#own.size + this.#tunnels.size + (this.#http2?.long.openStreams ?? 0);
  }

  /** Something is under way. */
  get busy(): boolean {
    const calls = this.#pool.stats.size + (this.#http2?.calls.openStreams ?? 0);
    return calls + this.longCount > 0;
  }

  request(request: UpstreamRequest): Promise<UpstreamReply> {
    return this.#start(request, undefined) as Promise<UpstreamReply>;
  }

  /** Resolves with the socket, or with the reply of an upstream that refuses. */
  async upgrade(request: UpgradeRequest): Promise<UpstreamUpgrade | UpstreamReply> {
    const answer = await this.#start(request, request.protocol);
    if ('socket' in answer) {
      const { socket } = answer;
      this.#tunnels.add(socket);
      socket.once('close', () => this.#tunnels.delete(socket));
    }
    return answer;
  }

  /** Resolves when the upstream has taken a connection (and agreed on TLS), which is closed then. */
  reach(cancel: Cancel): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#closed) throw this.#unused();
      const forget = cancel.onCancel(reject);
      this.#dial((error, socket) => {
        forget();
        socket?.destroy();
        if (error) reject(upstreamFailure(this.endpoint, error, false));
        else resolve();
      });
    });
  }

  /** Ends every connection; whatever is under way fails with UPSTREAM_CLOSED. */
  async close(): Promise<void> {
    this.#closed = true;
    const error = this.#unused();
    for (const socket of this.#tunnels) socket.destroy();
    this.#spare?.destroy();
    this.#http2?.calls.close(error);
    this.#http2?.long.close(error);
    const all = [this.#pool, ...this.#own, ...this.#idle];
    await Promise.all(all.map((dispatcher) => dispatcher.destroy(error)));
  }

  #start(request: UpstreamRequest, protocol: string | undefined): Promise<UpstreamReply | UpstreamUpgrade> {
    return new Promise((resolve, reject) => {
      if (this.#closed) throw this.#unused();
      const call = new HttpCall({ endpoint: this.endpoint, request, resolve, reject, again: this.#again });
      if (call.over) return;
      // Over HTTP/1.1: its upgrade has no equal in HTTP/2 that servers commonly offer.
      if (protocol !== undefined) this.#sendAlone(call, protocol);
      else this.#call(call);
    });
  }

  #call(call: HttpCall): void {
    const { long, alone, http2 } = call.request;
    if (this.#http2 && this.#speaksHttp2(http2)) {
      if (alone) this.#sendOverOwnSession(call);
      else (long ? this.#http2.long : this.#http2.calls).send(call);
    } else if (alone) this.#sendAlone(call);
    else if (long) this.#sendLong(call);
    else this.#send(this.#pool, call);
  }

  #speaksHttp2(asked = false): boolean {
    if (this.#connecting.material) return !this.#prefersHttp1;
    return asked || this.#options.version === '2';
  }

  #sessions(bounds: Pick<Http2Options, 'bodyTimeoutMs' | 'maxSessions'>): Http2Sessions {
    return new Http2Sessions({
      ...bounds,
      origin: this.#connecting.origin,
      dial: this.#dial,
      fallback: (socket, calls) => {
        this.#prefersHttp1 = true;
        if (this.#spare || this.#closed) socket.destroy();
        else this.#spare = socket;
        for (const call of calls) this.#call(call);
      },
      headersTimeoutMs: LIMITS.upstreamHead.value,
    });
  }

  #sendOverOwnSession(call: HttpCall): void {
    const sessions = this.#sessions({ bodyTimeoutMs: 0, maxSessions: 1 });
    const connection: Own = { destroy: (error = this.#unused()) => sessions.close(error) };
    this.#owns(call, connection, () => void connection.destroy());
    sessions.send(call);
  }

  /** One stream at a time: none waits for another. */
  #sendLong(call: HttpCall): void {
    const client = this.#idle.pop() ?? this.#ownClient();
    this.#owns(call, client, () => {
      if (this.#closed || this.#idle.length >= MAX_IDLE) void client.destroy();
      else this.#idle.push(client);
    });
    this.#send(client, call);
  }

  #sendAlone(call: HttpCall, protocol?: string): void {
    const client = this.#ownClient();
    this.#owns(call, client, () => void client.destroy());
    this.#send(client, call, protocol);
  }

  #ownClient(): Client {
    return new Client(this.origin, { ...this.#client, bodyTimeout: 0 });
  }

  #owns(call: HttpCall, connection: Own, release: () => void): void {
    const { ended } = call;
    this.#own.add(connection);
    call.ended = () => {
      ended?.();
      this.#own.delete(connection);
      release();
    };
  }

  #unused(): GatewayError {
    return new GatewayError('UPSTREAM_CLOSED', `${this.endpoint} is no longer in use`);
  }

  #send(dispatcher: Dispatcher, call: HttpCall, protocol?: string): void {
    const { method, path, headers, body, headersTimeoutMs } = call.request;
    // `servername` is missing from undici's types. Given, it stays the same for all requests whatever their Host
    // header says; otherwise undici would reconnect whenever Host changes.
    const options: Dispatcher.DispatchOptions & { servername: string | undefined } = {
      method,
      path,
      headers: headers as string[],
      body: body ?? null,
      servername: this.#serverName,
    };
    if (headersTimeoutMs !== undefined) options.headersTimeout = headersTimeoutMs;
    if (protocol !== undefined) options.upgrade = protocol;
    dispatcher.dispatch(options, call);
  }
}

/** The upstream for these options, shared by everyone who names the same. */
export function httpUpstream(lasting: Lasting, scope: Scope, options: UpstreamOrigin): HttpUpstream {
  return lasting.hold(scope, `http:${nameOf(options)}`, () => new HttpUpstream(options));
}

function nameOf(options: UpstreamOrigin): string {
  const { origin, tls = {}, connectTimeoutMs, allowH2, version, keepalives, unixSocket } = options;
  const made = [
    new URL(origin).origin,
    tls,
    connectTimeoutMs,
    allowH2 === true,
    version,
    keepalives,
    unixSocket,
  ];
  // Hashed: a private key may be among what it is made from.
  return hash('sha256', canonicalJson(made), 'hex');
}

function dialling({ hostname, host, protocol, port }: URL, connect: Connect): Dial {
  const target = { hostname: withoutBrackets(hostname), host, protocol, port };
  return (done) => void connect(target, done);
}

/** By ALPN. */
function offered({ tls = {}, allowH2, version }: UpstreamOrigin): readonly Protocol[] {
  const { alpn } = tls;
  if (version === undefined) return alpn ?? (allowH2 ? BOTH : HTTP1);
  const [only] = version === '2' ? HTTP2 : HTTP1;
  if (alpn?.includes(only as Protocol) === false)
    throw new GatewayError(
      'CONFIG_INVALID',
      `http.version is ${version}, which backendTLS.alpn does not offer (${alpn.join(', ')})`,
    );
  return version === '2' ? HTTP2 : HTTP1;
}

/** For upgrades, which need it. */
const withoutHttp1: Connect = (_target, done) => {
  done(new Error('backendTLS.alpn does not allow HTTP/1.1'), null);
};

/** First value of a reply's header; `name` in lower case. */
export function replyHeader(reply: Pick<UpstreamReply, 'headers'>, name: string): string | undefined {
  const { headers } = reply;
  for (let i = 0; i < headers.length; i += 2) {
    const given = headers[i] as string;
    if (given.length === name.length && given.toLowerCase() === name) return headers[i + 1];
  }
  return undefined;
}

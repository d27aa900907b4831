/**
 * One upstream origin over HTTP. Calls share a bounded pool of keep-alive connections; an answer that lives long
 * (`long`) and an upgrade get a connection of their own, so that a hundred open streams never starve the calls.
 * Knows nothing of routes, MCP or policies.
 */
import type { Duplex } from 'node:stream';
import { Client, type Dispatcher, Pool } from 'undici';
import type { Lasting } from '../core/backend.ts';
import { GatewayError } from '../core/errors.ts';
import type { Closable, Scope } from '../core/scope.ts';
import { HttpCall, type UpstreamReply, type UpstreamRequest, type UpstreamUpgrade } from './call.ts';
import { connector, serverName, type UpstreamTls } from './tls.ts';

export type { UpstreamReply, UpstreamRequest, UpstreamUpgrade } from './call.ts';
export type { UpstreamTls } from './tls.ts';

export interface UpstreamOrigin {
  /** `http://host:port` or `https://host:port`, without path. */
  readonly origin: string;
  readonly tls?: UpstreamTls | undefined;
  readonly connectTimeoutMs: number;
  /** Offer HTTP/2 by ALPN; https only. */
  readonly allowH2?: boolean | undefined;
  readonly unixSocket?: string | undefined;
}

export interface UpgradeRequest extends UpstreamRequest {
  /** Protocol asked for, as in the Upgrade header. */
  readonly protocol: string;
}

const MAX_CONNECTIONS = 256;
const HEADERS_TIMEOUT_MS = 300_000;
/** Between two chunks of an answer in the call pool. Longer than an MCP call may last. */
const BODY_TIMEOUT_MS = 15 * 60_000;
const MAX_HEADER_BYTES = 64 * 1024;
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
  readonly #own = new Set<Client>();
  readonly #tunnels = new Set<Duplex>();
  readonly #again = (call: HttpCall): void => this.#send(this.#pool, call);
  #closed = false;

  constructor(options: UpstreamOrigin) {
    const { tls, connectTimeoutMs, unixSocket } = options;
    this.#options = options;
    this.#serverName = serverName(new URL(options.origin), tls);
    this.#client = {
      connect: connector({ tls, connectTimeoutMs, unixSocket }),
      pipelining: 1,
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      bodyTimeout: BODY_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
    };
    this.#pool = new Pool(options.origin, { ...this.#client, connections: MAX_CONNECTIONS });
  }

  get origin(): string {
    return this.#options.origin;
  }

  /** Long-lived streams and tunnels that are open. */
  get longCount(): number {
    return this.#own.size + this.#tunnels.size;
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

  /** Ends every connection; whatever is under way fails with UPSTREAM_CLOSED. */
  async close(): Promise<void> {
    this.#closed = true;
    const error = new GatewayError('UPSTREAM_CLOSED', `${this.origin} is no longer in use`);
    for (const socket of this.#tunnels) socket.destroy();
    await Promise.all([this.#pool, ...this.#own].map((dispatcher) => dispatcher.destroy(error)));
  }

  #start(request: UpstreamRequest, protocol: string | undefined): Promise<UpstreamReply | UpstreamUpgrade> {
    return new Promise((resolve, reject) => {
      if (this.#closed) throw new GatewayError('UPSTREAM_CLOSED', `${this.origin} is no longer in use`);
      const call = new HttpCall({ origin: this.origin, request, resolve, reject, again: this.#again });
      if (call.over) return;
      if (request.long || protocol !== undefined) this.#sendAlone(call, protocol);
      else this.#send(this.#pool, call);
    });
  }

  #sendAlone(call: HttpCall, protocol: string | undefined): void {
    const client = new Client(this.origin, { ...this.#client, bodyTimeout: 0 });
    this.#own.add(client);
    call.ended = () => {
      this.#own.delete(client);
      void client.destroy();
    };
    this.#send(client, call, protocol);
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
  const { origin, tls, connectTimeoutMs, allowH2, unixSocket } = options;
  const identity = [
    new URL(origin).origin,
    tls?.hostname,
    tls?.root,
    connectTimeoutMs,
    allowH2 === true,
    unixSocket,
  ];
  return lasting.hold(scope, `http:${JSON.stringify(identity)}`, () => new HttpUpstream(options));
}

/** First value of a reply's header; `name` in lower case. */
export function replyHeader(reply: Pick<UpstreamReply, 'headers'>, name: string): string | undefined {
  const { headers } = reply;
  for (let i = 0; i < headers.length; i += 2) if (headers[i] === name) return headers[i + 1];
  return undefined;
}

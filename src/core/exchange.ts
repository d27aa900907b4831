/**
 * One HTTP request and its reply, whatever the HTTP version it came over. Made by listen/, read by layers and
 * backends. Header lists are flat (name, value, name, value) as node and undici take them, so that nothing is copied.
 */
import type { Duplex, Readable } from 'node:stream';
import type { Cancel } from '../lib/cancel.ts';
import type { Flow } from '../lib/flow.ts';
import type { Credential, Identity, PeerCertificate } from './identity.ts';
import type { ExchangeRecord } from './signals.ts';
import type { Witness } from './witness.ts';

export interface RequestBody {
  /** Declared length in bytes; undefined when chunked or unknown, 0 when there is no body. */
  readonly length: number | undefined;
  /** Reads it whole. Throws GatewayError BODY_TOO_LARGE past `limit` bytes, CANCELLED when the client goes away. */
  read(limit: number): Promise<Buffer>;
  /** For sending upstream: the raw stream, which may be taken once, instead of `read`; or all of it where it is at hand. */
  stream(): Readable | Buffer;
}

export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** A connection over TLS. */
export interface ConnectionTls {
  /** Names the settings of its handshake: a request is served only by a listener that has the same. */
  readonly key: string;
  /** What the client asked for (SNI), lower-case. */
  readonly serverName: string | undefined;
  /** Verified. */
  readonly certificate: PeerCertificate | undefined;
  /** By that certificate. */
  readonly identity: Identity | undefined;
}

/**
 * What policies have rewritten: read where the request leaves for a server over plain HTTP, and nowhere else. Routing, rules,
 * expressions and logs go on seeing what came. Replaced, never changed: tries share it.
 */
export interface Outbound {
  readonly method?: string | undefined;
  /** Path and query. */
  readonly url?: string | undefined;
  /** Host header; without it the upstream's own name. */
  readonly host?: string | undefined;
  /** Not encoded, whatever the client says of its own. */
  readonly body?: Buffer | undefined;
}

export interface Exchange {
  /** Unique in this process, for logs. */
  readonly id: string;
  readonly method: string;
  /** Origin-form target as received (`/` of CONNECT), without what authentication took out of its query. */
  url: string;
  readonly path: string;
  /** Without the question mark; empty when there is none. Part of `url`. */
  query: string;
  /** Host header or :authority, lower-cased, port included when given. */
  readonly authority: string;
  readonly scheme: 'http' | 'https';
  /** Scheme of a target in absolute-form: what clients ask a proxy that they were told to use. */
  readonly absolute?: 'http' | 'https' | undefined;
  readonly httpVersion: '1.0' | '1.1' | '2.0';
  /** Lower-cased names; repeated headers joined as node does. What authentication took out is undefined here. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** As received, without what authentication took out. */
  rawHeaders: readonly string[];
  readonly body: RequestBody;
  readonly client: Endpoint;
  readonly local: Endpoint;
  /** Where the client wanted to be led when it was led here instead: CONNECT to a port of this gateway. */
  readonly destination?: Endpoint | undefined;
  /** Fires when the client goes away before the reply has been written. */
  readonly cancel: Cancel;
  /** Present when the client asks for a protocol upgrade (WebSocket) or CONNECT. */
  readonly upgrade: string | undefined;
  /** Facts for the access log; layers and backends fill it in. */
  readonly record: ExchangeRecord;
  /** Who the client proved to be; set by authentication layers, absent for anonymous clients. */
  principal?: string;
  /** The same with what it was proved by. */
  identity?: Identity;
  /** What that was: taken out of the request, so that no upstream gets it unless a policy says so. */
  credentials?: Credential[];
  /** Of the connection, where the client brought a certificate that was verified. */
  readonly certificate?: PeerCertificate | undefined;
  /** undefined: the connection is not over TLS. */
  readonly tls?: ConnectionTls | undefined;
  /** What its upstream is asked instead of that; absent: nothing. */
  outbound?: Outbound;
  /** Its answer is a stream that may be silent for long, whatever the client says it accepts. */
  streams?: boolean;
  /** Keys of backends that have failed this exchange: a further try goes to another one where there is one. */
  tried?: Set<string>;
  /** Set by routing: whether another path on this authority would reach the same route (legacy SSE announces one). */
  serves: (exchange: Exchange, path: string) => boolean;
  /** Hears of what is decided about it; no exchange of a client has one. */
  readonly witness?: Witness | undefined;
}

export interface Reply {
  readonly status: number;
  readonly headers: readonly string[];
  readonly body: Flow;
}

/** The reply to an upgrade: the connection now belongs to `attach`, which owns both sockets until they close. */
export interface Tunnel {
  readonly status: number;
  readonly headers: readonly string[];
  attach(client: Duplex, head: Buffer): void;
}

export type Answer = Reply | Tunnel;

export function isTunnel(answer: Answer): answer is Tunnel {
  return 'attach' in answer;
}

/** First value of a header. */
export function header(exchange: Exchange, name: string): string | undefined {
  const value = exchange.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/** The client opens a stream to listen to (server-sent events), for as long as it likes. */
export function isListening({ method, headers }: Pick<Exchange, 'method' | 'headers'>): boolean {
  return method === 'GET' && headers['accept']?.includes('text/event-stream') === true;
}

/** gRPC, which reads errors in its own form; not gRPC-Web. Over HTTP/1.1 there is no such thing, whatever a header says. */
export function isGrpc({ httpVersion, headers }: Pick<Exchange, 'httpVersion' | 'headers'>): boolean {
  if (httpVersion !== '2.0') return false;
  const type = headers['content-type'];
  return typeof type === 'string' && GRPC.test(type);
}

const GRPC = /^application\/grpc(?:[+;\s]|$)/i;

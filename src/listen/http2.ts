/**
 * HTTP/2 on node:http2's stream API, by ALPN or without TLS by prior knowledge: streams become Exchanges, Answers
 * become replies.
 */
import {
  constants,
  createServer,
  type Http2Server,
  Http2ServerRequest,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Socket } from 'node:net';
import { isTunnel, type Reply, type Tunnel } from '../core/exchange.ts';
import type { Timer } from '../core/ports.ts';
import type { ExchangeRecord } from '../core/signals.ts';
import { declaredLength, IncomingBody } from './body.ts';
import { AcceptedExchange, type IncomingHead } from './exchange.ts';
import {
  hasHeader,
  notReading,
  openTunnel,
  type ReplyWriter,
  respond,
  sizeOf,
  withoutTunnel,
} from './respond.ts';
import type { Serving } from './serving.ts';
import { targetOf, tunnelTarget } from './target.ts';

const PSEUDO_HEADERS = 5;
/** Time for the answer to a ping, where the configuration does not say. */
const PONG_MS = 20_000;
/** A client that is told to go and does not. */
const LINGER_MS = 5_000;
/** Bytes that may wait unwatched for a client that does not read. */
const UNWATCHED = 16 * 1024;
const NOTHING = Buffer.alloc(0);

export function http2Server(serving: Serving): Http2Server {
  const { limits } = serving;
  const server = createServer({
    maxHeaderListPairs: limits.headerCount + PSEUDO_HEADERS,
    settings: {
      maxConcurrentStreams: limits.streams,
      maxHeaderListSize: limits.http2HeaderBytes ?? limits.headerBytes,
      enablePush: false,
      ...(limits.windowBytes === undefined ? {} : { initialWindowSize: limits.windowBytes }),
      ...(limits.frameBytes === undefined ? {} : { maxFrameSize: limits.frameBytes }),
    },
  });
  // A session shows nothing of its socket that would let go of a client who does not.
  let arriving: Socket | undefined;
  server.prependListener('connection', (socket: Socket) => {
    arriving = socket;
  });
  server.on('session', (session) => {
    const socket = arriving;
    watch(serving, session, () => socket?.destroy());
  });
  server.on('stream', (stream, headers) => serve(serving, stream, headers));
  server.on('sessionError', ignore);
  return server;
}

/** Closes a session that has been idle for long; one with an open stream is not idle, however quiet it is. */
function watch(serving: Serving, session: ServerHttp2Session, cut: () => void): void {
  const { limits, ports } = serving;
  const { clock } = ports;
  let open = 0;
  // Not node's timeout of a session: to that, pings and frames that never end are activity.
  let quietSince = clock.monotonic();
  const look = (): void => {
    const left =
      open > 0 ? limits.keepAliveTimeoutMs : quietSince + limits.keepAliveTimeoutMs - clock.monotonic();
    if (left > 0) idle = clock.after(left, look);
    else dismiss(serving, session, cut);
  };
  let idle = clock.after(limits.keepAliveTimeoutMs, look);
  session.on('stream', (stream) => {
    if (isOver(stream)) return;
    open += 1;
    stream.once('close', () => {
      open -= 1;
      if (open > 0) return;
      quietSince = clock.monotonic();
      if (serving.draining) session.close();
    });
  });
  session.on('error', ignore);
  const timers = [ping(serving, session), grow(serving, session)];
  session.once('close', () => {
    idle.cancel();
    for (const timer of timers) timer?.cancel();
  });
  if (limits.connectionWindowBytes !== undefined) session.setLocalWindowSize(limits.connectionWindowBytes);
}

/** Node also tells of streams whose connection has been ended meanwhile: for opening and resetting many, for one. */
function isOver(stream: ServerHttp2Stream): boolean {
  return stream.destroyed || stream.session === undefined;
}

/** In good order, but not for ever: one without streams that does not close its end is cut. */
function dismiss({ ports }: Serving, session: ServerHttp2Session, cut: () => void): void {
  session.close();
  const timer = ports.clock.after(LINGER_MS, cut);
  session.once('close', () => timer.cancel());
}

function ping({ limits, ports }: Serving, session: ServerHttp2Session): Timer | undefined {
  const { pingMs, pongMs = PONG_MS } = limits;
  if (pingMs === undefined) return undefined;
  let patience: Timer | undefined;
  session.once('close', () => patience?.cancel());
  return ports.clock.every(pingMs, () => {
    if (patience || session.closed) return;
    patience = ports.clock.after(pongMs, () => session.destroy());
    session.ping(() => {
      patience?.cancel();
      patience = undefined;
    });
  });
}

/** At its age it takes no new streams, and ends with those it has. */
function grow({ limits, ports }: Serving, session: ServerHttp2Session): Timer | undefined {
  const { connectionMs } = limits;
  return connectionMs === undefined ? undefined : ports.clock.after(connectionMs, () => session.close());
}

function serve(serving: Serving, stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
  let exchange: AcceptedExchange | undefined;
  stream.on('error', ignore);
  if (isOver(stream)) return;
  // Before node's own request object hears of it: that one lets a body which broke off end like any other.
  stream.once('close', () => {
    // 'finish' may be lost to 'close' when the client has sent everything; the code tells a whole reply from a broken one.
    exchange?.end(stream.writableEnded && stream.rstCode === constants.NGHTTP2_NO_ERROR);
    serving.left();
  });
  // Node closes a stream that the client has reset without an error only when its body has been read to the end, which
  // an upstream that takes nothing keeps from happening.
  stream.once('aborted', () => {
    exchange?.end(false);
    stream.destroy();
  });
  const head = regularHeaders(headers);
  exchange = accept(serving, { stream, headers, head });
  const accepted = exchange;
  const writer = new Http2Writer(stream, { record: exchange.record, pauseMs: serving.limits.replyPauseMs });
  void serving.answer(accepted, head.bytes).then((answer) => {
    if (isTunnel(answer) && accepted.method === 'CONNECT') {
      tunnel(stream, accepted, answer);
      return;
    }
    stream.once('finish', () => writer.finished());
    respond(accepted, withoutTunnel(answer, accepted), writer);
  });
}

/** CONNECT (RFC 9113 section 8.5): the stream is the connection. */
function tunnel(stream: ServerHttp2Stream, { record }: AcceptedExchange, answer: Tunnel): void {
  record.status = answer.status;
  openTunnel(stream, record, () => {
    if (!stream.destroyed) stream.respond({ ':status': answer.status, ...collect(answer.headers) });
    answer.attach(stream, NOTHING);
  });
}

interface Parts {
  readonly stream: ServerHttp2Stream;
  readonly headers: IncomingHttpHeaders;
  readonly head: IncomingHead;
}

function accept(serving: Serving, { stream, headers, head }: Parts): AcceptedExchange {
  const waits = headers.expect === '100-continue';
  const goOn = () => void (stream.headersSent || stream.additionalHeaders({ ':status': 100 }));
  // The request half alone: undici destroys a body that it has read to its end, and with the stream the reply would go.
  const request = new Http2ServerRequest(stream, headers, {}, []);
  const authority = headers[':authority'] ?? headers.host ?? '';
  const method = headers[':method'] ?? '';
  const connects = method === 'CONNECT';
  const body = new IncomingBody({
    stream: request,
    length: stream.endAfterHeaders || connects ? 0 : declaredLength(headers),
    announce: waits ? goOn : undefined,
    uploads: serving.uploads,
  });
  const arrival = {
    method,
    target: connects ? tunnelTarget(authority) : targetOf(headers[':path'] ?? '', authority),
    httpVersion: '2.0' as const,
    head,
    body,
    socket: stream.session?.socket as Socket,
    upgrade: connects ? 'connect' : undefined,
  };
  const exchange = new AcceptedExchange(arrival, serving.ports);
  body.exchange = exchange;
  return exchange;
}

/** Without pseudo-headers, and with the Host header that HTTP/1.1 readers expect. */
function regularHeaders(fields: IncomingHttpHeaders): IncomingHead & { readonly bytes: number } {
  const headers: Record<string, string | string[] | undefined> = {};
  const rawHeaders: string[] = [];
  let bytes = 0;
  for (const name in fields) {
    const value = fields[name];
    if (name.startsWith(':') || value === undefined) continue;
    headers[name] = value;
    for (const each of Array.isArray(value) ? value : [value]) {
      rawHeaders.push(name, each);
      bytes += name.length + each.length;
    }
  }
  headers['host'] ??= fields[':authority'];
  return { headers, rawHeaders, bytes };
}

/** Headers of a connection, which HTTP/2 forbids (RFC 9113 section 8.2.2). */
const CONNECTION_HEADERS = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

interface Writing {
  readonly record: ExchangeRecord;
  /** For how long the client may take nothing of what waits for it. */
  readonly pauseMs: number;
}

class Http2Writer implements ReplyWriter {
  readonly #stream: ServerHttp2Stream;
  readonly #writing: Writing;
  #trailers: OutgoingHttpHeaders | undefined;
  /** node reports the body as finished before it asks for trailers. */
  #awaitsTrailers = false;
  #watching = false;

  constructor(stream: ServerHttp2Stream, writing: Writing) {
    this.#stream = stream;
    this.#writing = writing;
  }

  whole({ status, headers }: Reply, pieces: readonly Buffer[] | undefined): number {
    const size = sizeOf(pieces);
    const fields = this.#fields(headers);
    if (size > 0 && !hasHeader(headers, 'content-length')) fields['content-length'] = size;
    // A head that ends the stream says that there is no body; to gRPC nothing else is an error without messages.
    this.#stream.respond({ ':status': status, ...fields }, { endStream: size === 0 });
    if (pieces && size > 0) this.#stream.end(pieces.length === 1 ? pieces[0] : Buffer.concat(pieces));
    this.#expectReader();
    return size;
  }

  head({ status, headers }: Reply): void {
    const stream = this.#stream;
    stream.respond({ ':status': status, ...this.#fields(headers) }, { waitForTrailers: true });
    stream.once('wantTrailers', () => {
      this.#awaitsTrailers = false;
      // Without any, node sends END_STREAM alone. `close` would send a reset in its place, which clients take for a break.
      stream.sendTrailers(this.#trailers ?? {});
      setImmediate(() => this.finished());
    });
    this.#awaitsTrailers = true;
  }

  /** What `Connection: close` is to HTTP/1.1: streams under way end, new ones need a new connection. */
  #fields(headers: readonly string[]): OutgoingHttpHeaders {
    if (closes(headers)) this.#stream.session?.close();
    return collect(headers);
  }

  /** An upload that nobody reads would keep the stream open for ever (RFC 9113 section 8.1). */
  finished(): void {
    const stream = this.#stream;
    if (this.#awaitsTrailers || stream.closed || stream.readableEnded) return;
    if (!stream.endAfterHeaders) stream.close(constants.NGHTTP2_NO_ERROR);
  }

  /** `respond` has sent it. */
  flush(): void {}

  write(chunk: Buffer): boolean {
    const room = this.#stream.write(chunk);
    if (!room) this.#expectReader();
    return room;
  }

  drained(listener: () => void): void {
    this.#stream.on('drain', listener);
  }

  end(trailers: readonly string[] | undefined): void {
    if (trailers) this.#trailers = collect(trailers);
    this.#stream.end();
    this.#expectReader();
  }

  abort(): void {
    // `close(code)` would first end the body in good order.
    this.#stream.destroy(new Error('the reply broke off'));
  }

  #expectReader(): void {
    const stream = this.#stream;
    if (stream.writableFinished || stream.writableLength <= UNWATCHED) return;
    const { record, pauseMs } = this.#writing;
    if (this.#watching) {
      stream.setTimeout(pauseMs);
      return;
    }
    this.#watching = true;
    const relax = (): void => void stream.setTimeout(0);
    stream.on('drain', relax).on('finish', relax);
    stream.setTimeout(pauseMs, () => {
      notReading(record, pauseMs);
      this.abort();
    });
  }
}

function closes(headers: readonly string[]): boolean {
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] as string;
    if (name.length === 10 && name.toLowerCase() === 'connection') return headers[i + 1] === 'close';
  }
  return false;
}

/** node:http2 takes an object; repeated headers become an array. */
function collect(list: readonly string[]): OutgoingHttpHeaders {
  const result: OutgoingHttpHeaders = {};
  for (let i = 0; i + 1 < list.length; i += 2) {
    const name = (list[i] as string).toLowerCase();
    if (CONNECTION_HEADERS.has(name)) continue;
    const value = list[i + 1] as string;
    const known = result[name];
    if (known === undefined) result[name] = value;
    else result[name] = Array.isArray(known) ? [...known, value] : [String(known), value];
  }
  return result;
}

function ignore(): void {}

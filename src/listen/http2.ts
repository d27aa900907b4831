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
import type { Reply } from '../core/exchange.ts';
import { declaredLength, IncomingBody } from './body.ts';
import { AcceptedExchange, type IncomingHead } from './exchange.ts';
import { hasHeader, type ReplyWriter, respond, sizeOf, withoutTunnel } from './respond.ts';
import type { Serving } from './serving.ts';

const MAX_STREAMS = 250;
const PSEUDO_HEADERS = 5;

export function http2Server(serving: Serving): Http2Server {
  const { limits } = serving;
  const server = createServer({
    maxHeaderListPairs: limits.headerCount + PSEUDO_HEADERS,
    settings: { maxConcurrentStreams: MAX_STREAMS, maxHeaderListSize: limits.headerBytes, enablePush: false },
  });
  server.on('session', (session) => watch(serving, session));
  server.on('stream', (stream, headers) => serve(serving, stream, headers));
  server.on('sessionError', ignore);
  return server;
}

/** Closes a session that has been idle for long; one with an open stream is not idle, however quiet it is. */
function watch(serving: Serving, session: ServerHttp2Session): void {
  let open = 0;
  session.on('stream', (stream) => {
    open += 1;
    stream.once('close', () => {
      open -= 1;
      if (serving.draining && open === 0) session.close();
    });
  });
  session.on('error', ignore);
  session.setTimeout(serving.limits.keepAliveTimeoutMs, () => {
    if (open === 0) session.close();
  });
}

function serve(serving: Serving, stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
  let exchange: AcceptedExchange | undefined;
  stream.on('error', ignore);
  // Before node's own request object hears of it: that one lets a body which broke off end like any other.
  stream.once('close', () => {
    // 'finish' may be lost to 'close' when the client has sent everything; the code tells a whole reply from a broken one.
    exchange?.end(stream.writableEnded && stream.rstCode === constants.NGHTTP2_NO_ERROR);
    serving.left();
  });
  exchange = accept(serving, stream, headers);
  const accepted = exchange;
  const writer = new Http2Writer(stream);
  stream.once('finish', () => writer.finished());
  void serving
    .answer(accepted)
    .then((answer) => respond(accepted, withoutTunnel(answer, accepted.record), writer));
}

function accept(serving: Serving, stream: ServerHttp2Stream, headers: IncomingHttpHeaders): AcceptedExchange {
  const waits = headers.expect === '100-continue';
  const goOn = () => void (stream.headersSent || stream.additionalHeaders({ ':status': 100 }));
  // The request half alone: undici destroys a body that it has read to its end, and with the stream the reply would go.
  const request = new Http2ServerRequest(stream, headers, {}, []);
  const authority = headers[':authority'] ?? headers.host ?? '';
  const arrival = {
    method: headers[':method'] ?? '',
    target: { url: headers[':path'] ?? '', authority: authority.toLowerCase() },
    httpVersion: '2.0' as const,
    head: regularHeaders(headers),
    body: new IncomingBody(
      request,
      stream.endAfterHeaders ? 0 : declaredLength(headers),
      waits ? goOn : undefined,
    ),
    socket: stream.session?.socket as Socket,
    upgrade: undefined,
  };
  return new AcceptedExchange(arrival, serving.ports);
}

/** Without pseudo-headers, and with the Host header that HTTP/1.1 readers expect. */
function regularHeaders(fields: IncomingHttpHeaders): IncomingHead {
  const headers: Record<string, string | string[] | undefined> = {};
  const rawHeaders: string[] = [];
  for (const name in fields) {
    const value = fields[name];
    if (name.startsWith(':') || value === undefined) continue;
    headers[name] = value;
    for (const each of Array.isArray(value) ? value : [value]) rawHeaders.push(name, each);
  }
  headers['host'] ??= fields[':authority'];
  return { headers, rawHeaders };
}

/** Headers of a connection, which HTTP/2 forbids (RFC 9113 section 8.2.2). */
const CONNECTION_HEADERS = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

class Http2Writer implements ReplyWriter {
  readonly #stream: ServerHttp2Stream;
  #trailers: OutgoingHttpHeaders | undefined;
  /** node reports the body as finished before it asks for trailers. */
  #awaitsTrailers = false;

  constructor(stream: ServerHttp2Stream) {
    this.#stream = stream;
  }

  whole({ status, headers }: Reply, pieces: readonly Buffer[] | undefined): number {
    const size = sizeOf(pieces);
    const fields = this.#fields(headers);
    if (pieces && !hasHeader(headers, 'content-length')) fields['content-length'] = size;
    this.#stream.respond({ ':status': status, ...fields }, { endStream: pieces === undefined });
    if (pieces) this.#stream.end(pieces.length === 1 ? pieces[0] : Buffer.concat(pieces));
    return size;
  }

  head({ status, headers }: Reply): void {
    const stream = this.#stream;
    stream.respond({ ':status': status, ...this.#fields(headers) }, { waitForTrailers: true });
    stream.once('wantTrailers', () => {
      this.#awaitsTrailers = false;
      if (!this.#trailers) {
        stream.close(constants.NGHTTP2_NO_ERROR);
        return;
      }
      stream.sendTrailers(this.#trailers);
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
    return this.#stream.write(chunk);
  }

  drained(listener: () => void): void {
    this.#stream.on('drain', listener);
  }

  end(trailers: readonly string[] | undefined): void {
    if (trailers) this.#trailers = collect(trailers);
    this.#stream.end();
  }

  abort(): void {
    // `close(code)` would first end the body in good order.
    this.#stream.destroy(new Error('the reply broke off'));
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

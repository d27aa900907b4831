/**
 * HTTP/2 towards one origin, by ALPN or without TLS by prior knowledge. Our own client on node:http2 rather than undici's: that one runs one request per
 * connection unless told otherwise, and drops buffered data when trailers arrive while the reader is paused
 * (`lib/dispatcher/client-h2.js`: 'trailers' completes the request at once).
 */
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type OutgoingHttpHeaders,
} from 'node:http2';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import type { HttpCall } from './call.ts';

export type Dial = (done: (error: Error | null, socket: Socket | null) => void) => void;

export interface Http2Options {
  readonly origin: URL;
  /** Opens a connection; with TLS it has offered by ALPN what the caller speaks. */
  readonly dial: Dial;
  /** An upstream over TLS chose HTTP/1.1: takes over its connection and the calls that were waiting for it. */
  readonly fallback: (socket: Socket, calls: readonly HttpCall[]) => void;
  readonly headersTimeoutMs: number;
  /** 0: none. */
  readonly bodyTimeoutMs: number;
  /** Beyond this, calls wait their turn inside the last session. */
  readonly maxSessions: number;
}

const MAX_STREAMS = 100;
const WINDOW_BYTES = 256 * 1024;
const IDLE_MS = 60_000;

interface Session {
  readonly http2: ClientHttp2Session;
  open: number;
}

export class Http2Sessions {
  readonly #options: Http2Options;
  readonly #sessions = new Set<Session>();
  readonly #waiting: HttpCall[] = [];
  #dialling = false;
  #closed: Error | undefined;

  constructor(options: Http2Options) {
    this.#options = options;
  }

  get openStreams(): number {
    let open = 0;
    for (const session of this.#sessions) open += session.open;
    return open;
  }

  send(call: HttpCall): void {
    const session = this.#pick();
    if (session) {
      this.#request(session, call);
      return;
    }
    this.#waiting.push(call);
    if (this.#dialling) return;
    this.#dialling = true;
    this.#options.dial((error, socket) => {
      this.#dialling = false;
      this.#dialled(error ?? this.#closed, socket);
    });
  }

  /** Fails what is under way with `error`. */
  close(error: Error): void {
    this.#closed = error;
    for (const call of this.#waiting.splice(0)) call.onError(error);
    for (const session of this.#sessions) session.http2.destroy(error);
  }

  /** The least busy session with room; with all sessions full, the least busy one. */
  #pick(): Session | undefined {
    let best: Session | undefined;
    for (const session of this.#sessions) if (!best || session.open < best.open) best = session;
    if (!best || best.open < room(best.http2)) return best;
    return this.#sessions.size < this.#options.maxSessions ? undefined : best;
  }

  #dialled(error: Error | undefined, socket: Socket | null): void {
    const calls = this.#waiting.splice(0);
    if (error || !socket) {
      socket?.destroy();
      for (const call of calls) call.onError(error ?? new Error('no connection'));
      return;
    }
    const { alpnProtocol } = socket as { alpnProtocol?: unknown };
    // Without TLS there is none, and nothing to be asked: whoever dials knows.
    if (alpnProtocol !== undefined && alpnProtocol !== 'h2') {
      this.#options.fallback(socket, calls);
      return;
    }
    const session = this.#open(socket);
    for (const call of calls) this.#request(session, call);
  }

  #open(socket: Socket): Session {
    const http2 = connect(this.#options.origin, {
      createConnection: () => socket,
      peerMaxConcurrentStreams: MAX_STREAMS,
      settings: { enablePush: false, initialWindowSize: WINDOW_BYTES },
    });
    const session: Session = { http2, open: 0 };
    const retire = (): void => {
      this.#sessions.delete(session);
    };
    this.#sessions.add(session);
    http2.on('connect', () => http2.setLocalWindowSize(WINDOW_BYTES * 4));
    // The streams fail with what this says.
    http2.on('error', ignore);
    http2.on('close', retire);
    http2.on('goaway', () => {
      retire();
      http2.close();
    });
    let asked = false;
    // Nothing came or went for so long. Pinging is activity: unanswered, the next silence is the last.
    http2.setTimeout(IDLE_MS, () => {
      if (session.open === 0) {
        retire();
        http2.close();
      } else if (asked) http2.destroy(silent());
      else
        asked = http2.ping(() => {
          asked = false;
        });
    });
    return session;
  }

  #request(session: Session, call: HttpCall): void {
    if (call.over) return;
    const { headersTimeoutMs, bodyTimeoutMs, origin } = this.#options;
    const { request } = call;
    let stream: ClientHttp2Stream;
    try {
      stream = session.http2.request(requestFields(request, origin), {
        endStream: request.body === undefined,
      });
    } catch (error) {
      call.onError(error as Error);
      return;
    }
    session.open += 1;
    stream.once('close', () => {
      session.open -= 1;
    });
    call.onConnect((reason) => cut(stream, reason));
    const timeout = request.headersTimeoutMs ?? headersTimeoutMs;
    receive(stream, call, { headersMs: timeout, bodyMs: bodyTimeoutMs });
    upload(stream, request.body);
  }
}

function silent(): Error {
  const message = `nothing was heard on the connection for ${(2 * IDLE_MS) / 1000} s`;
  return Object.assign(new Error(message), { code: 'ECONNRESET' });
}

function room({ remoteSettings }: ClientHttp2Session): number {
  return Math.min(remoteSettings?.maxConcurrentStreams ?? MAX_STREAMS, MAX_STREAMS);
}

interface Timeouts {
  readonly headersMs: number;
  readonly bodyMs: number;
}

/** Tells the call what undici would tell it. */
function receive(stream: ClientHttp2Stream, call: HttpCall, { headersMs, bodyMs }: Timeouts): void {
  let trailers: string[] | null = null;
  let started = false;
  let headOnly = false;
  let failure: Error | undefined;
  const complete = (): void => {
    call.onComplete(trailers);
    // Answered before the upload was over: nobody wants the rest.
    if (!stream.writableEnded) cut(stream);
  };
  stream.on('response', (headers, flags, rawHeaders?: string[]) => {
    started = true;
    stream.setTimeout(bodyMs);
    call.onResponseStarted();
    const resume = (): void => void stream.resume();
    if (!call.onHeaders(Number(headers[':status']), withoutPseudo(rawHeaders ?? []), resume)) stream.pause();
    // Known at once: an error of gRPC is a head that ends the stream, and has to be passed on as one.
    if (flags & constants.NGHTTP2_FLAG_END_STREAM) {
      headOnly = true;
      complete();
    }
    stream.on('data', (chunk: Buffer) => {
      if (!call.onData(chunk)) stream.pause();
    });
  });
  stream.on('trailers', (_headers, _flags, rawHeaders?: string[]) => {
    trailers = withoutPseudo(rawHeaders ?? []);
  });
  stream.setTimeout(headersMs, () => {
    // A reader that has paused us is slow; the upstream is not.
    if (started && stream.isPaused()) return;
    cut(stream, Object.assign(new Error('timeout'), { code: 'UND_ERR_HEADERS_TIMEOUT' }));
  });
  stream.on('error', (error) => {
    failure ??= error;
  });
  stream.on('end', () => {
    if (started && !headOnly && stream.rstCode === constants.NGHTTP2_NO_ERROR) complete();
  });
  stream.on('close', () => call.onError(failure ?? droppedStream(stream.rstCode)));
}

/** `stream.close(code)` would first end the body in good order, and half an upload would pass for a whole one. */
function cut(stream: ClientHttp2Stream, reason: Error = new Error('cancelled')): void {
  stream.destroy(reason);
}

function droppedStream(code: number): Error {
  return Object.assign(new Error(`stream closed with code ${code}`), { code: 'ECONNRESET' });
}

function upload(stream: ClientHttp2Stream, body: Buffer | Readable | undefined): void {
  if (body === undefined) return;
  if (Buffer.isBuffer(body)) {
    stream.end(body);
    return;
  }
  body.once('error', ignore);
  body.once('close', () => {
    if (!body.readableEnded) cut(stream);
  });
  body.pipe(stream);
}

function requestFields({ method, path, headers }: HttpCall['request'], origin: URL): OutgoingHttpHeaders {
  const fields: OutgoingHttpHeaders = {};
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = (headers[i] as string).toLowerCase();
    const value = headers[i + 1] as string;
    const known = fields[name];
    if (known === undefined) fields[name] = value;
    else fields[name] = Array.isArray(known) ? [...known, value] : [String(known), value];
  }
  const authority = fields['host'];
  delete fields['host'];
  fields[':method'] = method;
  fields[':path'] = path;
  fields[':scheme'] = origin.protocol.slice(0, -1);
  fields[':authority'] = authority ?? origin.host;
  return fields;
}

function withoutPseudo(raw: readonly string[]): string[] {
  const result: string[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    if (!(raw[i] as string).startsWith(':')) result.push(raw[i] as string, raw[i + 1] as string);
  }
  return result;
}

function ignore(): void {}

/**
 * Writes replies, whatever the HTTP version: a finished body in one piece, a moving one with back-pressure and
 * trailers. The one place where an error becomes an HTTP reply (MCP fronts render JSON-RPC errors of their own).
 */
import type { Duplex } from 'node:stream';
import { asGatewayError, GatewayError } from '../core/errors.ts';
import { type Answer, isGrpc, isTunnel, type Reply } from '../core/exchange.ts';
import type { ExchangeRecord } from '../core/signals.ts';
import { Flow, type Sink } from '../lib/flow.ts';
import { breakOff } from '../lib/underlying.ts';
import type { AcceptedExchange } from './exchange.ts';
import { grpcError } from './grpc-error.ts';

/** One reply on one connection. Each method may throw on headers that HTTP does not allow, before anything is sent. */
export interface ReplyWriter {
  /** Head and body at once. `body` undefined: none is sent, and headers are left as they are. Returns the body's size. */
  whole(reply: Reply, body: readonly Buffer[] | undefined): number;
  head(reply: Reply): void;
  /** Puts a head without body on its way. */
  flush(): void;
  /** False: wait for `drained`. */
  write(chunk: Buffer): boolean;
  drained(listener: () => void): void;
  end(trailers: readonly string[] | undefined): void;
  /** Breaks the connection (or stream) so that the client cannot take the reply for complete. */
  abort(): void;
}

type Asked = Pick<AcceptedExchange, 'headers' | 'httpVersion' | 'record'>;

export function respond(exchange: AcceptedExchange, reply: Reply, writer: ReplyWriter): void {
  if (exchange.over) {
    reply.body.cancel(new GatewayError('CANCELLED', 'the client went away'));
    return;
  }
  exchange.record.status = reply.status;
  try {
    write(exchange, reply, writer);
  } catch (error) {
    reply.body.cancel(asGatewayError(error));
    write(exchange, errorReply(error, exchange), writer);
  }
}

/** Renders anything thrown, as who asked reads errors; the record learns why. */
export function errorReply(error: unknown, exchange: Asked): Reply {
  const { record } = exchange;
  const failure = asGatewayError(error);
  record.status = failure.http;
  note(record, failure);
  if (isGrpc(exchange)) return grpcError(failure);
  const { headers = [], body } = failure.detail;
  return {
    status: failure.http,
    headers: ['content-type', body?.type ?? 'application/json', ...headers],
    body: Flow.of(body?.bytes ?? errorBody(failure)),
  };
}

export function errorBody({ code, message }: GatewayError): Buffer {
  return Buffer.from(JSON.stringify({ error: { code, message } }));
}

/** The client has taken nothing of what waits for it. */
export function notReading(record: ExchangeRecord, ms: number): void {
  record.reason = 'CANCELLED';
  record.error = `the client read nothing of its reply for ${ms / 1000} s`;
}

/** A tunnel where none can be: the request asked for no upgrade. */
export function withoutTunnel(answer: Answer, exchange: Asked): Reply {
  if (!isTunnel(answer)) return answer;
  return errorReply(new GatewayError('INTERNAL', 'a tunnel was opened for a plain request'), exchange);
}

/** Opens a tunnel. Its head may be out, so what fails shows in how the connection ends, and in the record. */
export function openTunnel(client: Duplex, record: ExchangeRecord, open: () => void): void {
  try {
    open();
  } catch (error) {
    note(record, asGatewayError(error));
    breakOff(client);
  }
}

/** Whether a list of headers names one; `name` in lower case. */
export function hasHeader(headers: readonly string[], name: string): boolean {
  for (let i = 0; i < headers.length; i += 2) {
    const each = headers[i] as string;
    if (each.length === name.length && each.toLowerCase() === name) return true;
  }
  return false;
}

export function sizeOf(pieces: readonly Buffer[] | undefined): number {
  let size = 0;
  if (pieces) for (const piece of pieces) size += piece.length;
  return size;
}

function write(exchange: AcceptedExchange, reply: Reply, writer: ReplyWriter): void {
  const { body, status } = reply;
  if (exchange.method === 'HEAD' || status === 204 || status === 304) {
    writer.whole(reply, undefined);
    body.cancel(new Error('this reply has no body'));
    return;
  }
  const pieces = body.pieces();
  if (pieces) {
    exchange.record.bytesOut += writer.whole(reply, pieces);
    return;
  }
  stream(exchange, reply, writer);
}

function stream(exchange: AcceptedExchange, reply: Reply, writer: ReplyWriter): void {
  const { body } = reply;
  exchange.endless = isEventStream(reply.headers);
  const sink = new ReplySink(exchange, reply, writer);
  const forget = exchange.cancel.onCancel((reason) => body.cancel(reason));
  sink.over = forget;
  writer.drained(() => body.resume());
  body.to(sink);
  sink.flush();
}

function isEventStream(headers: readonly string[]): boolean {
  for (let i = 0; i < headers.length; i += 2) {
    if ((headers[i] as string).toLowerCase() === 'content-type')
      return /^text\/event-stream\b/i.test(headers[i + 1] as string);
  }
  return false;
}

class ReplySink implements Sink {
  readonly #exchange: AcceptedExchange;
  readonly #reply: Reply;
  readonly #writer: ReplyWriter;
  #begun = false;
  #done = false;
  over: (() => void) | undefined;

  constructor(exchange: AcceptedExchange, reply: Reply, writer: ReplyWriter) {
    this.#exchange = exchange;
    this.#reply = reply;
    this.#writer = writer;
  }

  data(chunk: Buffer): void {
    if (this.#done) return;
    this.#begin();
    this.#exchange.record.bytesOut += chunk.length;
    if (!this.#writer.write(chunk)) this.#reply.body.pause();
  }

  end(trailers: readonly string[] | undefined): void {
    if (this.#done) return;
    this.#begin();
    this.#finish();
    this.#writer.end(trailers);
  }

  fail(error: Error): void {
    if (this.#done) return;
    this.#finish();
    if (this.#begun) {
      note(this.#exchange.record, asGatewayError(error));
      this.#writer.abort();
      return;
    }
    // Nothing has been sent yet: the client can still be told.
    const reply = errorReply(error, this.#exchange);
    this.#writer.whole(reply, reply.body.pieces());
  }

  /** A stream may say nothing for a long time; its head must not wait for that. */
  flush(): void {
    if (this.#begun || this.#done) return;
    this.#begin();
    this.#writer.flush();
  }

  #begin(): void {
    if (this.#begun) return;
    this.#writer.head(this.#reply);
    this.#begun = true;
  }

  #finish(): void {
    this.#done = true;
    this.over?.();
  }
}

function note(record: ExchangeRecord, failure: GatewayError): void {
  record.reason = failure.code;
  const cause = failure.code === 'INTERNAL' ? failure.cause : undefined;
  record.error = cause instanceof Error ? (cause.stack ?? cause.message) : failure.message;
}

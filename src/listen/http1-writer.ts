/** Writes a reply on a connection over HTTP/1.1, and gives up a client that reads none of it. */
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Exchange, Reply } from '../core/exchange.ts';
import { reset } from '../lib/underlying.ts';
import { hasHeader, notReading, type ReplyWriter, sizeOf } from './respond.ts';

/** Bytes up to which copying a body costs less than writing it as a piece of its own. */
const ONE_WRITE = 4 * 1024;

/** Bytes that may wait unwatched for a client that does not read. */
const UNWATCHED = 16 * 1024;

interface Writing {
  readonly response: ServerResponse;
  /** The response of a pipelined request has none before its turn. */
  readonly socket: Socket;
  readonly exchange: Pick<Exchange, 'record'>;
  /** For how long the client may take nothing of what waits for it. */
  readonly pauseMs: number;
}

export class Http1Writer implements ReplyWriter {
  readonly #response: ServerResponse;
  readonly #socket: Socket;
  readonly #writing: Writing;
  #watching = false;

  constructor(writing: Writing) {
    this.#writing = writing;
    this.#response = writing.response;
    this.#socket = writing.socket;
  }

  whole({ status, headers }: Reply, pieces: readonly Buffer[] | undefined): number {
    const size = sizeOf(pieces);
    const sized = pieces === undefined || hasHeader(headers, 'content-length');
    this.#response.writeHead(
      status,
      (sized ? headers : [...headers, 'content-length', String(size)]) as string[],
    );
    if (size > 0 && size <= ONE_WRITE) this.#writeOnce(textOf(pieces as readonly Buffer[]));
    else if (pieces) for (const piece of pieces) this.#response.write(piece);
    this.#response.end();
    this.#expectReader();
    return size;
  }

  /** As text of the same bytes, node puts head and body into one buffer; `end` with a text would add an empty one. */
  #writeOnce(text: string): void {
    this.#response.cork();
    this.#response.write(text, 'latin1');
    this.#response.uncork();
  }

  head({ status, headers }: Reply): void {
    this.#response.writeHead(status, headers as string[]);
  }

  flush(): void {
    this.#response.flushHeaders();
  }

  write(chunk: Buffer): boolean {
    const room = this.#response.write(chunk);
    if (!room) this.#expectReader();
    return room;
  }

  drained(listener: () => void): void {
    this.#response.on('drain', listener);
  }

  end(trailers: readonly string[] | undefined): void {
    if (trailers) this.#response.addTrailers(pairs(trailers));
    this.#response.end();
    this.#expectReader();
  }

  /** A reset rather than a close: to a client that reads up to the end of the connection, a close says "complete". */
  abort(): void {
    reset(this.#socket);
  }

  /** Node's own timeout of a connection: it is content as long as anything of a write gets through. */
  #expectReader(): void {
    const response = this.#response;
    if (response.writableFinished || response.writableLength <= UNWATCHED) return;
    const { exchange, pauseMs } = this.#writing;
    if (this.#watching) {
      response.setTimeout(pauseMs);
      return;
    }
    this.#watching = true;
    const relax = (): void => void response.setTimeout(0);
    response.on('drain', relax);
    // Before node's own listener, which sets the time of an idle connection.
    response.prependListener('finish', relax);
    response.setTimeout(pauseMs, () => {
      notReading(exchange.record, pauseMs);
      this.abort();
    });
  }
}

function textOf(pieces: readonly Buffer[]): string {
  let text = '';
  for (const piece of pieces) text += piece.toString('latin1');
  return text;
}

function pairs(list: readonly string[]): [string, string][] {
  const result: [string, string][] = [];
  for (let i = 0; i + 1 < list.length; i += 2) result.push([list[i] as string, list[i + 1] as string]);
  return result;
}

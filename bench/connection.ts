/**
 * One keep-alive HTTP/1.1 connection of the load generator on a raw socket. Reads as much of an answer as it takes to
 * know where it ends and whether it is the right one; everything more would be measured as if the gateway had done it.
 */
import { connect, type Socket } from 'node:net';

export interface Answer {
  readonly status: number;
  /** Status line and headers as they came. */
  readonly head: string;
  /** Only when asked for. */
  readonly body: Buffer;
  /** Whether the expected bytes were seen. */
  readonly right: boolean;
}

export interface Expectation {
  /** Bytes that the right answer contains near its start or its end. */
  readonly bytes: string;
  /** Keep the body; for handshakes, not for load. */
  readonly keep?: boolean;
  /** Called once, as soon as `bytes` were seen: there may be more to come that waits for what the client does then. */
  readonly seen?: (part: Buffer) => void;
}

type Waiting = Expectation & { readonly done: (answer: Answer) => void };

const EDGE = 2_048;
const CRLF2 = Buffer.from('\r\n\r\n');

export class HttpConnection {
  readonly #to: { hostname: string; port: string | number };
  readonly #failed: (error: Error) => void;
  #socket: Socket;
  #waiting: Waiting | undefined;
  #partial: Buffer | undefined;
  #head = '';
  #status = 0;
  /** Bytes of the body (or of the current chunk) still to come; -1: a chunk size is next. */
  #left = 0;
  #chunked = false;
  #inBody = false;
  #right = false;
  #kept: Buffer[] = [];

  constructor(to: { hostname: string; port: string | number }, failed: (error: Error) => void) {
    this.#to = to;
    this.#failed = failed;
    this.#socket = this.#connect();
  }

  /** One request at a time. Servers close what idles for a few seconds between rounds, so the socket may be a new one. */
  send(request: Buffer, expectation: Expectation, done: (answer: Answer) => void): void {
    this.#waiting = { ...expectation, done };
    if (this.#socket.destroyed || this.#socket.readableEnded) this.#socket = this.#connect();
    this.#socket.write(request);
  }

  #connect(): Socket {
    const socket = connect({ host: this.#to.hostname, port: Number(this.#to.port), noDelay: true });
    this.#partial = undefined;
    this.#inBody = false;
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', (error) => this.#broken(socket, error));
    socket.on('close', () => {
      this.#broken(socket, new Error('the connection closed before the answer was complete'));
    });
    return socket;
  }

  #broken(socket: Socket, error: Error): void {
    if (!this.#waiting || socket !== this.#socket) return;
    this.#waiting = undefined;
    this.#failed(error);
  }

  close(): void {
    this.#waiting = undefined;
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    let data = chunk;
    if (this.#partial) {
      data = Buffer.concat([this.#partial, chunk]);
      this.#partial = undefined;
    }
    if (!this.#inBody) {
      // What is left of the empty chunk that ended the answer before.
      while (data[0] === 13 || data[0] === 10) data = data.subarray(1);
      const end = data.indexOf(CRLF2);
      if (end < 0) {
        this.#partial = data;
        return;
      }
      this.#begin(data.toString('latin1', 0, end));
      data = data.subarray(end + CRLF2.length);
    }
    if (this.#chunked) this.#readChunks(data);
    else this.#readLength(data);
  }

  #begin(head: string): void {
    this.#inBody = true;
    this.#head = head;
    this.#status = Number(head.slice(9, 12));
    this.#chunked = /\r\ntransfer-encoding: *chunked/i.test(head);
    this.#left = this.#chunked ? -1 : Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
    this.#right = false;
    this.#kept = [];
  }

  #readLength(data: Buffer): void {
    this.#see(data);
    this.#left -= data.length;
    if (this.#left <= 0) this.#finish();
  }

  #readChunks(data: Buffer): void {
    let at = 0;
    while (at < data.length) {
      if (this.#left >= 0) {
        const end = Math.min(data.length, at + this.#left);
        this.#see(data.subarray(at, end));
        this.#left -= end - at;
        at = end;
        if (this.#left > 0) return;
        this.#left = -1;
      }
      // The line end that closes a chunk belongs to the next size line.
      const start = data[at] === 13 ? at + 2 : at;
      const end = data.indexOf(10, start);
      if (end < 0) {
        this.#partial = data.subarray(at);
        return;
      }
      const size = Number.parseInt(data.toString('latin1', start, end), 16);
      if (size === 0) {
        this.#finish();
        return;
      }
      this.#left = size;
      at = end + 1;
    }
  }

  #see(part: Buffer): void {
    const waiting = this.#waiting;
    if (!waiting) return;
    if (waiting.keep) this.#kept.push(Buffer.from(part));
    if (this.#right) return;
    this.#right =
      part.length <= 2 * EDGE
        ? part.includes(waiting.bytes)
        : part.subarray(0, EDGE).includes(waiting.bytes) || part.subarray(-EDGE).includes(waiting.bytes);
    if (this.#right) waiting.seen?.(part);
  }

  #finish(): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    this.#inBody = false;
    waiting?.done({
      status: this.#status,
      head: this.#head,
      body: Buffer.concat(this.#kept),
      right: this.#right,
    });
  }
}

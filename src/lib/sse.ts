/**
 * Server-Sent Events over bytes: an incremental parser and a writer (HTML Living Standard, section 9.2). Events that
 * arrive whole in one chunk are delivered without copying: `data` is then a view into the chunk. Knows no MCP.
 */
import { Pieces } from './pieces.ts';

export interface SseEvent {
  readonly event: string;
  readonly data: Buffer;
  /** Of this event alone; whoever resumes remembers the last one. */
  readonly id: string | undefined;
  readonly retry: number | undefined;
}

export interface SseListener {
  event(event: SseEvent): void;
  /** A comment line: a sign of life. */
  comment?(): void;
}

export interface SseLimits {
  /** For the lines of one event, field names and line ends included. */
  readonly maxEventBytes: number;
}

export class SseLimitError extends Error {
  readonly limit: number;
  constructor(limit: number) {
    super(`an event is longer than ${limit} bytes`);
    this.name = 'SseLimitError';
    this.limit = limit;
  }
}

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const COLON = 0x3a;
const LINE_END = Buffer.from([LF]);
const NOTHING = Buffer.alloc(0);
const BOM = Buffer.from('\ufeff');

/**
 * Unlike a browser it delivers events that carry only an id or a retry, with empty data: MCP servers prime a stream
 * with them. `push` throws SseLimitError past the limit, and the parser is at its end then.
 */
export class SseParser {
  readonly #listener: SseListener;
  readonly #limit: number;
  #ended = false;
  #firstLine = true;
  /** The last chunk ended with CR: an LF at the start of the next one belongs to it. */
  #afterCr = false;
  /** The start of a line whose end has not arrived. */
  readonly #unfinished = new Pieces();
  /** Bytes of the finished lines of the event. */
  #eventBytes = 0;
  /** The first data line. All of them are in #joined once there is a second one. */
  #data: Buffer | undefined;
  readonly #joined = new Pieces();
  #several = false;
  #event = '';
  #id: string | undefined;
  #retry: number | undefined;

  constructor(listener: SseListener, limits: SseLimits) {
    this.#listener = listener;
    this.#limit = limits.maxEventBytes;
  }

  push(chunk: Buffer): void {
    if (this.#ended || chunk.length === 0) return;
    let at = this.#afterCr && chunk[0] === LF ? 1 : 0;
    this.#afterCr = false;
    let lf = chunk.indexOf(LF, at);
    let cr = chunk.indexOf(CR, at);
    while (lf !== -1 || cr !== -1) {
      const stop = cr === -1 || (lf !== -1 && lf < cr) ? lf : cr;
      this.#endLine(chunk, at, stop);
      // The listener may have ended the stream.
      if (this.#ended) return;
      at = stop + 1;
      if (stop === cr) {
        if (at === chunk.length) this.#afterCr = true;
        else if (at === lf) at++;
      }
      // Each is searched again only once it is behind: a chunk full of the other kind must not cost its square.
      if (lf !== -1 && lf < at) lf = chunk.indexOf(LF, at);
      if (cr !== -1 && cr < at) cr = chunk.indexOf(CR, at);
    }
    if (at < chunk.length) this.#keep(chunk.subarray(at));
  }

  /** The stream is over: an event whose blank line never came is dropped, as the standard says. */
  end(): void {
    this.#ended = true;
    this.#unfinished.clear();
    this.#reset();
  }

  #keep(piece: Buffer): void {
    this.#unfinished.append(piece);
    this.#checkLimit(this.#unfinished.size);
  }

  #endLine(chunk: Buffer, start: number, end: number): void {
    if (this.#unfinished.size === 0) {
      this.#line(chunk, start, end);
      return;
    }
    this.#unfinished.append(chunk.subarray(start, end));
    const line = this.#unfinished.take();
    this.#line(line, 0, line.length);
  }

  #line(bytes: Buffer, from: number, end: number): void {
    const start = this.#firstLine && startsWith(BOM, bytes, from) ? from + BOM.length : from;
    this.#firstLine = false;
    if (start >= end) {
      this.#dispatch();
      return;
    }
    this.#checkLimit(end - start + 1);
    if (bytes[start] === COLON) {
      this.#listener.comment?.();
      return;
    }
    this.#eventBytes += end - start + 1;
    this.#field(bytes, start, end);
  }

  #field(bytes: Buffer, start: number, end: number): void {
    let stop = start;
    while (stop < end && bytes[stop] !== COLON) stop++;
    let value = stop < end ? stop + 1 : end;
    if (bytes[value] === SPACE) value++;
    const name = fieldName(bytes, start, stop);
    if (name === 'data') this.#addData(bytes.subarray(value, end));
    else if (name === 'event') this.#event = bytes.toString('utf8', value, end);
    else if (name === 'id') {
      const id = bytes.toString('utf8', value, end);
      if (!id.includes('\0')) this.#id = id;
    } else if (name === 'retry') {
      const retry = bytes.toString('latin1', value, end);
      if (DIGITS.test(retry)) this.#retry = Number(retry);
    }
  }

  #addData(line: Buffer): void {
    if (this.#data === undefined) {
      this.#data = line;
      return;
    }
    if (!this.#several) this.#joined.append(this.#data);
    this.#several = true;
    this.#joined.append(LINE_END);
    this.#joined.append(line);
  }

  #dispatch(): void {
    const data = this.#several ? this.#joined.take() : this.#data;
    const event = this.#event;
    const id = this.#id;
    const retry = this.#retry;
    this.#reset();
    if (data === undefined && id === undefined && retry === undefined) return;
    this.#listener.event({ event: event === '' ? 'message' : event, data: data ?? NOTHING, id, retry });
  }

  #reset(): void {
    this.#eventBytes = 0;
    this.#data = undefined;
    this.#several = false;
    this.#joined.clear();
    this.#event = '';
    this.#id = undefined;
    this.#retry = undefined;
  }

  /** Counts whole lines, so that the same stream passes or fails however it is cut into chunks. */
  #checkLimit(lineBytes: number): void {
    if (this.#eventBytes + lineBytes <= this.#limit) return;
    this.end();
    throw new SseLimitError(this.#limit);
  }
}

/** As many digits as a safe integer holds: a longer delay is no delay anyone meant. */
const DIGITS = /^[0-9]{1,15}$/;

type FieldName = 'data' | 'event' | 'id' | 'retry';

const FIELDS: readonly (readonly [FieldName, Buffer])[] = [
  ['data', Buffer.from('data')],
  ['event', Buffer.from('event')],
  ['id', Buffer.from('id')],
  ['retry', Buffer.from('retry')],
];

function fieldName(bytes: Buffer, start: number, end: number): FieldName | undefined {
  for (const [name, spelling] of FIELDS) {
    if (spelling.length === end - start && startsWith(spelling, bytes, start)) return name;
  }
  return undefined;
}

function startsWith(prefix: Buffer, bytes: Buffer, start: number): boolean {
  for (let index = 0; index < prefix.length; index++) {
    if (bytes[start + index] !== prefix[index]) return false;
  }
  return true;
}

/** What may be written; `event` is left out when it is the default, `message`. */
export interface SseOutput {
  readonly data: Buffer;
  readonly event?: string | undefined;
  readonly id?: string | undefined;
  readonly retry?: number | undefined;
}

/** One event. Line ends in `data` make several data lines, which the reader joins with LF. */
export function sseEvent(output: SseOutput): Buffer {
  const head = Buffer.from(`${eventHead(output)}data: `);
  const { data } = output;
  if (data.indexOf(LF) === -1 && data.indexOf(CR) === -1) return Buffer.concat([head, data, EVENT_END]);
  const pieces: Buffer[] = [head];
  let from = 0;
  for (let at = 0; at < data.length; at++) {
    const byte = data[at];
    if (byte !== LF && byte !== CR) continue;
    pieces.push(data.subarray(from, at), NEXT_DATA);
    if (byte === CR && data[at + 1] === LF) at++;
    from = at + 1;
  }
  pieces.push(data.subarray(from), EVENT_END);
  return Buffer.concat(pieces);
}

const EVENT_END = Buffer.from('\n\n');
const NEXT_DATA = Buffer.from('\ndata: ');

/** A comment: keeps idle connections open and is no event. */
export const SSE_HEARTBEAT: Buffer = Buffer.from(': keep-alive\n\n');

function eventHead(output: SseOutput): string {
  const { event, id, retry } = output;
  let head = '';
  if (event !== undefined && event !== 'message') head += `event: ${oneLine(event)}\n`;
  if (id !== undefined) head += `id: ${oneLine(id)}\n`;
  if (retry !== undefined) head += `retry: ${retry}\n`;
  return head;
}

/** A line end here would let a value write fields, or events, of its own. */
function oneLine(value: string): string {
  if (LINE_BREAK.test(value)) throw new RangeError('a field of an event cannot hold CR, LF or NUL');
  return value;
}

const LINE_BREAK = /[\n\r\0]/;

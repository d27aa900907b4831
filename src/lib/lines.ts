/** Lines over bytes, for framings that put one message on a line. A line that arrives whole is a view into its chunk. */
import { Pieces } from './pieces.ts';

const LF = 0x0a;
const CR = 0x0d;

export class LineSplitter {
  readonly #onLine: (line: Buffer) => void;
  readonly #limit: number;
  readonly #onOverflow: (size: number) => void;
  /** The start of a line whose end has not arrived. */
  readonly #unfinished = new Pieces();
  #dropping = false;

  /**
   * Lines come without their LF or CRLF; empty ones are skipped. One longer than `limit` bytes is reported once, with
   * the size it had reached by then, and dropped up to its end; the lines behind it are delivered again.
   */
  constructor(onLine: (line: Buffer) => void, limit: number, onOverflow: (size: number) => void) {
    this.#onLine = onLine;
    this.#limit = limit;
    this.#onOverflow = onOverflow;
  }

  push(chunk: Buffer): void {
    let from = 0;
    for (let end = chunk.indexOf(LF); end !== -1; end = chunk.indexOf(LF, from)) {
      this.#endLine(chunk.subarray(from, end));
      from = end + 1;
    }
    if (from === chunk.length || this.#dropping) return;
    const size = this.#unfinished.size + chunk.length - from;
    if (size > this.#limit) this.#overflow(size);
    else this.#unfinished.append(chunk.subarray(from));
  }

  #endLine(piece: Buffer): void {
    const size = this.#unfinished.size + piece.length;
    if (!this.#dropping && size > this.#limit) this.#overflow(size);
    const dropped = this.#dropping;
    this.#dropping = false;
    if (dropped) return;
    const line = this.#unfinished.size === 0 ? piece : this.#joined(piece);
    const end = line[line.length - 1] === CR ? line.length - 1 : line.length;
    if (end > 0) this.#onLine(end === line.length ? line : line.subarray(0, end));
  }

  #joined(piece: Buffer): Buffer {
    this.#unfinished.append(piece);
    return this.#unfinished.take();
  }

  #overflow(size: number): void {
    this.#unfinished.clear();
    this.#dropping = true;
    this.#onOverflow(size);
  }
}

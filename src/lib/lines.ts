/** Lines over bytes, for framings that put one message on a line. A line that arrives whole is a view into its chunk. */
const LF = 0x0a;
const CR = 0x0d;

export class LineSplitter {
  readonly #onLine: (line: Buffer) => void;
  readonly #limit: number;
  readonly #onOverflow: (size: number) => void;
  /** Pieces of a line whose end has not arrived. */
  #pieces: Buffer[] = [];
  #size = 0;
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
      this.#add(chunk.subarray(from, end));
      this.#endLine();
      from = end + 1;
    }
    if (from < chunk.length) this.#add(chunk.subarray(from));
  }

  #add(piece: Buffer): void {
    if (this.#dropping) return;
    this.#pieces.push(piece);
    this.#size += piece.length;
    if (this.#size <= this.#limit) return;
    const size = this.#size;
    this.#forget();
    this.#dropping = true;
    this.#onOverflow(size);
  }

  #endLine(): void {
    const dropped = this.#dropping;
    this.#dropping = false;
    const pieces = this.#pieces;
    this.#forget();
    if (dropped) return;
    const line = pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
    const end = line[line.length - 1] === CR ? line.length - 1 : line.length;
    if (end > 0) this.#onLine(end === line.length ? line : line.subarray(0, end));
  }

  #forget(): void {
    this.#pieces = [];
    this.#size = 0;
  }
}

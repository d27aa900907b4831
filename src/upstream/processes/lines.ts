export class LineSplitter {
  readonly #onLine: (line: Buffer) => void;
  readonly #limit: number;
  readonly #onOverflow: (size: number) => void;
  #kept: Buffer[] = [];
  #size = 0;
  constructor(onLine: (line: Buffer) => void, limit: number, onOverflow: (size: number) => void) {
    this.#onLine = onLine;
    this.#limit = limit;
    this.#onOverflow = onOverflow;
  }
  push(chunk: Buffer): void {
    let from = 0;
    for (;;) {
      const at = chunk.indexOf(10, from);
      const piece = chunk.subarray(from, at < 0 ? undefined : at);
      const was = this.#size;
      this.#size += piece.length;
      if (this.#size <= this.#limit) this.#kept.push(piece);
      else if (was <= this.#limit) {
        this.#kept = [];
        this.#onOverflow(this.#size);
      }
      if (at < 0) return;
      if (this.#size <= this.#limit)
        this.#onLine(this.#kept.length === 1 ? piece : Buffer.concat(this.#kept));
      this.#kept = [];
      this.#size = 0;
      from = at + 1;
    }
  }
}

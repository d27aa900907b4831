/**
 * Bytes that wait for the rest of their line or message. Large pieces are kept as the views they are; small ones are
 * copied together, because a Buffer object per byte would let a slow writer cost a hundred times its limit.
 */
const SMALL = 256;
/** Small enough to come out of the pool of Buffer. */
const BLOCK = 1024;

export class Pieces {
  #pieces: Buffer[] = [];
  #size = 0;
  /** Small pieces, copied one behind the other; always belongs at the end. */
  #block: Buffer | undefined;
  #used = 0;

  get size(): number {
    return this.#size;
  }

  append(piece: Buffer): void {
    this.#size += piece.length;
    if (piece.length >= SMALL) {
      this.#closeBlock();
      this.#pieces.push(piece);
      return;
    }
    if (this.#used + piece.length > BLOCK) this.#closeBlock();
    this.#block ??= Buffer.allocUnsafe(BLOCK);
    this.#used += piece.copy(this.#block, this.#used);
  }

  /** All of it as one Buffer; nothing is left then. */
  take(): Buffer {
    this.#closeBlock();
    const pieces = this.#pieces;
    const whole = pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces, this.#size);
    this.clear();
    return whole;
  }

  clear(): void {
    this.#pieces = [];
    this.#size = 0;
    this.#block = undefined;
    this.#used = 0;
  }

  #closeBlock(): void {
    if (this.#block) this.#pieces.push(this.#block.subarray(0, this.#used));
    this.#block = undefined;
    this.#used = 0;
  }
}

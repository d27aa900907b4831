/**
 * A text that is looked for in large JSON. Node finds less than eight bytes by their first byte, which the C library
 * does many bytes at a time, and goes through longer ones step by step; and it stops at every quote, which JSON is full
 * of. So a part that begins with a rare byte is looked for first: nearly always that is the end of it (measured on
 * 15 KB of records: `"_meta"` 10 us, `_meta` 0.6 us).
 */
const SHORT = 8;

export class Needle {
  readonly bytes: Buffer;
  readonly #sign: Buffer;

  /** `sign`: a part of the text, of less than eight bytes, that begins with a rare one. */
  constructor(text: string, sign: string) {
    this.bytes = Buffer.from(text);
    this.#sign = Buffer.from(sign);
    if (!text.includes(sign) || this.#sign.length >= SHORT) throw new Error(`no sign of ${text}: ${sign}`);
  }

  isIn(bytes: Buffer): boolean {
    return bytes.includes(this.#sign) && bytes.includes(this.bytes);
  }
}

/**
 * A text that expressions may hold and pass on, but that prints as a mark until they say `.unredacted()`: a token, an
 * API key.
 */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  get text(): string {
    return this.#text;
  }

  toString(): string {
    return MASKED;
  }

  toJSON(): string {
    return MASKED;
  }
}

/** What a secret prints as: the Rust gateway's mark, which log queries look for. */
export const MASKED = '<redacted>';

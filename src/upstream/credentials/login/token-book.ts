/**
 * Tokens of one upstream server by owner: at hand, and kept in the vault. One for all who log in there alike, so that what
 * one of them renews is renewed for the others.
 */
import type { Closable } from '../../../core/scope.ts';
import type { Vault } from '../../../core/vault.ts';
import { type Held, held, readTokens, type Tokens, vaultKey } from './tokens.ts';

/** Tokens at hand; those of others are read from the vault when they come. */
const MAX_HELD = 4096;

export class TokenBook {
  readonly vault: Vault;
  readonly #identity: string;
  readonly #held = new Map<string, Held>();
  readonly #renewing = new Map<string, Promise<Held | undefined>>();

  constructor(vault: Vault, identity: string) {
    this.vault = vault;
    this.#identity = identity;
  }

  /** undefined also where the vault has not been opened. */
  read(who: string): Held | undefined {
    const here = this.#held.get(who);
    if (here) return here;
    const found = readTokens(this.vault.get(this.#key(who)));
    if (found) this.#hold(who, found);
    return found;
  }

  async keep(who: string, tokens: Tokens): Promise<Held> {
    const one = held(tokens);
    this.#hold(who, one);
    await this.vault.set(this.#key(who), JSON.stringify(tokens));
    return one;
  }

  /** For now: what the vault has stays as it is. */
  mark(who: string, tokens: Tokens): void {
    this.#hold(who, held(tokens));
  }

  async forget(who: string): Promise<void> {
    this.#held.delete(who);
    await this.vault.delete(this.#key(who));
  }

  /** One renewal at a time: a refresh token that is used twice is taken for stolen (RFC 9700 section 4.14). */
  once(who: string, renew: () => Promise<Held | undefined>): Promise<Held | undefined> {
    let renewing = this.#renewing.get(who);
    if (!renewing) {
      renewing = renew().finally(() => this.#renewing.delete(who));
      this.#renewing.set(who, renewing);
    }
    return renewing;
  }

  #hold(who: string, one: Held): void {
    this.#held.delete(who);
    this.#held.set(who, one);
    if (this.#held.size <= MAX_HELD) return;
    const [oldest] = this.#held.keys();
    if (oldest !== undefined) this.#held.delete(oldest);
  }

  #key(who: string): string {
    return vaultKey('token', this.#identity, who);
  }
}

/** The books in one vault, which it owns. */
export class TokenBooks implements Closable {
  readonly vault: Vault;
  readonly #books = new Map<string, TokenBook>();

  constructor(vault: Vault) {
    this.vault = vault;
  }

  /** `identity`: the server and as what one logs in there. */
  of(identity: string): TokenBook {
    let book = this.#books.get(identity);
    if (!book) {
      book = new TokenBook(this.vault, identity);
      this.#books.set(identity, book);
    }
    return book;
  }

  async close(): Promise<void> {
    await this.vault.close();
  }
}

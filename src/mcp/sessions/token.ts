/**
 * Session tokens: a sealed locator, at most 512 characters. It is looked up as a whole first; only a
 * token this process does not know is opened. It says where the session lives and enough to begin it anew elsewhere,
 * never anything about upstream sessions or credentials.
 */
import { createHash } from 'node:crypto';
import type { Seal } from '../../lib/seal.ts';

export interface Locator {
  readonly sid: string;
  /** The process that made it. */
  readonly owner: string;
  readonly backend: string;
  /** Hash of the principal, empty for anonymous clients. */
  readonly subject: string;
  /** Milliseconds since the epoch. */
  readonly issued: number;
  readonly version: string;
  /** Raw JSON texts; an over-long client info is replaced by a short one. */
  readonly capabilities: string;
  readonly info: string;
}

export const MAX_TOKEN = 512;
const TOKEN = /^[A-Za-z0-9_-]{48,512}$/;
const SHORT_INFO = '{"name":"mcp-client","version":"0"}';

export class TokenSeal {
  readonly #seal: Seal;

  constructor(seal: Seal) {
    this.#seal = seal;
  }

  seal(locator: Locator): string {
    const full = this.#seal.seal(toWire(locator));
    if (full.length <= MAX_TOKEN) return full;
    const short = this.#seal.seal(toWire({ ...locator, info: SHORT_INFO }));
    if (short.length <= MAX_TOKEN) return short;
    // Capabilities that do not fit make a session that can only live where it began.
    return this.#seal.seal(toWire({ ...locator, info: '', capabilities: '' }));
  }

  /** Undefined when the token was not sealed with this key, or was tampered with. */
  open(token: string): Locator | undefined {
    const text = TOKEN.test(token) ? this.#seal.open(token) : undefined;
    return text === undefined ? undefined : fromWire(text);
  }
}

function toWire(l: Locator): string {
  return JSON.stringify([l.sid, l.owner, l.backend, l.subject, l.issued, l.version, l.capabilities, l.info]);
}

function fromWire(text: string): Locator {
  const [sid, owner, backend, subject, issued, version, capabilities, info] = JSON.parse(text) as [
    string,
    string,
    string,
    string,
    number,
    string,
    string,
    string,
  ];
  return { sid, owner, backend, subject, issued, version, capabilities, info };
}

/** A short stable name for something that must not be readable in a token. */
export function fingerprint(text: string): string {
  return text === '' ? '' : createHash('sha256').update(text).digest('base64url').slice(0, 16);
}

/**
 * Session tokens: a sealed locator (AES-256-GCM), at most 512 characters. It is looked up as a whole first; only a
 * token this process does not know is opened. It says where the session lives and enough to begin it anew elsewhere,
 * never anything about upstream sessions or credentials.
 */
import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';

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
const NONCE = 12;
const TAG = 16;
const KEY_ID = 4;
const SHORT_INFO = '{"name":"mcp-client","version":"0"}';

export class TokenSeal {
  readonly #key: Buffer;
  readonly #keyId: Buffer;
  readonly #random: (bytes: number) => Buffer;

  constructor(key: Buffer, random: (bytes: number) => Buffer) {
    this.#key = key;
    this.#keyId = createHash('sha256').update('key id').update(key).digest().subarray(0, KEY_ID);
    this.#random = random;
  }

  seal(locator: Locator): string {
    const full = this.#seal(locator);
    if (full.length <= MAX_TOKEN) return full;
    const short = this.#seal({ ...locator, info: SHORT_INFO });
    // Capabilities that do not fit make a session that can only live where it began.
    return short.length <= MAX_TOKEN ? short : this.#seal({ ...locator, info: '', capabilities: '' });
  }

  /** Undefined when the token was not sealed with this key, or was tampered with. */
  open(token: string): Locator | undefined {
    if (!TOKEN.test(token)) return undefined;
    const bytes = Buffer.from(token, 'base64url');
    if (bytes.length < KEY_ID + NONCE + TAG || !bytes.subarray(0, KEY_ID).equals(this.#keyId))
      return undefined;
    // The last character has bits to spare: a second spelling would be a second session of the same id.
    if (bytes.toString('base64url') !== token) return undefined;
    try {
      const decipher = createDecipheriv('aes-256-gcm', this.#key, bytes.subarray(KEY_ID, KEY_ID + NONCE));
      decipher.setAAD(this.#keyId);
      decipher.setAuthTag(bytes.subarray(bytes.length - TAG));
      const text = Buffer.concat([
        decipher.update(bytes.subarray(KEY_ID + NONCE, bytes.length - TAG)),
        decipher.final(),
      ]);
      return fromWire(text.toString('utf8'));
    } catch {
      return undefined;
    }
  }

  #seal(locator: Locator): string {
    const nonce = this.#random(NONCE);
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce);
    cipher.setAAD(this.#keyId);
    const sealed = Buffer.concat([cipher.update(toWire(locator), 'utf8'), cipher.final()]);
    return Buffer.concat([this.#keyId, nonce, sealed, cipher.getAuthTag()]).toString('base64url');
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

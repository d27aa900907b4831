/**
 * Texts that leave the process and come back: sealed with AES-256-GCM, so that nobody without the key reads, changes
 * or makes one. What was sealed for one purpose does not open for another, under the same key. Knows nothing of what
 * is in them.
 */
import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';

const NONCE = 12;
const TAG = 16;
const KEY_ID = 4;
/** Drawn at once: asking the system each time costs as much as sealing. */
const NONCES = 32;

export class Seal {
  readonly #key: Buffer;
  readonly #keyId: Buffer;
  readonly #random: (bytes: number) => Buffer;
  /** Authenticated beside the text, never written: opening with another one fails. */
  readonly #bound: Buffer;
  #nonces: Buffer = Buffer.alloc(0);
  #drawn = 0;
  readonly #others = new Map<string, Seal>();

  /** `key`: 32 bytes. */
  constructor(key: Buffer, random: (bytes: number) => Buffer, purpose = '') {
    this.#key = key;
    this.#keyId = createHash('sha256').update('key id').update(key).digest().subarray(0, KEY_ID);
    this.#random = random;
    this.#bound = Buffer.concat([this.#keyId, Buffer.from(purpose)]);
  }

  /** The same key for something else. Remembered: there are few purposes, and each call may seal something. */
  for(purpose: string): Seal {
    let seal = this.#others.get(purpose);
    if (!seal) {
      seal = new Seal(this.#key, this.#random, purpose);
      this.#others.set(purpose, seal);
    }
    return seal;
  }

  /** As base64url: key id, nonce, the sealed text, authentication tag. */
  seal(text: string): string {
    const nonce = this.#nonce();
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce);
    cipher.setAAD(this.#bound);
    const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
    return Buffer.concat([this.#keyId, nonce, sealed, cipher.getAuthTag()]).toString('base64url');
  }

  /** Never the same twice. */
  #nonce(): Buffer {
    if (this.#drawn === this.#nonces.length) {
      this.#nonces = this.#random(NONCES * NONCE);
      this.#drawn = 0;
    }
    this.#drawn += NONCE;
    return this.#nonces.subarray(this.#drawn - NONCE, this.#drawn);
  }

  /** Undefined when the text was not sealed with this key and for this purpose, or was tampered with. */
  open(sealed: string): string | undefined {
    const bytes = Buffer.from(sealed, 'base64url');
    if (bytes.length < KEY_ID + NONCE + TAG || !bytes.subarray(0, KEY_ID).equals(this.#keyId))
      return undefined;
    // The last character may have bits to spare, and Node overlooks letters that are none: only one spelling is valid.
    if (bytes.toString('base64url') !== sealed) return undefined;
    const nonce = bytes.subarray(KEY_ID, KEY_ID + NONCE);
    // The length is stated: without it a shortened tag would do.
    const decipher = createDecipheriv('aes-256-gcm', this.#key, nonce, { authTagLength: TAG });
    decipher.setAAD(this.#bound);
    decipher.setAuthTag(bytes.subarray(bytes.length - TAG));
    try {
      const text = decipher.update(bytes.subarray(KEY_ID + NONCE, bytes.length - TAG));
      return Buffer.concat([text, decipher.final()]).toString('utf8');
    } catch {
      return undefined;
    }
  }
}

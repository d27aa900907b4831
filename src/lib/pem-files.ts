/**
 * PEM texts that may also stand in files: reading them, checking that a certificate and its key belong together, and
 * noticing that the files have changed. Every problem begins with the name of its part. Knows no connection.
 */
import type { X509Certificate } from 'node:crypto';
import { readFileSync, type Stats, statSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { isPem, readCertificates, readPrivateKey } from './pem.ts';
import { whyUnread } from './text-file.ts';

/** The text itself, or what the file holds. */
export function pemText(part: string, pemOrFile: string): string {
  if (isPem(pemOrFile)) return pemOrFile;
  try {
    return readFileSync(pemOrFile, 'utf8');
  } catch (error) {
    throw new Error(`${part}: ${pemOrFile}: ${whyUnread(error)}`);
  }
}

/** Throws where there is none, or one that is broken. */
export function checkCertificates(part: string, pem: string): [X509Certificate, ...X509Certificate[]] {
  return named(part, () => readCertificates(pem));
}

/** The certificate that the key is of. */
export function checkPair({ cert, key }: { readonly cert: string; readonly key: string }): X509Certificate {
  const [leaf] = checkCertificates('cert', cert);
  if (!leaf.checkPrivateKey(named('key', () => readPrivateKey(key))))
    throw new Error('key: it is not the key of the certificate');
  return leaf;
}

/** The files among some texts. */
export class PemFiles {
  readonly #files: readonly string[];

  constructor(texts: readonly (string | undefined)[]) {
    this.#files = texts.filter((text): text is string => text !== undefined && !isPem(text));
  }

  get size(): number {
    return this.#files.length;
  }

  /** Another text whenever one of them has changed. */
  stamp(): string {
    return this.#files.map((file) => stampOf(statOf(file))).join();
  }

  /** The same without holding anybody up. */
  async look(): Promise<string> {
    const stats = await Promise.all(this.#files.map((file) => stat(file).catch(() => undefined)));
    return stats.map(stampOf).join();
  }
}

function named<T>(part: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new Error(`${part}: ${(error as Error).message}`);
  }
}

/** undefined: it cannot be looked at, which the reading will have words for. */
function statOf(file: string): Stats | undefined {
  try {
    return statSync(file);
  } catch {
    return undefined;
  }
}

function stampOf(file: Stats | undefined): string {
  return file ? `${file.ino}:${file.size}:${file.mtimeMs}` : 'absent';
}

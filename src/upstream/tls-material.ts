/**
 * What the gateway shows an upstream and whom it believes about it: certificate, key, authorities. Texts, or files that
 * are looked at whenever a connection is opened. Files that make no sense together leave what was read before in force:
 * of a pair that is replaced, one half comes first. Opens no connection.
 */
import { readFileSync, type Stats, statSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createSecureContext, type SecureContext } from 'node:tls';
import { GatewayError } from '../core/errors.ts';
import type { Log } from '../core/ports.ts';
import { isPem, readCertificates, readPrivateKey } from '../lib/pem.ts';
import { whyUnread } from '../lib/text-file.ts';

const PARTS = ['root', 'cert', 'key'] as const;
type Part = (typeof PARTS)[number];

/** PEM texts, or paths of PEM files. */
export type TlsParts = { readonly [part in Part]?: string | undefined };

export interface TlsMaterialOptions {
  readonly parts: TlsParts;
  /** Of the upstream, for messages. */
  readonly origin: string;
  readonly log: Log;
}

export class TlsMaterial {
  readonly #options: TlsMaterialOptions;
  readonly #files: readonly string[];
  #context: SecureContext;
  /** Of the files as they were last taken or refused. */
  #settled: string;

  /** Throws CONFIG_INVALID. */
  constructor(options: TlsMaterialOptions) {
    const { parts, origin } = options;
    this.#options = options;
    this.#files = PARTS.flatMap((part) => parts[part] ?? []).filter((text) => !isPem(text));
    // Before the reading: what changes during it is seen at the next look.
    this.#settled = this.#files.map((file) => stampOf(statOf(file))).join();
    try {
      this.#context = contextOf(parts);
    } catch (error) {
      const message = `${origin}: backendTLS.${(error as Error).message}`;
      throw new GatewayError('CONFIG_INVALID', message, { cause: error });
    }
  }

  /** What is in force for a connection that is opened now. */
  async current(): Promise<SecureContext> {
    if (this.#files.length === 0) return this.#context;
    const stats = await Promise.all(this.#files.map((file) => stat(file).catch(() => undefined)));
    const stamp = stats.map(stampOf).join();
    if (stamp !== this.#settled) this.#renew(stamp);
    return this.#context;
  }

  #renew(stamp: string): void {
    const { parts, origin, log } = this.#options;
    this.#settled = stamp;
    try {
      this.#context = contextOf(parts);
      log.info({ origin }, 'backendTLS: files have changed and are in force');
    } catch (error) {
      const reason = (error as Error).message;
      log.warn(
        { origin, reason },
        'backendTLS: files have changed and cannot be used; what was read before stays in force',
      );
    }
  }
}

function contextOf(parts: TlsParts): SecureContext {
  const text = (part: Part) => read(part, parts[part]);
  const [ca, cert, key] = PARTS.map(text);
  if (ca !== undefined) named('root', () => readCertificates(ca));
  if (cert === undefined || key === undefined) return createSecureContext(ca === undefined ? {} : { ca });
  const [leaf] = named('cert', () => readCertificates(cert));
  const own = named('key', () => readPrivateKey(key));
  if (!leaf.checkPrivateKey(own)) throw new Error('key: it is not the key of the certificate');
  return createSecureContext({ cert, key, ...(ca === undefined ? {} : { ca }) });
}

function read(part: Part, pemOrFile: string | undefined): string | undefined {
  if (pemOrFile === undefined || isPem(pemOrFile)) return pemOrFile;
  try {
    return readFileSync(pemOrFile, 'utf8');
  } catch (error) {
    throw new Error(`${part}: ${pemOrFile}: ${whyUnread(error)}`);
  }
}

function named<T>(part: Part, make: () => T): T {
  try {
    return make();
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

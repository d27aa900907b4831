/**
 * What the gateway shows an upstream and whom it believes about it: certificate, key, authorities. Texts, or files that
 * are looked at whenever a connection is opened. Files that make no sense together leave what was read before in force:
 * of a pair that is replaced, one half comes first. Opens no connection.
 */
import { createSecureContext, type SecureContext } from 'node:tls';
import { GatewayError } from '../core/errors.ts';
import { type Log, silentLog } from '../core/ports.ts';
import { checkCertificates, checkPair, PemFiles, pemText } from '../lib/pem-files.ts';

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
  readonly #files: PemFiles;
  #context: SecureContext;
  /** Of the files as they were last taken or refused. */
  #settled: string;

  /** Throws CONFIG_INVALID. */
  constructor(options: TlsMaterialOptions) {
    const { parts, origin } = options;
    this.#options = options;
    this.#files = new PemFiles(PARTS.map((part) => parts[part]));
    // Before the reading: what changes during it is seen at the next look.
    this.#settled = this.#files.stamp();
    try {
      this.#context = contextOf(parts);
    } catch (error) {
      const message = `${origin}: backendTLS.${(error as Error).message}`;
      throw new GatewayError('CONFIG_INVALID', message, { cause: error });
    }
  }

  /** What is in force for a connection that is opened now. */
  async current(): Promise<SecureContext> {
    if (this.#files.size === 0) return this.#context;
    const stamp = await this.#files.look();
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

interface Verified {
  readonly origin: string;
  readonly tls?:
    | (TlsParts & { readonly insecure?: boolean | undefined; readonly insecureHost?: boolean | undefined })
    | undefined;
  readonly log?: Log | undefined;
}

/** Throws CONFIG_INVALID. The log hears of what is not verified. */
export function tlsMaterial({ origin, tls = {}, log = silentLog }: Verified): TlsMaterial {
  const { root, cert, key, insecure, insecureHost } = tls;
  if (insecure)
    log.warn({ origin }, 'backendTLS.insecure: certificates are not verified; whoever answers is believed');
  else if (insecureHost)
    log.warn(
      { origin },
      'backendTLS.insecureHost: names are not verified; any certificate vouched for will do',
    );
  return new TlsMaterial({ parts: { root, cert, key }, origin, log });
}

function contextOf(parts: TlsParts): SecureContext {
  const text = (part: Part) => {
    const given = parts[part];
    return given === undefined ? undefined : pemText(part, given);
  };
  const [ca, cert, key] = PARTS.map(text);
  if (ca !== undefined) checkCertificates('root', ca);
  const believed = ca === undefined ? {} : { ca };
  if (cert === undefined || key === undefined) return createSecureContext(believed);
  checkPair({ cert, key });
  return createSecureContext({ cert, key, ...believed });
}

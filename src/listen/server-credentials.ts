/**
 * Certificate, key and client authorities of a TLS listener: read, checked, and looked at again every few seconds.
 * Whatever replaces them (a copy, a rename, a swapped link) takes effect once it makes sense as a whole; until then
 * what was read before stays in force.
 */
import { GatewayError } from '../core/errors.ts';
import type { ListenerTls } from '../core/plan.ts';
import type { Ports, Timer } from '../core/ports.ts';
import type { Closable } from '../core/scope.ts';
import { checkCertificates, checkPair, PemFiles, pemText } from '../lib/pem-files.ts';

/** PEM texts. */
export interface Credentials {
  readonly cert: string;
  readonly key: string;
  /** Authorities of clients. */
  readonly root: string | undefined;
}

export interface WatchOptions {
  readonly tls: ListenerTls;
  /** Name of the listener, for messages. */
  readonly listener: string;
  readonly ports: Pick<Ports, 'clock' | 'log'>;
  /** Called at once, and for what replaces it. Throws when TLS cannot work with them. */
  use(credentials: Credentials): void;
}

const LOOK_EVERY_MS = 2000;

export class WatchedCredentials implements Closable {
  readonly #options: WatchOptions;
  readonly #files: PemFiles;
  readonly #timer: Timer | undefined;
  #looking = false;
  /** Of the files as they were last taken or refused. */
  #settled: string;
  /** Of files that made no sense at first sight: the other half of a pair may be on its way. */
  #doubtful: string | undefined;

  /** Throws CONFIG_INVALID. */
  constructor(options: WatchOptions) {
    const { tls, listener, ports } = options;
    this.#options = options;
    this.#files = new PemFiles([tls.cert, tls.key, tls.root]);
    // Before the reading: what changes during it is seen at the next look.
    this.#settled = this.#files.stamp();
    try {
      this.#take();
    } catch (error) {
      const message = `listener "${listener}": tls.${(error as Error).message}`;
      throw new GatewayError('CONFIG_INVALID', message, { cause: error });
    }
    if (this.#files.size > 0) this.#timer = ports.clock.every(LOOK_EVERY_MS, () => void this.look());
  }

  close(): void {
    this.#timer?.cancel();
  }

  /** Happens every few seconds by itself. */
  async look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    const stamp = await this.#files.look();
    if (stamp !== this.#settled) this.#renew(stamp);
    this.#looking = false;
  }

  #renew(stamp: string): void {
    const { listener, ports } = this.#options;
    try {
      this.#take();
      this.#settled = stamp;
      ports.log.info({ listener }, 'the certificate of a listener has changed and is in force');
    } catch (error) {
      if (this.#doubtful !== stamp) {
        this.#doubtful = stamp;
        return;
      }
      this.#settled = stamp;
      const reason = (error as Error).message;
      ports.log.warn(
        { listener, reason },
        'the certificate of a listener has changed and cannot be used; the one before stays in force',
      );
    }
    this.#doubtful = undefined;
  }

  #take(): void {
    const { tls, listener, ports, use } = this.#options;
    const cert = pemText('cert', tls.cert);
    const key = pemText('key', tls.key);
    const root = tls.root === undefined ? undefined : pemText('root', tls.root);
    const { validFrom, validTo } = checkPair({ cert, key });
    if (root !== undefined) checkCertificates('root', root);
    use({ cert, key, root });
    const now = ports.clock.now();
    if (now < Date.parse(validFrom) || now > Date.parse(validTo))
      ports.log.warn({ listener, validFrom, validTo }, 'the certificate of a listener is not valid now');
  }
}

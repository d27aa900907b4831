/**
 * Where the keys of an issuer come from: the configuration, a file, an address. An address is asked when the first
 * token comes, by one request at a time; afterwards tokens wait for it only where they name a key nobody knows.
 */
import { GatewayError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { Ports } from '../core/ports.ts';
import type { Closable } from '../core/scope.ts';
import { CheckedFile } from './checked-file.ts';
import { type KeySet, parseKeySet } from './key-set.ts';
import { type FetchText, RETRY_MS, RemoteText } from './remote-text.ts';

export interface KeySource extends Closable {
  /** The keys in force; another object once they have changed. Throws KEYS_UNAVAILABLE. */
  current(): KeySet | Promise<KeySet>;
  /** For a token whose key is not among them: asks anew where it is time to. */
  renewed(): KeySet | Promise<KeySet>;
}

type SourcePorts = Pick<Ports, 'clock' | 'log'>;

export function inlineKeys(text: string): KeySource {
  const keys = parseKeySet(text);
  return { current: () => keys, renewed: () => keys, close() {} };
}

/** Throws CONFIG_INVALID. */
export function fileKeys(path: string, what: string, ports: SourcePorts): KeySource {
  const file = new CheckedFile({ path, what, ports, parse: parseKeySet });
  const current = () => file.current();
  return { current, renewed: current, close() {} };
}

export class RemoteKeys implements KeySource {
  readonly #keys: RemoteText<KeySet>;
  readonly #ports: SourcePorts;
  #renewedAt: number | undefined;

  /** `url` is for the log. */
  constructor(url: string, fetch: FetchText, ports: SourcePorts) {
    this.#ports = ports;
    this.#keys = new RemoteText({
      url,
      what: 'keys of an issuer',
      fetch,
      ports,
      parse: parseKeySet,
      describe: ({ size, ignored }) => ({ keys: size, ignored }),
      failure: unavailable,
    });
  }

  current(): KeySet | Promise<KeySet> {
    return this.#keys.current();
  }

  renewed(): KeySet | Promise<KeySet> {
    const now = this.#ports.clock.monotonic();
    const { value: keys, fetching } = this.#keys;
    if (keys && this.#renewedAt !== undefined && now - this.#renewedAt < LIMITS.keySetPause.value)
      return fetching ?? keys;
    this.#renewedAt = now;
    return keys ? this.#keys.renewed().catch(() => keys) : this.#keys.renewed();
  }

  close(): void {
    this.#keys.close();
  }
}

function unavailable(cause: unknown): GatewayError {
  const headers = ['retry-after', String(RETRY_MS / 1000)];
  const message = 'the keys of the issuer of the token cannot be had';
  return new GatewayError('KEYS_UNAVAILABLE', message, { cause, headers });
}

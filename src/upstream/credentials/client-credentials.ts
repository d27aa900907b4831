/**
 * A token of the gateway's own for an upstream, got by client credentials (RFC 6749 section 4.4): asked for when the
 * first request needs it, by one request at a time, renewed before it expires while the one in force still serves.
 * Who gives it, and how it is asked for, is passed in.
 */
import { GatewayError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import type { CredentialOwner, UpstreamCredentials } from '../../core/outgoing.ts';
import type { Ports } from '../../core/ports.ts';
import type { Closable } from '../../core/scope.ts';
import { Backoff } from '../../lib/backoff.ts';
import { Cancel } from '../../lib/cancel.ts';

export interface IssuedToken {
  readonly value: string;
  /** How long it lasts from when it was asked for; undefined: nobody has said. */
  readonly lifeMs: number | undefined;
}

export interface ClientCredentialsOptions {
  readonly key: string;
  readonly ports: Pick<Ports, 'clock' | 'log' | 'random'>;
  /** Who is asked; for the log. */
  readonly issuer: string;
  ask(cancel: Cancel): Promise<IssuedToken>;
  /** Why that failed, without quoting secrets. */
  problem(error: unknown): string;
  /** Closed with these credentials. */
  readonly scope: Closable;
}

interface Held {
  readonly headers: readonly string[];
  readonly renewAt: number;
  readonly endsAt: number;
}

const MESSAGE = 'credentials of the gateway for the upstream cannot be had';
/** A token is renewed so long before its end, or a tenth of its life before where that is less. */
const AHEAD_MS = 30_000;
/** An issuer that gives tokens without any life must not be asked for each request. */
const MIN_LIFE_MS = 1_000;

export class ClientCredentials implements UpstreamCredentials, Closable {
  readonly personal = false;
  readonly names = ['authorization'];
  readonly key: string;
  readonly #options: ClientCredentialsOptions;
  readonly #ended = new Cancel();
  readonly #backoff: Backoff;
  #held: Held | undefined;
  #asking: Promise<readonly string[]> | undefined;
  #failure: { readonly error: GatewayError; readonly until: number } | undefined;
  #refusedAt: number | undefined;

  constructor(options: ClientCredentialsOptions) {
    this.#options = options;
    this.key = options.key;
    const random = (): number => options.ports.random(4).readUInt32BE() / 2 ** 32;
    this.#backoff = new Backoff({ firstMs: 1_000, maxMs: 60_000, factor: 2, random });
  }

  ready(): readonly string[] | undefined {
    const held = this.#held;
    const now = this.#now();
    if (!held || now >= held.endsAt) return undefined;
    // The one in force serves while the next is asked for; that this fails is said when there is none left.
    if (now >= held.renewAt && !this.#asking && !this.#resting) this.#ask().catch(ignore);
    return held.headers;
  }

  async fetch(_owner: CredentialOwner, cancel: Cancel): Promise<readonly string[]> {
    const ready = this.ready();
    if (ready) return ready;
    if (!this.#asking && this.#resting) throw this.#resting;
    return waited(this.#asking ?? this.#ask(), cancel);
  }

  refused(_owner: CredentialOwner, [, refused]: readonly string[]): boolean {
    if (this.#held?.headers[1] !== refused) return true;
    const now = this.#now();
    // An upstream that refuses whatever it is shown must not make us ask for a token with each request.
    if (this.#refusedAt !== undefined && now - this.#refusedAt < LIMITS.credentialsPause.value) return false;
    this.#refusedAt = now;
    this.#held = undefined;
    return true;
  }

  async close(): Promise<void> {
    this.#ended.cancel(new GatewayError('CREDENTIALS_UNAVAILABLE', 'these credentials are no longer in use'));
    await this.#options.scope.close();
  }

  /** The last failure, as long as nobody is asked again. */
  get #resting(): GatewayError | undefined {
    return this.#failure && this.#now() < this.#failure.until ? this.#failure.error : undefined;
  }

  #ask(): Promise<readonly string[]> {
    this.#asking = this.#asked().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #asked(): Promise<readonly string[]> {
    const { ask, problem, issuer, ports } = this.#options;
    const since = this.#now();
    try {
      const { value, lifeMs = Number.POSITIVE_INFINITY } = await ask(this.#ended);
      const life = Math.max(lifeMs, MIN_LIFE_MS);
      const headers = ['authorization', `Bearer ${value}`];
      this.#held = { headers, renewAt: since + life - Math.min(AHEAD_MS, life / 10), endsAt: since + life };
      this.#failure = undefined;
      this.#backoff.reset();
      ports.log.debug({ issuer, lifeMs }, 'a token for an upstream was issued');
      return headers;
    } catch (error) {
      const pause = this.#backoff.next();
      const headers = ['retry-after', String(Math.ceil(pause / 1000))];
      const failure = new GatewayError('CREDENTIALS_UNAVAILABLE', MESSAGE, { headers });
      this.#failure = { error: failure, until: this.#now() + pause };
      if (!this.#ended.cancelled)
        ports.log.warn({ issuer, reason: problem(error) }, 'no token for an upstream can be had');
      throw failure;
    }
  }

  #now(): number {
    return this.#options.ports.clock.monotonic();
  }
}

/** The asking goes on for the others when one of those who wait goes away. */
function waited<T>(asking: Promise<T>, cancel: Cancel): Promise<T> {
  return new Promise((resolve, reject) => {
    const forget = cancel.onCancel(reject);
    asking.then(resolve, reject).finally(forget);
  });
}

function ignore(): void {}

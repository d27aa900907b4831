/**
 * Upstreams that come and go: those that clients of a forward proxy name. Bounded in number; one that nobody has used for
 * a while is closed. Each connects to nothing but the addresses its destination is allowed to have.
 */
import { GatewayError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Clock, Log, Timer } from '../../core/ports.ts';
import type { Closable } from '../../core/scope.ts';
import type { Destination } from '../../lib/allow-list.ts';
import { formatAuthority } from '../../lib/authority.ts';
import type { Connection } from '../connection.ts';
import type { Destinations } from '../destinations.ts';
import { HttpUpstream } from '../http.ts';
import type { UpstreamTls } from '../tls.ts';

export interface OriginsOptions {
  readonly destinations: Destinations;
  /** undefined: plain HTTP. */
  readonly tls: UpstreamTls | undefined;
  readonly connection: Connection;
  readonly clock: Clock;
  readonly log: Log;
  /** Default: the row of the table of limits. */
  readonly most?: number;
}

interface Origin {
  readonly upstream: HttpUpstream;
  /** Whoever has been given it and has no answer yet. */
  users: number;
  lastUsed: number;
}

export class Origins implements Closable {
  readonly #options: OriginsOptions;
  /** The one not used for longest first. */
  readonly #origins = new Map<string, Origin>();
  #sweeping: Timer | undefined;
  #closed = false;

  constructor(options: OriginsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#origins.size;
  }

  /** Throws OVERLOADED where all are in use. `destination` has been checked. */
  async use<T>(destination: Destination, work: (upstream: HttpUpstream) => Promise<T>): Promise<T> {
    const origin = this.#at(destination);
    origin.users += 1;
    try {
      return await work(origin.upstream);
    } finally {
      origin.users -= 1;
      origin.lastUsed = this.#options.clock.monotonic();
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#sweeping?.cancel();
    const all = [...this.#origins.values()];
    this.#origins.clear();
    await Promise.all(all.map(({ upstream }) => upstream.close()));
  }

  #at(destination: Destination): Origin {
    if (this.#closed) throw new GatewayError('UPSTREAM_CLOSED', 'this backend is no longer in use');
    const name = originOf(destination, this.#options.tls);
    const known = this.#origins.get(name);
    if (known) {
      this.#origins.delete(name);
      this.#origins.set(name, known);
      return known;
    }
    const { most = LIMITS.forwardOrigins.value } = this.#options;
    if (this.#origins.size >= most && !this.#makeRoom())
      throw new GatewayError('OVERLOADED', 'connections to too many servers', {
        headers: ['retry-after', '1'],
      });
    const origin = { upstream: this.#open(name, destination), users: 0, lastUsed: 0 };
    this.#origins.set(name, origin);
    this.#sweep();
    return origin;
  }

  #open(origin: string, destination: Destination): HttpUpstream {
    const { destinations, tls, connection, log } = this.#options;
    return new HttpUpstream({
      origin,
      tls,
      ...connection,
      allowH2: tls !== undefined,
      lookup: destinations.lookup(destination),
      log,
    });
  }

  #makeRoom(): boolean {
    for (const [name, origin] of this.#origins) if (!isBusy(origin)) return this.#forget(name, origin);
    return false;
  }

  #forget(name: string, { upstream }: Origin): true {
    this.#origins.delete(name);
    void upstream.close();
    return true;
  }

  #sweep(): void {
    const { clock } = this.#options;
    const ms = LIMITS.forwardIdle.value;
    this.#sweeping ??= clock.every(ms / 2, () => {
      const before = clock.monotonic() - ms;
      for (const [name, origin] of this.#origins)
        if (origin.lastUsed <= before && !isBusy(origin)) this.#forget(name, origin);
      if (this.#origins.size > 0) return;
      this.#sweeping?.cancel();
      this.#sweeping = undefined;
    });
  }
}

function isBusy({ users, upstream }: Origin): boolean {
  return users > 0 || upstream.busy;
}

function originOf({ host, port }: Destination, tls: UpstreamTls | undefined): string {
  return new URL(`${tls ? 'https' : 'http'}://${formatAuthority({ host, port })}`).origin;
}

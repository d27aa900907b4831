/** The visitors of one endpoint, found by who they are; forgotten when idle, bounded in number. */
import { GatewayError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Ports, Timer } from '../../core/ports.ts';
import type { Closable } from '../../core/scope.ts';
import type { Visitor } from './visitor.ts';

export interface VisitorTableOptions {
  readonly ports: Ports;
  readonly idleMs?: number;
  readonly max?: number;
}

export class VisitorTable implements Closable {
  readonly #ports: Ports;
  readonly #idleMs: number;
  readonly #max: number;
  readonly #visitors = new Map<string, Visitor>();
  #sweeper: Timer | undefined;
  #closed = false;

  constructor({ ports, idleMs, max }: VisitorTableOptions) {
    this.#ports = ports;
    this.#idleMs = idleMs ?? LIMITS.visitorIdle.value;
    this.#max = max ?? LIMITS.visitors.value;
  }

  get size(): number {
    return this.#visitors.size;
  }

  values(): Iterable<Visitor> {
    return this.#visitors.values();
  }

  /** Throws OVERLOADED when all places are taken by visitors that are busy. */
  get(key: string, make: () => Visitor): Visitor {
    const found = this.#visitors.get(key);
    if (found) return found;
    if (this.#closed) throw new GatewayError('SHUTTING_DOWN', 'the gateway is shutting down');
    if (this.#visitors.size >= this.#max) this.#makeRoom();
    const visitor = make();
    this.#visitors.set(key, visitor);
    this.#sweeper ??= this.#ports.clock.every(Math.max(100, this.#idleMs / 4), () => this.#sweep());
    return visitor;
  }

  /** Ends the visitor with a server to itself that has been idle for longest; false when there is none. */
  async freeServer(): Promise<boolean> {
    const oldest = this.#longestIdle(({ holdsServers }) => holdsServers);
    if (!oldest) return false;
    this.#visitors.delete(oldest.key);
    await oldest.visitor.close();
    return true;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#sweeper?.cancel();
    const all = [...this.#visitors.values()];
    this.#visitors.clear();
    await Promise.allSettled(all.map((visitor) => visitor.close()));
  }

  /** The one that has been idle for longest goes. */
  #makeRoom(): void {
    const oldest = this.#longestIdle(() => true);
    if (!oldest)
      throw new GatewayError(
        'OVERLOADED',
        `the gateway serves ${this.#max} clients without a session already`,
      );
    this.#forget(oldest.key, oldest.visitor);
  }

  #longestIdle(fits: (visitor: Visitor) => boolean): { key: string; visitor: Visitor } | undefined {
    let oldest: { key: string; visitor: Visitor } | undefined;
    for (const [key, visitor] of this.#visitors) {
      if (visitor.busy > 0 || (oldest && oldest.visitor.lastSeen <= visitor.lastSeen)) continue;
      if (fits(visitor)) oldest = { key, visitor };
    }
    return oldest;
  }

  #sweep(): void {
    const idleSince = this.#ports.clock.monotonic() - this.#idleMs;
    for (const [key, visitor] of this.#visitors)
      if (visitor.busy === 0 && visitor.lastSeen <= idleSince) this.#forget(key, visitor);
    if (this.#visitors.size > 0) return;
    this.#sweeper?.cancel();
    this.#sweeper = undefined;
  }

  #forget(key: string, visitor: Visitor): void {
    this.#visitors.delete(key);
    void visitor.close();
  }
}

/**
 * How a backend has done lately, and until when it is evicted; where it is checked, what checks have found. Either alone
 * keeps traffic away. Figures as in the Rust gateway: health is a moving average, each eviction without a success between
 * is longer than the one before. Outlives reloads.
 */
import { LIMITS } from '../../core/limits.ts';
import type { Ports } from '../../core/ports.ts';
import type { BackendHealth } from '../../core/resilience.ts';
import type { Closable } from '../../core/scope.ts';
import type { Checker } from './checker.ts';
import type { HealthConfig } from './schema.ts';

export type Eviction = NonNullable<HealthConfig['eviction']>;

/** What one exchange changes of the health. */
const SHARE = 0.3;

export class Standing implements BackendHealth, Closable {
  readonly #ports: Pick<Ports, 'clock' | 'log' | 'signals'>;
  readonly #name: string;
  readonly #forget: readonly (() => void)[];
  #health = 1;
  #failures = 0;
  /** Without a success between. */
  #evictions = 0;
  /** Monotonic; undefined: not evicted. */
  #until: number | undefined;
  #restored: number | undefined;
  #checker: Checker | undefined;
  #ignore: (() => void) | undefined;

  constructor(name: string, ports: Pick<Ports, 'clock' | 'log' | 'signals'>) {
    this.#ports = ports;
    this.#name = name;
    const labels = { backend: name };
    const gauge = (metric: string, help: string, read: () => number | undefined): (() => void) =>
      ports.signals.gauge({
        name: metric,
        help,
        read: () => [read()].flatMap((value) => (value === undefined ? [] : { labels, value })),
      });
    this.#forget = [
      gauge('backend_evicted', 'Backends that get nothing new (health).', () => Number(this.evicted)),
      gauge('backend_health', 'Health of backends, from 0 to 1 (health).', () => this.health),
      gauge('backend_up', 'What checks have found of backends: 1 up, 0 down (health.check).', () => this.#up),
    ];
  }

  get evicted(): boolean {
    this.#return();
    return this.#until !== undefined || this.#checker?.state === 'down';
  }

  get #up(): number | undefined {
    const state = this.#checker?.state ?? 'unknown';
    return state === 'unknown' ? undefined : Number(state === 'up');
  }

  get health(): number {
    this.#return();
    return this.#health;
  }

  /** From now on; undefined: by nobody. A check that finds it back ends an eviction: what it was for is over. */
  checkedBy(checker: Checker | undefined): void {
    if (checker === this.#checker) return;
    this.#ignore?.();
    this.#checker = checker;
    this.#ignore = checker?.onReturn(() => this.#readmit());
  }

  report(): Readonly<Record<string, unknown>> {
    const { evicted, health } = this;
    const checker = this.#checker;
    if (!checker) return { evicted, health };
    const { place, state, reason } = checker;
    return { evicted, health, check: { upstream: place, state, ...(reason !== undefined && { reason }) } };
  }

  succeeded(): void {
    this.#return();
    this.#record(1);
    this.#failures = 0;
    this.#evictions = 0;
  }

  failed(eviction: Eviction | undefined): void {
    this.#return();
    const before = this.#health;
    this.#record(0);
    this.#failures += 1;
    // What was on its way when it was evicted says nothing new.
    if (!eviction || this.#until !== undefined || !this.#isEnough(eviction, before)) return;
    this.#evictions += 1;
    const longest = Math.max(eviction.duration, LIMITS.eviction.value);
    const ms = Math.min(eviction.duration * this.#evictions, longest);
    this.#until = this.#ports.clock.monotonic() + ms;
    this.#restored = eviction.restoreHealth;
    this.#ports.log.warn(
      { backend: this.#name, ms },
      'health: a backend fails and gets nothing new for a while',
    );
  }

  close(): void {
    this.#ignore?.();
    for (const forget of this.#forget) forget();
  }

  #isEnough({ consecutiveFailures, healthThreshold }: Eviction, before: number): boolean {
    if (consecutiveFailures === undefined && healthThreshold === undefined) return true;
    if (consecutiveFailures !== undefined && this.#failures >= consecutiveFailures) return true;
    return healthThreshold !== undefined && before < healthThreshold;
  }

  #record(outcome: number): void {
    this.#health += SHARE * (outcome - this.#health);
  }

  #readmit(): void {
    this.#failures = 0;
    this.#evictions = 0;
    if (this.#until !== undefined) this.#until = this.#ports.clock.monotonic();
    this.#return();
  }

  /** No timer: time is looked at when somebody asks. */
  #return(): void {
    if (this.#until === undefined || this.#ports.clock.monotonic() < this.#until) return;
    this.#until = undefined;
    if (this.#restored !== undefined) this.#health = this.#restored;
    this.#ports.log.info({ backend: this.#name }, 'health: the backend is used again');
  }
}

/**
 * The gateway: holds what outlives a generation (sockets, pools, targets, sessions) and swaps one generation for the
 * next, all or nothing. Reload, an admin edit and a Kubernetes event are all `apply`.
 */

import type { Definitions } from './config/definitions.ts';
import type { Lasting } from './core/backend.ts';
import { GatewayError } from './core/errors.ts';
import type { Answer, Exchange, Tunnel } from './core/exchange.ts';
import type { BindPlan, Plan, SettingsPlan } from './core/plan.ts';
import type { Ports } from './core/ports.ts';
import { type Closable, type Scope, SharedPool } from './core/scope.ts';
import { buildGeneration, type Generation } from './generation/build.ts';
import { loadedFor } from './generation/loading.ts';
import { isLoopbackHost } from './lib/address.ts';
import { Acceptor } from './listen/acceptor.ts';
import { portLimits } from './listen/limits.ts';
import { tunnelInto, tunnelPlace } from './listen/tunnel-entrance.ts';

export interface GatewayOptions {
  readonly definitions: Definitions;
  readonly ports: Ports;
  /** Where binds without an address listen; undefined: loopback. */
  readonly address: string | undefined;
  /** False: no port is opened. */
  readonly listen: boolean;
  /** How long exchanges of a replaced generation, and of a closing gateway, may take to end. */
  readonly drainMs: number;
}

export interface Listening {
  readonly bind: BindPlan;
  /** The real port where the plan says 0. */
  readonly port: number;
}

interface Running {
  readonly generation: Generation;
  inFlight: number;
  replaced: boolean;
  release: () => void;
}

interface Bound extends Listening {
  readonly acceptor: Acceptor;
}

interface Binding {
  readonly settings: SettingsPlan;
  /** Ports that were closed for one that moves. */
  readonly vacated: Bound[];
}

export class Gateway implements Closable {
  readonly #options: GatewayOptions;
  readonly #pool = new SharedPool<Closable>();
  readonly #bound = new Map<string, Bound>();
  /** Generations in force or still draining. */
  readonly #alive = new Set<Running>();
  readonly #forgetGauge: () => void;
  #running: Running | undefined;
  #applying: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#forgetGauge = options.ports.signals.gauge({
      name: 'connections_open',
      help: 'Connections of clients, by port.',
      read: () => this.#openConnections(),
    });
  }

  get plan(): Plan | undefined {
    return this.#running?.generation.plan;
  }

  get generation(): Generation | undefined {
    return this.#running?.generation;
  }

  get generationsAlive(): number {
    return this.#alive.size;
  }

  listening(): Listening[] {
    const open = [...this.#bound.values()].filter(({ bind }) => bind.mode === 'standard');
    return open.map(({ bind, port }) => ({ bind, port }));
  }

  /** Everything that is shared over generations, for a look from outside. */
  lasting(): Closable[] {
    return this.#pool.values();
  }

  /** Puts a plan in force, or throws and leaves everything as it was. Calls are carried out one after the other. */
  apply(plan: Plan): Promise<void> {
    const applied = this.#applying.then(() => this.#apply(this.#placed(plan)));
    this.#applying = applied.catch(() => undefined);
    return applied;
  }

  /** Builds a plan and lets go of it: throws what would keep `apply` from it, but for ports that are taken. */
  async check(plan: Plan): Promise<void> {
    const { current, scope } = await this.#build(this.#placed(plan));
    await current.close();
    await scope.close();
  }

  /** Stops accepting, lets exchanges end up to the drain deadline, then closes everything. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#applying;
    for (const { backend } of this.#running?.generation.backends ?? []) backend.drain?.();
    await Promise.allSettled(
      [...this.#bound.values()].map(({ acceptor }) => acceptor.close(this.#options.drainMs)),
    );
    this.#forgetGauge();
    this.#bound.clear();
    const running = [...this.#alive];
    await Promise.allSettled(running.map(({ generation }) => generation.current.close()));
    await Promise.allSettled(running.map(({ generation }) => generation.scope.close()));
  }

  *#openConnections(): Iterable<{ labels: Readonly<Record<string, string>>; value: number }> {
    for (const { bind, port, acceptor } of this.#bound.values())
      if (bind.mode === 'standard') yield { labels: { port: String(port) }, value: acceptor.connections };
  }

  #placed(plan: Plan): Plan {
    const { address } = this.#options;
    if (address === undefined) return plan;
    return { ...plan, binds: plan.binds.map((bind) => ({ ...bind, address: bind.address ?? address })) };
  }

  async #apply(plan: Plan): Promise<void> {
    if (this.#closed) throw new GatewayError('SHUTTING_DOWN', 'the gateway is shutting down');
    const generation = await this.#build(plan);
    const fresh = await this.#bindNew(plan).catch(async (error: unknown) => {
      await generation.current.close();
      await generation.scope.close();
      throw error;
    });
    const before = this.#running;
    const running: Running = { generation, inFlight: 0, replaced: false, release: () => {} };
    running.release = () => void this.#retire(running);
    this.#alive.add(running);
    this.#running = running;
    for (const [key, bound] of fresh) {
      this.#bound.set(key, bound);
      bound.acceptor.configure(portLimits(plan.settings, bound.bind.connect));
    }
    for (const { backend } of generation.backends) backend.activate?.();
    if (before) retireMissing(before.generation, generation);
    this.#closeUnused(plan);
    if (before) await this.#replace(before);
    for (const { backend } of generation.backends) backend.start?.();
  }

  async #build(plan: Plan): Promise<Generation> {
    const { definitions, ports } = this.#options;
    const loaded = await loadedFor(plan, { definitions, ports });
    return buildGeneration(plan, { definitions, ports, lasting: this.#lasting(), loaded });
  }

  /** What must not run beside its successor stops now; the rest when the last exchange is over. */
  async #replace(before: Running): Promise<void> {
    before.replaced = true;
    await before.generation.current
      .close()
      .catch((error: unknown) =>
        this.#options.ports.log.warn({ err: error }, 'a replaced resource did not close cleanly'),
      );
    if (before.inFlight === 0) await this.#retire(before);
    else this.#options.ports.clock.after(this.#options.drainMs, before.release);
  }

  async #retire(running: Running): Promise<void> {
    if (!this.#alive.delete(running)) return;
    await running.generation.scope
      .close()
      .catch((error: unknown) =>
        this.#options.ports.log.warn({ err: error }, 'a replaced resource did not close cleanly'),
      );
  }

  async #serve(port: BindPlan['port'], exchange: Exchange): Promise<Answer> {
    const running = this.#running as Running;
    const serve = running.generation.binds.get(port);
    if (!serve) throw new GatewayError('ROUTE_NOT_FOUND', 'this port is no longer configured');
    running.inFlight += 1;
    try {
      return await serve(exchange);
    } finally {
      running.inFlight -= 1;
      if (running.replaced && running.inFlight === 0) running.release();
    }
  }

  /** CONNECT to a port of the gateway itself. */
  #enter({ address }: BindPlan, exchange: Exchange): Tunnel {
    const place = tunnelPlace(exchange);
    const all = [...this.#bound.values()];
    const bound =
      all.find((one) => portOf(one) === place.port && mayEnter(one.bind, address)) ??
      all.find(({ bind }) => bind.mode === 'internal' && bind.port === undefined);
    if (!bound) throw new GatewayError('ROUTE_NOT_FOUND', `no tunnel leads to port ${place.port}`);
    return tunnelInto(bound.acceptor, exchange, place);
  }

  /** Opens the ports that are new, before the swap: a port that is taken must not cost the old configuration. */
  async #bindNew(plan: Plan): Promise<Map<string, Bound>> {
    const wanted = new Map<string, Bound>();
    const vacated: Bound[] = [];
    if (!this.#options.listen) return wanted;
    try {
      for (const bind of plan.binds) {
        const key = bindKey(bind);
        const kept = this.#bound.get(key);
        wanted.set(
          key,
          kept ? { ...kept, bind } : await this.#bind(bind, { settings: plan.settings, vacated }),
        );
      }
    } catch (error) {
      const fresh = [...wanted].filter(([key]) => !this.#bound.has(key));
      await Promise.allSettled(fresh.map(([, { acceptor }]) => acceptor.close(0)));
      const { settings } = this.plan ?? plan;
      for (const { bind } of vacated) this.#bound.set(bindKey(bind), await this.#open(bind, settings));
      throw error;
    }
    return wanted;
  }

  /** A port that moves to another address: many systems do not let both be open at a time. */
  async #bind(bind: BindPlan, { settings, vacated }: Binding): Promise<Bound> {
    try {
      return await this.#open(bind, settings);
    } catch (error) {
      const before = [...this.#bound.values()].find((other) => other.bind.port === bind.port);
      if (!before || !isTaken(error)) throw error;
      this.#bound.delete(bindKey(before.bind));
      vacated.push(before);
      void before.acceptor.close(this.#options.drainMs);
      return await this.#open(bind, settings);
    }
  }

  async #open(bind: BindPlan, settings: SettingsPlan): Promise<Bound> {
    const { ports } = this.#options;
    const acceptor = new Acceptor({
      port: bind.port,
      address: bind.address,
      ports,
      handle: (exchange) => this.#serve(bind.port, exchange),
      entry: () => this.#running?.generation.entries.get(bind.port),
      enter: (exchange) => this.#enter(bind, exchange),
      limits: portLimits(settings, bind.connect),
    });
    const { port } = bind.mode === 'internal' ? { port: 0 } : await acceptor.listen();
    return { bind, port, acceptor };
  }

  #closeUnused(plan: Plan): void {
    const wanted = new Set(plan.binds.map(bindKey));
    for (const [key, { acceptor }] of this.#bound) {
      if (wanted.has(key)) continue;
      this.#bound.delete(key);
      void acceptor.close(this.#options.drainMs);
    }
  }

  #lasting(): Lasting {
    return {
      hold: <T extends Closable>(scope: Scope, key: string, make: () => T): T => {
        const { value, release } = this.#pool.acquire(key, make);
        scope.defer(release);
        return value as T;
      },
    };
  }
}

function retireMissing(before: Generation, next: Generation): void {
  const kept = new Set(next.backends.map(({ key }) => key));
  for (const { key, backend } of before.backends) if (!kept.has(key)) backend.retire?.();
}

/** An internal one opens none: it is found by the port that is asked for. */
function portOf({ bind, port }: Bound): number | undefined {
  return bind.mode === 'internal' ? bind.port : port;
}

/** A tunnel leads to nobody who is kept from its clients: the others listen where these could have connected as well. */
function mayEnter({ mode, address }: BindPlan, from: string | undefined): boolean {
  if (mode === 'internal' || address === from || address === '0.0.0.0' || address === '::') return true;
  return isLoopbackHost(address ?? 'localhost') && isLoopbackHost(from ?? 'localhost');
}

function bindKey(bind: BindPlan): string {
  return `${bind.mode} ${bind.port}|${bind.address ?? ''}`;
}

function isTaken(error: unknown): boolean {
  const { cause } = error as { cause?: NodeJS.ErrnoException };
  return cause?.code === 'EADDRINUSE';
}

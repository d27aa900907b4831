/**
 * Ownership. What lives for a while (a gateway, a session, a link, a tunnel) has a Scope; whatever it opens is
 * owned there and is closed in reverse order, so that nothing is closed before what was built on top of it.
 */
export interface Closable {
  close(): void | Promise<void>;
}

export class Scope implements Closable {
  readonly #together: boolean;
  #owned: Closable[] = [];
  #closed = false;
  #closing: Promise<void> | undefined;

  /** `together`: what it owns does not build on one another, and each may take seconds to end. */
  constructor({ together = false } = {}) {
    this.#together = together;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Takes over `resource`. One that arrives after close is closed at once: a slow start must not outlive its owner. */
  own<T extends Closable>(resource: T): T {
    if (this.closed) void discard(resource);
    else this.#owned.push(resource);
    return resource;
  }

  defer(release: () => void | Promise<void>): void {
    this.own({ close: release });
  }

  /** Gives up ownership without closing, for a resource that ended by itself. */
  disown(resource: Closable): void {
    const at = this.#owned.lastIndexOf(resource);
    if (at >= 0) this.#owned.splice(at, 1);
  }

  /** Closes everything, newest first. A failing release does not keep the others from running; the first failure is thrown. */
  close(): Promise<void> {
    // Before the first release runs: it may open something, which nobody would close.
    this.#closed = true;
    this.#closing ??= this.#release();
    return this.#closing;
  }

  async #release(): Promise<void> {
    const failures: unknown[] = [];
    const close = async (resource: Closable): Promise<void> => {
      try {
        await resource.close();
      } catch (error) {
        failures.push(error);
      }
    };
    const owned = this.#owned.splice(0).reverse();
    if (this.#together) await Promise.all(owned.map(close));
    else for (const resource of owned) await close(resource);
    if (failures.length > 0) throw failures[0];
  }
}

/** What outlives a generation, found by key: pools, targets, sessions, keys. The holder's scope releases it. */
export interface Lasting {
  hold<T extends Closable>(scope: Scope, key: string, make: () => T): T;
}

async function discard(resource: Closable): Promise<void> {
  try {
    await resource.close();
  } catch {
    // Whoever would hear of it has closed.
  }
}

/**
 * Resources that outlive a generation, shared by key and counted by their holders.
 * The last release closes the resource.
 */
export class SharedPool<T extends Closable> {
  readonly #entries = new Map<string, { value: T; holders: number }>();

  acquire(key: string, make: () => T): { value: T; release: () => Promise<void> } {
    let entry = this.#entries.get(key);
    if (!entry) {
      entry = { value: make(), holders: 0 };
      this.#entries.set(key, entry);
    }
    entry.holders += 1;
    let released = false;
    const held = entry;
    const release = async (): Promise<void> => {
      if (released) return;
      released = true;
      held.holders -= 1;
      if (held.holders > 0) return;
      if (this.#entries.get(key) === held) this.#entries.delete(key);
      await held.value.close();
    };
    return { value: entry.value, release };
  }

  values(): T[] {
    return [...this.#entries.values()].map((entry) => entry.value);
  }

  has(key: string): boolean {
    return this.#entries.has(key);
  }
}

/**
 * What the sessions of a shared target want of its one link: resources somebody subscribes to, and the log level of
 * whoever wants to see most. Pure bookkeeping; the target says it to the server.
 */
export class SharedInterest {
  readonly #subscribers = new Map<string, Set<object>>();
  readonly #levels = new Map<object, string>();
  readonly #order: readonly string[];

  /** `order`: the levels from the most talkative to the quietest. */
  constructor(order: readonly string[]) {
    this.#order = order;
  }

  get uris(): Iterable<string> {
    return this.#subscribers.keys();
  }

  /** The most talkative level anybody asked for. */
  get level(): string | undefined {
    const wanted = new Set(this.#levels.values());
    return this.#order.find((level) => wanted.has(level));
  }

  subscribe(uri: string, who: object): void {
    const subscribers = this.#subscribers.get(uri) ?? new Set();
    this.#subscribers.set(uri, subscribers.add(who));
  }

  /** Whether nobody is left who wants it. */
  unsubscribe(uri: string, who: object): boolean {
    const subscribers = this.#subscribers.get(uri);
    subscribers?.delete(who);
    if (subscribers && subscribers.size > 0) return false;
    this.#subscribers.delete(uri);
    return true;
  }

  setLevel(level: string, who: object): void {
    this.#levels.set(who, level);
  }

  /** `who` has gone. Returns the URIs that nobody wants any more. */
  leave(who: object): string[] {
    this.#levels.delete(who);
    return [...this.#subscribers].flatMap(([uri, subscribers]) =>
      subscribers.has(who) && this.unsubscribe(uri, who) ? [uri] : [],
    );
  }
}

/**
 * What the sessions of a shared target want of its one link: resources somebody subscribes to, and the log level of
 * whoever wants to see most. Keeps the books; when the server is told is the target's business.
 */
import type { LinkWithInfo } from '../link/opened.ts';
import { sendLevel, sendSubscribe } from '../link/own-calls.ts';

export class SharedInterest {
  readonly #subscribers = new Map<string, Set<object>>();
  readonly #levels = new Map<object, string>();
  readonly #order: readonly string[];
  readonly #changed: () => void;

  /** `order`: the levels from the most talkative to the quietest. `changed`: the resources, not the levels. */
  constructor(order: readonly string[], changed: () => void = () => {}) {
    this.#order = order;
    this.#changed = changed;
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
    if (subscribers.size === 1) this.#changed();
  }

  /** Whether nobody is left who wants it. */
  unsubscribe(uri: string, who: object): boolean {
    const subscribers = this.#subscribers.get(uri);
    subscribers?.delete(who);
    if (subscribers && subscribers.size > 0) return false;
    if (this.#subscribers.delete(uri)) this.#changed();
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

/** Says all of it to a server that knows nothing of it. */
export function restored({ level, uris }: SharedInterest, open: LinkWithInfo): Promise<unknown>[] {
  const said: Promise<unknown>[] = level === undefined ? [] : [sendLevel(open, level)];
  for (const uri of uris) said.push(sendSubscribe(open, uri));
  return said;
}

/**
 * Links for the calls of one visitor: over stdio nothing says which call a server's question belongs to, nor over HTTP
 * when the server asks on the stream that is no call's. There a call that may be asked something has a link to itself,
 * and further ones wait or get another link.
 */
import { GatewayError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Clock } from '../../core/ports.ts';
import type { Closable } from '../../core/scope.ts';
import type { Cancel } from '../../lib/cancel.ts';
import type { Target } from '../target/target.ts';
import type { Links } from './links.ts';

interface Seat {
  readonly links: Links;
  readonly taken: Set<Target>;
}

interface Waiting {
  readonly target: Target;
  go(links: Links): void;
}

export interface SeatsOptions {
  make(): Links;
  readonly clock: Clock;
  /** Its calls may be of different people: nobody has proved who they are. */
  readonly strangers: boolean;
}

export class Seats implements Closable {
  readonly #first: Links;
  readonly #make: () => Links;
  readonly #clock: Clock;
  readonly #strangers: boolean;
  readonly #seats: Seat[] = [];
  #waiting: Waiting[] = [];

  /** `first` carries everything that needs no link to itself, and is the first that calls take. */
  constructor(first: Links, options: SeatsOptions) {
    this.#first = first;
    this.#make = options.make;
    this.#clock = options.clock;
    this.#strangers = options.strangers;
  }

  /** Whether calls to this target need a link to themselves. */
  static needed({ connector, era, asksOutside }: Target): boolean {
    const certain = connector.relates && !asksOutside;
    return era === 'legacy' && !certain && connector.lifecycle === 'session';
  }

  /** Waits when all are taken. Rejects when the call is cancelled first. */
  take(target: Target, cancel: Cancel): Promise<Links> {
    if (this.#seats.length === 0) this.#add(this.#first);
    const free =
      this.#seats.find(({ taken }) => !taken.has(target)) ??
      (this.#seats.length < LIMITS.visitorLinks.value ? this.#add(this.#make()) : undefined);
    if (free) {
      free.taken.add(target);
      return Promise.resolve(free.links);
    }
    if (this.#waiting.length >= LIMITS.callsInFlight.value) return Promise.reject(busy(target));
    return this.#wait(target, cancel);
  }

  /**
   * `settled`: its call was answered. Otherwise its server may still ask for it, and what it asks must not reach the
   * next call when that may be of somebody else.
   */
  free(links: Links, target: Target, settled = true): void {
    if (!settled && this.#strangers) links.renew(target);
    const next = this.#waiting.find((each) => each.target === target);
    if (next) return next.go(links);
    this.#seats.find((seat) => seat.links === links)?.taken.delete(target);
  }

  /** Every set of links but the first, which its owner knows. */
  get others(): readonly Links[] {
    return this.#seats.flatMap(({ links }) => (links === this.#first ? [] : [links]));
  }

  async close(): Promise<void> {
    await Promise.all(this.others.map((links) => links.close()));
  }

  #wait(target: Target, cancel: Cancel): Promise<Links> {
    return new Promise((resolve, reject) => {
      const over = (): void => {
        this.#waiting = this.#waiting.filter((each) => each !== waiting);
        timer.cancel();
        forget();
      };
      const fail = (reason: Error): void => {
        over();
        reject(reason);
      };
      const waiting: Waiting = {
        target,
        go: (links) => {
          over();
          resolve(links);
        },
      };
      this.#waiting.push(waiting);
      const timer = this.#clock.after(LIMITS.connect.value, () => fail(busy(target)));
      const forget = cancel.onCancel(fail);
    });
  }

  #add(links: Links): Seat {
    const seat = { links, taken: new Set<Target>() };
    this.#seats.push(seat);
    return seat;
  }
}

function busy({ name }: Target): GatewayError {
  const most = LIMITS.visitorLinks.value;
  return new GatewayError(
    'OVERLOADED',
    `${most} calls of this client at "${name}" are unanswered; answer or cancel one`,
  );
}

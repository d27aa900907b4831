/**
 * The upstream links of one client, opened when they are first needed: an abandoned session costs its upstreams
 * nothing. A link that was lost is opened anew and told again what the client had asked for.
 */
import { asGatewayError, GatewayError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Clock, Log, Ports, Timer } from '../../core/ports.ts';
import type { Closable } from '../../core/scope.ts';
import type { McpOutcome, Question } from '../call.ts';
import type { LinkEvents } from '../link/link.ts';
import type { ClientIdentity, LinkWithInfo } from '../link/opened.ts';
import { sendLevel, sendPing, sendSubscribe, sendUnsubscribe } from '../link/own-calls.ts';
import { Subscription } from '../link/subscription.ts';
import type { Message } from '../message.ts';
import type { Era } from '../revisions.ts';
import { removed } from '../target/failures.ts';
import type { Target } from '../target/target.ts';
import type { Shown } from './shown.ts';

export interface LinksOwner {
  readonly era: Era;
  readonly identity: ClientIdentity;
  readonly clock: Clock;
  readonly log: Log;
  readonly random: Ports['random'];
  /** What targets see of the client, as it is now. */
  shown(): Shown;
  /** The client can be asked, and hears of that only as the answer to a call: no stream of its own is open. */
  readonly askedInCalls: boolean;
  /** Ends what is kept for somebody who is idle, so that a server can be started; false when there is nobody. */
  makeRoom(): Promise<boolean>;
  /** Targets whose one link serves everyone. */
  sharedTargets(): readonly Target[];
  fromUpstream(target: Target, message: Message): void;
  askClient(question: Question): Promise<McpOutcome>;
  linkClosed(target: Target): void;
}

interface Held {
  readonly target: Target;
  readonly opening: Promise<LinkWithInfo>;
  open: LinkWithInfo | undefined;
  /** The upstream's stream for messages of its own is being opened. */
  listening: Promise<void> | undefined;
  /** What takes the place of that stream, and of resources/subscribe, on a modern link. */
  subscription: Subscription | undefined;
}

/** How long a call waits for that stream; a server that never answers the GET must not hold the calls. */
const LISTEN_PATIENCE_MS = 2000;
const LISTEN_AGAIN_MS = 1000;
const NOTHING: ReadonlySet<string> = new Set();

export class Links implements Closable {
  readonly #owner: LinksOwner;
  readonly #held = new Map<Target, Held>();
  /** Native URIs subscribed per target. */
  readonly #subscriptions = new Map<Target, Set<string>>();
  /** Native task ids watched per target (the tasks extension). */
  readonly #tasks = new Map<Target, ReadonlySet<string>>();
  /** What is being said of a resource, by target and URI. */
  readonly #turns = new Map<string, Promise<unknown>>();
  /** Targets whose link was lost while somebody listened. */
  readonly #again = new Map<Target, Timer>();
  #level: string | undefined;
  #listening = false;
  #closed = false;

  constructor(owner: LinksOwner) {
    this.#owner = owner;
  }

  /** The link that is open and ready now: the common case of a call, without waiting. */
  ready(target: Target): LinkWithInfo | undefined {
    const held = this.#held.get(target);
    if (!held?.open || held.listening || held.open.link.closed) return undefined;
    return held.open;
  }

  /** The link to `target`, opened if need be. Targets that serve everyone share theirs. */
  async get(target: Target): Promise<LinkWithInfo> {
    if (this.#closed) throw sessionEnded();
    if (target.connector.lifecycle === 'shared') return target.probe();
    let held = this.#held.get(target);
    if (!held || held.open?.link.closed) held = this.#open(target);
    const open = held.open ?? (await held.opening);
    if (held.listening) await held.listening;
    return open;
  }

  /** Runs `work`, and once more over a new link when the upstream has forgotten the session of this one. */
  async again<T>(target: Target, work: () => Promise<T>): Promise<T> {
    const before = this.#held.get(target)?.open;
    try {
      return await work();
    } catch (cause) {
      const lost = before ?? this.#held.get(target)?.open;
      if (!lost || asGatewayError(cause).code !== 'UPSTREAM_SESSION_LOST') throw cause;
      this.drop(target, lost);
      return work();
    }
  }

  /** The next use opens another link; this one ends when its other calls are over. */
  drop(target: Target, lost: LinkWithInfo): void {
    const held = this.#held.get(target);
    if (held?.open !== lost) return;
    this.#held.delete(target);
    held.subscription?.close();
    lost.link.retire();
    this.#owner.linkClosed(target);
    this.#listenAgain(target);
  }

  /** The next use opens another link, as after `drop`. */
  renew(target: Target): void {
    const open = this.#held.get(target)?.open;
    if (open) this.drop(target, open);
  }

  has(target: Target): boolean {
    return this.#held.has(target);
  }

  opened(): { target: Target; open: LinkWithInfo }[] {
    const all: { target: Target; open: LinkWithInfo }[] = [];
    for (const { target, open } of this.#held.values())
      if (open && !open.link.closed) all.push({ target, open });
    return all;
  }

  /** The client's log level: told to every open link now and to later ones when they open. */
  async setLevel(level: string): Promise<void> {
    this.#level = level;
    for (const target of this.#owner.sharedTargets()) target.wantLevel(level, this);
    await Promise.allSettled(this.opened().map(({ open }) => sendLevel(open, level)));
  }

  /** Throws OVERLOADED when the client subscribes to as many resources as it may. */
  checkRoom(): void {
    let count = 0;
    for (const { size } of this.#subscriptions.values()) count += size;
    if (count >= LIMITS.subscribedResources.value)
      throw new GatewayError('OVERLOADED', `the client subscribes to ${count} resources already`);
  }

  /** Remembered for links that come later; a legacy server has been told of it already. Resolves when it is heard. */
  async subscribed(target: Target, uri: string): Promise<void> {
    const uris = this.#subscriptions.get(target) ?? new Set();
    this.#subscriptions.set(target, uris.add(uri));
    if (target.connector.lifecycle === 'shared') target.interest.subscribe(uri, this);
    else await this.#resubscribe(target);
  }

  /** Whether a legacy server must be told: others may still want the resource over a shared link. */
  unsubscribe(target: Target, uri: string): boolean {
    this.#subscriptions.get(target)?.delete(uri);
    if (target.connector.lifecycle === 'shared') return target.interest.unsubscribe(uri, this);
    void this.#resubscribe(target);
    return true;
  }

  /** The server is told, where it is one that has to be. */
  endSubscription(target: Target, uri: string, wanted: () => boolean = () => false): Promise<void> {
    return this.inTurn(target, uri, async () => {
      if (wanted() || !this.unsubscribe(target, uri)) return;
      const open = this.ready(target);
      if (open?.link.era === 'legacy') await sendUnsubscribe(open, uri).catch(() => undefined);
    });
  }

  /** Tasks whose changes the client wants to hear of: all of the target at each call. */
  async watchTasks(target: Target, ids: ReadonlySet<string>): Promise<void> {
    if (ids.size > 0) this.#tasks.set(target, ids);
    else this.#tasks.delete(target);
    await this.#resubscribe(target);
  }

  /**
   * What is said of one resource goes out one after the other: two POSTs may overtake each other, and a server that
   * hears of the end last would tell nothing.
   */
  async inTurn<T>(target: Target, uri: string, say: () => Promise<T>): Promise<T> {
    const key = `${target.name}|${uri}`;
    const before = this.#turns.get(key);
    const turn = before ? before.then(say, say) : say();
    this.#turns.set(key, turn);
    try {
      return await turn;
    } finally {
      if (this.#turns.get(key) === turn) this.#turns.delete(key);
    }
  }

  /** Native URIs. */
  subscriptionsTo(target: Target): string[] {
    return [...(this.#subscriptions.get(target) ?? [])];
  }

  isSubscribed(target: Target, uri: string): boolean {
    return this.#subscriptions.get(target)?.has(uri) ?? false;
  }

  /** Someone listens to what belongs to no request, or no longer does: upstream streams follow. */
  listen(on: boolean, targets: readonly Target[]): void {
    if (this.#closed) return;
    this.#listening = on;
    for (const held of this.#held.values())
      if (held.open && !held.open.link.closed) this.#follow(held, held.open);
    if (on) for (const target of targets) this.cameUp(target);
  }

  /**
   * A server that speaks by itself can only do so over a session of its own, so listening opens it (HTTP: cheap; a
   * child is only started by a call).
   */
  cameUp(target: Target): void {
    if (this.#listening && !this.#closed && target.connector.takesHeaders && target.info)
      this.get(target).catch(() => undefined);
  }

  /** Goes on with other headers that policies made: the client itself is who it was. */
  present(target: Target, headers: readonly string[]): void {
    this.#held.get(target)?.open?.link.wire.show?.(headers);
  }

  /** Goes on with other headers of the client when the upstream takes them on the session it has with us. */
  async show(target: Target, headers: readonly string[]): Promise<void> {
    const open = await this.#held.get(target)?.opening.catch(() => undefined);
    if (!open || open.link.closed) {
      await this.#open(target, headers).opening;
      return;
    }
    await sendPing(open, headers);
    open.link.wire.show?.(headers);
  }

  /** `reason`: what calls in flight fail with. */
  async release(target: Target, reason: GatewayError): Promise<void> {
    const held = this.#held.get(target);
    this.#held.delete(target);
    this.#subscriptions.delete(target);
    this.#tasks.delete(target);
    target.abandon(this);
    held?.subscription?.close();
    await held?.opening.then(({ link }) => link.close(reason)).catch(() => undefined);
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const timer of this.#again.values()) timer.cancel();
    for (const target of this.#owner.sharedTargets()) target.abandon(this);
    await Promise.all([...this.#held.keys()].map((target) => this.release(target, sessionEnded())));
  }

  #open(target: Target, headers = this.#owner.shown().headersFor(target)): Held {
    const { identity } = this.#owner;
    const { owner } = this.#owner.shown();
    const events: LinkEvents = {
      notification: (message) => this.#owner.fromUpstream(target, message),
      ask: (question) => this.#owner.askClient(question),
      listening: () => this.#listening && !this.#owner.askedInCalls,
      asksOutside: () => {
        target.asksOutside = true;
      },
      closed: () => {
        held.subscription?.close();
        this.#owner.linkClosed(target);
        this.#listenAgain(target);
      },
    };
    const session = { identity, events, headers, owner, era: this.#owner.era };
    const opening = target
      .openSession(session)
      .catch(async (error: unknown) => {
        const full = asGatewayError(error).code === 'PROCESS_LIMIT';
        if (!full || !(await this.#owner.makeRoom())) throw error;
        return target.openSession(session);
      })
      .then((open) => this.#ready(held, open));
    const held: Held = { target, opening, open: undefined, listening: undefined, subscription: undefined };
    this.#held.set(target, held);
    opening.catch(() => {
      if (this.#held.get(target) === held) this.#held.delete(target);
    });
    return held;
  }

  async #ready(held: Held, open: LinkWithInfo): Promise<LinkWithInfo> {
    if (this.#closed || this.#held.get(held.target) !== held) {
      await open.link.close();
      throw this.#closed ? sessionEnded() : removed(held.target.name);
    }
    held.open = open;
    if (open.link.era === 'modern') {
      const { clock, log, random } = this.#owner;
      held.subscription = new Subscription({ open, clock, log, random });
      void this.#resubscribe(held.target);
      return open;
    }
    if (this.#listening || this.#owner.askedInCalls) this.#follow(held, open);
    this.#restore(held.target, open);
    return open;
  }

  /** Goes out before the first call, which does not wait for the answers: some servers never give one. */
  #restore(target: Target, open: LinkWithInfo): void {
    const said: Promise<unknown>[] = this.#level ? [sendLevel(open, this.#level)] : [];
    for (const uri of this.#subscriptions.get(target) ?? []) said.push(sendSubscribe(open, uri));
    void Promise.allSettled(said);
  }

  /** Who listens hears nothing over a link that is gone. Not at once: a server may end every stream it begins. */
  #listenAgain(target: Target): void {
    if (!this.#listening || this.#closed || this.#again.has(target)) return;
    const timer = this.#owner.clock.after(LISTEN_AGAIN_MS, () => {
      this.#again.delete(target);
      this.cameUp(target);
    });
    this.#again.set(target, timer);
  }

  /** The stream of a modern link listens to all that is wanted of its server. */
  async #resubscribe(target: Target): Promise<void> {
    const subscription = this.#held.get(target)?.subscription;
    if (!subscription) return;
    // What everyone is told, the target's own connection hears, unless it has not the credentials to connect. A child
    // that serves this client alone tells nobody else.
    const alone = !target.connector.takesHeaders || this.#owner.shown().speaksTo(target);
    const lists = this.#listening && alone;
    subscription.want({
      tools: lists,
      prompts: lists,
      resources: lists,
      uris: this.#subscriptions.get(target) ?? NOTHING,
      taskIds: this.#tasks.get(target) ?? NOTHING,
    });
    await this.#patiently(subscription.ready());
  }

  /** The upstream stream is open while somebody listens. A server may ask over it as soon as it is called. */
  #follow(held: Held, { link }: LinkWithInfo): void {
    if (held.subscription) return void this.#resubscribe(held.target);
    if (!this.#listening && !this.#owner.askedInCalls) return link.wire.unlisten?.();
    const heard = link.wire.listen?.();
    if (!heard) return;
    held.listening = this.#patiently(heard).then(() => {
      held.listening = undefined;
    });
  }

  /** Calls do not need the stream: that it failed, or is not there yet, is no reason not to send them. */
  #patiently(heard: Promise<void>): Promise<void> {
    return new Promise<void>((resolve) => {
      const patience = this.#owner.clock.after(LISTEN_PATIENCE_MS, resolve);
      heard
        .catch(() => undefined)
        .finally(() => {
          patience.cancel();
          resolve();
        });
    });
  }
}

function sessionEnded(): GatewayError {
  return new GatewayError('SESSION_UNKNOWN', 'the session has ended');
}

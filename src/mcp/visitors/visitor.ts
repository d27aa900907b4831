/**
 * A client without a session: what is kept between its requests are links, leased to whoever comes with the same
 * principal, credentials, capabilities and name. Modern clients are visitors, and legacy ones of stateless endpoints.
 */
import { GatewayError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Ports } from '../../core/ports.ts';
import type { Closable } from '../../core/scope.ts';
import { isObject } from '../../lib/json-value.ts';
import type { Seal } from '../../lib/seal.ts';
import type { Envelope } from '../bridge/envelope.ts';
import { RequestStates } from '../bridge/request-state.ts';
import type { Caller } from '../calls/caller.ts';
import { Links } from '../calls/links.ts';
import { PrivateLists } from '../calls/private-lists.ts';
import { Seats } from '../calls/seats.ts';
import type { Shown } from '../calls/shown.ts';
import type { Catalogue, ListKind } from '../catalogue.ts';
import type { ClientIdentity } from '../link/opened.ts';
import { type Message, SLOT } from '../message.ts';
import type { Era } from '../revisions.ts';
import { changedList } from '../target/catalogues.ts';
import { removed, withdrawn } from '../target/failures.ts';
import type { Target } from '../target/target.ts';
import { exposeUri } from '../view/naming.ts';
import type { View } from '../view/view.ts';
import { type Hearing, Listener, type ListenFilter, type Listening } from './listener.ts';

export interface VisitorOptions {
  readonly era: Era;
  /** The revision it speaks. */
  readonly version: string;
  /** Whose it is: see `ownerOf`. */
  readonly principal: string;
  /** Who servers with a handshake are told the client is. */
  readonly identity: ClientIdentity;
  readonly envelope: Envelope;
  /** Whether it can be asked anything: it has declared capabilities. */
  readonly askable: boolean;
  readonly capabilityKey: string;
  readonly shown: Shown;
  readonly view: View;
  readonly ports: Ports;
  seal(): Seal;
  /** See `LinksOwner.makeRoom`. */
  makeRoom(): Promise<boolean>;
  /** Its links are gone, and with them the calls that wait for it. */
  ended(visitor: Visitor): void;
  discover(shown: Shown): Promise<Buffer>;
}

const NOBODY = new GatewayError('METHOD_NOT_FOUND', 'no call of the client is under way that could be asked');

export class Visitor implements Caller, Closable {
  readonly options: VisitorOptions;
  readonly sessionId = undefined;
  readonly links: Links;
  readonly seats: Seats | undefined;
  view: View;
  shown: Shown;
  lastSeen: number;
  /** Requests, streams and parked calls that keep it. */
  busy = 0;
  readonly #privateLists = new PrivateLists();
  readonly #listeners = new Set<Listener>();
  #closed = false;

  constructor(options: VisitorOptions) {
    this.options = options;
    this.view = options.view;
    this.shown = options.shown;
    this.lastSeen = options.ports.clock.monotonic();
    this.links = this.#newLinks();
    const { clock } = options.ports;
    const seats = { make: () => this.#newLinks(), clock, strangers: options.principal === '' };
    this.seats = options.askable ? new Seats(this.links, seats) : undefined;
  }

  get era(): Era {
    return this.options.era;
  }

  get version(): string {
    return this.options.version;
  }

  get ports(): Ports {
    return this.options.ports;
  }

  get capabilityKey(): string {
    return this.options.capabilityKey;
  }

  get closed(): boolean {
    return this.#closed;
  }

  enter(): void {
    this.busy += 1;
  }

  leave(): void {
    this.busy -= 1;
    this.lastSeen = this.ports.clock.monotonic();
  }

  envelope(): Envelope {
    return this.options.envelope;
  }

  sealState(target: string, state: string): string {
    const { seal, principal } = this.options;
    return new RequestStates(seal()).forUpstream({ target, principal, state });
  }

  discover(): Promise<Buffer> {
    return this.options.discover(this.shown);
  }

  /** The client is who it was, and policies make other headers of its requests. */
  renew(shown: Shown): void {
    this.shown = shown;
    this.#privateLists.clear();
    for (const target of shown.seenBy(this.view))
      for (const links of this.#allLinks()) links.present(target, shown.headersFor(target));
  }

  /** Nothing is remembered between its requests, so there is nobody to keep a level for. */
  setLevel(): Promise<void> {
    return Promise.resolve();
  }

  privateList(target: Target, kind: ListKind): Catalogue | undefined {
    return this.#privateLists.get(target, kind);
  }

  keepPrivate(target: Target, kind: ListKind, catalogue: Catalogue): void {
    if (this.view.member(target.name)?.target === target) this.#privateLists.keep(target, kind, catalogue);
  }

  /** A stream of changes. Resolves when the servers have been told what it wants to hear of. */
  async listen(filter: ListenFilter, { exchange, hear }: Hearing): Promise<Listening> {
    if (this.#listeners.size >= LIMITS.subscriptions.value)
      throw new GatewayError('OVERLOADED', `the client listens to ${this.#listeners.size} streams already`);
    const listener = new Listener(this, filter, { exchange, hear });
    this.#listeners.add(listener);
    this.enter();
    listener.ended.onCancel(() => {
      this.#listeners.delete(listener);
      this.leave();
      if (!this.#closed) this.#follow();
    });
    this.#follow();
    await listener.begin();
    return listener;
  }

  /** A target of the view has another list now. */
  listChanged(kind: ListKind): void {
    for (const listener of this.#listeners) listener.listChanged(kind === 'templates' ? 'resources' : kind);
  }

  /** What a server says that belongs to no call: only listeners want to hear it. */
  fromUpstream(target: Target, message: Message): void {
    const list = changedList(message.method);
    if (list) return this.#linkChanged(target, list);
    const member = this.view.member(target.name);
    if (member?.target !== target || this.#listeners.size === 0) return;
    const exposed = (slot: number): string | undefined => {
      const native = message.text.text(slot);
      return native !== undefined && member.mapsUris ? exposeUri(native, target.name) : native;
    };
    if (message.method === 'notifications/resources/updated')
      for (const listener of this.#listeners) listener.updated(message, exposed(SLOT.uri));
    if (message.method === 'notifications/tasks')
      for (const listener of this.#listeners)
        listener.taskChanged(message, exposed(SLOT.taskId), member.mapsUris ? target.name : undefined);
  }

  /** Whether a listener other than `asking` wants to hear of a resource. */
  watches(target: Target, uri: string, asking: Listener): boolean {
    for (const each of this.#listeners) if (each !== asking && each.watches(target, uri)) return true;
    return false;
  }

  /** What all listeners follow is asked for together. */
  tasksChanged(target: Target): Promise<void> {
    const ids = [...this.#listeners].flatMap((each) => [...each.tasksOf(target)]);
    return this.links.watchTasks(target, new Set(ids));
  }

  /** Whether it keeps links that have a server to themselves, such as a child. */
  get holdsServers(): boolean {
    return this.#allLinks().some((links) => links.opened().some(({ target }) => !target.connector.resumable));
  }

  /** Whether changes of a list can be told: what servers say of themselves; one that is not up yet may have any list. */
  tells(list: 'tools' | 'prompts' | 'resources'): boolean {
    const { members, single } = this.view;
    return members.some(({ target }) => {
      if (!target.info) return true;
      const offered = target.info.capabilities[list];
      return isObject(offered) && (!single || offered['listChanged'] === true);
    });
  }

  fromShared(target: Target, message: Message): void {
    this.fromUpstream(target, message);
  }

  cameUp(target: Target): void {
    this.links.cameUp(target);
  }

  /** The configuration has changed: links to targets that are gone end, and whoever listens hears of it. */
  rebase(view: View): void {
    const before = this.view;
    for (const { target } of before.members) {
      if (view.member(target.name)?.target === target) continue;
      this.#release(target, removed(target.name));
      this.#privateLists.forget(target);
    }
    // What a server may no longer see ends with the links that carry it.
    if (!view.tellsSame(before)) {
      for (const target of this.shown.seenBy(before))
        if (view.member(target.name)?.target === target) this.#release(target, withdrawn(target.name));
      this.shown = this.shown.withdraw();
    }
    this.view = view;
    if (view.showsSame(before)) return;
    for (const kind of ['tools', 'prompts', 'resources'] as const) this.listChanged(kind);
    // What a stream has promised to tell of is not there any more, goes by another name, or may be nothing for this
    // client by the rules that hold now: it begins anew.
    const stays = (target: Target): boolean => {
      const [then, now] = [before.member(target.name), view.member(target.name)];
      const sameRules = view.guard?.key === before.guard?.key && now?.guard?.key === then?.guard?.key;
      return now?.target === target && now.mapsUris === then?.mapsUris && sameRules;
    };
    for (const listener of [...this.#listeners]) if (!listener.follows.every(stays)) listener.close();
  }

  /** The gateway stops: streams that only listen end, calls in flight may finish. */
  drain(): void {
    for (const listener of [...this.#listeners]) listener.close();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.drain();
    this.options.ended(this);
    await Promise.all(this.#allLinks().map((links) => links.close()));
  }

  #release(target: Target, reason: GatewayError): void {
    for (const links of this.#allLinks()) void links.release(target, reason);
  }

  #allLinks(): Links[] {
    return [this.links, ...(this.seats?.others ?? [])];
  }

  /** Upstream streams are open while somebody listens to what they may bring. */
  #follow(): void {
    const targets = this.view.members.map(({ target }) => target);
    this.links.listen(this.#listeners.size > 0, targets);
  }

  #newLinks(): Links {
    const { identity, ports, era } = this.options;
    return new Links({
      era,
      // Also one that cannot answer: a server that asks all the same is refused at once instead of waiting for ever.
      askedInCalls: true,
      makeRoom: () => this.options.makeRoom(),
      identity,
      clock: ports.clock,
      log: ports.log,
      random: ports.random,
      shown: () => this.shown,
      sharedTargets: () => this.view.sharedTargets,
      fromUpstream: (target, message) => this.fromUpstream(target, message),
      askClient: () => Promise.reject(NOBODY),
      linkClosed: (target) => this.#privateLists.forget(target),
    });
  }

  #linkChanged(target: Target, list: 'tools' | 'prompts' | 'resources'): void {
    this.#privateLists.drop(target, list);
    for (const links of this.#allLinks())
      for (const { target: each, open } of links.opened()) if (each === target) open.link.divergent = true;
    target.listChanged(list);
    this.listChanged(list);
  }
}

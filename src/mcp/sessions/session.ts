/**
 * A legacy client's session: its links, its calls in flight, the questions that wait for it, and where messages that
 * belong to no call go. Knows no HTTP; a front brings messages in and provides the way out.
 */
import { GatewayError } from '../../core/errors.ts';
import type { GuardedRequest } from '../../core/guard.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Ports, Timer } from '../../core/ports.ts';
import { type Closable, Scope } from '../../core/scope.ts';
import { Cancel } from '../../lib/cancel.ts';
import { Few } from '../../lib/few.ts';
import { notificationMessage } from '../../lib/json-rpc.ts';
import { quote } from '../../lib/json-text.ts';
import type { Envelope } from '../bridge/envelope.ts';
import { withoutTasks } from '../bridge/tasks.ts';
import { untagged } from '../bridge/untagged.ts';
import type { Importance, McpOutcome, Question } from '../call.ts';
import type { Caller } from '../calls/caller.ts';
import { Links } from '../calls/links.ts';
import { mayHear } from '../calls/permit.ts';
import { PrivateLists } from '../calls/private-lists.ts';
import { remembered } from '../calls/remembered.ts';
import { type Answered, type CallContext, runCall } from '../calls/run-call.ts';
import type { Shown } from '../calls/shown.ts';
import type { Catalogue, ListKind } from '../catalogue.ts';
import { LEVELS } from '../levels.ts';
import type { ClientIdentity } from '../link/opened.ts';
import { type Message, SLOT, wholeMessage } from '../message.ts';
import { MODERN_REVISION } from '../revisions.ts';
import { changedList } from '../target/catalogues.ts';
import { removed, withdrawn } from '../target/failures.ts';
import type { Target } from '../target/target.ts';
import { exposeUri } from '../view/naming.ts';
import type { View } from '../view/view.ts';
import { Asks } from './asks.ts';

/** Where messages go that no call carries: the client's listening stream. */
export interface Outlet {
  /** False when nobody listens and nothing keeps it for later. */
  deliver(message: Buffer, importance: Importance): boolean;
}

export interface SessionOptions {
  readonly id: string;
  readonly backend: string;
  readonly principal: string;
  readonly identity: ClientIdentity;
  /** Names of the capabilities the client declared. */
  readonly capabilities: ReadonlySet<string>;
  readonly capabilityKey: string;
  readonly shown: Shown;
  readonly view: View;
  readonly ports: Ports;
  /** See `LinksOwner.makeRoom`. */
  makeRoom(): Promise<boolean>;
}

/** Several servers often change together (a reload, a restart): one notification for all. */
const LIST_CHANGED_DEBOUNCE_MS = 50;

export class Session implements Caller, Closable {
  readonly era = 'legacy';
  readonly options: SessionOptions;
  readonly links: Links;
  /** A session is one client: a question that names no call goes to it. */
  readonly seats = undefined;
  readonly asks: Asks;
  readonly scope = new Scope();
  /** Cancelled when the gateway stops: streams that only listen end, calls in flight may finish. */
  readonly draining = new Cancel();
  /** Calls in flight by the client's own request id. */
  readonly calls = new Few<string, Cancel>();
  readonly privateLists = new PrivateLists();
  view: View;
  shown: Shown;
  lastSeen: number;
  /** Exchanges and streams that keep the session from being idle. */
  busy = 0;
  #outlet: Outlet | undefined;
  /** The last request that subscribed to a resource. */
  #subscribed: GuardedRequest;
  #level = 0;
  /** Unless it says so, a legacy client leaves to the server what it is told. */
  #asked: string | undefined;
  #envelope: Envelope | undefined;
  #changed = new Set<'tools' | 'prompts' | 'resources'>();
  #changeTimer: Timer | undefined;

  constructor(options: SessionOptions) {
    this.options = options;
    this.view = options.view;
    this.shown = options.shown;
    this.lastSeen = options.ports.clock.monotonic();
    this.asks = new Asks(options.ports.clock, options.capabilities);
    this.links = new Links({
      askedInCalls: false,
      makeRoom: () => this.options.makeRoom(),
      era: this.era,
      identity: options.identity,
      clock: options.ports.clock,
      log: options.ports.log,
      random: options.ports.random,
      shown: () => this.shown,
      sharedTargets: () => this.view.sharedTargets,
      fromUpstream: (target, message) => this.fromUpstream(target, message),
      askClient: (question) => this.ask(question, (message) => this.#deliver(message, 'keep')),
      linkClosed: (target) => this.privateLists.forget(target),
    });
    this.scope.own(this.links);
  }

  get id(): string {
    return this.options.id;
  }

  get sessionId(): string {
    return this.options.id;
  }

  get ports(): Ports {
    return this.options.ports;
  }

  get capabilityKey(): string {
    return this.options.capabilityKey;
  }

  get version(): string {
    return this.options.identity.version;
  }

  /** Modern servers are told with each request what this client said once. */
  envelope(): Envelope {
    const { capabilities, info } = this.options.identity;
    this.#envelope ??= {
      version: MODERN_REVISION,
      capabilities: withoutTasks(capabilities, 'modern'),
      info,
      logLevel: this.#asked ?? 'info',
    };
    return this.#envelope;
  }

  /** A session's questions are answered while its call waits; it is never given a state. */
  sealState(): string {
    throw new GatewayError('INTERNAL', 'a session has no request states');
  }

  /** Runs one request; the client may cancel it by its id. */
  async run(message: Message, context: Omit<CallContext, 'cancel' | 'refused'>): Promise<Answered> {
    const cancel = new Cancel();
    const { peer, route, traceId, headers, exchange, shown } = context;
    const refused = this.#refusal(message.id);
    if (!refused) this.calls.set(message.id, cancel);
    const own = { peer, cancel, route, traceId, headers, refused, exchange, shown };
    const answered = await runCall(this, message, own);
    if (!refused) this.calls.delete(message.id);
    return answered;
  }

  /** The client goes on with other credentials, and sees what they let it see. */
  renew(shown: Shown): void {
    this.shown = shown;
    this.privateLists.clear();
  }

  touch(): void {
    this.lastSeen = this.options.ports.clock.monotonic();
  }

  /** The stream for messages that belong to no call opened, or closed (undefined). */
  setOutlet(outlet: Outlet | undefined): void {
    this.#outlet = outlet;
    this.links.listen(
      outlet !== undefined,
      this.view.members.map((member) => member.target),
    );
    if (outlet && this.#changed.size > 0) this.#announce();
  }

  /** A question from a server; `deliver` writes to the stream of the call it belongs to. */
  ask(question: Question, deliver: (message: Buffer) => boolean): Promise<McpOutcome> {
    return this.asks.ask(question, deliver);
  }

  /** A client's notification. */
  notified(message: Message): void {
    switch (message.method) {
      case 'notifications/initialized':
        return;
      case 'notifications/cancelled':
        return this.#cancelled(message);
      case 'notifications/progress':
        return this.asks.progressed(message);
      default:
        return this.#forward(message);
    }
  }

  async setLevel(level: string | undefined): Promise<void> {
    const at = level === undefined ? -1 : LEVELS.indexOf(level);
    if (level === undefined || at < 0)
      throw new GatewayError('INVALID_PARAMS', `unknown log level; one of ${LEVELS.join(', ')}`);
    this.#level = at;
    this.#asked = level;
    this.#envelope = undefined;
    await this.links.setLevel(level);
  }

  /** A notification from an upstream that belongs to no call in flight. */
  fromUpstream(target: Target, message: Message): void {
    const list = changedList(message.method);
    if (list) return this.#linkChanged(target, list);
    const member = this.view.member(target.name);
    if (member?.target !== target) return;
    if (message.method === 'notifications/message') return this.#logged(target, message);
    if (message.method === 'notifications/resources/updated') {
      const uri = message.text.text(SLOT.uri);
      if (uri === undefined || !mayHear(this, { member, kind: 'resource', name: uri }, this.#subscribed))
        return;
      if (!member.mapsUris) return void this.#deliver(untagged(message), 'keep');
      this.#deliver(untagged(message, [[SLOT.uri, quote(exposeUri(uri, target.name))]]), 'keep');
      return;
    }
    this.#deliver(untagged(message), 'keep');
  }

  /** What it hears of is judged by this request whenever the rules change. */
  subscribes(request: GuardedRequest): void {
    this.#subscribed = request && remembered(request);
  }

  /** A shared target's notification; only what this client asked for reaches it. */
  fromShared(target: Target, message: Message): void {
    if (message.method === 'notifications/tasks/status') {
      const id = message.text.text(SLOT.taskId);
      if (id === undefined || !target.tasks.mayUse(id, this.shown.owner)) return;
    }
    if (message.method === 'notifications/resources/updated') {
      const uri = message.text.text(SLOT.uri);
      if (uri === undefined || !this.links.isSubscribed(target, uri)) return;
    }
    this.fromUpstream(target, message);
  }

  /** Tells the client, once for changes that come together. */
  listChanged(kind: ListKind): void {
    this.#changed.add(kind === 'templates' ? 'resources' : kind);
    this.#changeTimer ??= this.options.ports.clock.after(LIST_CHANGED_DEBOUNCE_MS, () => {
      this.#changeTimer = undefined;
      if (this.#outlet) this.#announce();
    });
  }

  /** The configuration has changed: links to targets that are gone end, and the client hears of it. */
  rebase(view: View): void {
    const before = this.view;
    const kept = new Set(view.members.map((member) => member.target));
    for (const { target } of before.members) {
      if (kept.has(target)) continue;
      void this.links.release(target, removed(target.name));
      // Another server may have taken its name.
      this.privateLists.forget(target);
    }
    // A link that carries what its server may no longer see ends, another one opens without.
    if (!view.tellsSame(before)) {
      for (const target of this.shown.seenBy(before))
        if (kept.has(target)) void this.links.release(target, withdrawn(target.name));
      this.shown = this.shown.withdraw();
    }
    this.view = view;
    this.#dropForbidden();
    // An edit of a policy or a deadline is nothing to a client: fetching every list again would be for nothing.
    if (view.showsSame(before)) return;
    for (const kind of ['tools', 'prompts', 'resources'] as const) this.listChanged(kind);
  }

  async close(): Promise<void> {
    const gone = new GatewayError('SESSION_UNKNOWN', 'the session has ended');
    this.#changeTimer?.cancel();
    for (const cancel of this.calls.values()) cancel.cancel(gone);
    this.asks.failAll(gone);
    await this.scope.close();
  }

  privateList(target: Target, kind: ListKind): Catalogue | undefined {
    return this.privateLists.get(target, kind);
  }

  keepPrivate(target: Target, kind: ListKind, catalogue: Catalogue): void {
    // A list that was under way when its target was removed must not become that of another with the same name.
    if (this.view.member(target.name)?.target === target) this.privateLists.keep(target, kind, catalogue);
  }

  #refusal(id: string): GatewayError | undefined {
    const { size } = this.calls;
    if (size >= LIMITS.callsInFlight.value)
      return new GatewayError('OVERLOADED', `the session has ${size} calls in flight already`);
    if (this.calls.has(id))
      return new GatewayError('INVALID_REQUEST', `id ${id} is in use by another request`);
    return undefined;
  }

  /** Subscriptions to what this client may no longer read end. */
  #dropForbidden(): void {
    for (const member of this.view.members) {
      const { target } = member;
      for (const uri of this.links.subscriptionsTo(target))
        if (!mayHear(this, { member, kind: 'resource', name: uri }, this.#subscribed))
          void this.links.endSubscription(target, uri);
    }
  }

  #linkChanged(target: Target, list: 'tools' | 'prompts' | 'resources'): void {
    this.privateLists.drop(target, list);
    const mine = this.links.opened().find((each) => each.target === target);
    if (mine) mine.open.link.divergent = true;
    target.listChanged(list);
    this.listChanged(list);
  }

  #logged(target: Target, message: Message): void {
    const level = message.text.text(SLOT.level);
    // A shared link has the level of its most curious client; the others are spared here.
    if (target.connector.lifecycle === 'shared' && level !== undefined && LEVELS.indexOf(level) < this.#level)
      return;
    this.#deliver(wholeMessage(message), 'log');
  }

  #announce(): void {
    const kinds = [...this.#changed];
    this.#changed.clear();
    for (const kind of kinds)
      this.#deliver(notificationMessage(`notifications/${kind}/list_changed`), 'keep');
  }

  #deliver(message: Buffer, importance: Importance): boolean {
    return this.#outlet?.deliver(message, importance) ?? false;
  }

  #cancelled(message: Message): void {
    if (!message.text.has(SLOT.requestId)) return;
    const id = message.text.raw(SLOT.requestId).toString('utf8');
    this.calls.get(id)?.cancel(new GatewayError('CANCELLED', 'cancelled by the client'));
  }

  /**
   * What concerns every server (roots changed) goes to all open links, but modern servers ask for roots when they need
   * them; anything else only where nothing is merged. A `tools/call` without an id is no notification: a server that
   * looks at the method alone would carry out what no rule and no limit has seen.
   */
  #forward(message: Message): void {
    if (!message.method.startsWith('notifications/')) return;
    const roots = message.method === 'notifications/roots/list_changed';
    if (!roots && !this.view.single) return;
    for (const { open } of this.links.opened())
      if (!roots || open.link.era === 'legacy') open.link.notify(wholeMessage(message));
  }
}

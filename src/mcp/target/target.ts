/**
 * One upstream server: keeps a probe connected to it (restarted with back-off), knows from it whether the server is
 * up and what it offers, and opens links for sessions. A target that cannot connect is a state, never a failed build.
 */
import { asGatewayError, GatewayError } from '../../core/errors.ts';
import type { Ports, Timer } from '../../core/ports.ts';
import type { Closable, Scope } from '../../core/scope.ts';
import { Backoff } from '../../lib/backoff.ts';
import { Cancel } from '../../lib/cancel.ts';
import { LIST_KINDS, type ListKind } from '../catalogue.ts';
import type { Connector } from '../definition.ts';
import { LEVELS } from '../levels.ts';
import type { Link, LinkEvents } from '../link/link.ts';
import type { LinkWithInfo, ServerInfo } from '../link/opened.ts';
import { sendLevel, sendUnsubscribe } from '../link/own-calls.ts';
import type { Message } from '../message.ts';
import type { Era } from '../revisions.ts';
import { Announcements } from './announcements.ts';
import { Catalogues, changedList, PROBE_READER } from './catalogues.ts';
import { Eras, type SessionOpening } from './eras.ts';
import { named, removed } from './failures.ts';
import { restored, SharedInterest } from './shared-interest.ts';
import type { TargetState } from './state.ts';
import { TaskOwners } from './task-owners.ts';

export interface TargetOptions {
  readonly name: string;
  readonly connector: Connector;
  readonly ports: Ports;
  readonly connectMs: number;
  readonly version: string;
  /** How often the lists are compared with the upstream's. */
  readonly reconcileMs: number;
  /** What the connector holds; closed after it. */
  readonly scope: Scope;
}

export interface TargetWatcher {
  /** A list has changed (a modern server says so, or it is seen), or the target came up or went down. */
  changed(target: Target, kind: ListKind): void;
  /** It is connected, for the first time or again. */
  up(target: Target): void;
  /** A notification of the shared link that belongs to no call. */
  notification(target: Target, message: Message): void;
}

/** A restarting server keeps its catalogue this long, so that a blink does not empty everyone's lists. */
const BLINK_MS = 30_000;
const RETRY_AT_MOST_EVERY_MS = 1000;
const RESTART = { firstMs: 500, maxMs: 60_000, factor: 2 };
const EMPTY_RECHECK = { firstMs: 1000, maxMs: 60_000, factor: 2 };

export class Target implements Closable {
  readonly name: string;
  readonly connector: Connector;
  readonly catalogues: Catalogues;
  /** What sessions want of the link they share. */
  readonly interest = new SharedInterest(LEVELS, () => this.#announcements?.update());
  readonly tasks: TaskOwners;
  /** It has asked a client outside of its calls, so nothing says which call a question belongs to. */
  asksOutside = false;
  readonly #options: TargetOptions;
  readonly #eras: Eras;
  readonly #backoff: Backoff;
  readonly #recheck: Backoff;
  readonly #watchers = new Set<TargetWatcher>();
  #state: TargetState = { kind: 'starting' };
  #probe: LinkWithInfo | undefined;
  #announcements: Announcements | undefined;
  #info: ServerInfo | undefined;
  #attempt: Promise<void> | undefined;
  #triedAt = Number.NEGATIVE_INFINITY;
  #timer: Timer | undefined;
  readonly #ended = new Cancel();
  #reportedDown = '';
  /** Clients have been told of what this target offers. */
  #shown = false;
  #startedYet = false;
  #release!: () => void;
  readonly #started = new Promise<void>((resolve) => {
    this.#release = resolve;
  });

  constructor(options: TargetOptions) {
    const { clock, log, random } = options.ports;
    this.name = options.name;
    this.connector = options.connector;
    this.tasks = new TaskOwners({ complete: options.connector.lifecycle === 'shared' });
    this.#options = options;
    const fraction = (): number => random(4).readUInt32LE() / 2 ** 32;
    this.#backoff = new Backoff({ ...RESTART, random: fraction });
    this.#recheck = new Backoff({ ...EMPTY_RECHECK, random: fraction });
    this.#eras = new Eras({ ...options, ended: this.#ended, suspect: () => this.suspect() });
    this.catalogues = new Catalogues({
      clock,
      log: log.child({ target: options.name }),
      maxAgeMs: 60_000,
      deadlineMs: options.connectMs,
      changed: (kind) => this.#changed(kind),
    });
  }

  get state(): TargetState {
    return this.#state;
  }

  /** What the server said of itself, as long as that may be relied on. */
  get info(): ServerInfo | undefined {
    if (this.#state.kind !== 'down') return this.#info;
    return this.#options.ports.clock.monotonic() - this.#state.since < BLINK_MS ? this.#info : undefined;
  }

  /** In which the target's own connection speaks to the server. */
  get era(): Era {
    return this.#info?.era ?? 'legacy';
  }

  /** The era a client of `era` meets, as far as that is known. */
  eraFor(era: Era): Era {
    return this.#eras.speaks(era) ? era : this.era;
  }

  /** The probe, for targets whose one connection serves everyone. */
  get shared(): LinkWithInfo | undefined {
    return this.connector.lifecycle === 'shared' ? this.#probe : undefined;
  }

  /** A session of a shared target wants to see log messages from this level on. */
  wantLevel(level: string, who: object): void {
    const before = this.interest.level;
    this.interest.setLevel(level, who);
    const { level: now } = this.interest;
    if (this.#probe && now !== undefined && now !== before) this.#quietly(sendLevel(this.#probe, now));
  }

  /** A session of a shared target has ended. */
  abandon(who: object): void {
    for (const uri of this.interest.leave(who))
      if (this.#probe) this.#quietly(sendUnsubscribe(this.#probe, uri));
  }

  /** A new connection knows nothing of what the sessions wanted of the one before. */
  #restore(probe: LinkWithInfo): void {
    for (const said of restored(this.interest, probe)) this.#quietly(said);
  }

  #quietly(work: Promise<unknown>, failed = 'a setting did not reach the upstream'): void {
    work.catch((error: unknown) => this.#options.ports.log.debug({ err: error, target: this.name }, failed));
  }

  watch(watcher: TargetWatcher): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Begins to connect, when whatever this target replaces has stopped. Until then everyone who needs it waits. */
  start(): void {
    if (this.#startedYet) return;
    this.#startedYet = true;
    this.#release();
    void this.#try();
  }

  /** Resolves when the target is up; rejects with why it is not. Tries again at once, but not more often than once a second. */
  async ensure(): Promise<ServerInfo> {
    if (this.info && this.#state.kind === 'up') return this.info;
    await this.#started;
    if (this.#attempt || this.#options.ports.clock.monotonic() - this.#triedAt >= RETRY_AT_MOST_EVERY_MS)
      await this.#try();
    const known = this.info;
    if (known) return known;
    throw this.#down();
  }

  /** What kept it down is over (somebody has logged in): it is tried now. */
  async retry(): Promise<void> {
    await this.#attempt;
    if (this.#state.kind === 'down' && !this.#ended.cancelled) await this.#try();
  }

  /** What the server says of itself in this era, or in the one it speaks. Rejects when the target is down. */
  async infoAs(era: Era): Promise<ServerInfo> {
    return this.#eras.infoAs(era, await this.ensure());
  }

  /** A link for one client, introduced as that client; in `era` where the server speaks that, else in the other one. */
  async openSession({ era, ...client }: SessionOpening): Promise<LinkWithInfo> {
    await this.#started;
    if (this.#ended.reason) throw this.#ended.reason;
    const opening = { ...client, purpose: 'session', maxQuestions: 64 } as const;
    return this.#eras.session(opening, era).catch((error: unknown) => {
      throw named(this.name, error);
    });
  }

  /** The probe, connected; for catalogues every reader without capabilities of its own shares. */
  async probe(): Promise<LinkWithInfo> {
    await this.ensure();
    if (!this.#probe) throw this.#down();
    return this.#probe;
  }

  /** A call could not reach the upstream: look now rather than at the next round. */
  suspect(): void {
    if (this.#state.kind === 'up') this.#schedule(0);
  }

  /** The upstream said that a list has changed. `tell`: clients hear of it even where the probe sees the same list. */
  listChanged(kind: ListKind, tell = false): void {
    for (const each of kind === 'resources' ? (['resources', 'templates'] as const) : [kind]) {
      this.catalogues.expire(each);
      const read = this.catalogues.refresh(each, PROBE_READER, () => this.probe());
      const told = tell ? read.finally(() => this.#changed(each)) : read;
      this.#quietly(told, `the list of ${each} was not read anew`);
    }
  }

  async close(): Promise<void> {
    const error = removed(this.name);
    this.#ended.cancel(error);
    this.#release();
    this.#timer?.cancel();
    const probe = this.#dropProbe();
    this.#state = { kind: 'down', error, since: this.#options.ports.clock.monotonic() };
    this.#watchers.clear();
    // Together: an attempt may be waiting for lists that come over the probe, and each child takes its time to end.
    await Promise.allSettled([probe?.link.close(error), this.#attempt, this.connector.close()]);
    await this.#options.scope.close();
  }

  /** Connects anew and reads the lists; fetching them is part of being up. */
  #try(): Promise<void> {
    this.#attempt ??= this.#connect().finally(() => {
      this.#attempt = undefined;
      this.#triedAt = this.#options.ports.clock.monotonic();
    });
    return this.#attempt;
  }

  async #connect(): Promise<void> {
    if (this.#ended.cancelled) return;
    this.#timer?.cancel();
    let probe: LinkWithInfo | undefined;
    try {
      probe = await this.#open();
      if (this.#ended.cancelled) return void (await probe.link.close());
      this.#probe = probe;
      this.#info = probe.info;
      await this.#listen(probe);
      await this.#readLists(probe);
      if (this.#probe !== probe) return;
      this.#restore(probe);
      this.#isUp();
    } catch (error) {
      if (!probe || this.#probe === probe) await this.#isDown(error);
    }
  }

  /** Whoever awaits it looks again whether the probe is still this one: its loss is dealt with where it is noticed. */
  async #readLists(probe: LinkWithInfo): Promise<void> {
    await Promise.all(
      LIST_KINDS.map((kind) => this.catalogues.refresh(kind, PROBE_READER, () => Promise.resolve(probe))),
    );
  }

  #open(): Promise<LinkWithInfo> {
    const link: { current: Link | undefined } = { current: undefined };
    const events: LinkEvents = {
      notification: (message) => this.#notified(message),
      ask: () => Promise.reject(new GatewayError('METHOD_NOT_FOUND', 'this connection has no client to ask')),
      closed: (error) => {
        if (this.#probe && this.#probe.link === link.current) void this.#isDown(error);
      },
    };
    return this.#eras.probe(events).then((probe) => {
      link.current = probe.link;
      return probe;
    });
  }

  /** From before the lists are read, so that no change falls between. */
  async #listen(probe: LinkWithInfo): Promise<void> {
    if (probe.link.era === 'legacy') return;
    const { ports } = this.#options;
    this.#announcements = new Announcements({
      probe,
      ports,
      uris: () => this.interest.uris,
      missed: (kind) => this.listChanged(kind),
    });
    await this.#announcements.begun();
  }

  #dropProbe(): LinkWithInfo | undefined {
    const probe = this.#probe;
    this.#probe = undefined;
    this.#announcements?.close();
    this.#announcements = undefined;
    return probe;
  }

  #isUp(): void {
    const wasUp = this.#state.kind === 'up';
    this.#state = { kind: 'up' };
    this.#backoff.reset();
    this.#reportedDown = '';
    if (!wasUp) {
      const { address } = this.connector;
      const fields = { target: this.name, address, revision: this.#info?.version, offers: this.offers() };
      this.#options.ports.log.info(fields, 'target is up');
      // A blink nobody has seen is not worth fetching every list again; what changed meanwhile is told by itself.
      if (!this.#shown) for (const kind of LIST_KINDS) this.#changed(kind);
      this.#shown = true;
      for (const watcher of this.#watchers) watcher.up(this);
      this.connector.warm?.();
    }
    this.#schedule(this.#isEmpty() ? this.#recheck.next() : this.#options.reconcileMs);
  }

  async #isDown(cause: unknown): Promise<void> {
    const error = named(this.name, cause);
    const probe = this.#dropProbe();
    if (this.#ended.cancelled) return;
    const since = this.#state.kind === 'down' ? this.#state.since : this.#options.ports.clock.monotonic();
    this.#state = { kind: 'down', error, since };
    const wait = this.#backoff.next();
    const { log } = this.#options.ports;
    const fields = { target: this.name, reason: error.message, retryInMs: Math.round(wait) };
    // The same failure again and again is said once. With one that wants logins of people nothing is wrong.
    if (this.#reportedDown === error.message) log.debug(fields, 'target is still down');
    else if (error.code === 'LOGIN_NEEDED') log.info(fields, 'target waits for logins');
    else log.warn(fields, 'target is down');
    this.#reportedDown = error.message;
    this.#schedule(wait);
    // Said once, when the catalogue is no longer shown: a notification per retry would make every client list again.
    if (this.#shown && !this.info) {
      this.#shown = false;
      for (const kind of LIST_KINDS) this.#changed(kind);
    }
    await probe?.link.close();
  }

  /** The next look: a comparison of the lists when up, a new connection when down. */
  #schedule(ms: number): void {
    this.#timer?.cancel();
    if (this.#ended.cancelled) return;
    this.#timer = this.#options.ports.clock.after(
      ms,
      () => void (this.#state.kind === 'up' ? this.#reconcile() : this.#try()),
    );
  }

  async #reconcile(): Promise<void> {
    const probe = this.#probe;
    if (!probe) return void this.#try();
    try {
      await this.#readLists(probe);
      if (this.#probe !== probe) return;
      this.#eras.listed(probe);
      if (!this.#isEmpty()) this.#recheck.reset();
      this.#isUp();
    } catch (error) {
      if (this.#probe !== probe) return;
      this.#dropProbe();
      await probe.link.close();
      const gone = asGatewayError(error);
      if (gone.code === 'UPSTREAM_SESSION_LOST') await this.#try();
      else await this.#isDown(gone);
    }
  }

  #isEmpty(): boolean {
    return Object.values(this.offers()).every((count) => count === 0);
  }

  offers(): Record<ListKind, number> {
    const count = (kind: ListKind): number => this.catalogues.known(kind, PROBE_READER)?.items.length ?? 0;
    return Object.fromEntries(LIST_KINDS.map((kind) => [kind, count(kind)])) as Record<ListKind, number>;
  }

  #notified(message: Message): void {
    const kind = changedList(message.method);
    // A legacy server tells each session; a modern one tells this connection, whatever each client is shown.
    if (kind) return this.listChanged(kind, this.era === 'modern');
    // Where every session has a connection of its own, what the probe is told concerns nobody.
    if (this.connector.lifecycle !== 'shared') return;
    for (const watcher of this.#watchers) watcher.notification(this, message);
  }

  #changed(kind: ListKind): void {
    if (kind !== 'templates') for (const watcher of this.#watchers) watcher.changed(this, kind);
    else for (const watcher of this.#watchers) watcher.changed(this, 'resources');
  }

  #down(): Error {
    if (this.#state.kind === 'down') return this.#state.error;
    return new GatewayError('TARGET_DOWN', `target "${this.name}" is not connected`);
  }
}

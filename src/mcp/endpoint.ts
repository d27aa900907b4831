/**
 * One MCP backend over its whole life: outlives generations, holds the view in force, and the clients: sessions that it
 * begins, resumes and ends, and visitors. Fronts ask it for them; it knows no transport.
 */

import { asGatewayError, GatewayError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { Ports } from '../core/ports.ts';
import type { Closable } from '../core/scope.ts';
import { isObject, parseObject } from '../lib/json-value.ts';
import type { Envelope } from './bridge/envelope.ts';
import { ParkedCalls } from './bridge/parked-calls.ts';
import { type OpenedState, RequestStates } from './bridge/request-state.ts';
import { withoutTasks } from './bridge/tasks.ts';
import type { McpOutcome } from './call.ts';
import { neededLogin } from './calls/login.ts';
import { infoBeforeLogin } from './calls/login-tool.ts';
import { type ClientContext, ownLogin, type Shown, shownBy } from './calls/shown.ts';
import type { ListKind } from './catalogue.ts';
import type { ClientIdentity, ServerInfo } from './link/opened.ts';
import { type MergeInput, mergeDiscover, mergeInfo } from './merge-info.ts';
import { type Message, SLOT } from './message.ts';
import {
  type Era,
  isLegacyRevision,
  isModern,
  LATEST_LEGACY,
  MODERN_REVISION,
  olderRevision,
} from './revisions.ts';
import { Session } from './sessions/session.ts';
import type { Lookup, SessionTable } from './sessions/session-table.ts';
import { fingerprint, type Locator } from './sessions/token.ts';
import { joinedFailure } from './target/failures.ts';
import type { Target, TargetWatcher } from './target/target.ts';
import { type Member, View } from './view/view.ts';
import { Visitor } from './visitors/visitor.ts';
import { VisitorTable } from './visitors/visitor-table.ts';

export interface EndpointOptions {
  readonly key: string;
  readonly ports: Ports;
  readonly sessions: SessionTable;
  readonly version: string;
}

/**
 * Whose it is what is kept between requests: a known client's, or of whoever brings the same credentials, even where
 * they are for nobody here. Empty: anybody's.
 */
export function ownerOf({ principal, headers }: ClientContext): string {
  const [, authorization] = headers;
  if (principal !== '') return principal;
  return authorization === undefined ? '' : `credentials:${authorization}`;
}

export interface Begun {
  readonly session: Session;
  /** The result of initialize. */
  readonly outcome: McpOutcome;
}

export class Endpoint implements Closable, TargetWatcher {
  readonly options: EndpointOptions;
  /** Calls of modern clients that wait for them to answer a question. */
  readonly parked: ParkedCalls;
  readonly #visitors: VisitorTable;
  #view: View;
  #unwatch: (() => void)[] = [];

  constructor(options: EndpointOptions) {
    const { ports, sessions } = options;
    this.options = options;
    this.#visitors = new VisitorTable({ ports });
    const owner = ports.random(6).toString('base64url');
    this.parked = new ParkedCalls({ clock: ports.clock, log: ports.log, seal: () => sessions.seal, owner });
    this.#view = new View({
      members: [],
      prefixMode: 'conditional',
      failureMode: 'failClosed',
      nameLimit: 64,
    });
  }

  get view(): View {
    return this.#view;
  }

  get sessions(): SessionTable {
    return this.options.sessions;
  }

  /** A new view is in force: every session is rebased on it. */
  rebase(view: View): void {
    for (const unwatch of this.#unwatch) unwatch();
    this.#view = view;
    this.#unwatch = view.members.map(({ target }) => target.watch(this));
    for (const client of this.#clients()) client.rebase(view);
  }

  changed(_target: Target, kind: ListKind): void {
    for (const client of this.#clients()) client.listChanged(kind);
  }

  up(target: Target): void {
    for (const client of this.#clients()) client.links.cameUp(target);
  }

  notification(target: Target, message: Message): void {
    for (const client of this.#clients()) client.fromShared(target, message);
  }

  find(token: string, principal: string): Promise<Lookup> {
    return this.sessions.find(token, this.options.key, principal);
  }

  here(token: string, principal: string): Session | undefined {
    return this.sessions.here(token, this.options.key, principal);
  }

  /** The client behind a request of its own: known from earlier ones by what it says of itself and what it proves. */
  visit(envelope: Envelope, client: ClientContext, revision = MODERN_REVISION): Visitor {
    const shown = this.#view.maps ? shownBy(this.#view, client) : undefined;
    const { capabilities, info } = envelope;
    const key = [
      ownerOf(client),
      revision,
      // What policies make of its requests may change while a known client stays who it is.
      shown && client.principal === '' ? shown.key : ownLogin(this.#view, client),
      capabilities.toString('latin1'),
      info?.toString('latin1') ?? '',
    ].join('\0');
    const visitor = this.#visitors.get(key, () => this.#visitor(envelope, client, revision));
    if (visitor.shown.withdrawn) visitor.renew(shown ?? shownBy(this.#view, client));
    else if (shown && visitor.shown.key !== shown.key) visitor.renew(shown);
    return visitor;
  }

  /** What a client sends back as `requestState`. Throws STATE_INVALID. */
  openState(state: string, owner: string): OpenedState {
    return new RequestStates(this.sessions.seal).open(state, owner);
  }

  /** Answers initialize and begins a session; nothing is opened upstream until a call needs it. */
  async begin(message: Message, client: ClientContext): Promise<Begun> {
    this.sessions.check();
    const { agreed, body } = await this.greet(message, client);
    return {
      session: this.#session(agreed, client, this.sessions.newId()),
      outcome: { kind: 'result', body },
    };
  }

  /** What initialize is answered, and who the client then is; nothing begins. */
  async greet(message: Message, client: ClientContext): Promise<{ agreed: ClientIdentity; body: Buffer }> {
    const identity = readIdentity(message);
    const infos = await this.#serverInfos(shownBy(this.#view, client), 'legacy');
    const version = infos.reduce((oldest, { info }) => olderRevision(oldest, info.version), identity.version);
    return { agreed: { ...identity, version }, body: mergeInfo(this.#merging(infos), version) };
  }

  /** Whether a request shows what its session goes on with; where nothing travels on, any will do. */
  knows(session: Session, client: ClientContext): boolean {
    if (session.shown.withdrawn) return false;
    if (this.#view.maps) return session.shown.key === shownBy(this.#view, client).key;
    return session.shown.own === ownLogin(this.#view, client);
  }

  /**
   * A session goes on with other credentials (a login, a renewed token) when the upstreams take them: whoever has found
   * a session id has not found its credentials. Rejects with the upstream's challenge.
   */
  async readmit(session: Session, client: ClientContext): Promise<void> {
    const shown = shownBy(this.#view, client);
    for (const { target } of this.#view.members) {
      if (shown.denies(target)) continue;
      const headers = shown.headersFor(target);
      const before = session.shown.denies(target) ? undefined : session.shown.headersFor(target);
      if (sameList(before, headers)) continue;
      const proven = client.principal !== '' && shown.own === session.shown.own;
      if (proven || (target !== this.#view.single?.target && !session.links.has(target)))
        session.links.present(target, headers);
      else await this.#presented(session, target, headers);
    }
    session.renew(shown);
  }

  async #presented(session: Session, target: Target, headers: readonly string[]): Promise<void> {
    try {
      await session.links.show(target, headers);
    } catch (cause) {
      const error = asGatewayError(cause);
      if (error.code !== 'UPSTREAM_SESSION_LOST') throw error;
      throw new GatewayError('SESSION_UNKNOWN', 'Session not found', { cause });
    }
  }

  /** A session of another process goes on here, when every target can be connected anew. Undefined: it cannot. */
  resume(token: string, locator: Locator, client: ClientContext): Session | undefined {
    // Two requests of one client may come together: the second one finds what the first one has begun.
    const begun = this.here(token, client.principal);
    if (begun) return begun;
    if (!this.#view.members.every(({ target }) => target.connector.resumable)) return undefined;
    const identity: ClientIdentity = {
      version: locator.version,
      capabilities: Buffer.from(locator.capabilities),
      info: Buffer.from(locator.info),
    };
    const session = this.#session(identity, client, locator.sid);
    this.sessions.adopt(token, session);
    return session;
  }

  drain(): void {
    for (const session of this.#mine())
      session.draining.cancel(new GatewayError('SHUTTING_DOWN', 'the gateway is shutting down'));
    for (const visitor of this.#visitors.values()) visitor.drain();
  }

  async close(): Promise<void> {
    for (const unwatch of this.#unwatch) unwatch();
    this.parked.close();
    this.sessions.endAll(this.options.key);
    await this.#visitors.close();
  }

  *#mine(): Iterable<Session> {
    for (const session of this.sessions.values())
      if (session.options.backend === this.options.key) yield session;
  }

  *#clients(): Iterable<Session | Visitor> {
    yield* this.#mine();
    yield* this.#visitors.values();
  }

  #merging(infos: MergeInput['infos']): MergeInput {
    return { single: this.#view.single !== undefined, infos, gatewayVersion: this.options.version };
  }

  #visitor(said: Envelope, client: ClientContext, revision: string): Visitor {
    const envelope = {
      version: MODERN_REVISION,
      capabilities: alone(said.capabilities),
      info: said.info && alone(said.info),
      logLevel: undefined,
    };
    const capabilities = parseObject(envelope.capabilities) ?? {};
    const modern = isModern(revision);
    return new Visitor({
      era: modern ? 'modern' : 'legacy',
      version: revision,
      principal: ownerOf(client),
      identity: {
        version: modern ? LATEST_LEGACY : revision,
        capabilities: withoutTasks(envelope.capabilities, 'legacy'),
        info: envelope.info ?? UNKNOWN_CLIENT,
      },
      envelope,
      askable: Object.keys(capabilities).length > 0,
      capabilityKey: capabilityKey(capabilities),
      shown: shownBy(this.#view, client),
      view: this.#view,
      ports: this.options.ports,
      makeRoom: () => this.#visitors.freeServer(),
      seal: () => this.sessions.seal,
      ended: (visitor) => this.parked.endOf(visitor, VISIT_OVER),
      discover: async (shown) => mergeDiscover(this.#merging(await this.#serverInfos(shown, 'modern'))),
    });
  }

  #session(identity: ClientIdentity, client: ClientContext, id: string): Session {
    const capabilities = parseObject(identity.capabilities) ?? {};
    return new Session({
      id,
      backend: this.options.key,
      principal: client.principal,
      identity,
      capabilities: new Set(Object.keys(capabilities)),
      capabilityKey: capabilityKey(capabilities),
      shown: shownBy(this.#view, client),
      view: this.#view,
      ports: this.options.ports,
      makeRoom: () => this.#visitors.freeServer(),
    });
  }

  /** What the targets said of themselves; a target that is not up is waited for, and tried again, within its deadline. */
  async #serverInfos(shown: Shown, era: Era): Promise<{ name: string; info: ServerInfo }[]> {
    const { members, failOpen } = this.#view;
    const asking = { shown, era, version: this.options.version };
    const read = await Promise.all(members.map((member) => infoOf(member, asking)));
    const infos: { name: string; info: ServerInfo }[] = [];
    const failed: GatewayError[] = [];
    read.forEach((each, index) => {
      if (each instanceof GatewayError) failed.push(each);
      else infos.push({ name: members[index]?.name ?? '', info: each });
    });
    const [first] = failed;
    if (first && (!failOpen || infos.length === 0)) {
      throw this.#view.told(joinedFailure(failed, !failOpen && members.length > 1));
    }
    return infos;
  }
}

/**
 * A server that wants credentials of the client is down for the probe, which has none: the client's are tried, so that
 * a login at the upstream works through the gateway.
 */
async function infoOf(
  { target, outgoing }: Member,
  { shown, era, version }: { shown: Shown; era: Era; version: string },
): Promise<ServerInfo | GatewayError> {
  try {
    return await target.infoAs(era);
  } catch (cause) {
    if (neededLogin(cause)) return infoBeforeLogin(version);
    const error = asGatewayError(cause);
    const wanted = error.code === 'UPSTREAM_CHALLENGE' || outgoing.credentials?.personal === true;
    if (!wanted || !shown.speaksTo(target)) return error;
    const events = { notification() {}, ask: () => Promise.reject(error), closed() {} };
    const identity = { version: LATEST_LEGACY, capabilities: Buffer.from('{}'), info: ownInfo(version) };
    try {
      const opening = { identity, events, headers: shown.headersFor(target), owner: shown.owner, era };
      const { link, info } = await target.openSession(opening);
      void link.close();
      return info;
    } catch (refused) {
      return neededLogin(refused) ? infoBeforeLogin(version) : asGatewayError(refused);
    }
  }
}

function ownInfo(version: string): Buffer {
  return Buffer.from(JSON.stringify({ name: 'agentgateway', version }));
}

const VISIT_OVER = new GatewayError('CANCELLED', 'the client has been forgotten');

const UNKNOWN_CLIENT = Buffer.from('{"name":"unknown","version":"0"}');

function readIdentity(message: Message): ClientIdentity {
  const { text } = message;
  const asked = text.text(SLOT.protocolVersion);
  if (asked === undefined)
    throw new GatewayError('INVALID_PARAMS', 'initialize needs "params.protocolVersion"');
  const capabilities = text.has(SLOT.capabilities) ? text.raw(SLOT.capabilities) : Buffer.from('{}');
  const most = LIMITS.clientIdentity.value;
  if (capabilities.length > most || (text.has(SLOT.clientInfo) && text.raw(SLOT.clientInfo).length > most)) {
    throw new GatewayError('INVALID_PARAMS', `"capabilities" and "clientInfo" may have ${most} bytes each`);
  }
  if (!isObject(parseObject(capabilities)))
    throw new GatewayError('INVALID_PARAMS', '"params.capabilities" must be an object');
  const info = text.has(SLOT.clientInfo) ? text.raw(SLOT.clientInfo) : UNKNOWN_CLIENT;
  // A revision we do not know is answered with the newest we do; the client decides whether it can live with that.
  const version = isLegacyRevision(asked) ? asked : LATEST_LEGACY;
  // Copied: the spans point into a request body that must not live as long as the session.
  return { version, capabilities: alone(capabilities), info: alone(info) };
}

/** A copy with memory of its own: a slice of node's shared pool would keep 64 KiB alive for some bytes. */
function alone(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}

/** Clients without capabilities see what the probe sees. */
function capabilityKey(capabilities: Record<string, unknown>): string {
  const names = Object.keys(capabilities).sort();
  return names.length === 0
    ? ''
    : fingerprint(JSON.stringify(names.map((name) => [name, capabilities[name]])));
}

function sameList(one: readonly string[] | undefined, other: readonly string[]): boolean {
  return one?.length === other.length && one.every((each, at) => each === other[at]);
}

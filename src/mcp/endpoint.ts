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
import { PROBE_READER } from './target/catalogues.ts';
import { joinedFailure } from './target/failures.ts';
import type { Target, TargetWatcher } from './target/target.ts';
import { View } from './view/view.ts';
import { Visitor } from './visitors/visitor.ts';
import { VisitorTable } from './visitors/visitor-table.ts';

export interface EndpointOptions {
  readonly key: string;
  readonly ports: Ports;
  readonly sessions: SessionTable;
  readonly version: string;
}

/** Who the client is as far as the connection tells. */
export interface ClientContext {
  readonly principal: string;
  /** Headers that a single HTTP target may be shown (flat list): the client's own Authorization. */
  readonly headers: readonly string[];
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
    const own = this.#ownHeaders(client);
    const { capabilities, info } = envelope;
    const key = [
      ownerOf(client),
      revision,
      own.join('\n'),
      capabilities.toString('latin1'),
      info?.toString('latin1') ?? '',
    ].join('\0');
    return this.#visitors.get(key, () => this.#visitor(envelope, client, revision));
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
    const infos = await this.#serverInfos(client, 'legacy');
    const version = infos.reduce((oldest, { info }) => olderRevision(oldest, info.version), identity.version);
    return { agreed: { ...identity, version }, body: mergeInfo(this.#merging(infos), version) };
  }

  /** Whether a request brings the credentials that its session goes on with; where none travel on, any will do. */
  knows(session: Session, { headers }: ClientContext): boolean {
    if (!this.#view.single?.target.connector.takesHeaders) return true;
    return session.options.headers[1] === headers[1];
  }

  /**
   * A session goes on with other credentials (a login, a renewed token) when the upstream takes them: whoever has found
   * a session id has not found its credentials. Rejects with the upstream's challenge.
   */
  async readmit(session: Session, { headers }: ClientContext): Promise<void> {
    const target = this.#view.single?.target;
    if (!target) return;
    try {
      await session.links.show(target, headers);
    } catch (cause) {
      const error = asGatewayError(cause);
      if (error.code !== 'UPSTREAM_SESSION_LOST') throw error;
      throw new GatewayError('SESSION_UNKNOWN', 'Session not found', { cause });
    }
    const capabilities = parseObject(session.options.identity.capabilities) ?? {};
    session.renew({ headers, ...readerKeys(capabilities, headers) });
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

  /** Credentials of clients go to one server or to none. */
  #ownHeaders({ headers }: ClientContext): readonly string[] {
    return this.#view.single?.target.connector.takesHeaders ? headers : [];
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
    const headers = this.#ownHeaders(client);
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
      ...readerKeys(capabilities, headers),
      headers,
      view: this.#view,
      ports: this.options.ports,
      makeRoom: () => this.#visitors.freeServer(),
      seal: () => this.sessions.seal,
      ended: (visitor) => this.parked.endOf(visitor, VISIT_OVER),
      discover: async () =>
        mergeDiscover(this.#merging(await this.#serverInfos({ ...client, headers }, 'modern'))),
    });
  }

  #session(identity: ClientIdentity, client: ClientContext, id: string): Session {
    const capabilities = parseObject(identity.capabilities) ?? {};
    const own = this.#ownHeaders(client);
    return new Session({
      id,
      backend: this.options.key,
      principal: client.principal,
      identity,
      capabilities: new Set(Object.keys(capabilities)),
      ...readerKeys(capabilities, own),
      headers: own,
      view: this.#view,
      ports: this.options.ports,
      makeRoom: () => this.#visitors.freeServer(),
    });
  }

  /** What the targets said of themselves; a target that is not up is waited for, and tried again, within its deadline. */
  async #serverInfos(client: ClientContext, era: Era): Promise<{ name: string; info: ServerInfo }[]> {
    const { members, failOpen, single } = this.#view;
    const asking = { client: single ? client : undefined, era, version: this.options.version };
    const read = await Promise.all(members.map(({ target }) => infoOf(target, asking)));
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
 * A server that wants the client's own credentials is down for the probe, which has none: with a single target the
 * client's are tried, so that a login at the upstream works through the gateway.
 */
async function infoOf(
  target: Target,
  { client, era, version }: { client: ClientContext | undefined; era: Era; version: string },
): Promise<ServerInfo | GatewayError> {
  try {
    return await target.infoAs(era);
  } catch (cause) {
    const error = asGatewayError(cause);
    if (error.code !== 'UPSTREAM_CHALLENGE' || !client || client.headers.length === 0) return error;
    const events = { notification() {}, ask: () => Promise.reject(error), closed() {} };
    const identity = { version: LATEST_LEGACY, capabilities: Buffer.from('{}'), info: ownInfo(version) };
    try {
      const { link, info } = await target.openSession({ identity, events, headers: client.headers, era });
      void link.close();
      return info;
    } catch (refused) {
      return asGatewayError(refused);
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

/** Clients without capabilities and credentials of their own see what the probe sees. */
function readerKeys(
  capabilities: Record<string, unknown>,
  headers: readonly string[],
): { reader: string; credentials: string } {
  const names = Object.keys(capabilities).sort();
  const credentials = headers.length === 0 ? PROBE_READER : fingerprint(JSON.stringify(headers));
  if (names.length === 0) return { reader: credentials, credentials };
  const sorted = names.map((name) => [name, capabilities[name]]);
  return { reader: fingerprint(JSON.stringify([sorted, headers])), credentials };
}

/**
 * Every session of this process, found by its token; ended when idle, refused past the cap. Behind the asynchronous
 * SessionDirectory, so that other processes can come later.
 */
import { GatewayError } from '../../core/errors.ts';
import type { Ports, Timer } from '../../core/ports.ts';
import type { Closable } from '../../core/scope.ts';
import { Seal } from '../../lib/seal.ts';
import type { Session } from './session.ts';
import { fingerprint, type Locator, TokenSeal } from './token.ts';

export type Lookup =
  | { readonly kind: 'here'; readonly session: Session }
  /** A valid token of another process, or of this one before a restart. */
  | { readonly kind: 'elsewhere'; readonly locator: Locator }
  | { readonly kind: 'gone' };

export interface SessionDirectory {
  find(token: string, backend: string, principal: string): Promise<Lookup>;
}

export interface SessionSettings {
  /** Seals tokens; undefined: a random one, kept as long as there is no other. */
  readonly key: Buffer | undefined;
  readonly idleMs: number;
  readonly max: number;
}

export interface SessionTableOptions extends SessionSettings {
  readonly ports: Ports;
}

/** How long after it was issued a token still lets its session begin anew in another process. */
const RESUME_WITHIN_MS = 24 * 3_600_000;
const MAX_TOMBSTONES = 100_000;

export class SessionTable implements SessionDirectory, Closable {
  readonly #ports: Ports;
  #settings: SessionSettings;
  #seal: Seal;
  #tokens: TokenSeal;
  readonly #sessions = new Map<string, Session>();
  /** Deleted sids, until their tokens could no longer be resumed. */
  readonly #tombstones = new Map<string, number>();
  readonly #owner: string;
  #sweeper: Timer;
  readonly #forgetGauge: () => void;
  #closed = false;

  constructor(options: SessionTableOptions) {
    const { ports } = options;
    this.#ports = ports;
    this.#settings = options;
    this.#seal = new Seal(options.key ?? ports.random(32), ports.random);
    this.#tokens = new TokenSeal(this.#seal);
    this.#owner = ports.random(6).toString('base64url');
    this.#sweeper = this.#sweeping();
    this.#forgetGauge = ports.signals.gauge({
      name: 'mcp_sessions',
      help: 'Open MCP sessions.',
      read: () => [{ labels: {}, value: this.size }],
    });
  }

  /** Other settings are in force. A session that is here keeps its token, whatever key sealed it. */
  configure(settings: SessionSettings): void {
    const before = this.#settings;
    this.#settings = settings;
    const { key, idleMs } = settings;
    if (key && !before.key?.equals(key)) {
      this.#seal = new Seal(key, this.#ports.random);
      this.#tokens = new TokenSeal(this.#seal);
    }
    if (idleMs === before.idleMs || this.#closed) return;
    this.#sweeper.cancel();
    this.#sweeper = this.#sweeping();
  }

  /** Seals what clients bring back to this process, or to another one with the same key. */
  get seal(): Seal {
    return this.#seal;
  }

  get size(): number {
    return this.#sessions.size;
  }

  values(): Iterable<Session> {
    return this.#sessions.values();
  }

  /** Throws SESSION_LIMIT at the cap; `more` are about to begin. */
  check(more = 0): void {
    if (this.#closed) throw new GatewayError('SHUTTING_DOWN', 'the gateway is shutting down');
    if (this.#sessions.size + more < this.#settings.max) return;
    throw new GatewayError('SESSION_LIMIT', `the gateway holds ${this.#settings.max} sessions already`, {
      headers: ['retry-after', '10'],
    });
  }

  newId(): string {
    return this.#ports.random(16).toString('base64url');
  }

  /** Keeps a session and returns the token its client shall use. */
  add(session: Session): string {
    this.check();
    const { id, backend, principal, identity } = session.options;
    const token = this.#tokens.seal({
      sid: id,
      owner: this.#owner,
      backend: fingerprint(backend),
      subject: fingerprint(principal),
      issued: this.#ports.clock.now(),
      version: identity.version,
      capabilities: identity.capabilities.toString('utf8'),
      info: identity.info.toString('utf8'),
    });
    this.#sessions.set(token, session);
    return token;
  }

  /** A session begun elsewhere goes on here under the token its client already has. */
  adopt(token: string, session: Session): void {
    this.check();
    this.#sessions.set(token, session);
  }

  /** The session of a token known here; a principal or backend it was not issued for does not find it. */
  here(token: string, backend: string, principal: string): Session | undefined {
    const session = this.#sessions.get(token);
    if (!session || session.options.backend !== backend || session.options.principal !== principal)
      return undefined;
    return session;
  }

  /** Whether a token belongs to this backend, here or elsewhere: balancing asks before any authentication result counts. */
  belongs(token: string, backend: string): boolean {
    const session = this.#sessions.get(token);
    if (session) return session.options.backend === backend;
    return this.#tokens.open(token)?.backend === fingerprint(backend);
  }

  find(token: string, backend: string, principal: string): Promise<Lookup> {
    return Promise.resolve(this.#find(token, backend, principal));
  }

  /** The client is done: the id stays dead for as long as its token could have been resumed. */
  async delete(token: string): Promise<void> {
    const session = this.#sessions.get(token);
    if (!session) return;
    this.#sessions.delete(token);
    this.#bury(session.id);
    await session.close();
  }

  /** The backend is gone. No tombstones: were it configured again, the sessions may be resumed. */
  endAll(backend: string): void {
    for (const [token, session] of this.#sessions) {
      if (session.options.backend !== backend) continue;
      this.#sessions.delete(token);
      void session.close();
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#sweeper.cancel();
    this.#forgetGauge();
    const all = [...this.#sessions.values()];
    this.#sessions.clear();
    await Promise.allSettled(all.map((session) => session.close()));
  }

  #find(token: string, backend: string, principal: string): Lookup {
    const session = this.here(token, backend, principal);
    if (session) return { kind: 'here', session };
    if (this.#sessions.has(token)) return { kind: 'gone' };
    const locator = this.#tokens.open(token);
    if (!locator || locator.backend !== fingerprint(backend) || locator.subject !== fingerprint(principal))
      return { kind: 'gone' };
    const age = this.#ports.clock.now() - locator.issued;
    if (locator.capabilities === '' || age > RESUME_WITHIN_MS || this.#tombstones.has(locator.sid))
      return { kind: 'gone' };
    return { kind: 'elsewhere', locator };
  }

  #bury(sid: string): void {
    this.#tombstones.set(sid, this.#ports.clock.now() + RESUME_WITHIN_MS);
    if (this.#tombstones.size <= MAX_TOMBSTONES) return;
    const [oldest] = this.#tombstones.keys();
    if (oldest !== undefined) this.#tombstones.delete(oldest);
  }

  #sweeping(): Timer {
    const everyMs = Math.max(100, Math.min(this.#settings.idleMs / 4, 30_000));
    return this.#ports.clock.every(everyMs, () => this.#sweep());
  }

  #sweep(): void {
    const { clock, signals } = this.#ports;
    const idleSince = clock.monotonic() - this.#settings.idleMs;
    for (const [token, session] of this.#sessions) {
      if (session.busy > 0 || session.lastSeen > idleSince) continue;
      this.#sessions.delete(token);
      this.#bury(session.id);
      signals.count('mcp_sessions_expired_total');
      void session.close();
    }
    const now = clock.now();
    for (const [sid, until] of this.#tombstones) {
      if (until > now) break;
      this.#tombstones.delete(sid);
    }
  }
}

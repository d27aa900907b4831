/**
 * Logins that people have been offered and are not over. Each goes from its page (shown to whoever has the link) over a
 * confirmation, which ties it to that browser, to the callback, which only that browser can bring. Knows no OAuth and no HTML.
 */
import { createHash } from 'node:crypto';
import { GatewayError } from '../../../core/errors.ts';
import { LIMITS } from '../../../core/limits.ts';
import type { Login } from '../../../core/outgoing.ts';
import { PAGES_PATH } from '../../../core/pages.ts';
import type { Ports, Timer } from '../../../core/ports.ts';
import type { Closable } from '../../../core/scope.ts';
import { isLoopbackHost } from '../../../lib/address.ts';
import { Cancel } from '../../../lib/cancel.ts';

export const LOGIN_PAGE = 'oauth/login';
export const CALLBACK_PAGE = 'oauth/callback';
/** A client-id metadata document. */
export const CLIENT_PAGE = 'oauth/client.json';

/** What is logged in to, and for whom. */
export interface Undertaking {
  /** Whose login it will be, for people. */
  readonly person: string;
  /** The server, for people. */
  readonly server: string;
  /** Why, for people. */
  readonly message: string;
  /** Where they log in: host of the authorization server. */
  readonly authority: string;
  /** Where browsers reach the gateway; undefined: where the client does. No slash at its end. */
  readonly publicUrl: string | undefined;
  /** Default: CALLBACK_PAGE below where the browser reaches the gateway. */
  readonly redirectUri: string | undefined;
  begin(how: { redirectUri: string; state: string; cancel: Cancel }): Promise<Begun>;
}

export interface Begun {
  /** Of the authorization server. */
  readonly location: URL;
  /** With what came back. `again`: it would go through if it were begun anew. */
  finish(parameters: URLSearchParams, cancel: Cancel): Promise<'done' | 'again'>;
}

export interface Pending {
  readonly id: string;
  readonly undertaking: Undertaking;
  /** Whether its pages may be shown at this address of the gateway. */
  isAt(base: string): boolean;
}

/** What a browser that came back has brought about. */
export type Outcome =
  | { readonly kind: 'done'; readonly undertaking: Undertaking }
  | { readonly kind: 'again'; readonly location: URL }
  | { readonly kind: 'failed'; readonly undertaking: Undertaking; readonly error: GatewayError };

interface Open extends Pending {
  readonly key: string;
  readonly over: Cancel;
  readonly bases: Set<string>;
  attempt: Attempt | undefined;
  /** Once: a server that never is content must not keep the browser going round. */
  begunAgain: boolean;
  timer: Timer;
}

interface Attempt {
  readonly state: string;
  readonly begun: Begun;
  /** Hash of its cookie. */
  readonly browser: string;
  readonly redirectUri: string;
}

const SUCCESS = new Error('the login is over');
/** Names of the gateway under which one client may ask for one login. */
const MAX_BASES = 8;

export class LoginDesk implements Closable {
  readonly #ports: Pick<Ports, 'clock' | 'random' | 'log'>;
  readonly #byKey = new Map<string, Open>();
  readonly #byId = new Map<string, Open>();
  readonly #byState = new Map<string, Open>();

  constructor(ports: Pick<Ports, 'clock' | 'random' | 'log'>) {
    this.#ports = ports;
  }

  get size(): number {
    return this.#byId.size;
  }

  /** The login of `key`, which names person and server; the one that is open already, with all its time again. */
  offer(key: string, undertaking: Undertaking): Login {
    const open = this.#byKey.get(key) ?? this.#open(key, undertaking);
    this.#renew(open);
    const page = `${PAGES_PATH}${LOGIN_PAGE}?id=${open.id}`;
    const { publicUrl, message } = undertaking;
    const login = (url: string): Login => ({
      url,
      id: open.id,
      message,
      done: (cancel) => whenOver(open.over, cancel),
      at: (origin) => login(`${atOrigin(open, origin)}${page}`),
    });
    return login(publicUrl === undefined ? page : `${publicUrl}${page}`);
  }

  find(id: string | null): Pending | undefined {
    return id === null ? undefined : this.#byId.get(id);
  }

  /** The person has agreed in this browser, which goes to the URL. A later confirmation takes the place of an earlier one. */
  async confirm(id: string, { browser, base }: { browser: string; base: string }): Promise<URL> {
    const open = this.#byId.get(id);
    if (!open) throw gone();
    const redirectUri = open.undertaking.redirectUri ?? `${base}${PAGES_PATH}${CALLBACK_PAGE}`;
    this.#renew(open);
    return this.#begin(open, { browser: hashed(browser), redirectUri });
  }

  /**
   * `state` counts once, whatever comes of it. Throws FORBIDDEN where it is unknown or of another browser. `browsers`:
   * what the browser says it is.
   */
  async finish(state: string, browsers: readonly string[], parameters: URLSearchParams): Promise<Outcome> {
    const open = this.#byState.get(state);
    const attempt = open?.attempt;
    this.#byState.delete(state);
    if (!open || attempt?.state !== state) throw gone();
    open.attempt = undefined;
    if (!browsers.some((each) => hashed(each) === attempt.browser))
      throw new GatewayError('FORBIDDEN', 'this login was begun in another browser');
    const { undertaking } = open;
    try {
      const outcome = await attempt.begun.finish(parameters, open.over);
      if (outcome === 'again' && !open.begunAgain) {
        open.begunAgain = true;
        return { kind: 'again', location: await this.#begin(open, attempt) };
      }
      if (outcome === 'again') throw new GatewayError('CREDENTIALS_UNAVAILABLE', 'the login failed twice');
      this.#end(open, SUCCESS);
      return { kind: 'done', undertaking };
    } catch (cause) {
      const error =
        cause instanceof GatewayError ? cause : new GatewayError('INTERNAL', 'internal error', { cause });
      this.#end(open, error);
      return { kind: 'failed', undertaking, error };
    }
  }

  close(): void {
    const reason = new GatewayError('SHUTTING_DOWN', 'the gateway stops');
    for (const open of [...this.#byId.values()]) this.#end(open, reason);
  }

  #open(key: string, undertaking: Undertaking): Open {
    const max = LIMITS.logins.value;
    if (this.#byId.size >= max)
      throw new GatewayError('OVERLOADED', `${max} logins have been offered and are not over`);
    const bases = new Set<string>(undertaking.publicUrl === undefined ? [] : [undertaking.publicUrl]);
    const open: Open = {
      id: this.#token(18),
      key,
      undertaking,
      over: new Cancel(),
      bases,
      isAt: (base) => bases.has(base),
      attempt: undefined,
      begunAgain: false,
      timer: NO_TIMER,
    };
    this.#byKey.set(key, open);
    this.#byId.set(open.id, open);
    return open;
  }

  async #begin(open: Open, { browser, redirectUri }: Pick<Attempt, 'browser' | 'redirectUri'>): Promise<URL> {
    const state = this.#token(32);
    const begun = await open.undertaking.begin({ redirectUri, state, cancel: open.over });
    if (open.over.cancelled) throw gone();
    if (open.attempt) this.#byState.delete(open.attempt.state);
    open.attempt = { state, begun, browser, redirectUri };
    this.#byState.set(state, open);
    return begun.location;
  }

  #renew(open: Open): void {
    open.timer.cancel();
    const late = new GatewayError('LOGIN_NEEDED', 'nobody logged in in time');
    open.timer = this.#ports.clock.after(LIMITS.loginTime.value, () => this.#end(open, late));
  }

  #end(open: Open, reason: Error): void {
    open.timer.cancel();
    this.#byId.delete(open.id);
    if (this.#byKey.get(open.key) === open) this.#byKey.delete(open.key);
    if (open.attempt) this.#byState.delete(open.attempt.state);
    open.over.cancel(reason);
  }

  #token(bytes: number): string {
    return this.#ports.random(bytes).toString('base64url');
  }
}

const NOWHERE = { protocol: '', hostname: '' };
const NO_TIMER: Timer = { cancel() {} };

function atOrigin(open: Open, origin: string): string {
  const { protocol, hostname } = URL.canParse(origin) ? new URL(origin) : NOWHERE;
  // OAuth 2.1 section 2.3.1: nobody else must be able to read the code that comes back.
  if (protocol !== 'https:' && !isLoopbackHost(hostname))
    throw new GatewayError(
      'CREDENTIALS_UNAVAILABLE',
      `logins need https, and this gateway is reached at ${origin}: set publicUrl of oauthAuthorizationCode`,
    );
  // The newest stay: a login for everybody must not be out of reach because somebody has named it by false hosts before.
  open.bases.delete(origin);
  open.bases.add(origin);
  const [oldest] = open.bases;
  if (open.bases.size > MAX_BASES && oldest !== undefined) open.bases.delete(oldest);
  return origin;
}

function whenOver(over: Cancel, cancel: Cancel): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (reason: Error): void => {
      for (const forget of forgets) forget();
      if (reason === SUCCESS) resolve();
      else reject(reason);
    };
    const forgets: (() => void)[] = [];
    forgets.push(over.onCancel(settle), cancel.onCancel(settle));
  });
}

function gone(): GatewayError {
  return new GatewayError('FORBIDDEN', 'this login is over, or has never been offered');
}

function hashed(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}

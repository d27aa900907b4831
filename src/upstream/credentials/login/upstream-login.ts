/**
 * Credentials that people get for one upstream server by logging in there: tokens by owner, renewed before they expire,
 * and a login offered to whoever has none. One login, one renewal and one discovery at a time for each owner.
 */
import { GatewayError } from '../../../core/errors.ts';
import { LIMITS } from '../../../core/limits.ts';
import { type CredentialOwner, LoginNeeded, type UpstreamCredentials } from '../../../core/outgoing.ts';
import type { Ports } from '../../../core/ports.ts';
import { Cancel } from '../../../lib/cancel.ts';
import { canonicalJson } from '../../../lib/canonical-json.ts';
import { bearerChallenge } from './challenge.ts';
import { type ClientConfig, Clients } from './clients.ts';
import type { Begun, LoginDesk, Undertaking } from './desk.ts';
import { canonical, type Discovered, discover } from './discovery.ts';
import type { UpstreamServer } from './located.ts';
import { authorization, type ClientIdentity, exchange, OAuthError, renew } from './oauth.ts';
import { personOf } from './person.ts';
import type { TokenBook, TokenBooks } from './token-book.ts';
import { type Held, tokensFrom } from './tokens.ts';
import { Web } from './web.ts';

export interface LoginConfig extends ClientConfig {
  readonly scopes: readonly string[] | undefined;
  /** Issuer. */
  readonly authorizationServer: string | undefined;
  readonly resource: string | undefined;
  readonly publicUrl: string | undefined;
  readonly redirectUri: string | undefined;
  /** One login for everybody. */
  readonly shared: boolean;
}

export interface UpstreamLoginDeps {
  readonly key: string;
  readonly config: LoginConfig;
  readonly server: UpstreamServer;
  readonly books: TokenBooks;
  readonly desk: LoginDesk;
  readonly ports: Pick<Ports, 'clock' | 'log'>;
  readonly web?: Web;
}

/** What made discovery fail is not asked again and again. */
const FAILURE_MS = 5_000;
/** A token that is refused so soon after a renewal is not renewed once more. */
const RENEWED_MS = 60_000;

export class UpstreamLogin implements UpstreamCredentials {
  readonly key: string;
  readonly personal: boolean;
  readonly interactive = true;
  readonly names = ['authorization'];
  readonly #deps: UpstreamLoginDeps;
  readonly #web: Web;
  readonly #clients: Clients;
  readonly #book: TokenBook;
  #found: { readonly value: Promise<Discovered>; readonly until: number } | undefined;

  constructor(deps: UpstreamLoginDeps) {
    const { key, config, server, books, ports } = deps;
    this.key = key;
    this.personal = !config.shared;
    this.#deps = deps;
    const issuer = config.authorizationServer;
    this.#web =
      deps.web ??
      new Web({
        clock: ports.clock,
        trusted: [server.url, ...(issuer === undefined ? [] : [new URL(issuer)])],
        tls: server.tls && { origin: server.url.origin, settings: server.tls },
      });
    this.#clients = new Clients({ config, vault: books.vault, clock: ports.clock });
    this.#book = books.of(identityOf(config, server));
  }

  ready(owner: CredentialOwner): readonly string[] | undefined {
    const who = this.#who(owner);
    const found = who === undefined ? undefined : this.#book.read(who);
    return found && this.#isFresh(found) ? found.headers : undefined;
  }

  async fetch(owner: CredentialOwner, cancel: Cancel): Promise<readonly string[]> {
    const who = this.#who(owner);
    if (who === undefined) throw nobody(this.#deps.server.name, owner);
    await unlessCancelled(this.#book.vault.open(), cancel);
    const ready = this.ready(owner);
    if (ready) return ready;
    const renewed = await unlessCancelled(
      this.#book.once(who, () => this.#renew(who)),
      cancel,
    );
    if (renewed) return renewed.headers;
    const found = await unlessCancelled(this.#discovered(), cancel);
    throw this.#needed(who, owner, { found, scopes: this.#scopes(found) });
  }

  refused(owner: CredentialOwner, headers: readonly string[]): boolean {
    const who = this.#who(owner);
    if (who === undefined) return false;
    const current = this.#book.read(who);
    // Somebody has logged in or renewed meanwhile, or nobody has: either way there is a next step.
    if (!current || current.headers[1] !== headers[1]) return true;
    // The server may have moved to another authorization server.
    this.#found = undefined;
    const { clock } = this.#deps.ports;
    const { refresh, refusedBefore } = current.tokens;
    const renewedNow = refusedBefore !== undefined && clock.now() - refusedBefore < RENEWED_MS;
    if (refresh === undefined || renewedNow) void this.#book.forget(who);
    else this.#book.mark(who, { ...current.tokens, expiresAt: 0, renewAt: 0, refusedBefore: clock.now() });
    return true;
  }

  async stepUp(
    owner: CredentialOwner,
    answer: readonly string[],
    cancel: Cancel,
  ): Promise<LoginNeeded | undefined> {
    const who = this.#who(owner);
    const challenge = bearerChallenge(answer);
    const asked = who === undefined ? undefined : this.#book.read(who)?.tokens.asked;
    // Scopes of the configuration are what its owner is willing to grant.
    if (who === undefined || challenge?.error !== 'insufficient_scope' || this.#deps.config.scopes) return;
    const scopes = together(asked, challenge.scope);
    if (scopes === undefined || scopes === together(asked)) return;
    const found = await unlessCancelled(this.#discovered(), cancel);
    return this.#needed(who, owner, { found, scopes, more: challenge.scope });
  }

  /** undefined: there can be no login for this owner. */
  #who(owner: CredentialOwner): string | undefined {
    if (this.#deps.config.shared) return 'shared';
    return owner === undefined || owner === '' ? undefined : `of ${owner}`;
  }

  #isFresh({ tokens: { renewAt } }: Held): boolean {
    return renewAt === undefined || this.#deps.ports.clock.now() < renewAt;
  }

  /** undefined: nothing but a login helps. */
  async #renew(who: string): Promise<Held | undefined> {
    const current = this.#book.read(who);
    if (!current || this.#isFresh(current)) return current;
    const { refresh, resource, issuer, expiresAt, asked, refusedBefore } = current.tokens;
    const { clock, log } = this.#deps.ports;
    const usable = expiresAt !== undefined && clock.now() < expiresAt ? current : undefined;
    if (refresh === undefined) return usable;
    const client = this.#clients.current(current.tokens.client);
    try {
      const { server } = await this.#discovered();
      // What one server gave must not be shown to another.
      if (server.issuer !== issuer) return await this.#forget(who);
      const web = this.#web;
      const set = await renew({ web, server }, { client, resource }, { refresh, cancel: new Cancel() });
      const kept = { issuer, resource, client, asked, refusedBefore, now: clock.now() };
      return await this.#book.keep(who, tokensFrom(set, kept));
    } catch (error) {
      log.warn({ err: error, server: this.#deps.server.name }, 'a login was not renewed');
      if (error instanceof OAuthError) return this.#ended(who, error, client);
      if (usable) return usable;
      throw error;
    }
  }

  async #ended(who: string, error: OAuthError, client: ClientIdentity): Promise<undefined> {
    const { issuer } = (this.#book.read(who) as Held).tokens;
    if (error.error === 'temporarily_unavailable' || error.error === 'server_error') throw error;
    // A client of the configuration that is not known is nothing that people could put right.
    if (error.error === 'invalid_client' && !(await this.#clients.forget(client, issuer))) throw error;
    return this.#forget(who);
  }

  #discovered(): Promise<Discovered> {
    const { config, server, ports } = this.#deps;
    if (this.#found && ports.clock.monotonic() < this.#found.until) return this.#found.value;
    const value = discover(
      {
        web: this.#web,
        url: server.url,
        issuer: config.authorizationServer,
        resource: config.resource,
        configured: this.#clients.configured,
      },
      new Cancel(),
    );
    const keep = (ms: number): void => {
      if (this.#found?.value === value) this.#found = { value, until: ports.clock.monotonic() + ms };
    };
    // Bounded by the time of each of its requests.
    this.#found = { value, until: Number.POSITIVE_INFINITY };
    value.then(
      () => keep(LIMITS.keySetAge.value),
      () => keep(FAILURE_MS),
    );
    return value;
  }

  #needed(who: string, owner: CredentialOwner, wanted: Wanted): LoginNeeded {
    const key = `${this.key} ${who} ${wanted.more === undefined ? '' : wanted.scopes}`;
    return new LoginNeeded(this.#deps.desk.offer(key, this.#undertaking(who, owner, wanted)));
  }

  #undertaking(who: string, owner: CredentialOwner, wanted: Wanted): Undertaking {
    const { config, server } = this.#deps;
    const { found, more } = wanted;
    const name = `${server.name} (${server.url.host})`;
    const { publicUrl, redirectUri, shared } = config;
    return {
      person: shared ? 'everybody who uses this gateway' : personOf(owner ?? ''),
      server: name,
      message: more === undefined ? `Log in to ${name}` : `Log in to ${name} for more rights: ${more}`,
      authority: new URL(found.server.authorization_endpoint as string).host,
      publicUrl,
      redirectUri,
      begin: (how) => this.#begin(who, wanted, how),
    };
  }

  async #begin(
    who: string,
    { found, scopes }: Wanted,
    how: Parameters<Undertaking['begin']>[0],
  ): Promise<Begun> {
    const { server, resource } = found;
    const deps = { web: this.#web, server };
    const client = await this.#clients.forLogin(deps, how.redirectUri, scopes);
    const { state } = how;
    const { location, verifier } = await authorization(deps, { client, resource }, { state, scopes });
    const finish: Begun['finish'] = async (parameters, cancel) => {
      this.#clients.answered(client);
      try {
        const returned = { parameters, state, verifier, cancel };
        const set = await exchange(deps, { client, resource }, returned);
        const now = this.#deps.ports.clock.now();
        const of = { issuer: server.issuer, resource, client, asked: scopes, now };
        await this.#book.keep(who, tokensFrom(set, of));
        return 'done';
      } catch (error) {
        const unknown = error instanceof OAuthError && error.error === 'invalid_client';
        if (unknown && (await this.#clients.forget(client, server.issuer))) return 'again';
        throw error;
      }
    };
    return { location, finish };
  }

  /** What the configuration says, else what the server asks for; and to be renewed without a person, where that is a scope. */
  #scopes({ server, scopes }: Discovered): string | undefined {
    if (this.#deps.config.scopes) return this.#deps.config.scopes.join(' ');
    const offline = server.scopes_supported?.includes('offline_access') ? 'offline_access' : '';
    return together(scopes, offline);
  }

  async #forget(who: string): Promise<undefined> {
    await this.#book.forget(who);
  }
}

/** What a login is to give. */
interface Wanted {
  readonly found: Discovered;
  readonly scopes: string | undefined;
  /** Beyond what the one before gave. */
  readonly more?: string | undefined;
}

function together(...texts: readonly (string | undefined)[]): string | undefined {
  const all = new Set(texts.flatMap((text) => text?.split(' ') ?? []).filter((each) => each !== ''));
  return all.size === 0 ? undefined : [...all].join(' ');
}

/** Tokens for one are none for the other. Where browsers come back to makes no difference to them. */
function identityOf(config: LoginConfig, server: UpstreamServer): string {
  const { clientId, clientMetadataUrl, scopes, authorizationServer, resource } = config;
  const client = { clientId, clientMetadataUrl, scopes, authorizationServer, resource };
  return canonicalJson([canonical(server.url), client]);
}

function nobody(server: string, owner: CredentialOwner): GatewayError {
  if (owner === undefined)
    return new GatewayError('LOGIN_NEEDED', `"${server}" is used with the logins of people alone`);
  return new GatewayError(
    'FORBIDDEN',
    `"${server}" needs a login of each person, and nothing tells who you are: ` +
      'authenticate clients (jwtAuth, apiKey, ...), or write `shared: true` under oauthAuthorizationCode ' +
      'if everybody who reaches this gateway may use one login',
  );
}

/** The work goes on for the others who wait for it. */
function unlessCancelled<T>(work: Promise<T>, cancel: Cancel): Promise<T> {
  return new Promise((resolve, reject) => {
    const forget = cancel.onCancel(reject);
    work.then(resolve, reject).finally(forget);
  });
}

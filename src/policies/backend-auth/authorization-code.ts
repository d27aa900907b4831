/** Builds what `oauthAuthorizationCode` asks for; logins and tokens outlive reloads. */
import { hash } from 'node:crypto';
import { secretName, secretOf, sessionKey } from '../../auth/secret.ts';
import { GatewayError } from '../../core/errors.ts';
import type { UpstreamCredentials } from '../../core/outgoing.ts';
import { PAGES_PATH } from '../../core/pages.ts';
import type { PolicyDeps } from '../../core/policy.ts';
import type { Closable } from '../../core/scope.ts';
import { canonicalJson } from '../../lib/canonical-json.ts';
import { FileVault } from '../../stores/file-vault.ts';
import { MemoryVault } from '../../stores/memory-vault.ts';
import { CALLBACK_PAGE, CLIENT_PAGE, LoginDesk } from '../../upstream/credentials/login/desk.ts';
import type { LocatedCredentials, UpstreamServer } from '../../upstream/credentials/login/located.ts';
import { LoginPages } from '../../upstream/credentials/login/pages.ts';
import { TokenBooks } from '../../upstream/credentials/login/token-book.ts';
import { type LoginConfig, UpstreamLogin } from '../../upstream/credentials/login/upstream-login.ts';
import type { AuthorizationCodeConfig } from './authorization-code-schema.ts';

/** Throws CONFIG_INVALID. */
export function authorizationCode(config: AuthorizationCodeConfig, deps: PolicyDeps): LocatedCredentials {
  const { lasting, scope, ports, pages } = deps;
  const { desk, pages: own } = lasting.hold(scope, 'login-desk', () => openDesk(deps));
  own.serveOn(pages);
  const { publicUrl, clientMetadataUrl } = config;
  if (publicUrl !== undefined) pages.reachedAt(publicUrl);
  if (publicUrl !== undefined && clientMetadataUrl === `${publicUrl}${PAGES_PATH}${CLIENT_PAGE}`)
    own.serveClient(
      pages,
      clientMetadataUrl,
      config.redirectUri ?? `${publicUrl}${PAGES_PATH}${CALLBACK_PAGE}`,
    );
  const books = booksOf(config, deps);
  const { clientSecret, ...rest } = config;
  const key = `login:${canonicalJson({
    ...rest,
    clientSecret: clientSecret === undefined ? undefined : secretName(clientSecret),
    store: config.store?.file,
  })}`;
  const login: LoginConfig = {
    clientId: config.clientId,
    clientSecret:
      clientSecret === undefined
        ? undefined
        : secretOf(clientSecret, 'backendAuth.oauthAuthorizationCode.clientSecret', ports),
    clientMetadataUrl: config.clientMetadataUrl,
    scopes: config.scopes,
    authorizationServer: config.authorizationServer,
    resource: config.resource,
    publicUrl: config.publicUrl,
    redirectUri: config.redirectUri,
    shared: config.shared,
  };
  return lasting.hold(scope, key, () => new Logins({ key, config: login, books, desk, ports }));
}

type LoginsOptions = Omit<ConstructorParameters<typeof UpstreamLogin>[0], 'server'>;

/** A policy of a route or backend may be about several servers: each has logins of its own. */
class Logins implements LocatedCredentials, Closable {
  readonly key: string;
  readonly personal: boolean;
  readonly interactive = true;
  readonly names = ['authorization'];
  readonly #options: LoginsOptions;
  readonly #servers = new Map<string, UpstreamLogin>();

  constructor(options: LoginsOptions) {
    this.key = options.key;
    this.personal = !options.config.shared;
    this.#options = options;
  }

  at(server: UpstreamServer): UpstreamCredentials {
    // A reload may bring other certificates, or take `insecure` away. Hashed: a private key may be among them.
    const tls = hash('sha256', canonicalJson(server.tls ?? {}), 'hex');
    const key = `${this.key} ${server.url.href} ${tls}`;
    let login = this.#servers.get(key);
    if (!login) {
      login = new UpstreamLogin({ ...this.#options, key, server });
      this.#servers.set(key, login);
    }
    return login;
  }

  ready(): undefined {
    return undefined;
  }

  fetch(): Promise<never> {
    const message = 'oauthAuthorizationCode is for servers with an address';
    return Promise.reject(new GatewayError('CREDENTIALS_UNAVAILABLE', message));
  }

  refused(): boolean {
    return false;
  }

  close(): void {
    this.#servers.clear();
  }
}

interface OpenDesk extends Closable {
  readonly desk: LoginDesk;
  readonly pages: LoginPages;
}

function openDesk({ ports }: PolicyDeps): OpenDesk {
  const desk = new LoginDesk(ports);
  return { desk, pages: new LoginPages({ desk, ports }), close: () => desk.close() };
}

function booksOf({ store }: AuthorizationCodeConfig, deps: PolicyDeps): TokenBooks {
  const { lasting, scope, ports, settings } = deps;
  if (!store) return lasting.hold(scope, 'login-books', () => new TokenBooks(new MemoryVault()));
  const what = 'backendAuth.oauthAuthorizationCode.store.key';
  const secret = store.key === undefined ? sessionKey(settings, ports) : secretOf(store.key, what, ports)();
  if (secret === undefined)
    throw new GatewayError(
      'CONFIG_INVALID',
      `a token store needs a key: write ${what}, or config.session.key`,
    );
  if (secret.length < 32) throw new GatewayError('CONFIG_INVALID', `${what}: expected 32 characters or more`);
  const { file: path } = store;
  const held = lasting.hold(scope, `login-books:${path}`, () => {
    const vault = new FileVault({ path, secret, ports });
    return { vault, books: new TokenBooks(vault), close: () => vault.close() };
  });
  // Under the old key it would go on being written although whoever changed the key believes otherwise.
  if (!held.vault.isSealedWith(secret))
    throw new GatewayError(
      'CONFIG_INVALID',
      `backendAuth.oauthAuthorizationCode.store: ${path} is in use with another key; ` +
        'to change the key, stop the gateway and remove the file, or write another file',
    );
  return held.books;
}

/**
 * As what the gateway is known to an authorization server, in the order of the MCP specification: the client of the
 * configuration, a document at a URL of its own (client-id metadata), dynamic registration. Registrations are kept, for
 * each address that browsers come back to and what is asked for, until the server has forgotten them.
 */
import type { AuthorizationServer } from 'oauth4webapi';
import { LIMITS } from '../../../core/limits.ts';
import type { Clock } from '../../../core/ports.ts';
import type { Vault } from '../../../core/vault.ts';
import { Cancel } from '../../../lib/cancel.ts';
import { parseObject } from '../../../lib/json-value.ts';
import { type ClientIdentity, type OAuthDeps, register } from './oauth.ts';
import { vaultKey } from './tokens.ts';
import { refused } from './web.ts';

export interface ClientConfig {
  readonly clientId: string | undefined;
  readonly clientSecret: (() => string) | undefined;
  readonly clientMetadataUrl: string | undefined;
}

export interface ClientsDeps {
  readonly config: ClientConfig;
  readonly vault: Vault;
  readonly clock: Clock;
}

/** A registration that sends browsers away and never has one come back is taken for forgotten after so many. */
const UNANSWERED = 2;

export class Clients {
  readonly #deps: ClientsDeps;
  readonly #registering = new Map<string, Promise<ClientIdentity>>();
  /** Authorizations begun with a registration since the last answer, by client id. */
  readonly #unanswered = new Map<string, number>();

  constructor(deps: ClientsDeps) {
    this.#deps = deps;
  }

  get configured(): boolean {
    return this.#deps.config.clientId !== undefined;
  }

  /** For an authorization that begins now. Rejects with CREDENTIALS_UNAVAILABLE where there is no way to be known. */
  async forLogin(deps: OAuthDeps, redirectUri: string, scopes: string | undefined): Promise<ClientIdentity> {
    const { clientId, clientMetadataUrl } = this.#deps.config;
    const { server } = deps;
    if (clientId !== undefined) return this.#configuredClient(clientId, server, redirectUri);
    if (clientMetadataUrl !== undefined && server['client_id_metadata_document_supported'] === true)
      return { id: clientMetadataUrl, secret: undefined, method: 'none', redirectUri, registered: false };
    if (server.registration_endpoint === undefined)
      throw refused(
        `the authorization server ${server.issuer} registers nobody: give it a client for the gateway and write clientId`,
      );
    const key = keyOf(server.issuer, { redirectUri, scopes });
    const known = this.#known(key);
    const client = known ?? (await this.#register(key, deps, { redirectUri, scopes }));
    this.#unanswered.set(client.id, (this.#unanswered.get(client.id) ?? 0) + 1);
    return client;
  }

  /** As it is now: the secret of the configuration may have changed. */
  current(client: ClientIdentity): ClientIdentity {
    const { clientId, clientSecret } = this.#deps.config;
    return clientId === client.id && clientSecret ? { ...client, secret: clientSecret() } : client;
  }

  answered({ id }: ClientIdentity): void {
    this.#unanswered.delete(id);
  }

  /** The server does not know it any more. False: there is no other to take its place. */
  async forget(client: ClientIdentity, issuer: string): Promise<boolean> {
    if (!client.registered) return false;
    const key = keyOf(issuer, client);
    if (this.#known(key)?.id === client.id) await this.#deps.vault.delete(key);
    return true;
  }

  #known(key: string): ClientIdentity | undefined {
    const { vault, clock } = this.#deps;
    const text = vault.get(key);
    const client =
      text === undefined ? undefined : (parseObject(text) as unknown as ClientIdentity | undefined);
    if (!client || (client.expiresAt !== undefined && client.expiresAt <= clock.now())) return undefined;
    return (this.#unanswered.get(client.id) ?? 0) >= UNANSWERED ? undefined : client;
  }

  /** One at a time for one address; it belongs to nobody who could give up. */
  #register(
    key: string,
    deps: OAuthDeps,
    asked: { redirectUri: string; scopes: string | undefined },
  ): Promise<ClientIdentity> {
    let registering = this.#registering.get(key);
    if (!registering) {
      registering = register(deps, asked.redirectUri, { scopes: asked.scopes, cancel: new Cancel() })
        .then(async (client) => {
          if (this.#unanswered.size >= LIMITS.logins.value) this.#unanswered.clear();
          await this.#deps.vault.set(key, JSON.stringify(client));
          return client;
        })
        .finally(() => this.#registering.delete(key));
      this.#registering.set(key, registering);
    }
    return registering;
  }

  #configuredClient(id: string, server: AuthorizationServer, redirectUri: string): ClientIdentity {
    const secret = this.#deps.config.clientSecret?.();
    const supported = server.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
    const proof = supported.includes('client_secret_basic') ? 'client_secret_basic' : 'client_secret_post';
    return { id, secret, method: secret === undefined ? 'none' : proof, redirectUri, registered: false };
  }
}

function keyOf(
  issuer: string,
  { redirectUri, scopes }: Pick<ClientIdentity, 'redirectUri' | 'scopes'>,
): string {
  return vaultKey('client', issuer, redirectUri, scopes ?? '');
}

/**
 * Asks a token endpoint for a token by client credentials. Where only the issuer is known its metadata names the
 * endpoint (RFC 8414, else OpenID's). oauth4webapi makes and checks the messages; it is loaded when the first is sent.
 */
import type * as Oauth from 'oauth4webapi';
import { GatewayError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Clock } from '../../core/ports.ts';
import type { Cancel } from '../../lib/cancel.ts';
import type { IssuedToken } from './client-credentials.ts';
import { checkOauthUrl, type OauthHttp, secretInHeader } from './oauth-http.ts';

export interface TokenEndpointOptions {
  /** As written. */
  readonly address: { readonly tokenUrl: string } | { readonly issuer: string };
  readonly clientId: string;
  readonly clientSecret: () => string;
  readonly clientAuth: 'basic' | 'post';
  /** Beside `grant_type` and what tells who the client is. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly http: OauthHttp;
  readonly clock: Clock;
}

type Server = Oauth.AuthorizationServer;

export class TokenEndpoint {
  readonly #options: TokenEndpointOptions;
  #found: { readonly server: Server; readonly at: number } | undefined;

  constructor(options: TokenEndpointOptions) {
    this.#options = options;
  }

  async ask(cancel: Cancel): Promise<IssuedToken> {
    const oauth = await import('oauth4webapi');
    const { address, clientId, clientSecret, clientAuth, parameters, http } = this.#options;
    const server =
      'tokenUrl' in address
        ? { issuer: address.tokenUrl, token_endpoint: address.tokenUrl }
        : await this.#discovered(oauth, address.issuer, cancel);
    const client = { client_id: clientId };
    const secret = clientSecret();
    const proof = clientAuth === 'post' ? oauth.ClientSecretPost(secret) : secretInHeader(secret);
    const options = {
      [oauth.customFetch]: http.fetch(cancel),
      [oauth.allowInsecureRequests]: isPlain(server.token_endpoint),
    };
    try {
      const reply = await oauth.clientCredentialsGrantRequest(
        server,
        client,
        proof,
        { ...parameters },
        options,
      );
      const answer = await oauth.processClientCredentialsResponse(server, client, reply);
      return issued(answer);
    } catch (error) {
      // The server may have moved.
      this.#found = undefined;
      throw error;
    }
  }

  async #discovered(oauth: typeof Oauth, issuer: string, cancel: Cancel): Promise<Server> {
    const { clock } = this.#options;
    if (this.#found && clock.monotonic() - this.#found.at < LIMITS.keySetAge.value) return this.#found.server;
    const server = await this.#discover(oauth, issuer, cancel);
    checkOauthUrl(server.token_endpoint, 'token_endpoint', { plain: isPlain(issuer) });
    this.#found = { server, at: clock.monotonic() };
    return server;
  }

  /** Servers publish one of the two documents, or both. */
  async #discover(oauth: typeof Oauth, issuer: string, cancel: Cancel): Promise<Server> {
    const options = {
      [oauth.customFetch]: this.#options.http.fetch(cancel),
      [oauth.allowInsecureRequests]: isPlain(issuer),
    };
    const url = new URL(issuer);
    const asked = async (algorithm: 'oauth2' | 'oidc'): Promise<Server> =>
      oauth.processDiscoveryResponse(url, await oauth.discoveryRequest(url, { ...options, algorithm }));
    return asked('oauth2').catch((first: unknown) => {
      // Nobody there, or not in time: neither is the other document.
      if (first instanceof GatewayError) throw first;
      return asked('oidc');
    });
  }
}

/** A token goes into a header, so it must be one that fits. */
function issued({ access_token: value, expires_in: seconds, token_type: type }: Answer): IssuedToken {
  if (type.toLowerCase() !== 'bearer')
    throw new GatewayError('UPSTREAM_PROTOCOL', 'the token it gives is no bearer token');
  if (!/^[\x21-\x7e]+$/.test(value) || value.length > LIMITS.token.value)
    throw new GatewayError('UPSTREAM_PROTOCOL', 'the token it gives does not fit into a header');
  return { value, lifeMs: seconds === undefined ? undefined : seconds * 1000 };
}

type Answer = Pick<Oauth.TokenEndpointResponse, 'access_token' | 'expires_in' | 'token_type'>;

function isPlain(url: string | undefined): boolean {
  return url !== undefined && new URL(url).protocol === 'http:';
}

/**
 * What an OAuth client says to an authorization server, with oauth4webapi (loaded when the first login begins): registration,
 * the way to the login, the code's exchange, renewal. Requests leave through `Web`.
 */
import type * as Library from 'oauth4webapi';
import type { AuthorizationServer, Client, ClientAuth, TokenEndpointResponse } from 'oauth4webapi';
import { GatewayError } from '../../../core/errors.ts';
import type { Cancel } from '../../../lib/cancel.ts';
import { asResponse, errorCode, type OauthRequest, oauthProblem, secretInHeader } from '../oauth-http.ts';
import { refused, Web } from './web.ts';

/** As what the gateway is known to an authorization server. */
export interface ClientIdentity {
  readonly id: string;
  readonly secret: string | undefined;
  readonly method: AuthMethod;
  /** Where the authorization server sends browsers back to. */
  readonly redirectUri: string;
  /** Of a registration: what the server can forget. */
  readonly registered: boolean;
  /** What a registration said that it would ask for: servers may give it no more. */
  readonly scopes?: string | undefined;
  /** Epoch milliseconds at which the secret expires. */
  readonly expiresAt?: number | undefined;
}

export type AuthMethod = 'none' | 'client_secret_basic' | 'client_secret_post';

export interface TokenSet {
  readonly access: string;
  readonly refresh: string | undefined;
  readonly expiresInMs: number | undefined;
  readonly scope: string | undefined;
}

/** An error that the authorization server gave by its OAuth name, such as `invalid_grant`. */
export class OAuthError extends GatewayError {
  readonly error: string;

  constructor(what: string, error: string) {
    super('CREDENTIALS_UNAVAILABLE', `${what}: ${errorCode(error)}`);
    this.name = 'OAuthError';
    this.error = error;
  }
}

export interface OAuthDeps {
  readonly web: Web;
  readonly server: AuthorizationServer;
}

export interface Asked {
  readonly client: ClientIdentity;
  readonly resource: string;
}

const METHODS: readonly AuthMethod[] = ['none', 'client_secret_basic', 'client_secret_post'];

export async function register(
  { web, server }: OAuthDeps,
  redirectUri: string,
  { scopes, cancel }: { scopes: string | undefined; cancel: Cancel },
): Promise<ClientIdentity> {
  const oauth = await library();
  const supported = server.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
  const method = METHODS.find((each) => supported.includes(each)) ?? 'none';
  const metadata = {
    ...describedAs(redirectUri),
    token_endpoint_auth_method: method,
    ...(scopes === undefined ? {} : { scope: scopes }),
  };
  return explained('the gateway could not register', async () => {
    const reply = await oauth.dynamicClientRegistrationRequest(server, metadata, over(oauth, web, cancel));
    const client = await oauth.processDynamicClientRegistrationResponse(await lenient(reply));
    const { client_secret: secret, client_secret_expires_at: expires } = client;
    const given = client.token_endpoint_auth_method ?? method;
    return {
      id: client.client_id,
      secret: typeof secret === 'string' ? secret : undefined,
      method: METHODS.find((each) => each === given) ?? method,
      redirectUri,
      registered: true,
      scopes,
      expiresAt: typeof expires === 'number' && expires > 0 ? expires * 1000 : undefined,
    };
  });
}

/** As what the gateway introduces itself. */
export function describedAs(redirectUri: string) {
  const local = new URL(redirectUri).protocol === 'http:';
  return {
    client_name: 'agentgateway',
    redirect_uris: [redirectUri],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
    application_type: local ? 'native' : 'web',
  };
}

export interface Authorization {
  readonly location: URL;
  readonly verifier: string;
}

/** Where the browser goes, and what has to be kept until it comes back. */
export async function authorization(
  { server }: Pick<OAuthDeps, 'server'>,
  { client, resource }: Asked,
  { state, scopes }: { state: string; scopes: string | undefined },
): Promise<Authorization> {
  const oauth = await library();
  const verifier = oauth.generateRandomCodeVerifier();
  const location = Web.checked(server.authorization_endpoint, 'authorization_endpoint');
  const parameters: Record<string, string> = {
    response_type: 'code',
    client_id: client.id,
    redirect_uri: client.redirectUri,
    state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    resource,
    ...(scopes === undefined || scopes === '' ? {} : { scope: scopes }),
    // Without it OpenID Connect gives no refresh token (Core, section 11).
    ...(scopes?.split(' ').includes('offline_access') ? { prompt: 'consent' } : {}),
  };
  for (const [name, value] of Object.entries(parameters)) location.searchParams.set(name, value);
  return { location, verifier };
}

export interface Returned {
  readonly parameters: URLSearchParams;
  readonly state: string;
  readonly verifier: string;
}

/** The callback's parameters, checked (state, and `iss` by RFC 9207), and exchanged for tokens. */
export async function exchange(
  { web, server }: OAuthDeps,
  { client, resource }: Asked,
  { parameters, state, verifier, cancel }: Returned & { cancel: Cancel },
): Promise<TokenSet> {
  const oauth = await library();
  return explained('the login failed', async () => {
    const as = clientOf(client);
    const checked = oauth.validateAuthResponse(server, as, parameters, state);
    const options = { ...over(oauth, web, cancel), additionalParameters: { resource } };
    const auth = authOf(oauth, client);
    const reply = await oauth.authorizationCodeGrantRequest(
      server,
      as,
      auth,
      checked,
      client.redirectUri,
      verifier,
      options,
    );
    return tokensOf(await oauth.processAuthorizationCodeResponse(server, as, reply));
  });
}

export async function renew(
  { web, server }: OAuthDeps,
  { client, resource }: Asked,
  { refresh, cancel }: { refresh: string; cancel: Cancel },
): Promise<TokenSet> {
  const oauth = await library();
  return explained('the token was not renewed', async () => {
    const as = clientOf(client);
    const options = { ...over(oauth, web, cancel), additionalParameters: { resource } };
    const reply = await oauth.refreshTokenGrantRequest(server, as, authOf(oauth, client), refresh, options);
    const tokens = tokensOf(await oauth.processRefreshTokenResponse(server, as, reply));
    return { ...tokens, refresh: tokens.refresh ?? refresh };
  });
}

function library(): Promise<typeof Library> {
  return import('oauth4webapi');
}

function clientOf(client: ClientIdentity): Client {
  return { client_id: client.id, token_endpoint_auth_method: client.method };
}

function authOf(oauth: typeof Library, { secret, method }: ClientIdentity): ClientAuth {
  if (secret === undefined || method === 'none') return oauth.None();
  return method === 'client_secret_post' ? oauth.ClientSecretPost(secret) : secretInHeader(secret);
}

function tokensOf(response: TokenEndpointResponse): TokenSet {
  const {
    access_token: access,
    refresh_token: refresh,
    token_type: type,
    expires_in: seconds,
    scope,
  } = response;
  if (type !== 'bearer') throw refused(`a token of type "${type}" was given, not Bearer`);
  // It will stand in a header.
  if (!/^[\x21-\x7e]+$/.test(access)) throw refused('the token has characters that no header may have');
  const expiresInMs = seconds === undefined ? undefined : seconds * 1000;
  return { access, refresh, expiresInMs, scope };
}

/** The library hands its requests to this instead of the global fetch; plain HTTP is judged by `Web.checked`. */
function over(oauth: typeof Library, web: Web, cancel: Cancel) {
  const send = async (address: string, { method, headers, body }: OauthRequest): Promise<Response> => {
    const url = Web.checked(address, 'an address of the authorization server');
    const request = {
      method,
      headers: Object.entries(headers).flat(),
      body: body === undefined || body === null ? undefined : Buffer.from(String(body)),
    };
    return asResponse(await web.send(url, request, cancel));
  };
  return { [oauth.customFetch]: send, [oauth.allowInsecureRequests]: true };
}

/** Servers that say 200 where 201 is meant have registered us all the same, and some leave out when a secret expires. */
async function lenient(reply: Response): Promise<Response> {
  if (reply.status !== 200 && reply.status !== 201) return reply;
  const body = (await reply.json()) as Record<string, unknown>;
  return Response.json({ client_secret_expires_at: 0, ...body }, { status: 201 });
}

async function explained<T>(what: string, work: () => Promise<T>): Promise<T> {
  const oauth = await library();
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof GatewayError) throw cause;
    const named =
      cause instanceof oauth.ResponseBodyError || cause instanceof oauth.AuthorizationResponseError;
    if (named) throw new OAuthError(what, cause.error);
    // Without its cause: that has the whole answer, tokens included, and this may get into the log.
    throw refused(`${what}: ${oauthProblem(cause)}`);
  }
}

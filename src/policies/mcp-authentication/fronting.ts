/**
 * The authorization server as the gateway serves it: its metadata, adapted where a provider is named, and the requests
 * that clients then send here instead of there. Believes nothing that a client says of itself.
 */
import { endpointOf, type IssuerMetadata } from '../../auth/issuer-metadata.ts';
import type { RemoteText } from '../../auth/remote-text.ts';
import { GatewayError } from '../../core/errors.ts';
import type { Exchange, Reply } from '../../core/exchange.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Log } from '../../core/ports.ts';
import type { OauthHttp } from '../../upstream/credentials/oauth-http.ts';
import { adapted, type Fronts, namesItself, type Provider } from './providers.ts';
import { redirectAllowed } from './redirects.ts';
import { contentType, json, jsonText, oauthError, redirect } from './replies.ts';
import type { McpAuthenticationConfig } from './schema.ts';

/** Behind the place of the metadata, as in the Rust gateway. */
export const REGISTRATION = '/client-registration';
export const AUTHORIZATION = '/authorize';
export const TOKEN = '/token';

export interface FrontingOptions {
  readonly config: Pick<McpAuthenticationConfig, 'issuer' | 'clientId' | 'redirectUris'>;
  readonly provider: Provider;
  readonly metadata: RemoteText<IssuerMetadata>;
  readonly http: OauthHttp;
  readonly secret: (() => string) | undefined;
  readonly log: Log;
}

const FORM = 'application/x-www-form-urlencoded';
const GRANTS = new Set(['authorization_code', 'refresh_token']);
/**
 * What is sent on. Nothing else: a request object (RFC 9101) would say otherwise than what was checked, and some servers
 * take `Redirect_URI` for `redirect_uri`.
 */
const AUTHORIZATION_PARAMETERS = [
  'response_type',
  'client_id',
  'redirect_uri',
  'scope',
  'state',
  'code_challenge',
  'code_challenge_method',
  'response_mode',
  'nonce',
  'login_hint',
  'domain_hint',
];
const TOKEN_PARAMETERS = [
  'grant_type',
  'client_id',
  'client_secret',
  'code',
  'code_verifier',
  'redirect_uri',
  'refresh_token',
  'scope',
];

export class Fronting {
  readonly #options: FrontingOptions;
  #warned = false;

  constructor(options: FrontingOptions) {
    this.#options = options;
  }

  get relays(): boolean {
    return this.#options.provider.relays === true;
  }

  get registers(): boolean {
    return this.#options.config.clientId !== undefined || this.#options.provider.registration !== 'theirs';
  }

  async describe(fronts: Fronts): Promise<Reply> {
    const { config, provider, metadata } = this.#options;
    const known = await metadata.current();
    const registers =
      config.clientId !== undefined ||
      (provider.registration === 'relayed' && this.#registration(known) !== undefined);
    const [audience] = config.issuer.audiences;
    this.#warn(known);
    return json(200, adapted(known, provider, { fronts, registers, audience }));
  }

  async register(exchange: Exchange): Promise<Reply> {
    if (contentType(exchange) !== 'application/json')
      return oauthError('invalid_client_metadata', 'expected application/json');
    const body = await exchange.body.read(LIMITS.oauthForm.value);
    const asked = objectOf(body);
    if (!asked) return oauthError('invalid_client_metadata', 'expected a JSON object');
    const { clientId } = this.#options.config;
    return clientId === undefined ? this.#passOn(exchange, asked) : this.#giveOut(clientId, asked);
  }

  /** Sends the browser on, without what the provider refuses. */
  async authorize(exchange: Exchange): Promise<Reply> {
    const asked = parametersOf(exchange.query);
    if (!asked) return oauthError('invalid_request', 'a parameter is given twice');
    const problem = this.#problem(asked);
    // Not by a redirect: the address for that is what has not been checked, or was found wanting.
    if (problem) return oauthError(problem[0], problem[1]);
    const endpoint = endpointOf(await this.#options.metadata.current(), 'authorization_endpoint');
    if (endpoint === undefined) throw missing('authorization_endpoint');
    const location = new URL(endpoint);
    for (const [name, value] of only(asked, AUTHORIZATION_PARAMETERS)) location.searchParams.set(name, value);
    // Who has agreed to the shared client once would be sent on unseen, whoever asks.
    location.searchParams.set('prompt', 'select_account');
    return redirect(location.href);
  }

  async token(exchange: Exchange): Promise<Reply> {
    if (contentType(exchange) !== FORM) return oauthError('invalid_request', `expected ${FORM}`);
    const { clientId } = this.#options.config;
    const form = parametersOf((await exchange.body.read(LIMITS.oauthForm.value)).toString('utf8'));
    if (!form) return oauthError('invalid_request', 'a parameter is given twice');
    const grant = form.get('grant_type') ?? '';
    // Anything else would make the secret work for whoever asks: client_credentials needs nothing but it.
    if (!GRANTS.has(grant)) return oauthError('unsupported_grant_type', 'only codes and refresh tokens');
    if (form.get('client_id') !== clientId) return oauthError('invalid_client', 'another client', 401);
    if (grant === 'authorization_code' && !form.has('code_verifier'))
      return oauthError('invalid_grant', 'code_verifier is missing (PKCE)');
    const sent = only(form, TOKEN_PARAMETERS);
    const secret = this.#options.secret?.();
    if (secret !== undefined && !sent.has('client_secret')) sent.set('client_secret', secret);
    const endpoint = endpointOf(await this.#options.metadata.current(), 'token_endpoint');
    if (endpoint === undefined) throw missing('token_endpoint');
    return this.#post(exchange, endpoint, { type: FORM, body: sent.toString() });
  }

  #warn(known: IssuerMetadata): void {
    if (this.#warned || !namesItself(known)) return;
    this.#warned = true;
    this.#options.log.warn(
      { issuer: known.issuer },
      'mcpAuthentication: the provider names itself in its answers (RFC 9207), so clients of MCP 2026-07-28 refuse a login through this adapter; without `provider` they go there directly',
    );
  }

  #problem(asked: URLSearchParams): readonly [error: string, description: string] | undefined {
    const { clientId, redirectUris } = this.#options.config;
    if (asked.get('client_id') !== clientId) return ['unauthorized_client', 'another client'];
    if (!redirectAllowed(asked.get('redirect_uri'), redirectUris))
      return ['invalid_request', 'redirect_uri is not one of those that are allowed'];
    if (asked.get('response_type') !== 'code')
      return ['unsupported_response_type', 'only codes are given out'];
    if (asked.get('code_challenge_method') !== 'S256' || (asked.get('code_challenge') ?? '') === '')
      return ['invalid_request', 'code_challenge with method S256 is missing (PKCE)'];
    return undefined;
  }

  #registration(known: IssuerMetadata): string | undefined {
    const { provider, config } = this.#options;
    return endpointOf(known, 'registration_endpoint') ?? provider.register?.(config.issuer.issuer);
  }

  async #passOn(exchange: Exchange, asked: Readonly<Record<string, unknown>>): Promise<Reply> {
    const endpoint = this.#registration(await this.#options.metadata.current());
    if (endpoint === undefined) throw missing('registration_endpoint');
    return this.#post(exchange, endpoint, { type: 'application/json', body: JSON.stringify(asked) });
  }

  #giveOut(clientId: string, { redirect_uris: uris }: Readonly<Record<string, unknown>>): Reply {
    const { redirectUris } = this.#options.config;
    if (!Array.isArray(uris) || uris.length === 0)
      return oauthError('invalid_redirect_uri', 'redirect_uris is missing');
    if (!uris.every((uri) => redirectAllowed(uri, redirectUris)))
      return oauthError('invalid_redirect_uri', 'a redirect URI is not one of those that are allowed');
    return json(201, {
      client_id: clientId,
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      redirect_uris: uris,
    });
  }

  /** Of the answer the status and the JSON; nothing else of the client's or of the provider's passes. */
  async #post(
    exchange: Exchange,
    url: string,
    { type, body }: { readonly type: string; readonly body: string },
  ): Promise<Reply> {
    let reply: Response;
    try {
      const headers = { 'content-type': type, accept: 'application/json' };
      reply = await this.#options.http.fetch(exchange.cancel)(url, { method: 'POST', headers, body });
    } catch (cause) {
      throw new GatewayError('ISSUER_UNAVAILABLE', 'the authorization server does not answer', { cause });
    }
    const text = await reply.text();
    if (reply.status >= 300 && reply.status < 400)
      throw new GatewayError('ISSUER_UNAVAILABLE', 'the authorization server answers with a redirect');
    if (!objectOf(Buffer.from(text)))
      throw new GatewayError('ISSUER_UNAVAILABLE', 'the authorization server does not answer with JSON');
    return jsonText(reply.status, text);
  }
}

function missing(endpoint: string): GatewayError {
  return new GatewayError('ISSUER_UNAVAILABLE', `the authorization server has no ${endpoint}`);
}

/** Undefined where one is given twice (RFC 6749 section 3.1): readers disagree on which of them counts. */
function parametersOf(text: string): URLSearchParams | undefined {
  const parameters = new URLSearchParams(text);
  return new Set(parameters.keys()).size === [...parameters.keys()].length ? parameters : undefined;
}

function only(parameters: URLSearchParams, names: readonly string[]): URLSearchParams {
  return new URLSearchParams([...parameters].filter(([name]) => names.includes(name)));
}

function objectOf(body: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * What identity providers lack of what MCP clients expect, and what the gateway puts in its place. Pure: facts and
 * documents; who sends them is fronting.ts.
 */
import type { IssuerMetadata, IssuerPlaces } from '../../auth/issuer-metadata.ts';
import { issuerPlaces } from '../../auth/issuer-metadata.ts';
import { OPENID_CONFIGURATION } from '../../auth/well-known.ts';

export const PROVIDERS = ['auth0', 'keycloak', 'okta', 'descope', 'authentik', 'entra'] as const;
export type ProviderName = (typeof PROVIDERS)[number];

export interface Provider {
  /**
   * Of clients. `theirs`: the provider's own endpoint serves browsers too. `relayed`: it answers no browser (CORS), so
   * the gateway passes registrations on. `own`: it has none; the gateway gives out `clientId`.
   */
  readonly registration: 'theirs' | 'relayed' | 'own';
  /** Where the metadata names no endpoint for it. */
  readonly register?: (issuer: string) => string | undefined;
  /** Knows no `resource` (RFC 8707), but an `audience`. */
  readonly audience?: boolean;
  /** Refuses requests with a `resource`: authorization and token requests go through the gateway, which drops it. */
  readonly relays?: boolean;
  /** Understands PKCE and does not say so. */
  readonly pkce?: boolean;
  /** Where its metadata is, if not where the specifications have it. */
  readonly places?: (issuer: string) => IssuerPlaces;
}

export const providers: Readonly<Record<ProviderName, Provider>> = {
  auth0: { registration: 'theirs', audience: true },
  keycloak: {
    registration: 'relayed',
    register: (issuer) => `${trimmed(issuer)}/clients-registrations/openid-connect`,
    places: appendedFirst,
  },
  okta: {
    registration: 'relayed',
    audience: true,
    // Not below the issuer, which is one of the organisation's authorization servers.
    register: (issuer) => `${new URL(issuer).origin}/oauth2/v1/clients`,
    places: appendedFirst,
  },
  descope: { registration: 'relayed', register: descopeRegistration, places: appendedFirst },
  authentik: { registration: 'own', places: appendedFirst },
  entra: { registration: 'own', relays: true, pkce: true, places: entraPlaces },
};

/** Gateway addresses that stand in the document instead of the provider's. */
export interface Fronts {
  readonly issuer: string;
  readonly registration: string;
  readonly authorization: string;
  readonly token: string;
}

/** The provider's document as the gateway serves it. */
export function adapted(
  { document }: IssuerMetadata,
  provider: Provider,
  { fronts, registers, audience }: { fronts: Fronts; registers: boolean; audience: string | undefined },
): Record<string, unknown> {
  // RFC 8414 section 3.3: clients compare it with the address they asked.
  const result: Record<string, unknown> = { ...document, issuer: fronts.issuer };
  // Signed by the provider, it would say what the provider says (RFC 8414 section 2.1).
  delete result['signed_metadata'];
  // The `iss` that comes back with a code names the provider and not this issuer (RFC 9207).
  delete result[ISS_SUPPORTED];
  if (registers) result['registration_endpoint'] = fronts.registration;
  if (provider.audience && audience !== undefined) {
    const endpoint = document['authorization_endpoint'];
    if (typeof endpoint === 'string') result['authorization_endpoint'] = withAudience(endpoint, audience);
  }
  if (provider.relays) {
    result['authorization_endpoint'] = fronts.authorization;
    result['token_endpoint'] = fronts.token;
    result['token_endpoint_auth_methods_supported'] = ['none'];
  }
  if (provider.pkce) result['code_challenge_methods_supported'] ??= ['S256'];
  return result;
}

const ISS_SUPPORTED = 'authorization_response_iss_parameter_supported';

/** Whether clients that compare issuers letter for letter will refuse its answers: they name the provider itself. */
export function namesItself({ document }: IssuerMetadata): boolean {
  return document[ISS_SUPPORTED] === true;
}

function withAudience(endpoint: string, audience: string): string {
  return `${endpoint}${endpoint.includes('?') ? '&' : '?'}audience=${encodeURIComponent(audience)}`;
}

/** OpenID's places alone, the one behind the path first. */
function appendedFirst(issuer: string): IssuerPlaces {
  const { places } = issuerPlaces(issuer);
  return { issuer, places: [...places].reverse() };
}

/**
 * `https://login.microsoftonline.com/<tenant>/v2.0`, or for tokens of the older kind `https://sts.windows.net/<tenant>/`,
 * whose documents stand with the newer one.
 */
function entraPlaces(issuer: string): IssuerPlaces {
  const { hostname, pathname } = new URL(issuer);
  const [tenant = ''] = pathname.split('/').filter((part) => part !== '');
  if (hostname !== 'sts.windows.net') return appendedFirst(issuer);
  const newer = `https://login.microsoftonline.com/${tenant}/v2.0`;
  return { issuer: newer, places: [`${newer}${OPENID_CONFIGURATION}`] };
}

/** From `https://api.descope.com/v1/apps/agentic/<project>/<server>`. */
function descopeRegistration(issuer: string): string | undefined {
  const { origin, pathname } = new URL(issuer);
  const [, project, server] = /^\/v1\/apps\/agentic\/([^/]+)\/([^/]+)/.exec(pathname) ?? [];
  if (project === undefined || server === undefined) return undefined;
  return `${origin}/v1/mgmt/mcp/client/${project}/${server}/register`;
}

function trimmed(issuer: string): string {
  return issuer.replace(/\/$/, '');
}

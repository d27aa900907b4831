/**
 * The `mcpAuthentication` policy: the endpoint as a resource of OAuth, the way the MCP specification has it. Who comes
 * without a token is told where to get one.
 */
import { type Authentication, authenticationLayer } from '../../auth/layer.ts';
import { credentialPlace } from '../../auth/location.ts';
import { secretOf } from '../../auth/secret.ts';
import { lastingMetadata, lastingVerifier, type VerifierDeps } from '../../auth/verifier.ts';
import {
  AUTHORIZATION_SERVER,
  appendedMatches,
  OPENID_CONFIGURATION,
  PROTECTED_RESOURCE,
  wellKnownMatches,
} from '../../auth/well-known.ts';
import { asGatewayError, GatewayError } from '../../core/errors.ts';
import { type Answer, type Exchange, isTunnel } from '../../core/exchange.ts';
import type { RouteMatch } from '../../core/plan.ts';
import { definePolicy, type PolicyDeps } from '../../core/policy.ts';
import type { Layer } from '../../core/service.ts';
import { OauthHttp } from '../../upstream/credentials/oauth-http.ts';
import { textAt } from '../../upstream/text.ts';
import { Fronting } from './fronting.ts';
import { pageFor } from './pages.ts';
import { providers } from './providers.ts';
import { ProtectedResource } from './resource.ts';
import { type McpAuthenticationConfig, mcpAuthenticationSchema } from './schema.ts';

export const mcpAuthentication = definePolicy({
  key: 'mcpAuthentication',
  phase: 'authenticate',
  attach: ['route'],
  schema: mcpAuthenticationSchema,
  claims,
  build(config, deps) {
    const resource = new ProtectedResource(config, deps.route?.matches ?? []);
    const { ports, lasting, scope } = deps;
    const { clock } = ports;
    const verifying: VerifierDeps = {
      policy: 'mcpAuthentication',
      ports,
      lasting,
      scope,
      textAt: (url, owner, bounds) => textAt(url, { lasting, scope: owner, clock, ...bounds }),
    };
    const verifier = lastingVerifier([config.issuer], verifying);
    const metadata = lastingMetadata(config.metadata, verifying);
    const page = pageFor({ resource, metadata, fronting: frontingOf(config, { deps, metadata }) });
    const authentication: Authentication = {
      policy: 'mcpAuthentication',
      kind: 'jwt',
      place: credentialPlace(config.location),
      mode: config.mode,
      what: 'a token',
      challenge: (problem, exchange) => resource.challenge(exchange, problem),
      verify: (token) => verifier.verify(token),
    };
    return { exchange: layer(resource, page, authenticationLayer(authentication)) };
  },
});

/** Also where a proxy in front of the gateway asks for what is behind the public URL. */
function claims(
  { resource, provider }: McpAuthenticationConfig,
  matches: readonly RouteMatch[],
): RouteMatch[] {
  const path = resource === undefined ? '/' : new URL(resource).pathname;
  const named = path === '/' ? [] : [exact(path)];
  const all = [...matches, ...named];
  const servers = [AUTHORIZATION_SERVER, OPENID_CONFIGURATION];
  // Not at the root: another route may be the authorization server of this host.
  const ofServers = wellKnownMatches(servers, all).filter(({ path: { value } }) => !servers.includes(value));
  const endpoints = provider === undefined ? [] : ofServers.flatMap(({ path: at }) => below(at));
  return [
    ...wellKnownMatches([PROTECTED_RESOURCE], all),
    ...ofServers,
    ...endpoints,
    ...appendedMatches(matches),
  ];
}

function below(path: RouteMatch['path']): RouteMatch[] {
  return path.kind === 'exact' ? [{ ...exact(path.value), path: { kind: 'prefix', value: path.value } }] : [];
}

function exact(value: string): RouteMatch {
  return { path: { kind: 'exact', value }, method: undefined, headers: [], query: [] };
}

function frontingOf(
  config: McpAuthenticationConfig,
  { deps, metadata }: { deps: PolicyDeps; metadata: ReturnType<typeof lastingMetadata> },
): Fronting | undefined {
  if (config.provider === undefined) return undefined;
  const { ports, lasting, scope } = deps;
  const { clientSecret } = config;
  const secret =
    clientSecret === undefined ? undefined : secretOf(clientSecret, 'mcpAuthentication.clientSecret', ports);
  const http = new OauthHttp({ lasting, scope, clock: ports.clock });
  return new Fronting({
    config,
    provider: providers[config.provider],
    metadata,
    http,
    secret,
    log: ports.log,
  });
}

/** The places are open to everybody; whatever else is refused says where they are. */
function layer(
  resource: ProtectedResource,
  page: ReturnType<typeof pageFor>,
  authenticate: Layer<Exchange, Answer>,
): Layer<Exchange, Answer> {
  return (next) => {
    const guarded = authenticate(next);
    return async (exchange) => {
      const open = page(exchange.path);
      if (open) return open(exchange);
      try {
        const answer = await guarded(exchange);
        if (isTunnel(answer) || (answer.status !== 401 && answer.status !== 403)) return answer;
        return { ...answer, headers: resource.completed(exchange, answer.headers) };
      } catch (error) {
        throw completed(resource, exchange, error);
      }
    };
  };
}

function completed(resource: ProtectedResource, exchange: Exchange, error: unknown): GatewayError {
  const failure = asGatewayError(error);
  const { headers } = failure.detail;
  if (!headers) return failure;
  const after = resource.completed(exchange, headers);
  if (after === headers) return failure;
  return new GatewayError(failure.code, failure.message, { ...failure.detail, headers: after });
}

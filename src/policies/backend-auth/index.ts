/** The `backendAuth` policy: what the gateway proves itself with to an upstream, or passes on of the client's. */
import { secretName, secretOf } from '../../auth/secret.ts';
import { definePolicy, type PolicyDeps, type PolicyParts } from '../../core/policy.ts';
import { Scope } from '../../core/scope.ts';
import { isLoopbackHost } from '../../lib/address.ts';
import { canonicalJson } from '../../lib/canonical-json.ts';
import { ClientCredentials } from '../../upstream/credentials/client-credentials.ts';
import { OauthHttp, oauthProblem } from '../../upstream/credentials/oauth-http.ts';
import { TokenEndpoint } from '../../upstream/credentials/token-endpoint.ts';
import { authorizationCode } from './authorization-code.ts';
import { keyCredentials } from './key.ts';
import { passthroughMapping } from './passthrough.ts';
import { type BackendAuthConfig, backendAuthSchema, type ClientCredentialsConfig } from './schema.ts';

export const backendAuth = definePolicy<BackendAuthConfig>({
  key: 'backendAuth',
  phase: 'transform',
  attach: ['route', 'backend', 'target'],
  altitudes: ['outgoing'],
  schema: backendAuthSchema,
  build(config, deps): PolicyParts {
    switch (config.kind) {
      case 'key':
        return { credentials: keyCredentials(config, deps) };
      case 'passthrough':
        return { mapping: passthroughMapping(config) };
      case 'clientCredentials':
        return { credentials: clientCredentials(config, deps) };
      case 'authorizationCode':
        return { credentials: authorizationCode(config, deps) };
    }
  },
});

/** One token for all places that say the same, kept over reloads. */
function clientCredentials(config: ClientCredentialsConfig, deps: PolicyDeps): ClientCredentials {
  const { clientSecret, ...rest } = config;
  const key = `client-credentials ${secretName(clientSecret)} ${canonicalJson(rest)}`;
  return deps.lasting.hold(deps.scope, key, () => made(config, key, deps));
}

/** With a scope of its own: it outlives the generation it is made for, and so must its connections. */
function made(config: ClientCredentialsConfig, key: string, { ports, lasting }: PolicyDeps) {
  const { address, clientId, clientAuth, parameters } = config;
  const clientSecret = secretOf(
    config.clientSecret,
    'backendAuth.oauthClientCredentials.clientSecret',
    ports,
  );
  const issuer = 'issuer' in address ? address.issuer : address.tokenUrl;
  const { protocol, hostname } = new URL(issuer);
  if (protocol === 'http:' && !isLoopbackHost(hostname))
    ports.log.warn({ issuer }, 'backendAuth: the secret of the gateway travels unencrypted');
  const scope = new Scope();
  const { clock } = ports;
  const http = new OauthHttp({ lasting, scope, clock });
  const endpoint = new TokenEndpoint({
    address,
    clientId,
    clientSecret,
    clientAuth,
    parameters,
    http,
    clock,
  });
  return new ClientCredentials({
    key,
    ports,
    issuer,
    ask: (cancel) => endpoint.ask(cancel),
    problem: oauthProblem,
    scope,
  });
}

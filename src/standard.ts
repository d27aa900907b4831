/** What ships: the visible list. Importing a module does nothing; being in this list makes it part of the gateway. */
import { dynamicBackend } from './backends/dynamic/index.ts';
import { host } from './backends/host/index.ts';
import { mcpBackend } from './backends/mcp/index.ts';
import type { Definitions } from './config/definitions.ts';
import { policySetSchema } from './config/policies.ts';
import type { BackendDefinition } from './core/backend.ts';
import type { PolicyDefinition } from './core/policy.ts';
import type { TargetDefinition } from './mcp/definition.ts';
import { a2a } from './policies/a2a/index.ts';
import { apiKey } from './policies/api-key/index.ts';
import { authorization } from './policies/authorization/index.ts';
import { backendAuth } from './policies/backend-auth/index.ts';
import { backendTls } from './policies/backend-tls/index.ts';
import { basicAuth } from './policies/basic-auth/index.ts';
import { buffer } from './policies/buffer/index.ts';
import { concurrencyLimit } from './policies/concurrency-limit/index.ts';
import { cors } from './policies/cors/index.ts';
import { csrf } from './policies/csrf/index.ts';
import { delay } from './policies/delay/index.ts';
import { directResponse } from './policies/direct-response/index.ts';
import { health } from './policies/health/index.ts';
import { http } from './policies/http/index.ts';
import { jwtAuth } from './policies/jwt-auth/index.ts';
import { localRateLimit } from './policies/local-rate-limit/index.ts';
import { mcpAuthentication } from './policies/mcp-authentication/index.ts';
import { mcpAuthorization } from './policies/mcp-authorization/index.ts';
import { remoteRateLimit } from './policies/remote-rate-limit/index.ts';
import { requestHeaderModifier } from './policies/request-header-modifier/index.ts';
import { requestMirror } from './policies/request-mirror/index.ts';
import { requestRedirect } from './policies/request-redirect/index.ts';
import { responseHeaderModifier } from './policies/response-header-modifier/index.ts';
import { retry } from './policies/retry/index.ts';
import { tcp } from './policies/tcp/index.ts';
import { timeout } from './policies/timeout/index.ts';
import { transformations } from './policies/transformations/index.ts';
import { urlRewrite } from './policies/url-rewrite/index.ts';
import { mcpTarget } from './targets/mcp/index.ts';
import { openapiTarget } from './targets/openapi/index.ts';
import { sseTarget } from './targets/sse/index.ts';
import { stdioTarget } from './targets/stdio/index.ts';

/** Kinds that an embedder brings, beside those that ship. */
export interface Additions {
  readonly policies?: readonly PolicyDefinition[];
  readonly targets?: readonly TargetDefinition[];
  readonly backends?: readonly BackendDefinition[];
}

/** What definitions are replaced with: by themselves where nothing is said. */
export interface Replacing {
  policy?(definition: PolicyDefinition): PolicyDefinition;
  target?(definition: TargetDefinition): TargetDefinition;
  backend?(definition: BackendDefinition): BackendDefinition;
}

export const standard: Definitions = standardWith({});

/** Everything that ships and `additions`: their keys can be written in a configuration like any other. */
export function standardWith(additions: Additions, replacing: Replacing = {}): Definitions {
  const { policy = same, target = same, backend = same } = replacing;
  const policies = [
    cors,
    csrf,
    mcpAuthentication,
    jwtAuth,
    basicAuth,
    apiKey,
    a2a,
    authorization,
    mcpAuthorization,
    localRateLimit,
    remoteRateLimit,
    concurrencyLimit,
    backendTls,
    backendAuth,
    buffer,
    transformations,
    requestHeaderModifier,
    responseHeaderModifier,
    urlRewrite,
    requestRedirect,
    timeout,
    delay,
    directResponse,
    requestMirror,
    retry,
    health,
    http,
    tcp,
    ...(additions.policies ?? []),
  ].map(policy);
  const targets = [stdioTarget, mcpTarget, sseTarget, openapiTarget, ...(additions.targets ?? [])].map(
    target,
  );
  const outgoing = policies.filter(({ altitudes }) => altitudes?.includes('outgoing'));
  const mcp = mcpBackend(
    targets,
    policySetSchema(policies, 'target'),
    new Set(outgoing.map(({ key }) => key)),
  );
  return { policies, backends: [mcp, host, dynamicBackend(), ...(additions.backends ?? [])].map(backend) };
}

function same<T>(definition: T): T {
  return definition;
}

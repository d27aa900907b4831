/** HTTP APIs as MCP servers: each operation of an OpenAPI description is a tool. */
import { GatewayError } from '../../core/errors.ts';
import { withoutHeaders } from '../../core/outgoing.ts';
import { type Connector, type ConnectorDeps, defineTarget } from '../../mcp/definition.ts';
import { CredentialedUpstream } from '../../mcp/remote/credentialed.ts';
import { authorizationOf, endpointUrl, remoteUrl } from '../../mcp/remote/schema.ts';
import type { ToolOptions } from '../../openapi/tools.ts';
import { credentialsAt } from '../../upstream/credentials/login/located.ts';
import { httpUpstream } from '../../upstream/http.ts';
import { upstreamTls } from '../../upstream/tls.ts';
import { VERSION } from '../../version.ts';
import { Api } from './api.ts';
import { type OpenapiConfig, openapiSchema } from './schema.ts';
import { type DocumentSource, FileSource, inlineSource, UrlSource } from './source.ts';
import { ThreadReader } from './thread-reader.ts';
import { ApiWire } from './wire.ts';

export const openapiTarget = defineTarget<OpenapiConfig>({
  key: 'openapi',
  schema: openapiSchema,
  url: (config) => endpointUrl(config, '/'),
  identity: (config, policies) => [config, upstreamTls(policies), policies['backendAuth'] !== undefined],
  build: connectorOf,
});

/** Some APIs refuse requests without it. */
const AGENT = `agentgateway/${VERSION}`;

function connectorOf(config: OpenapiConfig, deps: ConnectorDeps): Connector {
  const url = remoteUrl(config, '/');
  if (typeof url === 'string') throw new GatewayError('CONFIG_INVALID', url);
  const { backend, timeouts, ports, name } = deps;
  const tls = url.protocol === 'https:' ? upstreamTls(backend.policies) : undefined;
  const credentials = credentialsAt(deps.credentials, { name, url, tls });
  const log = ports.log.child({ target: name });
  const connectTimeoutMs = timeouts.connectMs;
  const upstream = httpUpstream(backend.lasting, backend.scope, {
    origin: url.origin,
    tls,
    connectTimeoutMs,
    log,
  });
  const login = authorizationOf(url);
  const own = config.path !== undefined || url.pathname !== '/';
  const api = new Api({
    source: sourceOf(config, url, deps),
    reader: backend.lasting.hold(backend.scope, 'api descriptions', () => new ThreadReader()),
    ports: { ...ports, log },
    tools: toolOptions(config, deps),
    base: own ? url.pathname.replace(/\/+$/, '') : undefined,
    externalReferences: config.externalReferences,
    authenticated: login.length > 0 || backend.policies['backendAuth'] !== undefined,
  });
  return {
    lifecycle: 'session',
    resumable: true,
    takesHeaders: true,
    relates: true,
    eras: 'apart',
    address: `${url.origin}${own ? url.pathname : ''}`,
    open: async ({ headers, events, owner, purpose, era }) => {
      await api.current();
      const sender = credentials ? new CredentialedUpstream(upstream, credentials, owner) : upstream;
      const client = login.length === 0 ? headers : withoutHeaders(headers, ['authorization']);
      return new ApiWire({
        api,
        sender,
        fixed: login,
        agent: AGENT,
        headers: client,
        events,
        era,
        renews: purpose === 'probe',
      });
    },
    close: () => api.close(),
  };
}

function toolOptions(config: OpenapiConfig, { credentials }: ConnectorDeps): ToolOptions {
  const { operations = {}, outputSchemas } = config;
  const provided =
    credentials && ({ place: credentials.place ?? 'header', names: credentials.names } as const);
  return { style: config.arguments, selection: operations, outputSchemas, provided };
}

function sourceOf(
  { schema }: OpenapiConfig,
  api: URL,
  { backend, ports, timeouts }: ConnectorDeps,
): DocumentSource {
  if (typeof schema === 'string') return inlineSource(schema);
  if ('file' in schema) return new FileSource(schema.file, ports);
  const { lasting, scope, policies } = backend;
  // Settings of a connection are for the API; another place is met as anybody meets it.
  const tls = new URL(schema.url).origin === api.origin ? upstreamTls(policies) : {};
  return new UrlSource(schema.url, { lasting, scope, tls, connectTimeoutMs: timeouts.connectMs });
}

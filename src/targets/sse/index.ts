/** Remote MCP servers over the old HTTP+SSE transport. */
import { defineTarget } from '../../mcp/definition.ts';
import { type RemoteTransport, remoteConnector } from '../../mcp/remote/connector.ts';
import { endpointUrl, type RemoteConfig, remoteSchema } from '../../mcp/remote/schema.ts';
import { openSseWire } from '../../mcp/remote/sse-wire.ts';
import { upstreamTls } from '../../upstream/tls.ts';

/** Legacy alone: the transport is older than the modern era. */
const SSE: RemoteTransport = {
  relates: false,
  open: (options, { cancel }) => openSseWire(options, cancel),
};

export const sseTarget = defineTarget<RemoteConfig>({
  key: 'sse',
  schema: remoteSchema,
  url: (config) => endpointUrl(config, '/sse'),
  identity: (config, policies) => [config, upstreamTls(policies), policies['http'], policies['tcp']],
  build: (config, deps) => remoteConnector(config, deps, { path: '/sse', transport: SSE }),
});

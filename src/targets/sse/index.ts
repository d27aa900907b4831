/** Remote MCP servers over the old HTTP+SSE transport. */
import { defineTarget } from '../../mcp/definition.ts';
import { remoteConnector } from '../../mcp/remote/connector.ts';
import { type RemoteConfig, remoteSchema } from '../../mcp/remote/schema.ts';
import { upstreamTls } from '../../upstream/tls.ts';
import { openSseWire } from './sse-wire.ts';

export const sseTarget = defineTarget<RemoteConfig>({
  key: 'sse',
  schema: remoteSchema,
  identity: (config, policies) => [config, upstreamTls(policies)],
  build: (config, deps) => remoteConnector(config, deps, { path: '/sse', relates: false, open: openSseWire }),
});

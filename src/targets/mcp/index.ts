/** Remote MCP servers over streamable HTTP. */
import { defineTarget } from '../../mcp/definition.ts';
import { remoteConnector } from '../../mcp/remote/connector.ts';
import { endpointUrl, type RemoteConfig, remoteSchema } from '../../mcp/remote/schema.ts';
import { upstreamTls } from '../../upstream/tls.ts';
import { McpTransports } from './transports.ts';

export const mcpTarget = defineTarget<RemoteConfig>({
  key: 'mcp',
  schema: remoteSchema,
  url: (config) => endpointUrl(config, '/mcp'),
  identity: (config, policies) => [config, upstreamTls(policies), policies['http'], policies['tcp']],
  build: (config, deps) => remoteConnector(config, deps, { path: '/mcp', transport: new McpTransports() }),
});

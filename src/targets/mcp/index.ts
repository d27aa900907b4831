/** Remote MCP servers over streamable HTTP. */
import { defineTarget } from '../../mcp/definition.ts';
import { remoteConnector } from '../../mcp/remote/connector.ts';
import { type RemoteConfig, remoteSchema } from '../../mcp/remote/schema.ts';
import { upstreamTls } from '../../upstream/tls.ts';
import { HttpWire } from './http-wire.ts';

export const mcpTarget = defineTarget<RemoteConfig>({
  key: 'mcp',
  schema: remoteSchema,
  identity: (config, policies) => [config, upstreamTls(policies)],
  build: (config, deps) =>
    remoteConnector(config, deps, { path: '/mcp', relates: true, open: (options) => new HttpWire(options) }),
});

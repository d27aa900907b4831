/** The official SDK, first major: streamable HTTP and the old SSE transport. */
import { after, before } from 'node:test';
import { pathToFileURL } from 'node:url';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { describeAbilities } from './abilities.ts';
import { driveV1 } from './driver.ts';
import { type RealServers, startRealServers } from './real-servers.ts';

let servers: RealServers;
before(async () => {
  servers = await startRealServers();
});
after(async () => {
  await servers?.stop();
});

const root = ({ folder }: RealServers): string => pathToFileURL(folder).href;

describeAbilities(
  {
    name: 'SDK v1 over /mcp',
    connect: (at) =>
      driveV1(new StreamableHTTPClientTransport(new URL('/mcp', at.origin)) as Transport, { root: root(at) }),
  },
  () => servers,
);

describeAbilities(
  {
    name: 'SDK v1 over /sse',
    connect: (at) => driveV1(new SSEClientTransport(new URL('/sse', at.origin)), { root: root(at) }),
  },
  () => servers,
);

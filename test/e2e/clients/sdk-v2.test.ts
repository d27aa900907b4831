/** The official SDK, second major: as it comes, and told to find out which revision the server speaks. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { SSEClientTransport, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { describeAbilities } from './abilities.ts';
import { driveV2, type Negotiation } from './driver.ts';
import { type RealServers, startRealServers } from './real-servers.ts';

let servers: RealServers;
before(async () => {
  servers = await startRealServers();
});
after(async () => {
  await servers?.stop();
});

function connect(at: RealServers, path: '/mcp' | '/sse', negotiation?: Negotiation) {
  const url = new URL(path, at.origin);
  const transport = path === '/mcp' ? new StreamableHTTPClientTransport(url) : new SSEClientTransport(url);
  return driveV2(transport, { root: pathToFileURL(at.folder).href, negotiation });
}

for (const path of ['/mcp', '/sse'] as const) {
  for (const negotiation of [undefined, 'auto'] as const) {
    const how = negotiation === undefined ? 'by default' : 'asking for the newest revision first';
    test(`SDK v2 over ${path}, ${how}, ends up at 2025-11-25`, async () => {
      const { driver, era, version } = await connect(servers, path, negotiation);
      assert.equal(version, '2025-11-25');
      assert.equal(era, 'legacy');
      await driver.close();
    });
  }
}

describeAbilities(
  {
    name: 'SDK v2 over /mcp',
    connect: async (at) => (await connect(at, '/mcp')).driver,
  },
  () => servers,
);

describeAbilities(
  {
    name: 'SDK v2 over /mcp, asking for the newest revision first',
    connect: async (at) => (await connect(at, '/mcp', 'auto')).driver,
  },
  () => servers,
);

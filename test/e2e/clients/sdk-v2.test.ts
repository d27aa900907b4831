/** The official SDK, second major: as it comes, told to find out which revision the server speaks, and pinned. */
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

for (const [path, negotiation, era, version] of [
  ['/mcp', undefined, 'legacy', '2025-11-25'],
  ['/mcp', 'auto', 'modern', '2026-07-28'],
  ['/mcp', 'modern', 'modern', '2026-07-28'],
  ['/sse', undefined, 'legacy', '2025-11-25'],
  // The transport is older than the revision, and has no place for it.
  ['/sse', 'auto', 'legacy', '2025-11-25'],
] as const) {
  test(`SDK v2 over ${path}, asked for ${negotiation ?? 'nothing'}, ends up at ${version}`, async () => {
    const client = await connect(servers, path, negotiation);
    assert.deepEqual([client.era, client.version], [era, version]);
    await client.driver.close();
  });
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
    name: 'SDK v2 over /mcp at 2026-07-28',
    gaps: new Set(['logs outside of calls']),
    connect: async (at) => (await connect(at, '/mcp', 'modern')).driver,
  },
  () => servers,
);

/** `mcp-remote`: the bridge that clients without HTTP spawn. Driven as they would, over its standard input and output. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { describeAbilities } from './abilities.ts';
import { throughMcpRemote } from './mcp-remote.ts';
import { type RealServers, startRealServers } from './real-servers.ts';

let servers: RealServers;
let state: string;
before(async () => {
  state = await mkdtemp(join(tmpdir(), 'mcp-remote-'));
  servers = await startRealServers();
});
after(async () => {
  await servers?.stop();
  await rm(state, { recursive: true, force: true });
});

const ways = [
  { name: 'as it comes', path: '/mcp', flags: [] },
  { name: 'over SSE', path: '/sse', flags: ['--transport', 'sse-only'] },
] as const;

for (const { name, path, flags } of ways) {
  describeAbilities(
    {
      name: `mcp-remote, ${name}`,
      connect: (at) => throughMcpRemote(at, { path, flags, state }),
    },
    () => servers,
  );
}

/** `mcp-remote`: the bridge that clients without HTTP spawn. Driven as they would, over its standard input and output. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { pathToFileURL } from 'node:url';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { describeAbilities } from './abilities.ts';
import { driveV1 } from './driver.ts';
import { type RealServers, startRealServers } from './real-servers.ts';

const BRIDGE = createRequire(import.meta.url).resolve('mcp-remote/dist/proxy.js');

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
  { name: 'asking for the newest revision first', path: '/mcp', flags: ['--protocol', 'auto'] },
  { name: 'over SSE', path: '/sse', flags: ['--transport', 'sse-only'] },
];

for (const { name, path, flags } of ways) {
  describeAbilities(
    {
      name: `mcp-remote, ${name}`,
      connect: async ({ origin, folder }) => {
        const transport = new StdioClientTransport({
          command: process.execPath,
          args: [BRIDGE, `${origin}${path}`, '--allow-http', ...flags],
          env: { ...(process.env as Record<string, string>), MCP_REMOTE_CONFIG_DIR: state },
          stderr: 'pipe',
        });
        let said = '';
        transport.stderr?.on('data', (text: Buffer) => {
          said += text;
        });
        const driver = await driveV1(transport, { root: pathToFileURL(folder).href });
        assert.doesNotMatch(said, /cannot bridge/i);
        return driver;
      },
    },
    () => servers,
  );
}

/** `mcp-remote` as a program that a client starts. */
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { type Driver, driveV1 } from './driver.ts';
import type { RealServers } from './real-servers.ts';

const BRIDGE = createRequire(import.meta.url).resolve('mcp-remote/dist/proxy.js');

export interface Way {
  readonly path: '/mcp' | '/sse';
  readonly flags: readonly string[];
  /** Where it keeps what it remembers. */
  readonly state: string;
}

export async function throughMcpRemote(
  { origin, folder }: RealServers,
  { path, flags, state }: Way,
): Promise<Driver> {
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
  if (/cannot bridge/i.test(said)) throw new Error(said);
  return driver;
}

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
  /** Is told where the person has to log in. */
  readonly browse?: (url: string) => void;
}

/** No window opens on the machine of whoever runs the tests. */
const NO_BROWSER = { BROWSER: 'true', DISPLAY: '', WAYLAND_DISPLAY: '', XDG_CURRENT_DESKTOP: '' };

export async function throughMcpRemote(
  { origin, folder }: Pick<RealServers, 'origin' | 'folder'>,
  { path, flags, state, browse }: Way,
): Promise<Driver> {
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [BRIDGE, `${origin}${path}`, '--allow-http', ...flags],
    env: { ...(process.env as Record<string, string>), ...NO_BROWSER, MCP_REMOTE_CONFIG_DIR: state },
    stderr: 'pipe',
  });
  let said = '';
  let asked = false;
  transport.stderr?.on('data', (text: Buffer) => {
    said += text;
    const [, url] = /by visiting:\s+(http\S+)\s/.exec(said) ?? [];
    if (url === undefined || asked) return;
    asked = true;
    browse?.(url);
  });
  const driver = await driveV1(transport, { root: pathToFileURL(folder).href });
  if (/cannot bridge/i.test(said)) throw new Error(said);
  return driver;
}

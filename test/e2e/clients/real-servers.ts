/**
 * MCP servers of both eras behind one gateway: the published reference server over each transport, a file server, a
 * memory, a clock; the fixture on the second SDK as a server of one era or the other. For tests with clients that
 * others wrote.
 */
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startHttpFixture } from '../../fixtures/everything-server/http.ts';
import { type GatewayProcess, startGateway } from '../../fixtures/gateway.ts';
import { freePort, type Started, start, untilListening } from '../../fixtures/programs.ts';
import { provideUvx, type Uvx } from '../../fixtures/uvx.ts';

const { resolve } = createRequire(import.meta.url);

/** Targets that are the same published server (legacy) over stdio, SSE and streamable HTTP. */
export const EVERYTHINGS = ['local', 'events', 'remote'] as const;

/** Targets that are the fixture: legacy alone, modern alone over HTTP and over stdio, both eras. */
export const FIXTURES = ['older', 'newer', 'child', 'either'] as const;

export interface RealServers {
  readonly gateway: GatewayProcess;
  /** `http://localhost:<port>`. */
  readonly origin: string;
  /** What the target `files` serves; holds `hello.txt`. */
  readonly folder: string;
  readonly uvx: Uvx;
  stop(): Promise<void>;
}

/** The fixture as a process. */
export const FIXTURE = fileURLToPath(new URL('../../fixtures/everything-server/main.js', import.meta.url));

export const serverScript = (name: string): string =>
  resolve(`@modelcontextprotocol/server-${name}/dist/index.js`);

export async function startRealServers(): Promise<RealServers> {
  // A file server compares real paths; the temporary folder is a link on some systems.
  const root = await realpath(await mkdtemp(join(tmpdir(), 'servers-')));
  const folder = join(root, 'files');
  await mkdir(folder);
  await writeFile(join(folder, 'hello.txt'), 'Hello from a file.');
  const uvx = await provideUvx('mcp-server-time');
  const started: { stop(): Promise<void> }[] = [];
  const stop = async (): Promise<void> => {
    for (const each of started.reverse()) await each.stop();
    await rm(root, { recursive: true, force: true });
  };
  try {
    const events = await startEverything('sse');
    started.push(events.program);
    const remote = await startEverything('streamableHttp');
    started.push(remote.program);
    const fixtures: Record<string, unknown>[] = [];
    for (const [name, eras] of [
      ['older', 'legacy'],
      ['newer', 'modern'],
      ['either', 'both'],
    ] as const) {
      const fixture = await startHttpFixture({ port: 0, eras });
      started.push({ stop: fixture.close });
      fixtures.push({ name, mcp: { host: fixture.url } });
    }
    const node = (script: string, ...args: string[]) => ({ cmd: process.execPath, args: [script, ...args] });
    const targets: Record<string, unknown>[] = [
      { name: 'local', stdio: node(serverScript('everything')) },
      { name: 'events', sse: { host: `http://127.0.0.1:${events.port}/sse` } },
      { name: 'remote', mcp: { host: `http://127.0.0.1:${remote.port}/mcp` } },
      { name: 'files', stdio: node(serverScript('filesystem'), folder) },
      {
        name: 'memory',
        stdio: { ...node(serverScript('memory')), env: { MEMORY_FILE_PATH: join(root, 'memory.jsonl') } },
      },
      ...fixtures,
      { name: 'child', stdio: node(FIXTURE, '--stdio', '--eras', 'modern') },
    ];
    if (uvx.available) targets.push({ name: 'time', stdio: { cmd: 'uvx', args: ['mcp-server-time'] } });
    const gateway = await startGateway({ mcp: { targets }, env: uvx.env });
    started.push(gateway);
    return { gateway, origin: new URL(gateway.url).origin, folder, uvx, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startEverything(
  transport: 'sse' | 'streamableHttp',
): Promise<{ program: Started; port: number }> {
  const port = await freePort();
  const env = { ...process.env, PORT: String(port) };
  const program = start(process.execPath, [serverScript('everything'), transport], { env });
  await untilListening(port, program);
  return { program, port };
}

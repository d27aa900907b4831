/** What is measured against what: no proxy, the floor, this gateway, other gateways from the package registry. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Era } from '../src/mcp/revisions.ts';
import { gatewayIsBuilt, startGateway } from '../test/fixtures/gateway.ts';
import { installPackage } from '../test/fixtures/packages.ts';
import { freePort, type Started, start, untilListening } from '../test/fixtures/programs.ts';
import { announcedPort, cache, here, node, orStop, stopAll } from './processes.ts';
import { measuredCore, otherCores } from './sample.ts';

/** What stands behind a leg. */
export interface Behind {
  readonly targets: number;
  readonly toolsPerTarget: number;
}

export interface Running {
  readonly url: string;
  /** No MCP is spoken there. */
  readonly plain?: boolean;
  /** The old transport, where a peer serves nothing else. */
  readonly oldSse?: boolean;
  /** What clients speak; legacy unless given. */
  readonly client?: Era;
  /** Starts a process for each session: a thousand of them would measure the machine. */
  readonly processPerSession?: boolean;
  /** Whose CPU and memory count; undefined: nobody's. */
  readonly pid: number | undefined;
  /** Exposed name of `echo` of the nth target. */
  echo(target: number): string;
  stop(): Promise<void>;
}

export interface Leg {
  readonly name: string;
  /** Which scenarios it can take part in. */
  readonly fits: (behind: Behind) => boolean;
  start(behind: Behind): Promise<Running>;
}

interface Upstream {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

async function startUpstream(tools: number, era: Era = 'legacy'): Promise<Upstream> {
  const started = node(otherCores, here('upstream.js'), String(tools), era);
  const port = await announcedPort(started);
  return { url: `http://127.0.0.1:${port}/mcp`, port, pid: started.pid, stop: started.stop };
}

const total = ({ targets, toolsPerTarget }: Behind): number => targets * toolsPerTarget;

const direct: Leg = {
  name: 'direct',
  fits: () => true,
  async start(behind) {
    const upstream = await startUpstream(total(behind));
    return { url: upstream.url, pid: undefined, echo: () => 'echo', stop: upstream.stop };
  },
};

const floor: Leg = {
  name: 'floor',
  fits: () => true,
  async start(behind) {
    const upstream = await startUpstream(total(behind));
    const started = node(measuredCore, here('floor.js'), String(upstream.port));
    const url = `http://127.0.0.1:${await announcedPort(started)}/mcp`;
    return { url, pid: started.pid, echo: () => 'echo', stop: stopAll(started, upstream) };
  },
};

/** A change to the gateway that is measured against the gateway as shipped. */
export interface Variant {
  readonly name: string;
  /** Merged over `mcp:`. */
  readonly mcp?: Record<string, unknown>;
  /** Of the route. */
  readonly policies?: Record<string, unknown>;
  readonly settings?: Record<string, unknown>;
  readonly env?: Readonly<Record<string, string>>;
  readonly nodeArgs?: readonly string[];
  /** Instead of as many as the scenario wants. */
  readonly targets?: number;
  /** What the servers speak; legacy unless given. */
  readonly servers?: Era;
}

export function gatewayHttp(variant?: Variant): Leg {
  return {
    name: variant ? `gateway, ${variant.name}` : 'gateway, http',
    fits: gatewayIsBuilt,
    async start({ targets, toolsPerTarget }) {
      const upstreams: Upstream[] = [];
      const count = variant?.targets ?? targets;
      for (let index = 0; index < count; index++)
        upstreams.push(await startUpstream(toolsPerTarget, variant?.servers));
      const list = upstreams.map(({ url }, index) => ({ name: `t${index}`, mcp: { host: url } }));
      return await startMeasured(list, upstreams, variant);
    },
  };
}

export const gatewayStdio: Leg = {
  name: 'gateway, stdio',
  fits: gatewayIsBuilt,
  async start({ targets, toolsPerTarget }) {
    const [cmd = '', ...args] = stdioCommand(toolsPerTarget);
    const list = Array.from({ length: targets }, (_, index) => ({
      name: `t${index}`,
      stdio: { cmd, args, lifecycle: 'shared' },
    }));
    return await startMeasured(list, []);
  },
};

const stdioCommand = (tools: number): string[] => [
  ...otherCores,
  process.execPath,
  here('upstream-stdio.js'),
  String(tools),
];

async function startMeasured(
  targets: unknown[],
  upstreams: readonly Upstream[],
  variant?: Variant,
): Promise<Running> {
  const starting = startGateway({
    mcp: { targets, ...variant?.mcp },
    ...(variant?.policies ? { policies: variant.policies } : {}),
    prefix: measuredCore,
    settings: { logging: { level: 'warn' }, ...variant?.settings },
    ...(variant?.env ? { env: variant.env } : {}),
    ...(variant?.nodeArgs ? { nodeArgs: variant.nodeArgs } : {}),
  });
  const gateway = await orStop(upstreams, starting);
  const echo = (target: number): string => (targets.length > 1 ? `t${target}_echo` : 'echo');
  return { url: gateway.url, pid: gateway.pid, echo, stop: stopAll(gateway, ...upstreams) };
}

/** Bridges serve one server, so they take part where one is enough. */
const single = ({ targets }: Behind): boolean => targets <= 2;

const supergateway: Leg = {
  name: 'supergateway 4.0.0, stdio',
  fits: single,
  async start(behind) {
    const folder = await installPackage(cache, 'supergateway', '4.0.0');
    const port = await freePort();
    const stdio = stdioCommand(total(behind)).join(' ');
    const options = [
      '--outputTransport',
      'streamableHttp',
      '--stateful',
      '--port',
      String(port),
      '--logLevel',
      'none',
    ];
    const started = node(measuredCore, join(folder, 'dist', 'index.js'), '--stdio', stdio, ...options);
    return await bridge(started, port);
  },
};

const mcpProxy: Leg = {
  name: 'mcp-proxy 6.7.19, stdio',
  fits: single,
  async start(behind) {
    const folder = await installPackage(cache, 'mcp-proxy', '6.7.19');
    const port = await freePort();
    const options = ['--port', String(port), '--', ...stdioCommand(total(behind))];
    const started = node(measuredCore, join(folder, 'dist', 'bin', 'mcp-proxy.mjs'), ...options);
    return await bridge(started, port);
  },
};

async function bridge(started: Started, port: number): Promise<Running> {
  await orStop([started], untilListening(port, started));
  const url = `http://127.0.0.1:${port}/mcp`;
  return { url, processPerSession: true, pid: started.pid, echo: () => 'echo', stop: started.stop };
}

const mcpHub: Leg = {
  name: 'mcp-hub 4.2.1, http',
  fits: () => true,
  async start({ targets, toolsPerTarget }) {
    const folder = await installPackage(cache, 'mcp-hub', '4.2.1');
    const upstreams: Upstream[] = [];
    for (let index = 0; index < targets; index++) upstreams.push(await startUpstream(toolsPerTarget));
    const file = join(cache, `mcp-hub-${process.pid}.json`);
    const servers = Object.fromEntries(upstreams.map(({ url }, index) => [`t${index}`, { url }]));
    await writeFile(file, JSON.stringify({ mcpServers: servers }));
    const port = await freePort();
    const [command = '', ...rest] = [...measuredCore, process.execPath, join(folder, 'dist', 'cli.js')];
    // It keeps a register of its instances under HOME, which is not ours to write to.
    const env = { ...process.env, HOME: cache, XDG_STATE_HOME: cache };
    const started = start(command, [...rest, '--port', String(port), '--config', file], { env });
    const parts = [started, ...upstreams];
    await orStop(parts, started.said(/servers started successfully/));
    await orStop(parts, untilListening(port, started));
    const url = `http://127.0.0.1:${port}/mcp`;
    const echo = (target: number): string => `t${target}__echo`;
    return { url, oldSse: true, pid: started.pid, echo, stop: stopAll(...parts) };
  },
};

export const ours: readonly Leg[] = [direct, floor, gatewayHttp(), gatewayStdio];
export const peers: readonly Leg[] = [supergateway, mcpProxy, mcpHub];
export { floor };

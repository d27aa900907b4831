/** A whole gateway in the test's own process, on a free loopback port, in front of servers in memory. */
import type { Definitions } from '../config/definitions.ts';
import type { Plan } from '../core/plan.ts';
import { createGateway, type GatewaySettings, loadConfig } from '../embed.ts';
import type { Gateway } from '../gateway.ts';
import { standardWith } from '../standard.ts';
import type { MemoryServer } from './memory-server.ts';
import { memoryTarget } from './memory-target.ts';

export interface TestGatewayOptions extends Omit<GatewaySettings, 'definitions'> {
  /** Servers by the name that `memory: <name>` under a target stands for. */
  readonly servers?: Readonly<Record<string, MemoryServer>>;
  /** Where relative paths in the configuration lead from; default: the working directory. */
  readonly folder?: string;
}

export interface TestGateway {
  readonly gateway: Gateway;
  /** `http://localhost:<port>`; MCP is at `/mcp` behind it. */
  readonly url: string;
  /** Puts another configuration in force, as saving the file does. The port stays. Throws ConfigError. */
  apply(config: string): Promise<void>;
  /** Ends everything at once, without waiting for open streams. */
  close(): Promise<void>;
}

/**
 * Starts a gateway on `config`, whose one port is replaced by a free one. Log and access log are silent unless `log`
 * is given. Throws ConfigError, and TypeError when the configuration has more than one port.
 */
export async function testGateway(config: string, options: TestGatewayOptions = {}): Promise<TestGateway> {
  const { servers = {}, folder, env, ...settings } = options;
  const definitions = standardWith({ targets: [memoryTarget(servers)] });
  const load = { definitions, ...(env && { env }), ...(folder !== undefined && { folder }) };
  const plan = onFreePort(config, load);
  const gateway = createGateway({ drainMs: 0, ...settings, ...(env && { env }), definitions });
  try {
    await gateway.apply(plan);
  } catch (error) {
    await gateway.close();
    throw error;
  }
  return {
    gateway,
    url: `http://localhost:${gateway.listening()[0]?.port}`,
    apply: (text) => gateway.apply(onFreePort(text, load)),
    close: () => gateway.close(),
  };
}

function onFreePort(config: string, load: { definitions: Definitions }): Plan {
  const plan = loadConfig(config, load);
  const [bind] = plan.binds;
  if (!bind || plan.binds.length > 1)
    throw new TypeError(`a test gateway serves one port, not ${plan.binds.length}`);
  return { ...plan, binds: [{ ...bind, port: 0, address: undefined }] };
}

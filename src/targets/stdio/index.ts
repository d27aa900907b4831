/** MCP servers as child processes. Owns how a session gets a child; the children themselves belong to ProcessHost. */
import { GatewayError } from '../../core/errors.ts';
import type { Log } from '../../core/ports.ts';
import { Scope } from '../../core/scope.ts';
import {
  type Connector,
  type ConnectorDeps,
  defineTarget,
  type OpenOptions,
  type Wire,
} from '../../mcp/definition.ts';
import type { ProcessSpec } from '../../upstream/processes/command.ts';
import { ProcessHost } from '../../upstream/processes/host.ts';
import { commandLine } from './command-line.ts';
import { variables } from './environment.ts';
import { type StdioConfig, stdioSchema } from './schema.ts';
import { Spares } from './spares.ts';
import { ChildWire } from './wire.ts';

/** Spares may fill this share of the cap; the rest is for sessions. */
const SPARE_SHARE = 0.75;

export const stdioTarget = defineTarget<StdioConfig>({
  key: 'stdio',
  schema: stdioSchema,
  bare: true,
  identity: ({ cmd, args, env, clearEnv, cwd, lifecycle, warm }) => ({
    cmd,
    args,
    env,
    clearEnv,
    cwd,
    lifecycle,
    warm,
  }),
  build: (config, deps) => new StdioConnector(config, deps),
});

class StdioConnector implements Connector {
  readonly lifecycle: 'shared' | 'session';
  readonly resumable: boolean;
  readonly takesHeaders = false;
  readonly relates = false;
  readonly eras = 'together';
  readonly address: string;
  readonly #host: ProcessHost;
  readonly #spec: Omit<ProcessSpec, 'env' | 'secrets'>;
  readonly #variables: ReturnType<typeof variables>;
  readonly #log: Log;
  readonly #spares: Spares | undefined;
  readonly #open = new Set<ChildWire>();
  /** Not the generation's: this connector, and with it its hold on the host, outlives the generation that built it. */
  readonly #scope = new Scope();
  #closed = false;

  constructor(config: StdioConfig, deps: ConnectorDeps) {
    const { ports, backend, name, limits } = deps;
    this.lifecycle = config.lifecycle;
    // The state of a session's own child ends with it; a shared child has no state that is a session's.
    this.resumable = config.lifecycle === 'shared';
    this.address = commandLine(config.cmd, config.args);
    // Before anything is held: it throws for a file that cannot be read.
    this.#variables = variables(config, ports);
    this.#host = backend.lasting.hold(this.#scope, 'process-host', () => new ProcessHost({ ports, limits }));
    this.#spec = {
      name,
      cmd: config.cmd,
      args: config.args,
      clearEnv: config.clearEnv,
      cwd: config.cwd,
    };
    this.#log = ports.log.child({ target: name });
    if (config.lifecycle === 'session' && config.warm > 0) {
      this.#spares = new Spares({ size: config.warm, ports, start: () => this.#startSpare() });
    }
  }

  async open({ events, cancel, purpose }: OpenOptions): Promise<Wire> {
    if (this.#closed) throw this.#removed();
    if (cancel.reason) throw cancel.reason;
    const spare = purpose === 'session' ? this.#spares?.take() : undefined;
    const wire = spare ?? this.#start();
    if (wire.child.pid === undefined) {
      const { failure } = await wire.child.exited;
      throw failure ?? new GatewayError('PROCESS_START', `cannot start ${this.#spec.cmd}`);
    }
    wire.attach(events);
    return wire;
  }

  warm(): void {
    if (!this.#closed) this.#spares?.warm();
  }

  async close(): Promise<void> {
    this.#closed = true;
    const reason = this.#removed();
    await Promise.all([this.#spares?.close(), ...[...this.#open].map((wire) => wire.end(reason))]);
    await this.#scope.close();
  }

  #removed(): GatewayError {
    return new GatewayError('TARGET_REMOVED', `target "${this.#spec.name}" has been removed`);
  }

  #start(): ChildWire {
    const wire = new ChildWire({
      log: this.#log,
      start: (events) => this.#host.spawn({ ...this.#spec, ...this.#variables() }, events),
      spoke: () => this.#spares?.worked(),
    });
    this.#open.add(wire);
    void wire.child.exited.then(() => this.#open.delete(wire));
    return wire;
  }

  #startSpare(): ChildWire | undefined {
    if (this.#host.count >= this.#host.maxChildren * SPARE_SHARE) return undefined;
    try {
      return this.#start();
    } catch (error) {
      this.#log.debug({ error }, 'no spare child');
      return undefined;
    }
  }
}

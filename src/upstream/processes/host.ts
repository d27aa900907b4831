/**
 * The children of this gateway: starts them, counts them, remembers them on disk, and ends them all on close. One host
 * serves every target, so that the cap and the reaping of orphans hold for the gateway as a whole.
 */
import { join } from 'node:path';
import spawn from 'cross-spawn';
import { asGatewayError, GatewayError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Ports } from '../../core/ports.ts';
import type { Closable } from '../../core/scope.ts';
import { type Child, type ChildEvents, RunningChild } from './child.ts';
import { childEnvironment, executable, type ProcessSpec, spawnFailure } from './command.ts';
import { ChildRecords } from './records.ts';
import { StderrReader } from './stderr.ts';
import { MARKER, type SystemProcess, systemProcess } from './system.ts';

const GRACE_MS = 2000;

export interface HostLimits {
  /** Live children, those being ended included. */
  readonly children: number;
  /** One message of a child. */
  readonly messageBytes: number;
}

export interface ProcessHostOptions {
  readonly ports: Ports;
  readonly system?: SystemProcess;
  /** Folder of the records; default `<temporary folder>/agentgateway-<uid>/children`. */
  readonly stateDir?: string;
  /** As they are now. */
  readonly limits?: HostLimits | undefined;
  /** Patience after closing standard input, and again after SIGTERM; default 2 s. */
  readonly graceMs?: number;
}

const STANDARD: HostLimits = {
  children: LIMITS.children.value,
  messageBytes: LIMITS.upstreamMessage.value,
};

export class ProcessHost implements Closable {
  readonly #limits: HostLimits;
  readonly #ports: Ports;
  readonly #system: SystemProcess;
  readonly #graceMs: number;
  readonly #records: ChildRecords;
  readonly #children = new Map<Child, ProcessSpec>();
  readonly #forgetGauge: () => void;
  #reaping: Promise<number> | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: ProcessHostOptions) {
    this.#limits = options.limits ?? STANDARD;
    this.#ports = options.ports;
    this.#system = options.system ?? systemProcess;
    this.#graceMs = options.graceMs ?? GRACE_MS;
    this.#records = new ChildRecords({
      ports: options.ports,
      system: this.#system,
      folder: options.stateDir ?? defaultFolder(this.#system),
      graceMs: this.#graceMs,
    });
    this.#forgetGauge = options.ports.signals.gauge({
      name: 'children',
      help: 'Child processes of stdio targets, those being ended included.',
      read: () => [...this.counts()].map(([target, value]) => ({ labels: { target }, value })),
    });
  }

  get maxChildren(): number {
    return this.#limits.children;
  }

  get count(): number {
    return this.#children.size;
  }

  /** Live children by the name in their spec. */
  counts(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const { name } of this.#children.values()) counts.set(name, (counts.get(name) ?? 0) + 1);
    return counts;
  }

  /**
   * Starts a child. Throws PROCESS_LIMIT at the cap, SHUTTING_DOWN after close, and PROCESS_START when the command or
   * the folder does not exist. What the system refuses later arrives as `exit` with `failure`; `pid` is then undefined.
   */
  spawn(spec: ProcessSpec, events: ChildEvents): Child {
    if (this.#closing) throw new GatewayError('SHUTTING_DOWN', 'the gateway is shutting down');
    if (this.count >= this.maxChildren) {
      throw new GatewayError('PROCESS_LIMIT', `${this.maxChildren} child processes are running already`);
    }
    void this.reapOrphans();
    const { platform } = this.#system;
    const env = childEnvironment(spec, this.#ports.env, platform);
    const file = executable(spec, env['PATH'] ?? this.#ports.env['PATH'], platform);
    const id = this.#records.newId();
    if (!spec.clearEnv) env[MARKER] = id;
    return this.#start({ spec, events, file, env, id });
  }

  /** Ends what killed gateways left behind; runs once, at the first child at the latest. Resolves with their number. */
  reapOrphans(): Promise<number> {
    this.#reaping ??= this.#records.reap();
    return this.#reaping;
  }

  close(): Promise<void> {
    this.#closing ??= Promise.all([...this.#children.keys()].map((child) => child.close())).then(() =>
      this.#forgetGauge(),
    );
    return this.#closing;
  }

  #start(start: Start): Child {
    const { spec, id } = start;
    const process = launch(start, this.#system.platform);
    const log = this.#ports.log.child({ target: spec.name, child: process.pid });
    let recorded: Promise<void> = Promise.resolve();
    const child = new RunningChild({
      process,
      system: this.#system,
      stderr: new StderrReader({
        log,
        clock: this.#ports.clock,
        env: start.env,
        secrets: spec.secrets ?? [],
      }),
      events: start.events,
      graceMs: this.#graceMs,
      messageBytes: this.#limits.messageBytes,
      startFailure: (error) => spawnFailure(spec, error, this.#system.platform),
      gone: () => {
        this.#children.delete(child);
        void recorded.then(() => this.#records.remove(id));
      },
    });
    this.#children.set(child, spec);
    if (process.pid !== undefined) {
      recorded = this.#records.write({ id, pid: process.pid, command: spec.cmd });
      log.debug({ command: spec.cmd }, 'child started');
    }
    return child;
  }
}

interface Start {
  readonly spec: ProcessSpec;
  readonly events: ChildEvents;
  readonly file: string;
  readonly env: Record<string, string>;
  readonly id: string;
}

function launch({ spec, file, env }: Start, platform: NodeJS.Platform): ReturnType<typeof spawn> {
  try {
    return spawn(file, [...spec.args], {
      env,
      stdio: ['pipe', 'pipe', 'pipe'],
      windowsHide: true,
      // A group of its own, so that descendants end with it and the terminal's Ctrl-C does not reach it before us.
      detached: platform !== 'win32',
      ...(spec.cwd === undefined ? {} : { cwd: spec.cwd }),
      ...(platform === 'win32' ? {} : { argv0: spec.cmd }),
    });
  } catch (error) {
    // Some refusals (E2BIG, a NUL in an argument) are thrown rather than emitted.
    throw error instanceof Error ? spawnFailure(spec, error, platform) : asGatewayError(error);
  }
}

function defaultFolder(system: SystemProcess): string {
  return join(system.tmpdir, `agentgateway-${system.uid ?? 'user'}`, 'children');
}

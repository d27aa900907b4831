/**
 * The gateway as a process runs it: log, metrics, admin and stats addresses, configuration source, start-up screen.
 * Everything of the outside world comes in through `Host`, so that tests can run it too.
 */

import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { type AdminSource, startAdmin } from './admin/dump.ts';
import { startStats } from './admin/stats.ts';
import { ConfigError, formatDiagnostics } from './config/diagnostics.ts';
import { type ReadDocument, readDocument } from './config/load.ts';
import { LIMITS } from './core/limits.ts';
import type { Plan, SettingsPlan } from './core/plan.ts';
import { type Env, type Log, type Ports, silentLog, systemClock } from './core/ports.ts';
import { type Closable, Scope } from './core/scope.ts';
import { type Gauge, NO_SIGNALS } from './core/signals.ts';
import { Gateway } from './gateway.ts';
import { loadedForText } from './generation/loading.ts';
import { utf8Text, whyUnread } from './lib/text-file.ts';
import { Target } from './mcp/target/target.ts';
import { createAccessLog } from './observe/access-log.ts';
import { createLog, type OpenLog } from './observe/logger.ts';
import { createMetrics, type Metrics } from './observe/metrics.ts';
import { createSignals } from './observe/signals.ts';
import { watchFile } from './sources/file.ts';
import { standard } from './standard.ts';
import { ProcessHost } from './upstream/processes/host.ts';
import { VERSION } from './version.ts';

export interface Host {
  readonly env: Env;
  readonly cwd: string;
  readonly stdoutIsTerminal: boolean;
  readonly stderrIsTerminal: boolean;
}

export interface ConfigInput {
  readonly text: string;
  /** As shown in messages. */
  readonly name: string;
  /** The file to watch; undefined for standard input and inline text. */
  readonly file: string | undefined;
}

export interface RunOptions {
  readonly host: Host;
  readonly input: ConfigInput;
  readonly address: string | undefined;
  /** Where log lines go: standard output, except when that carries a protocol. */
  readonly logTo: 'stdout' | 'stderr';
  /** False: no port is opened (the client comes over standard input and output). */
  readonly listen: boolean;
}

export interface Run extends Closable {
  readonly gateway: Gateway;
  readonly log: Log;
  /** Where the admin and stats servers listen. */
  readonly addresses: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

/** Throws ConfigError, or GatewayError when a port cannot be opened; nothing stays open then. */
export async function run(options: RunOptions): Promise<Run> {
  const { host, input } = options;
  const plan = await readPlan(input, host);
  const scope = new Scope();
  try {
    const open = await openLog(plan, options);
    scope.own(open);
    const metrics = options.listen && plan.settings.statsAddr !== undefined ? createMetrics() : undefined;
    const ports = makePorts(plan, host, { log: open.log, metrics });
    // A gateway that was killed may have left children, whatever this configuration starts itself.
    scope.own(reaper(ports));
    const gateway = new Gateway({
      definitions: standard,
      ports,
      address: options.address,
      listen: options.listen,
      drainMs: LIMITS.drain.value,
    });
    scope.own(gateway);
    ports.signals.gauge(targetGauge(gateway));
    // First the addresses: one that is taken ends the start before any child has begun.
    const addresses = options.listen ? await openServers(plan, { gateway, metrics, scope }) : {};
    await gateway.apply(plan);
    if (input.file !== undefined)
      scope.own(watch(input.file, { gateway, host, ports, initial: input.text, started: plan.settings }));
    return { gateway, log: open.log, addresses, close: () => scope.close() };
  } catch (error) {
    await scope.close().catch(() => undefined);
    throw error;
  }
}

async function readPlan(input: ConfigInput, host: Pick<Host, 'env' | 'cwd'>): Promise<Plan> {
  return (await readWhole(input, host)).plan;
}

/** With what the plan leaves out: tests, and where everything stands. */
export async function readWhole(input: ConfigInput, host: Pick<Host, 'env' | 'cwd'>): Promise<ReadDocument> {
  const { text, name, file } = input;
  const folder = file === undefined ? host.cwd : dirname(file);
  const definitions = standard;
  const loaded = await loadedForText(text, { definitions, ports: { random: randomBytes } });
  return readDocument({ text, file: name, definitions, loaded, env: host.env, cwd: host.cwd, folder });
}

/** Throws what only building a plan shows: a policy where nothing is for it to do, a file that cannot be used. */
export function checkPlan(plan: Plan, ports: Ports): Promise<void> {
  return new Gateway({ definitions: standard, ports, address: undefined, listen: false, drainMs: 0 }).check(
    plan,
  );
}

/** For what is asked of a configuration without serving it: nothing is logged and counted. */
export function quietPorts({ env }: Pick<Host, 'env'>): Ports {
  return { clock: systemClock, log: silentLog, env, signals: NO_SIGNALS, random: randomBytes };
}

/** Target states by name, for readiness, the dump and the start-up screen. */
export function targetStates(gateway: Gateway): {
  name: string;
  address: string;
  state: string;
  revision: string | undefined;
  offers: object;
  error: string | undefined;
}[] {
  const targets = gateway.lasting().filter((each) => each instanceof Target);
  return targets.map((target) => {
    const { name, connector, state } = target;
    const error = state.kind === 'down' ? state.error.message : undefined;
    return {
      name,
      address: connector.address,
      state: state.kind,
      revision: target.info?.version,
      offers: target.offers(),
      error,
    };
  });
}

/** Two backends may have targets of the same name, so that it is a count. */
function targetGauge(gateway: Gateway): Gauge {
  return {
    name: 'target_state',
    help: 'Targets by name and state: up, down, starting.',
    read() {
      const counts = new Map<string, { labels: Record<string, string>; value: number }>();
      for (const { name, state } of targetStates(gateway)) {
        const count = counts.get(`${name} ${state}`) ?? { labels: { target: name, state }, value: 0 };
        count.value += 1;
        counts.set(`${name} ${state}`, count);
      }
      return counts.values();
    },
  };
}

function openLog(plan: Plan, { host, logTo }: RunOptions): Promise<OpenLog> {
  const { level, format } = plan.settings.logging;
  const pretty = logTo === 'stdout' ? host.stdoutIsTerminal : host.stderrIsTerminal;
  return createLog({ level, format, stream: logTo, pretty });
}

function makePorts(
  plan: Plan,
  host: Host,
  { log, metrics }: { log: Log; metrics: Metrics | undefined },
): Ports {
  // Access log lines are of level info: above it they are not even made.
  const logged = ['trace', 'debug', 'info'].includes(plan.settings.logging.level);
  const signals = createSignals({ accessLog: logged ? createAccessLog(log) : undefined, metrics });
  return { clock: systemClock, log, env: host.env, signals, random: randomBytes };
}

async function openServers(
  plan: Plan,
  parts: { gateway: Gateway; metrics: Metrics | undefined; scope: Scope },
): Promise<Record<string, string>> {
  const { gateway, metrics, scope } = parts;
  const { adminAddr, statsAddr, readinessAddr } = plan.settings;
  const ready = () => readiness(gateway);
  const addresses: Record<string, string> = {};
  if (statsAddr !== undefined && metrics) {
    addresses['stats'] = scope.own(
      await startStats(statsAddr, { ready, metrics: () => metrics.text() }),
    ).address;
  }
  if (readinessAddr !== undefined && readinessAddr !== statsAddr) {
    addresses['readiness'] = scope.own(await startStats(readinessAddr, { ready })).address;
  }
  if (adminAddr !== undefined) {
    const source: AdminSource = {
      dump: () => ({
        version: VERSION,
        plan: inForce(gateway.plan, plan.settings),
        targets: targetStates(gateway),
        backends: backendStates(gateway),
        generations: gateway.generationsAlive,
      }),
    };
    addresses['admin'] = scope.own(await startAdmin(adminAddr, source)).address;
  }
  return addresses;
}

/** Backends that are watched (`health`). */
function backendStates({ generation }: Gateway): object[] {
  return (generation?.backends ?? []).flatMap(({ key, health }) =>
    health?.report ? { name: key, ...health.report() } : [],
  );
}

/** Ready: every target has been tried once. A dead one must not keep the others from serving. */
function readiness(gateway: Gateway): { ready: boolean; detail: object } {
  const states = targetStates(gateway);
  const targets = Object.fromEntries(
    states.map(({ name, state, error }) => [name, error === undefined ? { state } : { state, error }]),
  );
  return {
    ready: gateway.plan !== undefined && states.every(({ state }) => state !== 'starting'),
    detail: { targets },
  };
}

function reaper(ports: Ports): Closable {
  const host = new ProcessHost({ ports });
  host
    .reapOrphans()
    .catch((error: unknown) =>
      ports.log.warn({ err: error }, 'children of a killed gateway could not be looked for'),
    );
  return host;
}

/** Settings that are read once, at the start. */
const FIXED = ['adminAddr', 'statsAddr', 'readinessAddr', 'logging'] as const;

/** The plan as it works, not as it may have been edited since. */
function inForce(plan: Plan | undefined, started: SettingsPlan): Plan | undefined {
  if (!plan) return undefined;
  const fixed = Object.fromEntries(FIXED.map((key) => [key, started[key]]));
  return { ...plan, settings: { ...plan.settings, ...fixed } };
}

function watch(
  file: string,
  parts: { gateway: Gateway; host: Host; ports: Ports; initial: string; started: SettingsPlan },
): Closable {
  const { gateway, host, ports, initial, started } = parts;
  const { log, clock, signals } = ports;
  const reload = async (text: string): Promise<void> => {
    try {
      const plan = await readPlan({ text, name: file, file }, host);
      await gateway.apply(plan);
      signals.count('config_reloads_total', { outcome: 'ok' });
      log.info({ file, hash: plan.hash.slice(0, 12) }, 'configuration reloaded');
      const waiting = FIXED.filter((key) => !isDeepStrictEqual(plan.settings[key], started[key]));
      if (waiting.length > 0)
        log.warn({ file, settings: waiting }, 'changed settings take effect at the next start');
    } catch (error) {
      signals.count('config_reloads_total', { outcome: 'failed' });
      const reason =
        error instanceof ConfigError ? formatDiagnostics(error.diagnostics) : (error as Error).message;
      log.error({ file, reason }, 'configuration not reloaded: the one before stays in force');
    }
  };
  // One after the other: reading one text may take longer than reading the next.
  let reloading = Promise.resolve();
  return watchFile({
    file,
    initial,
    clock,
    onText: (text) => {
      reloading = reloading.then(() => reload(text));
    },
    onError: (error) =>
      log.error(
        { file, reason: whyUnread(error) },
        'configuration file cannot be read: the one before stays in force',
      ),
  });
}

/** Throws with a sentence for people when the file cannot be read. */
export function readConfigFile(file: string): string {
  try {
    return utf8Text(readFileSync(file));
  } catch (error) {
    throw new Error(`cannot read ${file}: ${whyUnread(error)}`);
  }
}

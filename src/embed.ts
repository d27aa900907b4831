/** The gateway inside another program: the same parts the command line uses, with defaults for what it is given. */
import { randomBytes } from 'node:crypto';
import type { Definitions } from './config/definitions.ts';
import { loadConfig as load } from './config/load.ts';
import { LIMITS } from './core/limits.ts';
import type { Plan } from './core/plan.ts';
import { type Clock, type Env, type Log, silentLog, systemClock } from './core/ports.ts';
import { NO_SIGNALS, type Signals } from './core/signals.ts';
import { Gateway } from './gateway.ts';
import { createAccessLog } from './observe/access-log.ts';
import { createSignals } from './observe/signals.ts';
import { standard } from './standard.ts';

export interface LoadOptions {
  /** The name that messages show; default `config`. */
  readonly file?: string;
  /** What `${NAME}` in the text means; default: no variable is set. */
  readonly env?: Env;
  /** Where relative paths in the text lead from; default: the working directory. */
  readonly folder?: string;
  /** Which policies, backends and targets may be written; default: `standard`. */
  readonly definitions?: Definitions;
}

/**
 * A configuration text (YAML or JSON) as a plan for `Gateway.apply`. Opens nothing. Throws ConfigError with every
 * fault of the text and its position.
 */
export function loadConfig(text: string, options: LoadOptions = {}): Plan {
  const { file = 'config', env = {}, folder = '.', definitions = standard } = options;
  return load({ text, file, env, cwd: '.', folder, definitions });
}

export interface GatewaySettings {
  /** Which policies, backends and targets a plan may use; default: `standard`. */
  readonly definitions?: Definitions;
  /** What stdio servers inherit; default: nothing, not even PATH. Usually `process.env`. */
  readonly env?: Env;
  /** Default: silent. A pino logger fits. Gets the access log, too. */
  readonly log?: Log;
  readonly clock?: Clock;
  /** Records of exchanges and calls; default: written to `log`. */
  readonly signals?: Signals;
  /** Where ports without an address of their own listen; default: loopback. */
  readonly address?: string;
  /** Time in milliseconds for requests to end after a change of configuration and at the end; default 60,000. */
  readonly drainMs?: number;
}

/** A gateway without a configuration yet: `await gateway.apply(loadConfig(text))` opens its ports. */
export function createGateway(settings: GatewaySettings = {}): Gateway {
  const { definitions = standard, env = {}, log = silentLog, clock = systemClock } = settings;
  const signals = settings.signals ?? defaultSignals(settings.log);
  return new Gateway({
    definitions,
    ports: { clock, log, env, signals, random: randomBytes },
    address: settings.address,
    listen: true,
    drainMs: settings.drainMs ?? LIMITS.drain.value,
  });
}

function defaultSignals(log: Log | undefined): Signals {
  return log ? createSignals({ accessLog: createAccessLog(log), metrics: undefined }) : NO_SIGNALS;
}

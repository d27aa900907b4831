/** What the outside world is to the rest of the code: passed in, never reached for. Tests bring their own. */
import type { Signals } from './signals.ts';

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Wall clock, milliseconds since the epoch. */
  now(): number;
  /** Monotonic milliseconds, for durations. */
  monotonic(): number;
  /** Does not keep the process alive. */
  after(ms: number, run: () => void): Timer;
  every(ms: number, run: () => void): Timer;
}

export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: object): Log;
}

export type Env = Readonly<Record<string, string | undefined>>;

export interface Ports {
  readonly clock: Clock;
  readonly log: Log;
  readonly env: Env;
  readonly signals: Signals;
  /** Cryptographically strong random bytes. */
  random(bytes: number): Buffer;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (ms, run) => timer(setTimeout(run, ms), clearTimeout),
  every: (ms, run) => timer(setInterval(run, ms), clearInterval),
};

function timer(handle: NodeJS.Timeout, clear: (handle: NodeJS.Timeout) => void): Timer {
  handle.unref();
  return { cancel: () => clear(handle) };
}

export const silentLog: Log = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLog,
};

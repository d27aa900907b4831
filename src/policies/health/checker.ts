/**
 * Asks a backend again and again whether it is well. There is one for each upstream and question, whoever wants to
 * know, and it outlives reloads. It asks through the backend's own probe, and opens nothing itself.
 */

import { asGatewayError, GatewayError } from '../../core/errors.ts';
import type { Ports, Timer } from '../../core/ports.ts';
import type { Probe } from '../../core/probe.ts';
import type { Closable } from '../../core/scope.ts';
import { Cancel } from '../../lib/cancel.ts';
import type { CheckConfig } from './check-schema.ts';
import { type CheckQuestion, questionOf } from './question.ts';

export interface CheckerOptions {
  readonly probe: Probe;
  readonly check: CheckConfig;
  readonly ports: Pick<Ports, 'clock' | 'log' | 'random' | 'signals'>;
}

export type CheckState = 'unknown' | 'up' | 'down';

/** Shares of the interval that chance adds or takes, so that gateways do not ask all at once. */
const JITTER = 0.1;

export class Checker implements Closable {
  readonly #options: CheckerOptions;
  readonly #question: CheckQuestion | undefined;
  readonly #returned = new Set<() => void>();
  #state: CheckState = 'unknown';
  #reason: string | undefined;
  /** Checks in a row that say the opposite. */
  #contrary = 0;
  #timer: Timer | undefined;
  #asking: Cancel | undefined;
  #started = false;
  #closed = false;

  constructor(options: CheckerOptions) {
    this.#options = options;
    this.#question = questionOf(options.check);
  }

  get state(): CheckState {
    return this.#state;
  }

  get place(): string {
    return this.#options.probe.place;
  }

  /** Of the last check that failed, while it is down. */
  get reason(): string | undefined {
    return this.#reason;
  }

  /** The first check is at once: a backend that is dead from the beginning gets little. */
  start(): void {
    if (this.#started) return;
    this.#started = true;
    void this.#check();
  }

  /** Runs `listener` whenever the backend is back. Returns the way to forget it. */
  onReturn(listener: () => void): () => void {
    this.#returned.add(listener);
    return () => this.#returned.delete(listener);
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#asking?.cancel(new GatewayError('CANCELLED', 'it is no longer checked'));
  }

  async #check(): Promise<void> {
    const problem = await this.#ask();
    if (this.#closed) return;
    this.#judge(problem);
    const { check, ports } = this.#options;
    const chance = ports.random(4).readUInt32BE() / 2 ** 32;
    const ms = check.interval * (1 - JITTER + 2 * JITTER * chance);
    this.#timer = ports.clock.after(ms, () => void this.#check());
  }

  /** What is wrong; undefined: nothing. */
  async #ask(): Promise<string | undefined> {
    const { probe, check, ports } = this.#options;
    const cancel = new Cancel();
    this.#asking = cancel;
    const timer = ports.clock.after(check.timeout, () =>
      cancel.cancel(new GatewayError('UPSTREAM_TIMEOUT', `no answer within ${check.timeout} ms`)),
    );
    try {
      if (this.#question) return this.#question.problem(await probe.ask(this.#question.ask, cancel));
      await probe.reach(cancel);
      return undefined;
    } catch (error) {
      return asGatewayError(error).message;
    } finally {
      timer.cancel();
      this.#asking = undefined;
    }
  }

  #judge(problem: string | undefined): void {
    const { check, ports, probe } = this.#options;
    const found: CheckState = problem === undefined ? 'up' : 'down';
    ports.signals.count('health_checks', { outcome: problem === undefined ? 'passed' : 'failed' });
    if (found === 'down') this.#reason = problem;
    if (found === this.#state) {
      this.#contrary = 0;
      return;
    }
    this.#contrary += 1;
    const enough = found === 'up' ? check.healthyThreshold : check.unhealthyThreshold;
    if (this.#state !== 'unknown' && this.#contrary < enough) return;
    const before = this.#state;
    this.#state = found;
    this.#contrary = 0;
    if (found === 'down') {
      ports.log.warn(
        { upstream: probe.place, reason: problem },
        'health: checks find a backend down; it gets nothing new',
      );
      return;
    }
    this.#reason = undefined;
    if (before === 'unknown') return;
    ports.log.info({ upstream: probe.place }, 'health: checks find the backend well again');
    for (const listener of this.#returned) listener();
  }
}

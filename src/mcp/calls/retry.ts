/** Sends a call again that has failed upstream and may be repeated: as the policy `retry` of its route says. */
import { asGatewayError, type GatewayError } from '../../core/errors.ts';
import { pause } from '../../core/pause.ts';
import type { Ports } from '../../core/ports.ts';
import type { CallRetry } from '../../core/resilience.ts';
import type { Importance, McpCall, McpOutcome, Peer, Question } from '../call.ts';
import { SLOT } from '../message.ts';

export interface Retrying {
  readonly plan: CallRetry;
  /** Milliseconds for all tries together. */
  readonly withinMs: number | undefined;
  readonly ports: Pick<Ports, 'clock' | 'log' | 'signals'>;
}

/** What it brings from earlier rounds has been told to one server: it would be told twice. */
export function maySendAgain(plan: CallRetry, call: McpCall): boolean {
  const { text } = call.message;
  if (call.state || text.has(SLOT.requestState) || text.has(SLOT.inputResponses)) return false;
  return plan.allows(call.exchange);
}

/**
 * `attempt` gets the call as it is to be sent, and what is left of the time for all tries. Whatever the last one comes
 * to is the answer.
 */
export async function retrying<T>(
  { plan, withinMs, ports }: Retrying,
  call: McpCall,
  attempt: (call: McpCall, leftMs: number | undefined) => Promise<T>,
): Promise<T> {
  const { clock, log, signals } = ports;
  const peer = new Watched(call.peer);
  const watched = { ...call, peer };
  const end = withinMs === undefined ? Number.POSITIVE_INFINITY : clock.monotonic() + withinMs;
  const backoff = plan.backoff();
  for (let more = plan.attempts; ; more -= 1) {
    try {
      return await attempt(watched, withinMs && end - clock.monotonic());
    } catch (cause) {
      const error = asGatewayError(cause);
      const ms = backoff.next();
      const over = more === 0 || call.cancel.cancelled || clock.monotonic() + ms >= end;
      if (over || peer.asked || !isWorthIt(error, plan)) throw cause;
      log.debug({ method: call.method, target: call.record.target, reason: error.code }, 'retry: sent again');
      signals.count('mcp_retries_total');
      await pause(clock, ms, call.cancel);
    }
  }
}

/** What the upstream has done wrong, or nobody knows; not what would be the same again. */
function isWorthIt({ code, fault, retryable, detail }: GatewayError, { codes }: CallRetry): boolean {
  if (fault !== 'upstream' || !retryable || code === 'CREDENTIALS_UNAVAILABLE') return false;
  const status = detail.data?.['upstreamStatus'];
  return code !== 'UPSTREAM_STATUS' || (typeof status === 'number' && codes.has(status));
}

/** Notices that the client has been asked something: nobody wants to be asked twice for one call. */
class Watched implements Peer {
  readonly #peer: Peer;
  asked = false;

  constructor(peer: Peer) {
    this.#peer = peer;
  }

  resumable(): void {
    this.#peer.resumable?.();
  }

  paused(retryMs: number): void {
    this.#peer.paused?.(retryMs);
  }

  notify(message: Buffer, importance: Importance): void {
    this.#peer.notify(message, importance);
  }

  ask(question: Question): Promise<McpOutcome> {
    this.asked = true;
    return this.#peer.ask(question);
  }
}

/**
 * Sends an HTTP request again that has failed before its reply began. Each try picks a backend anew. Knows no
 * configuration and no expressions.
 */
import { Attempt } from '../../core/attempt.ts';
import { asGatewayError, GatewayError } from '../../core/errors.ts';
import { type Answer, type Exchange, isTunnel, type Reply } from '../../core/exchange.ts';
import { pause } from '../../core/pause.ts';
import type { Ports } from '../../core/ports.ts';
import type { Layer } from '../../core/service.ts';
import type { Backoff } from '../../lib/backoff.ts';
import { isReplayable, replays } from './replay.ts';

export interface RetryRules {
  /** Further tries after the first one. */
  readonly attempts: number;
  readonly codes: ReadonlySet<number>;
  backoff(): Backoff;
  /** Whether a request may be sent again; undefined: where that does no harm. */
  readonly precondition: ((exchange: Exchange) => boolean) | undefined;
  /** Whether a reply is worth another try, whatever its status. */
  readonly condition: ((exchange: Exchange, reply: Reply) => boolean) | undefined;
}

/** Which try an upstream sees, from 1; the first one has none, as in the Rust gateway. */
const ATTEMPT = 'x-retry-attempt';
/** RFC 9110 section 9.2.2. */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

export function retryLayer(rules: RetryRules, { clock, log, signals }: Ports): Layer<Exchange, Answer> {
  return (next) => async (exchange) => {
    if (exchange.upgrade !== undefined || !isReplayable(exchange.body)) return next(exchange);
    if (rules.precondition && !rules.precondition(exchange)) return next(exchange);
    const body = await replays(exchange.body);
    const backoff = rules.backoff();
    const tried = new Set(exchange.tried);
    for (let number = 0; ; number += 1) {
      const header = number === 0 ? undefined : ([ATTEMPT, String(number)] as const);
      const attempt = new Attempt(exchange, { body: body(), header });
      attempt.tried = tried;
      const { answer, failure } = await settled(next, attempt);
      const last = number === rules.attempts || exchange.cancel.cancelled;
      if (answer) {
        if (last || isTunnel(answer) || !isWorthAnother(answer, exchange, rules)) return answer;
        answer.body.cancel(SENT_AGAIN);
      } else if (last || !mayRepeat(failure, exchange, rules)) throw failure;
      const { backend } = exchange.record;
      if (backend !== undefined) tried.add(backend);
      log.debug(
        { exchange: exchange.id, backend, reason: failure?.code ?? answer?.status },
        'retry: sent again',
      );
      signals.count('http_retries_total');
      await pause(clock, backoff.next(), exchange.cancel);
    }
  };
}

const SENT_AGAIN = new GatewayError('CANCELLED', 'the request is sent again');

type Settled =
  | { readonly answer: Answer; readonly failure?: undefined }
  | { readonly answer?: undefined; readonly failure: GatewayError };

async function settled(next: (exchange: Exchange) => Promise<Answer>, attempt: Attempt): Promise<Settled> {
  try {
    return { answer: await next(attempt) };
  } catch (error) {
    return { failure: asGatewayError(error) };
  }
}

function isWorthAnother(reply: Reply, exchange: Exchange, { codes, condition }: RetryRules): boolean {
  return codes.has(reply.status) || condition?.(exchange, reply) === true;
}

/** Nothing has reached the upstream, or doing it twice does no harm, or whoever wrote the precondition says so. */
function mayRepeat({ code }: GatewayError, { method }: Exchange, { precondition }: RetryRules): boolean {
  if (code === 'UPSTREAM_CONNECT') return true;
  const unknown = code === 'UPSTREAM_TIMEOUT' || code === 'UPSTREAM_CLOSED';
  return unknown && (precondition !== undefined || IDEMPOTENT.has(method));
}

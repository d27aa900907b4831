/**
 * A client of Envoy's rate limit service: one HTTP/2 connection, opened when it is first asked and whenever it was
 * lost. Every question is bounded in time, and their number too. Knows nothing of requests and expressions.
 */
import type { Transport } from '@connectrpc/connect';
import type { Http2SessionManager } from '@connectrpc/connect-node';
import { GatewayError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Closable } from '../../core/scope.ts';
import type { RateLimitRequest, RateLimitResponse } from './question.ts';

export interface RateLimitClientOptions {
  /** `http://host:port` (HTTP/2 without TLS) or `https://host:port`. */
  readonly url: string;
}

interface Opened {
  readonly sessions: Http2SessionManager;
  ask(request: RateLimitRequest, timeoutMs: number): Promise<RateLimitResponse>;
}

export class RateLimitClient implements Closable {
  readonly #options: RateLimitClientOptions;
  #opened: Promise<Opened> | undefined;
  #underWay = 0;
  #closed = false;

  constructor(options: RateLimitClientOptions) {
    this.#options = options;
  }

  /** Rejects with LIMITS_UNAVAILABLE; its cause says why. */
  async ask(request: RateLimitRequest, timeoutMs: number): Promise<RateLimitResponse> {
    if (this.#closed) throw unavailable(new Error('it is no longer in use'));
    if (this.#underWay >= LIMITS.rateLimitQuestions.value)
      throw unavailable(new Error('too many questions wait for it'));
    this.#underWay += 1;
    try {
      this.#opened ??= open(this.#options.url);
      const opened = await this.#opened;
      return await opened.ask(request, timeoutMs);
    } catch (cause) {
      throw unavailable(cause);
    } finally {
      this.#underWay -= 1;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    const opened = await this.#opened?.catch(() => undefined);
    opened?.sessions.abort();
  }
}

async function open(url: string): Promise<Opened> {
  const [{ Http2SessionManager: Sessions, createGrpcTransport }, { rateLimitService }] = await Promise.all([
    import('@connectrpc/connect-node'),
    import('./protocol.ts'),
  ]);
  const sessions = new Sessions(url, {
    pingIntervalMs: LIMITS.rateLimitPing.value,
    pingTimeoutMs: LIMITS.rateLimitPing.value,
  });
  const transport: Transport = createGrpcTransport({
    baseUrl: url,
    sessionManager: sessions,
    acceptCompression: [],
    readMaxBytes: LIMITS.rateLimitAnswer.value,
  });
  const { shouldRateLimit } = rateLimitService().method;
  return {
    sessions,
    ask: async (request, timeoutMs) => {
      const { message } = await transport.unary(shouldRateLimit, undefined, timeoutMs, undefined, {
        ...request,
      });
      return message as unknown as RateLimitResponse;
    },
  };
}

/** Where the service is does not concern clients. */
function unavailable(cause: unknown): GatewayError {
  return new GatewayError('LIMITS_UNAVAILABLE', 'the rate limit service cannot be asked', { cause });
}

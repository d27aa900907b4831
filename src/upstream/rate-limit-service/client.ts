/**
 * A client of Envoy's rate limit service: one HTTP/2 connection, opened when it is first asked and whenever it was
 * lost. Every question is bounded in time, and their number too. Knows nothing of requests and expressions.
 */
import type { Transport } from '@connectrpc/connect';
import { GatewayError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Clock } from '../../core/ports.ts';
import type { Closable } from '../../core/scope.ts';
import { ServiceConnection } from './connection.ts';
import type { RateLimitRequest, RateLimitResponse } from './question.ts';

export interface RateLimitClientOptions {
  /** `http://host:port` (HTTP/2 without TLS) or `https://host:port`. */
  readonly url: string;
  readonly clock: Pick<Clock, 'after' | 'monotonic'>;
}

type Ask = (request: RateLimitRequest, timeoutMs: number) => Promise<RateLimitResponse>;

export class RateLimitClient implements Closable {
  readonly #options: RateLimitClientOptions;
  readonly #connection: ServiceConnection;
  #loaded: Promise<Ask> | undefined;
  #underWay = 0;
  #closed = false;

  constructor(options: RateLimitClientOptions) {
    this.#options = options;
    this.#connection = new ServiceConnection(options.url, options.clock);
  }

  /** Rejects with LIMITS_UNAVAILABLE; its cause says why. */
  async ask(request: RateLimitRequest, timeoutMs: number): Promise<RateLimitResponse> {
    if (this.#closed) throw unavailable(new Error('it is no longer in use'));
    if (this.#underWay >= LIMITS.rateLimitQuestions.value)
      throw unavailable(new Error('too many questions wait for it'));
    this.#underWay += 1;
    try {
      this.#loaded ??= load(this.#options.url, this.#connection);
      const ask = await this.#loaded;
      return await ask(request, timeoutMs);
    } catch (cause) {
      throw unavailable(cause);
    } finally {
      this.#underWay -= 1;
    }
  }

  close(): void {
    this.#closed = true;
    this.#connection.close();
  }
}

async function load(url: string, connection: ServiceConnection): Promise<Ask> {
  const [{ createGrpcTransport }, { rateLimitService }] = await Promise.all([
    import('@connectrpc/connect-node'),
    import('./protocol.ts'),
  ]);
  const transport: Transport = createGrpcTransport({
    baseUrl: url,
    sessionManager: connection,
    acceptCompression: [],
    readMaxBytes: LIMITS.rateLimitAnswer.value,
  });
  const { shouldRateLimit } = rateLimitService().method;
  return async (request, timeoutMs) => {
    const { message } = await transport.unary(shouldRateLimit, undefined, timeoutMs, undefined, {
      ...request,
    });
    return message as unknown as RateLimitResponse;
  };
}

/** Where the service is does not concern clients. */
function unavailable(cause: unknown): GatewayError {
  return new GatewayError('LIMITS_UNAVAILABLE', 'the rate limit service cannot be asked', { cause });
}

/**
 * Chooses the front of an exchange: by path for the old SSE transport, by what its message claims for streamable HTTP
 * (a URL serves both eras), and reads what is POSTed. What fails before it is a call becomes an error reply here.
 */
import { asGatewayError, GatewayError } from '../../core/errors.ts';
import { type Answer, type Exchange, header, type Reply } from '../../core/exchange.ts';
import type { Closable } from '../../core/scope.ts';
import { isBatch, type Message, readMessage } from '../message.ts';
import { checkPost } from './checks.ts';
import { errorReply } from './exchange.ts';
import { Heart } from './heart.ts';
import { SseFront } from './legacy/sse.ts';
import { StatelessFront } from './legacy/stateless.ts';
import { queryToken, StreamableHttpFront } from './legacy/streamable-http.ts';
import { eraOf, namesModern } from './modern/classify.ts';
import { ModernFront } from './modern/streamable-http.ts';
import type { FrontOptions } from './options.ts';

export class HttpFront implements Closable {
  readonly #options: FrontOptions;
  readonly #heart: Heart;
  readonly #legacy: StreamableHttpFront;
  readonly #stateless: StatelessFront;
  readonly #modern: ModernFront;
  readonly #sse: SseFront;

  constructor(options: FrontOptions) {
    this.#options = options;
    this.#heart = new Heart(options.ports.clock, options.limits.heartbeatMs);
    const parts = { ...options, heart: this.#heart };
    this.#legacy = new StreamableHttpFront(parts);
    this.#stateless = new StatelessFront(parts);
    this.#modern = new ModernFront(parts);
    this.#sse = new SseFront(parts);
  }

  handle(exchange: Exchange): Promise<Answer> {
    const { path, method } = exchange;
    if (exchange.upgrade !== undefined) return this.#other(exchange);
    if (method !== 'POST') return this.#other(exchange);
    if (this.#sse.owns(exchange) || path.endsWith('/message')) return this.#sse.post(exchange);
    return this.#post(exchange);
  }

  /** Whether the exchange's session began at this endpoint. */
  owns(exchange: Exchange): boolean {
    const token = header(exchange, 'mcp-session-id') ?? queryToken(exchange);
    if (token === undefined) return false;
    const { endpoint } = this.#options;
    return this.#sse.owns(exchange) || endpoint.sessions.belongs(token, endpoint.options.key);
  }

  /** Streams without a session end; those with one end with it. */
  drain(): void {
    this.#sse.drain();
    this.#modern.drain();
  }

  close(): void {
    this.#sse.close();
    this.#heart.close();
  }

  /** For legacy clients over streamable HTTP. */
  get #older(): StreamableHttpFront | StatelessFront {
    return this.#options.endpoint.view.stateless ? this.#stateless : this.#legacy;
  }

  async #post(exchange: Exchange): Promise<Answer> {
    let message: Message | undefined;
    try {
      checkPost(exchange);
      const body = await exchange.body.read(this.#options.limits.bodyBytes);
      if (isBatch(body)) return await this.#batch(exchange, body);
      message = readMessage(body);
      const front = eraOf(exchange, message) === 'modern' ? this.#modern : this.#older;
      return await front.post(exchange, message);
    } catch (cause) {
      return errorReply(exchange, asGatewayError(cause), message);
    }
  }

  #batch(exchange: Exchange, body: Buffer): Promise<Reply> {
    if (!namesModern(exchange)) return this.#older.batch(exchange, body);
    throw new GatewayError('INVALID_REQUEST', 'Invalid Request: this revision has no JSON-RPC batches');
  }

  async #other(exchange: Exchange): Promise<Answer> {
    try {
      return await this.#withoutBody(exchange);
    } catch (cause) {
      return errorReply(exchange, asGatewayError(cause), undefined);
    }
  }

  #withoutBody(exchange: Exchange): Promise<Reply> | Reply {
    if (exchange.upgrade !== undefined)
      throw new GatewayError('BAD_REQUEST', 'MCP endpoints do not upgrade connections');
    if (namesModern(exchange)) throw notAllowed('POST');
    if (exchange.method === 'GET' && exchange.path.endsWith('/sse')) return this.#sse.open(exchange);
    if (this.#options.endpoint.view.stateless) throw notAllowed('POST');
    switch (exchange.method) {
      case 'GET':
        return this.#legacy.get(exchange);
      case 'DELETE':
        return this.#legacy.delete(exchange);
      default:
        throw notAllowed('GET, POST, DELETE');
    }
  }
}

function notAllowed(allowed: string): GatewayError {
  return new GatewayError('METHOD_NOT_ALLOWED', 'Method not allowed.', { headers: ['allow', allowed] });
}

/** Chooses the front of an exchange: by path for the old SSE transport, streamable HTTP for everything else. */
import { GatewayError } from '../../core/errors.ts';
import type { Answer, Exchange } from '../../core/exchange.ts';
import { header } from '../../core/exchange.ts';
import type { Closable } from '../../core/scope.ts';
import { SseFront } from './legacy/sse.ts';
import { errorReply, type FrontOptions, queryToken, StreamableHttpFront } from './legacy/streamable-http.ts';

export class HttpFront implements Closable {
  readonly #options: FrontOptions;
  readonly #streamable: StreamableHttpFront;
  readonly #sse: SseFront;

  constructor(options: FrontOptions) {
    this.#options = options;
    this.#streamable = new StreamableHttpFront(options);
    this.#sse = new SseFront(options);
  }

  handle(exchange: Exchange): Promise<Answer> {
    if (exchange.upgrade !== undefined) {
      const error = new GatewayError('BAD_REQUEST', 'MCP endpoints do not upgrade connections');
      return Promise.resolve(errorReply(exchange, error, undefined));
    }
    const { path, method } = exchange;
    if (path.endsWith('/sse') && method === 'GET') return Promise.resolve(this.#sse.open(exchange));
    const isSsePost = method === 'POST' && (this.#sse.owns(exchange) || path.endsWith('/message'));
    return isSsePost ? this.#sse.post(exchange) : this.#streamable.handle(exchange);
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
  }

  close(): void {
    this.#sse.close();
  }
}

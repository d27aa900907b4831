/**
 * The old HTTP+SSE transport (2024-11-05): a GET opens the one stream that carries everything to the client and names
 * the address for its POSTs. The session ends with the stream.
 */
import { asGatewayError, GatewayError } from '../../../core/errors.ts';
import { type Answer, type Exchange, header, type Reply } from '../../../core/exchange.ts';
import { LIMITS } from '../../../core/limits.ts';
import type { Timer } from '../../../core/ports.ts';
import type { Closable } from '../../../core/scope.ts';
import { Flow } from '../../../lib/flow.ts';
import type { Importance } from '../../call.ts';
import type { Endpoint } from '../../endpoint.ts';
import type { Message } from '../../message.ts';
import { checkEventStream, checkJson } from '../checks.ts';
import { EventStream } from '../event-stream.ts';
import { clientContext, errorReply, judged, STREAM_HEADERS, shownWith, traceHeaders } from '../exchange.ts';
import type { FrontParts } from '../options.ts';
import { ChannelSession } from './channel-session.ts';
import { queryToken } from './streamable-http.ts';

export class SseFront implements Closable {
  readonly #options: FrontParts;
  readonly #connections = new Map<string, SseConnection>();
  /** Those without a session yet: they count like sessions, or they could be opened without end. */
  readonly #beginning = new Set<string>();

  constructor(options: FrontParts) {
    this.#options = options;
  }

  /** Whether a POST belongs to a stream of this front. */
  owns(exchange: Exchange): boolean {
    const id = connectionId(exchange);
    return id !== undefined && this.#connections.has(id);
  }

  open(exchange: Exchange): Reply {
    try {
      checkEventStream(exchange);
      this.#options.endpoint.sessions.check(this.#beginning.size);
    } catch (cause) {
      return errorReply(exchange, asGatewayError(cause), undefined);
    }
    const id = this.#options.ports.random(24).toString('base64url');
    const connection = new SseConnection(this.#options, {
      principal: exchange.principal ?? '',
      begun: () => void this.#beginning.delete(id),
      closed: () => {
        this.#connections.delete(id);
        this.#beginning.delete(id);
      },
    });
    this.#connections.set(id, connection);
    this.#beginning.add(id);
    const body = connection.start(`${postPath(exchange)}?sessionId=${id}`);
    return { status: 200, headers: [...STREAM_HEADERS, 'mcp-session-id', id], body };
  }

  async post(exchange: Exchange): Promise<Answer> {
    try {
      checkJson(exchange);
      const connection = this.#connections.get(connectionId(exchange) ?? '');
      if (!connection || connection.principal !== (exchange.principal ?? ''))
        throw new GatewayError('SESSION_UNKNOWN', 'Session not found');
      const body = await exchange.body.read(this.#options.limits.bodyBytes);
      const messages = connection.read(body, this.#options.limits.batch);
      await connection.admit(exchange);
      for (const message of messages) connection.receive(message, exchange);
      return { status: 202, headers: ['content-type', 'text/plain'], body: Flow.of('Accepted') };
    } catch (cause) {
      return errorReply(exchange, asGatewayError(cause), undefined);
    }
  }

  drain(): void {
    for (const connection of [...this.#connections.values()]) if (!connection.begun) connection.close();
  }

  close(): void {
    for (const connection of [...this.#connections.values()]) connection.close();
  }
}

function connectionId(exchange: Exchange): string | undefined {
  return queryToken(exchange) ?? header(exchange, 'mcp-session-id');
}

/** `/message` beside the stream's own path where that leads to the same route, else the path itself. */
function postPath(exchange: Exchange): string {
  const beside = exchange.path.replace(/[^/]*$/, 'message');
  return exchange.serves(exchange, beside) ? beside : exchange.path;
}

class SseConnection implements Closable {
  readonly principal: string;
  readonly #endpoint: Endpoint;
  readonly #closed: () => void;
  readonly #stream: EventStream;
  readonly #channel: ChannelSession;
  readonly #initializeBy: Timer;
  #over = false;

  constructor(options: FrontParts, owner: { principal: string; begun(): void; closed(): void }) {
    const { ports, limits, endpoint, heart } = options;
    this.principal = owner.principal;
    this.#endpoint = endpoint;
    this.#closed = owner.closed;
    this.#stream = new EventStream({
      replay: undefined,
      maxQueue: limits.maxQueue,
      heart,
      detached: () => this.close(),
      dropped: (importance) => ports.signals.count('mcp_messages_dropped_total', { importance }),
    });
    this.#initializeBy = ports.clock.after(LIMITS.sseInitialize.value, () => this.close());
    this.#channel = new ChannelSession({
      endpoint,
      deliver: (message, importance) => this.#deliver(message, importance),
      begun: () => {
        this.#initializeBy.cancel();
        owner.begun();
      },
      ended: () => this.close(),
    });
  }

  get begun(): boolean {
    return this.#channel.session !== undefined;
  }

  read(body: Buffer, maxBatch: number): Message[] {
    return this.#channel.read(body, maxBatch);
  }

  start(address: string): Flow {
    const flow = this.#stream.attach();
    this.#stream.announce('endpoint', address);
    return flow;
  }

  async admit(exchange: Exchange): Promise<void> {
    const { session } = this.#channel;
    const client = clientContext(exchange, this.#endpoint);
    if (session && !this.#endpoint.knows(session, client)) await this.#endpoint.readmit(session, client);
  }

  receive(message: Message, exchange: Exchange): void {
    const { route, traceId } = exchange.record;
    const context = {
      client: clientContext(exchange, this.#endpoint),
      shown: shownWith(exchange, this.#endpoint),
      route,
      traceId,
      headers: traceHeaders(exchange),
      exchange: judged(this.#endpoint, exchange, [message]),
    };
    this.#channel.receive(message, context);
    exchange.record.session = this.#channel.session?.id;
  }

  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#initializeBy.cancel();
    this.#stream.end();
    this.#closed();
    this.#channel.close();
  }

  #deliver(message: Buffer, importance: Importance): boolean {
    if (this.#over) return false;
    this.#stream.send(message, importance);
    return true;
  }
}

/**
 * Streamable HTTP for the legacy revisions (2025-03-26 to 2025-11-25): POST carries messages, GET listens or resumes,
 * DELETE ends the session.
 */
import { GatewayError } from '../../../core/errors.ts';
import { type Exchange, header, type Reply } from '../../../core/exchange.ts';
import { Flow } from '../../../lib/flow.ts';
import { resultMessage } from '../../../lib/json-rpc.ts';
import type { Message } from '../../message.ts';
import type { Session } from '../../sessions/session.ts';
import { checkEventStream, prefersStream } from '../checks.ts';
import {
  accepted,
  clientContext,
  isChallenge,
  JSON_HEADERS,
  judged,
  STREAM_HEADERS,
  shownWith,
  traceHeaders,
} from '../exchange.ts';
import type { FrontParts } from '../options.ts';
import { readBatch } from './batch.ts';
import { checkRevision } from './checks.ts';
import { ClientStreams } from './client-streams.ts';
import { PostReply } from './post-reply.ts';

const SESSION = 'mcp-session-id';

export class StreamableHttpFront {
  readonly #options: FrontParts;
  readonly #streams = new WeakMap<Session, ClientStreams>();

  constructor(options: FrontParts) {
    this.#options = options;
  }

  /** A POST's only message. */
  async post(exchange: Exchange, message: Message): Promise<Reply> {
    if (message.kind === 'request' && message.method === 'initialize')
      return this.#initialize(exchange, message);
    const session = this.#known(exchange) ?? (await this.#session(exchange));
    return this.#messages(session, exchange, { messages: [message], batch: false });
  }

  async batch(exchange: Exchange, body: Buffer): Promise<Reply> {
    const session = await this.#session(exchange);
    const rules = { max: this.#options.limits.batch, version: session.options.identity.version };
    return this.#messages(session, exchange, { messages: readBatch(body, rules), batch: true });
  }

  async get(exchange: Exchange): Promise<Reply> {
    checkEventStream(exchange);
    const session = await this.#session(exchange);
    const streams = this.#streamsOf(session);
    const last = header(exchange, 'last-event-id');
    return {
      status: 200,
      headers: STREAM_HEADERS,
      body: last === undefined ? streams.listen() : streams.resume(last),
    };
  }

  async delete(exchange: Exchange): Promise<Reply> {
    await this.#session(exchange);
    await this.#options.endpoint.sessions.delete(sessionToken(exchange) as string);
    return { status: 200, headers: [], body: Flow.empty() };
  }

  async #initialize(exchange: Exchange, message: Message): Promise<Reply> {
    if (header(exchange, SESSION) !== undefined) {
      throw new GatewayError('INVALID_REQUEST', 'Invalid Request: initialize does not take a session id');
    }
    const { endpoint } = this.#options;
    const { session, outcome } = await endpoint.begin(message, clientContext(exchange, endpoint));
    const token = endpoint.sessions.add(session);
    exchange.record.session = session.id;
    const headers = [...JSON_HEADERS, SESSION, token];
    return { status: 200, headers, body: Flow.of(resultMessage(Buffer.from(message.id), outcome.body)) };
  }

  #messages(
    session: Session,
    exchange: Exchange,
    read: { messages: readonly Message[]; batch: boolean },
  ): Promise<Reply> | Reply {
    const requests: Message[] = [];
    for (const message of read.messages) {
      if (message.kind === 'request') requests.push(message);
      else if (message.kind === 'notification') session.notified(message);
      else session.asks.answered(message);
    }
    if (requests.length === 0) return accepted();
    return this.#calls(session, exchange, { requests, batch: read.batch });
  }

  #calls(
    session: Session,
    exchange: Exchange,
    { requests, batch }: { requests: readonly Message[]; batch: boolean },
  ): Promise<Reply> {
    const { limits, heart } = this.#options;
    const streams = this.#streamsOf(session);
    const post = new PostReply({
      session,
      streams,
      heart,
      limits,
      requests: requests.length,
      batch,
      prefersStream: prefersStream(exchange),
    });
    session.busy += 1;
    // A client that goes away does not cancel a legacy call: it may come back for the result.
    const forget = exchange.cancel.onCancel(() => post.abandoned());
    const context = {
      peer: post,
      route: exchange.record.route,
      traceId: exchange.record.traceId,
      headers: traceHeaders(exchange),
      exchange: judged(this.#options.endpoint, exchange, requests),
      shown: shownWith(exchange, this.#options.endpoint),
    };
    let left = requests.length;
    for (const request of requests) {
      void session.run(request, context).then(({ pieces, error }) => {
        left -= 1;
        if (left === 0) {
          session.busy -= 1;
          session.touch();
          forget();
        }
        // Only the whole answer can carry an upstream's challenge; in a batch it is one answer among others.
        if (isChallenge(error) && !batch && post.refuse(error)) return;
        post.answer({ id: request.id, pieces });
      });
    }
    return post.reply;
  }

  /** Without waiting: the session of a token this process knows, with the credentials it has. */
  #known(exchange: Exchange): Session | undefined {
    const token = header(exchange, SESSION);
    const { endpoint } = this.#options;
    const session = token === undefined ? undefined : endpoint.here(token, exchange.principal ?? '');
    if (!session || !endpoint.knows(session, clientContext(exchange, endpoint))) return undefined;
    return this.#entered(session, exchange);
  }

  /** The session the request names. Missing: 400. Unknown, foreign or ended: 404, so that the client begins anew. */
  async #session(exchange: Exchange): Promise<Session> {
    const known = this.#known(exchange);
    if (known) return known;
    const token = sessionToken(exchange);
    if (token === undefined) {
      checkRevision(exchange);
      throw new GatewayError(
        'SESSION_MISSING',
        'Bad Request: Mcp-Session-Id header is required: send initialize first, or the _meta and headers of 2026-07-28',
      );
    }
    const session = await this.#elsewhere(token, exchange);
    const { endpoint } = this.#options;
    const client = clientContext(exchange, endpoint);
    if (!endpoint.knows(session, client)) await endpoint.readmit(session, client);
    return this.#entered(session, exchange);
  }

  #entered(session: Session, exchange: Exchange): Session {
    checkRevision(exchange);
    session.touch();
    exchange.record.session = session.id;
    return session;
  }

  async #elsewhere(token: string, exchange: Exchange): Promise<Session> {
    const { endpoint } = this.#options;
    const client = clientContext(exchange, endpoint);
    const found = await endpoint.find(token, client.principal);
    if (found.kind === 'here') return found.session;
    const resumed = found.kind === 'elsewhere' ? endpoint.resume(token, found.locator, client) : undefined;
    if (!resumed) throw new GatewayError('SESSION_UNKNOWN', 'Session not found');
    return resumed;
  }

  #streamsOf(session: Session): ClientStreams {
    let streams = this.#streams.get(session);
    if (!streams) {
      streams = new ClientStreams(session, this.#options);
      session.scope.own(streams);
      this.#streams.set(session, streams);
    }
    return streams;
  }
}

const QUERY_TOKEN = /(?:^|&)sessionId=([A-Za-z0-9_-]{1,512})(?:&|$)/;

function sessionToken(exchange: Exchange): string | undefined {
  return header(exchange, SESSION) ?? queryToken(exchange);
}

/** Old clients carry the session in the URL that the SSE endpoint event gave them. */
export function queryToken(exchange: Exchange): string | undefined {
  return QUERY_TOKEN.exec(exchange.query)?.[1];
}

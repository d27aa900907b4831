/**
 * Streamable HTTP for the legacy revisions (2025-03-26 to 2025-11-25): POST carries messages, GET listens or resumes,
 * DELETE ends the session.
 */
import { asGatewayError, GatewayError } from '../../../core/errors.ts';
import { type Answer, type Exchange, header, type Reply } from '../../../core/exchange.ts';
import type { Ports } from '../../../core/ports.ts';
import { Flow } from '../../../lib/flow.ts';
import { resultMessage } from '../../../lib/json-rpc.ts';
import { renderError, runCall } from '../../calls/run-call.ts';
import type { ClientContext, Endpoint } from '../../endpoint.ts';
import { isBatch, type Message, readMessage } from '../../message.ts';
import type { ReplayBudget } from '../../sessions/replay.ts';
import type { Session } from '../../sessions/session.ts';
import { readBatch } from './batch.ts';
import { checkEventStream, checkPost, checkRevision, prefersStream } from './checks.ts';
import { ClientStreams, type StreamLimits } from './client-streams.ts';
import { JSON_HEADERS, PostReply, STREAM_HEADERS } from './post-reply.ts';

export interface FrontOptions {
  readonly endpoint: Endpoint;
  readonly ports: Ports;
  readonly budget: ReplayBudget;
  readonly limits: FrontLimits;
}

export interface FrontLimits extends StreamLimits {
  readonly bodyBytes: number;
  readonly batch: number;
}

const SESSION = 'mcp-session-id';

/** What is known of a request when it fails. */
interface Seen {
  message: Message | undefined;
}

export class StreamableHttpFront {
  readonly #options: FrontOptions;
  readonly #streams = new WeakMap<Session, ClientStreams>();

  constructor(options: FrontOptions) {
    this.#options = options;
  }

  handle(exchange: Exchange): Promise<Answer> {
    const seen: Seen = { message: undefined };
    return this.#serve(exchange, seen).catch((cause: unknown) =>
      errorReply(exchange, asGatewayError(cause), seen.message),
    );
  }

  #serve(exchange: Exchange, seen: Seen): Promise<Answer> {
    switch (exchange.method) {
      case 'POST':
        return this.#post(exchange, seen);
      case 'GET':
        return this.#get(exchange);
      case 'DELETE':
        return this.#delete(exchange);
      default:
        return Promise.reject(
          new GatewayError('METHOD_NOT_ALLOWED', 'Method not allowed.', {
            headers: ['allow', 'GET, POST, DELETE'],
          }),
        );
    }
  }

  async #post(exchange: Exchange, seen: Seen): Promise<Answer> {
    checkPost(exchange);
    const body = await exchange.body.read(this.#options.limits.bodyBytes);
    if (isBatch(body)) return this.#batch(exchange, body);
    const message = readMessage(body);
    seen.message = message;
    if (message.kind === 'request' && message.method === 'initialize')
      return this.#initialize(exchange, message);
    const session = this.#known(exchange) ?? (await this.#session(exchange));
    return this.#messages(session, exchange, { messages: [message], batch: false });
  }

  async #initialize(exchange: Exchange, message: Message): Promise<Reply> {
    if (header(exchange, SESSION) !== undefined) {
      throw new GatewayError('INVALID_REQUEST', 'Invalid Request: initialize does not take a session id');
    }
    const { endpoint } = this.#options;
    const { session, outcome } = await endpoint.begin(message, clientContext(exchange));
    const token = endpoint.sessions.add(session);
    exchange.record.session = session.id;
    const headers = [...JSON_HEADERS, SESSION, token];
    return { status: 200, headers, body: Flow.of(resultMessage(Buffer.from(message.id), outcome.body)) };
  }

  async #batch(exchange: Exchange, body: Buffer): Promise<Answer> {
    const session = await this.#session(exchange);
    const rules = { max: this.#options.limits.batch, version: session.options.identity.version };
    return this.#messages(session, exchange, { messages: readBatch(body, rules), batch: true });
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
    if (requests.length === 0) return { status: 202, headers: [], body: Flow.empty() };
    return this.#calls(session, exchange, { requests, batch: read.batch });
  }

  #calls(
    session: Session,
    exchange: Exchange,
    { requests, batch }: { requests: readonly Message[]; batch: boolean },
  ): Promise<Reply> {
    const { limits } = this.#options;
    const streams = this.#streamsOf(session);
    const post = new PostReply({
      session,
      streams,
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
    };
    let left = requests.length;
    for (const request of requests) {
      void runCall(session, request, context).then(({ pieces, error }) => {
        left -= 1;
        if (left === 0) {
          session.busy -= 1;
          session.touch();
          forget();
        }
        // Only the whole answer can carry an upstream's challenge; in a batch it is one answer among others.
        if (error?.code === 'UPSTREAM_CHALLENGE' && !batch && post.refuse(error)) return;
        post.answer({ id: request.id, pieces });
      });
    }
    return post.reply;
  }

  async #get(exchange: Exchange): Promise<Answer> {
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

  async #delete(exchange: Exchange): Promise<Answer> {
    await this.#session(exchange);
    await this.#options.endpoint.sessions.delete(sessionToken(exchange) as string);
    return { status: 200, headers: [], body: Flow.empty() };
  }

  /** Without waiting: the session of a token this process knows, with the credentials it has. */
  #known(exchange: Exchange): Session | undefined {
    const token = header(exchange, SESSION);
    const { endpoint } = this.#options;
    const session = token === undefined ? undefined : endpoint.here(token, exchange.principal ?? '');
    if (!session || !endpoint.knows(session, clientContext(exchange))) return undefined;
    return this.#entered(session, exchange);
  }

  /** The session the request names. Missing: 400. Unknown, foreign or ended: 404, so that the client begins anew. */
  async #session(exchange: Exchange): Promise<Session> {
    const known = this.#known(exchange);
    if (known) return known;
    const token = sessionToken(exchange);
    if (token === undefined) {
      checkRevision(exchange);
      throw new GatewayError('SESSION_MISSING', 'Bad Request: Mcp-Session-Id header is required');
    }
    const session = await this.#elsewhere(token, exchange);
    const client = clientContext(exchange);
    if (!this.#options.endpoint.knows(session, client)) await this.#options.endpoint.readmit(session, client);
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
    const client = clientContext(exchange);
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

export function clientContext(exchange: Exchange): ClientContext {
  const authorization = header(exchange, 'authorization');
  return {
    principal: exchange.principal ?? '',
    headers: authorization === undefined ? [] : ['authorization', authorization],
  };
}

export function traceHeaders(exchange: Exchange): readonly string[] | undefined {
  const traceparent = header(exchange, 'traceparent');
  return traceparent === undefined ? undefined : ['traceparent', traceparent];
}

const QUERY_TOKEN = /(?:^|&)sessionId=([A-Za-z0-9_-]{1,512})(?:&|$)/;

function sessionToken(exchange: Exchange): string | undefined {
  return header(exchange, SESSION) ?? queryToken(exchange);
}

/** Old clients carry the session in the URL that the SSE endpoint event gave them. */
export function queryToken(exchange: Exchange): string | undefined {
  return QUERY_TOKEN.exec(exchange.query)?.[1];
}

/** A request that never reached a session: HTTP says so too. */
export function errorReply(exchange: Exchange, error: GatewayError, message: Message | undefined): Reply {
  exchange.record.reason = error.code;
  exchange.record.error = error.message;
  const id = message?.kind === 'request' ? Buffer.from(message.id) : undefined;
  const headers = [...JSON_HEADERS, ...(error.detail.headers ?? [])];
  return { status: error.http, headers, body: Flow.of(renderError(id, error)) };
}

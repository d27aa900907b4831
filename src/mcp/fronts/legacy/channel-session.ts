/**
 * A client behind one two-way channel of messages: standard input and output, or the old SSE transport. There is one
 * session per channel, and everything for the client goes out the same way.
 */
import { asGatewayError, GatewayError } from '../../../core/errors.ts';
import type { GuardedRequest } from '../../../core/guard.ts';
import type { Closable } from '../../../core/scope.ts';
import { resultMessage } from '../../../lib/json-rpc.ts';
import type { Importance, McpOutcome, Peer, Question } from '../../call.ts';
import { renderError } from '../../calls/run-call.ts';
import type { ClientContext } from '../../calls/shown.ts';
import type { Endpoint } from '../../endpoint.ts';
import { isBatch, type Message, readMessage } from '../../message.ts';
import type { Session } from '../../sessions/session.ts';
import { readBatch } from './batch.ts';

export interface ChannelOptions {
  readonly endpoint: Endpoint;
  /** False when the channel is closed. */
  deliver(message: Buffer, importance: Importance): boolean;
  /** The session began. */
  begun(): void;
  /** The session has ended by itself: idle, or the gateway closes. */
  ended(): void;
}

export interface ChannelContext {
  readonly client: ClientContext;
  readonly route: string | undefined;
  readonly traceId: string | undefined;
  /** For the upstream hop (flat list). */
  readonly headers: readonly string[] | undefined;
  /** What rules read; undefined over standard input and output. */
  readonly exchange?: GuardedRequest;
}

/** Messages that may wait for initialize to be answered. */
const MAX_WAITING = 32;

export class ChannelSession implements Peer, Closable {
  readonly #options: ChannelOptions;
  #session: Session | undefined;
  #token: string | undefined;
  #beginning = false;
  #over = false;
  /** Clients that write all they want at once do not wait for the answer to initialize. */
  readonly #waiting: { readonly message: Message; readonly context: ChannelContext }[] = [];
  readonly #unanswered = new Set<Promise<void>>();

  constructor(options: ChannelOptions) {
    this.#options = options;
  }

  get session(): Session | undefined {
    return this.#session;
  }

  /** One message, or the messages of a batch. */
  read(bytes: Buffer, maxBatch: number): Message[] {
    if (!isBatch(bytes)) return [readMessage(bytes)];
    return readBatch(bytes, { max: maxBatch, version: this.#session?.options.identity.version });
  }

  notify(message: Buffer, importance: Importance): void {
    this.#options.deliver(message, importance);
  }

  ask(question: Question): Promise<McpOutcome> {
    const session = this.#session as Session;
    return session.ask(question, (message) => this.#options.deliver(message, 'keep'));
  }

  receive(message: Message, context: ChannelContext): void {
    if (message.kind === 'request' && message.method === 'initialize')
      return this.#answering(this.#initialize(message, context.client));
    const session = this.#session;
    if (!session) return this.#early(message, context);
    session.touch();
    if (message.kind === 'notification') return session.notified(message);
    if (message.kind === 'response') return void session.asks.answered(message);
    const { route, traceId, headers, exchange } = context;
    const call = session.run(message, { peer: this, route, traceId, headers, exchange });
    this.#answering(
      call.then((answered) => {
        this.#options.deliver(Buffer.concat(answered.pieces), 'keep');
        this.#endWhenQuiet();
      }),
    );
  }

  /** Resolves when everything received so far has been answered. */
  async settled(): Promise<void> {
    while (this.#unanswered.size > 0) await Promise.all(this.#unanswered);
  }

  /** A stopping gateway lets calls in flight finish; without them there is nothing to wait for. */
  #endWhenQuiet(): void {
    const session = this.#session;
    if (session?.draining.cancelled && session.calls.size === 0) this.#options.ended();
  }

  close(): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#token !== undefined) void this.#options.endpoint.sessions.delete(this.#token);
  }

  async #initialize(message: Message, client: ClientContext): Promise<void> {
    const { endpoint, deliver } = this.#options;
    const id = Buffer.from(message.id);
    if (this.#beginning) {
      const error = new GatewayError('INVALID_REQUEST', 'the session is initialized already');
      return void deliver(renderError(id, error), 'keep');
    }
    this.#beginning = true;
    try {
      const { session, outcome } = await endpoint.begin(message, client);
      if (this.#over) return void session.close();
      this.#token = endpoint.sessions.add(session);
      this.#session = session;
      // The open channel keeps the session from being idle.
      session.busy += 1;
      session.scope.defer(() => this.#options.ended());
      session.setOutlet({ deliver });
      session.draining.onCancel(() => this.#endWhenQuiet());
      this.#options.begun();
      deliver(resultMessage(id, outcome.body), 'keep');
    } catch (cause) {
      this.#beginning = false;
      deliver(renderError(id, asGatewayError(cause)), 'keep');
    }
    for (const { message: next, context } of this.#waiting.splice(0)) this.receive(next, context);
  }

  #answering(work: Promise<void>): void {
    this.#unanswered.add(work);
    void work.finally(() => this.#unanswered.delete(work));
  }

  #early(message: Message, context: ChannelContext): void {
    if (this.#beginning && this.#waiting.length < MAX_WAITING) {
      this.#waiting.push({ message, context });
      return;
    }
    if (message.kind !== 'request') return;
    const error = new GatewayError('INVALID_REQUEST', 'the session is not initialized yet');
    this.#options.deliver(renderError(Buffer.from(message.id), error), 'keep');
  }
}

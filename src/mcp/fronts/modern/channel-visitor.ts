/**
 * A modern client behind one two-way channel of messages. Its requests share the channel, so each is cancelled, and
 * each stream of changes ended, by a notification that names it.
 */
import { asGatewayError, GatewayError } from '../../../core/errors.ts';
import { LIMITS } from '../../../core/limits.ts';
import type { Closable } from '../../../core/scope.ts';
import { Few } from '../../../lib/few.ts';
import { notificationMessage } from '../../../lib/json-rpc.ts';
import type { Sink } from '../../bridge/parked-call.ts';
import type { Importance } from '../../call.ts';
import { renderError } from '../../calls/run-call.ts';
import type { ClientContext } from '../../calls/shown.ts';
import type { Endpoint } from '../../endpoint.ts';
import { type Message, SLOT } from '../../message.ts';
import { beginCall } from './call.ts';
import { checkEnvelope } from './checks.ts';
import { serverInfoOf } from './identity.ts';
import { ListenCall, readFilter } from './listening.ts';

export interface ChannelVisitorOptions {
  readonly endpoint: Endpoint;
  /** False when the channel is closed. */
  deliver(message: Buffer, importance: Importance): boolean;
}

/** A request that has not been answered. */
interface Unanswered {
  /** Nothing more is said about it. */
  leave(reason: Error): void;
  /** It ends from our side, or the client goes. */
  end(reason: Error): void;
}

export class ChannelVisitor implements Closable {
  readonly #options: ChannelVisitorOptions;
  readonly #client: ClientContext;
  /** By raw id. */
  readonly #unanswered = new Few<string, Unanswered>();
  /** Calls among them; whoever listens waits for nothing. */
  #calls = 0;
  #settled: (() => void)[] = [];

  constructor(options: ChannelVisitorOptions) {
    this.#options = options;
    // Like nobody else's: what is kept for this client must not be found by one that comes over HTTP.
    const name = options.endpoint.options.ports.random(12).toString('base64url');
    this.#client = { principal: `channel:${name}`, headers: [] };
  }

  /** A request or notification of the modern era. */
  receive(message: Message): void {
    // Notifications of this revision have no meaning but cancellation; an extension's would be for its server alone.
    if (message.kind === 'notification') return void this.cancelled(message);
    try {
      this.#check(message.id);
      if (message.method === 'subscriptions/listen') this.#listen(message);
      else this.#call(message);
    } catch (cause) {
      this.#say(renderError(Buffer.from(message.id), asGatewayError(cause)));
    }
  }

  /** Whether the message cancels a request of this era: that it does needs not be said in its `_meta`. */
  cancelled({ kind, method, text }: Message): boolean {
    if (kind !== 'notification' || method !== 'notifications/cancelled' || !text.has(SLOT.requestId))
      return false;
    const id = text.raw(SLOT.requestId).toString('utf8');
    const request = this.#unanswered.get(id);
    this.#unanswered.delete(id);
    request?.leave(new GatewayError('CANCELLED', 'cancelled by the client'));
    return request !== undefined;
  }

  /** Resolves when every call received so far has been answered. */
  settled(): Promise<void> {
    if (this.#calls === 0) return Promise.resolve();
    return new Promise((resolve) => this.#settled.push(resolve));
  }

  close(): void {
    const gone = new GatewayError('CANCELLED', 'the client went away');
    for (const request of this.#unanswered.values()) request.end(gone);
  }

  #check(id: string): void {
    const { size } = this.#unanswered;
    if (this.#unanswered.has(id))
      throw new GatewayError('INVALID_REQUEST', `id ${id} is in use by another request`);
    const most = LIMITS.callsInFlight.value + LIMITS.subscriptions.value;
    if (size >= most || this.#calls >= LIMITS.callsInFlight.value)
      throw new GatewayError('OVERLOADED', `the client has ${size} requests in flight already`);
  }

  #call(message: Message): void {
    const { endpoint } = this.#options;
    const { id } = message;
    const asked = {
      message,
      envelope: checkEnvelope(message),
      client: this.#client,
      route: undefined,
      traceId: undefined,
      headers: undefined,
      inbound: undefined,
      exchange: undefined,
    };
    const sink: Sink = {
      notify: (notification, importance) => {
        if (this.#unanswered.get(id) === request) this.#options.deliver(notification, importance);
      },
    };
    const leave = (reason: Error): void => call.leave(sink, reason);
    const request: Unanswered = { leave, end: leave };
    const { call, answered } = beginCall(endpoint, asked, sink);
    this.#unanswered.set(id, request);
    this.#calls += 1;
    void answered
      .then(({ pieces }) => Buffer.concat(pieces))
      .catch((cause: unknown) => renderError(Buffer.from(id), asGatewayError(cause)))
      .then((response) => this.#answered(id, request, response));
  }

  #answered(id: string, request: Unanswered, response: Buffer): void {
    // Of a request that was cancelled nothing more is said.
    if (this.#unanswered.get(id) === request) {
      this.#unanswered.delete(id);
      this.#say(response);
    }
    this.#calls -= 1;
    if (this.#calls === 0) for (const resolve of this.#settled.splice(0)) resolve();
  }

  #listen(message: Message): void {
    const { endpoint } = this.#options;
    const { id } = message;
    const visitor = endpoint.visit(checkEnvelope(message), this.#client);
    const filter = readFilter(message);
    const over = (): void => {
      if (this.#unanswered.get(id) === request) this.#unanswered.delete(id);
    };
    const listening = new ListenCall({
      visitor,
      exchange: undefined,
      id,
      serverInfo: serverInfoOf(endpoint),
      send: (notification) => this.#say(notification),
      ended: (response) => {
        over();
        // The first tells a client that it ended well, the second is what the revision demands of servers here.
        this.#say(response);
        this.#say(notificationMessage('notifications/cancelled', Buffer.from(`{"requestId":${id}}`)));
      },
    });
    const request: Unanswered = { leave: () => listening.leave(), end: () => listening.end() };
    this.#unanswered.set(id, request);
    listening.begin(filter).catch((cause: unknown) => {
      if (this.#unanswered.get(id) !== request) return;
      over();
      this.#say(renderError(Buffer.from(id), asGatewayError(cause)));
    });
  }

  #say(message: Buffer): void {
    this.#options.deliver(message, 'keep');
  }
}

/**
 * Streamable HTTP for revision 2026-07-28: every POST is a request for itself, and its reply all that belongs to it.
 * A client that closes the reply has cancelled the request, unless the call waits for that client's own answer.
 */
import { asGatewayError, GatewayError } from '../../../core/errors.ts';
import type { Exchange, Reply } from '../../../core/exchange.ts';
import type { Envelope } from '../../bridge/envelope.ts';
import { renderError } from '../../calls/run-call.ts';
import type { Message } from '../../message.ts';
import { accepted, clientContext, isChallenge, judged, traceHeaders } from '../exchange.ts';
import type { FrontParts } from '../options.ts';
import { SingleReply } from '../single-reply.ts';
import { beginCall } from './call.ts';
import { checkNotification, checkRequest } from './checks.ts';
import { serverInfoOf } from './identity.ts';
import { ListenCall, readFilter } from './listening.ts';

export class ModernFront {
  readonly #options: FrontParts;
  #draining = false;

  constructor(options: FrontParts) {
    this.#options = options;
  }

  /** Throws what is wrong with a message before it is a call. */
  post(exchange: Exchange, message: Message): Promise<Reply> | Reply {
    if (message.kind === 'notification') {
      // The core has none over HTTP, and what an extension's means only a server of that extension would know.
      checkNotification(exchange, message);
      return accepted();
    }
    const envelope = checkRequest(exchange, message);
    if (message.method === 'subscriptions/listen') return this.#listen(exchange, message, envelope);
    return this.#call(exchange, message, envelope);
  }

  /** The gateway stops: streams that listen have ended, and clients that come back for them would hold it up. */
  drain(): void {
    this.#draining = true;
  }

  #call(exchange: Exchange, message: Message, envelope: Envelope): Promise<Reply> {
    const { route, traceId } = exchange.record;
    const asked = {
      message,
      envelope,
      client: clientContext(exchange, this.#options.endpoint),
      route,
      traceId,
      headers: traceHeaders(exchange),
      inbound: exchange.headers,
      exchange: judged(this.#options.endpoint, exchange),
    };
    const reply = new SingleReply(this.#options, exchange, message);
    const { call, answered } = beginCall(this.#options.endpoint, asked, reply);
    reply.awaits(call);
    answered.then(
      ({ pieces, status, error }) => {
        // An upstream's challenge is for the whole exchange: its headers are what a client logs in by.
        if (isChallenge(error)) reply.refuse(error);
        else reply.answer(status, pieces);
      },
      (cause: unknown) => reply.answer(200, [renderError(Buffer.from(message.id), asGatewayError(cause))]),
    );
    return reply.reply;
  }

  #listen(exchange: Exchange, message: Message, envelope: Envelope): Promise<Reply> {
    const { endpoint } = this.#options;
    if (this.#draining) throw new GatewayError('SHUTTING_DOWN', 'the gateway is shutting down');
    const filter = readFilter(message);
    const reply = new SingleReply(this.#options, exchange, message);
    const listening = new ListenCall({
      visitor: endpoint.visit(envelope, clientContext(exchange, endpoint)),
      exchange: judged(endpoint, exchange),
      id: message.id,
      serverInfo: serverInfoOf(endpoint),
      send: (notification) => reply.notify(notification, 'keep'),
      ended: (response) => reply.answer(200, [response]),
    });
    reply.awaits(listening);
    listening.begin(filter).catch((cause: unknown) => reply.refuse(asGatewayError(cause)));
    return reply.reply;
  }
}

/** What every HTTP front reads from an exchange, and the replies they share. */
import type { GatewayError } from '../../core/errors.ts';
import { type Exchange, header, type Reply } from '../../core/exchange.ts';
import type { GuardedRequest } from '../../core/guard.ts';
import { Flow } from '../../lib/flow.ts';
import { renderError } from '../calls/run-call.ts';
import { type ClientContext, mappedBy, type Shown, shownBy } from '../calls/shown.ts';
import type { Endpoint } from '../endpoint.ts';
import type { Message } from '../message.ts';

/** Not `no-cache`, which lets a browser keep the stream: Chromium then sends the DELETE of the same URL twice. */
export const STREAM_HEADERS: readonly string[] = [
  'content-type',
  'text/event-stream',
  'cache-control',
  'no-store, no-transform',
  'x-accel-buffering',
  'no',
];
export const JSON_HEADERS: readonly string[] = ['content-type', 'application/json'];

export function clientContext(exchange: Exchange, { view }: Endpoint): ClientContext {
  const authorization = header(exchange, 'authorization');
  return {
    principal: exchange.principal ?? '',
    headers: authorization === undefined ? [] : ['authorization', authorization],
    mapped: mappedBy(view, exchange),
  };
}

/** What the call's own request shows, where it may differ from that of the call before. */
export function shownWith(exchange: Exchange, endpoint: Endpoint): Shown | undefined {
  const { view } = endpoint;
  return view.maps ? shownBy(view, clientContext(exchange, endpoint)) : undefined;
}

export function traceHeaders(exchange: Exchange): readonly string[] | undefined {
  const traceparent = header(exchange, 'traceparent');
  return traceparent === undefined ? undefined : ['traceparent', traceparent];
}

/** What rules and limits read of the request; where there are none, a call need not keep it alive. */
export function judged(
  { view }: Endpoint,
  exchange: Exchange,
  messages: readonly Pick<Message, 'method'>[] = [],
): GuardedRequest {
  // A subscription outlives the rules of its time.
  return view.reads || messages.some(({ method }) => method === 'resources/subscribe') ? exchange : undefined;
}

/** A refusal that HTTP has a status and headers for: the client is to log in, or to get other rights. */
export function isChallenge(error: GatewayError | undefined): error is GatewayError {
  return error?.code === 'UPSTREAM_CHALLENGE' || error?.code === 'SCOPE_MISSING';
}

/** A request that never became a call: HTTP says so too. */
export function errorReply(exchange: Exchange, error: GatewayError, message: Message | undefined): Reply {
  exchange.record.reason = error.code;
  exchange.record.error = error.message;
  const id = message?.kind === 'request' ? Buffer.from(message.id) : undefined;
  const headers = [...JSON_HEADERS, ...(error.detail.headers ?? [])];
  return { status: error.http, headers, body: Flow.of(renderError(id, error)) };
}

/** The answer to notifications and responses. */
export function accepted(): Reply {
  return { status: 202, headers: [], body: Flow.empty() };
}

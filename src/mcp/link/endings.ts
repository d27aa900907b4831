/** What is said, to either side, of a request on a link that ends without its answer. */
import { GatewayError } from '../../core/errors.ts';
import { notificationMessage } from '../../lib/json-rpc.ts';
import { quote } from '../../lib/json-text.ts';
import type { Wire } from '../definition.ts';
import { type Era, MODERN_REVISION } from '../revisions.ts';
import type { Flight } from './flight.ts';

const GREETINGS: ReadonlySet<string> = new Set(['initialize', 'server/discover']);

/**
 * For the server; undefined where it is not told so. `initialize` cannot be cancelled (by the specification), a server
 * that did not understand server/discover would not understand that it is withdrawn, and closing the stream of a modern
 * HTTP answer says it already.
 */
export function cancelledMessage({ id, call }: Flight, wire: Wire, reason: Error): Buffer | undefined {
  if (GREETINGS.has(call.method) || wire.cancelsByClosing) return undefined;
  const params = Buffer.concat([
    Buffer.from(`{"requestId":${id},"reason":`),
    quote(reason.message),
    Buffer.from('}'),
  ]);
  return notificationMessage('notifications/cancelled', params);
}

export function unanswered(): GatewayError {
  return new GatewayError('UPSTREAM_CLOSED', 'the upstream ended its answer without a result');
}

export function timeout({ call, allowedMs }: Flight): GatewayError {
  return new GatewayError('UPSTREAM_TIMEOUT', `no answer to ${call.method} within ${allowedMs} ms`);
}

/**
 * Whether a refusal of the request shows that the server does not speak the era of the link any more, and that it has
 * done nothing: one that has never listened to subscriptions may refuse them as it likes.
 */
export function showsEra(era: Era, { call }: Flight): boolean {
  return era === 'modern' && !call.long && call.method !== 'server/discover';
}

/** `cause`: how an HTTP server refused what it was sent, where it said so without a JSON-RPC error. */
export function revisionLost(cause: GatewayError | undefined): GatewayError {
  const message = cause?.message ?? `the upstream refused the revision ${MODERN_REVISION}`;
  return new GatewayError('UPSTREAM_SESSION_LOST', message, { ...cause?.detail, cause });
}

export function notJsonRpc(cause: Error): GatewayError {
  const what = `the upstream sent something that is not JSON-RPC: ${cause.message}`;
  return new GatewayError('UPSTREAM_PROTOCOL', what, { cause });
}

/** Refusals of a server's question. */
export const NO_QUESTIONS = { code: -32601, message: 'a client of revision 2026-07-28 takes no requests' };
export const TOO_MANY = { code: -32600, message: 'too many requests to the client, or an id in use' };

const REFUSED = { code: -32603, message: 'the gateway refused the request' };

/** The answer to a question of the server that failed. */
export function rpcError(error: unknown): { code: number; message: string } {
  return error instanceof GatewayError ? { code: error.rpc, message: error.message } : REFUSED;
}

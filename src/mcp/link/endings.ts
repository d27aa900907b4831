/** What is said, to either side, of a request on a link that ends without its answer. */
import { GatewayError } from '../../core/errors.ts';
import { notificationMessage } from '../../lib/json-rpc.ts';
import { quote } from '../../lib/json-text.ts';
import type { Wire } from '../definition.ts';
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

export function revisionLost(): GatewayError {
  return new GatewayError('UPSTREAM_SESSION_LOST', 'the upstream no longer speaks the revision 2026-07-28');
}

export function notJsonRpc(cause: Error): GatewayError {
  const what = `the upstream sent something that is not JSON-RPC: ${cause.message}`;
  return new GatewayError('UPSTREAM_PROTOCOL', what, { cause });
}

const REFUSED = { code: -32603, message: 'the gateway refused the request' };

/** The answer to a question of the server that failed. */
export function rpcError(error: unknown): { code: number; message: string } {
  return error instanceof GatewayError ? { code: error.rpc, message: error.message } : REFUSED;
}

/**
 * Errors of the gateway as gRPC clients read them: an HTTP 200 that is nothing but a head with a status in it. Over HTTP
 * errors a client would have to guess from the status what went wrong. Pure.
 */
import type { GatewayError } from '../core/errors.ts';
import type { Reply } from '../core/exchange.ts';
import { Flow } from '../lib/flow.ts';

/**
 * What clients guess by themselves (grpc/grpc, doc/http-grpc-status-mapping.md); anything else is UNKNOWN. A bad request is
 * INVALID_ARGUMENT: they guess INTERNAL, because a server of gRPC would have said it better.
 */
const STATUS: Readonly<Record<number, number>> = {
  400: 3,
  401: 16,
  403: 7,
  404: 12,
  429: 14,
  499: 1,
  502: 14,
  503: 14,
  504: 14,
};
const UNKNOWN = 2;

export function grpcError({ http, message, detail: { headers = [] } }: GatewayError): Reply {
  const status = STATUS[http] ?? UNKNOWN;
  return {
    status: 200,
    headers: [
      'content-type',
      'application/grpc',
      'grpc-status',
      String(status),
      'grpc-message',
      encoded(message),
      ...headers,
    ],
    body: Flow.empty(),
  };
}

/** Percent-encoded UTF-8, but for printable ASCII (grpc/grpc, doc/PROTOCOL-HTTP2.md, "Status-Message"). */
function encoded(message: string): string {
  let text = '';
  for (const byte of Buffer.from(message)) {
    const plain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    text += plain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return text;
}

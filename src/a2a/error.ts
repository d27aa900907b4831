/** Errors of the gateway as clients of A2A read them: JSON-RPC's, or google.rpc.Status over HTTP+JSON. Pure. */
import type { GatewayError } from '../core/errors.ts';
import { errorMessage } from '../lib/json-rpc.ts';

/** VersionNotSupportedError. */
const VERSION_NOT_SUPPORTED = -32009;

/** `id`: JSON text; undefined where it could not be read. */
export function rpcError(error: GatewayError, id: Buffer | undefined): Buffer {
  const code = error.code === 'UNSUPPORTED_VERSION' ? VERSION_NOT_SUPPORTED : error.rpc;
  return errorMessage(id, { code, message: error.message, data: [info(error)] });
}

export function restError(error: GatewayError): Buffer {
  const { http: code, message } = error;
  return Buffer.from(
    JSON.stringify({ error: { code, status: statusOf(code), message, details: [info(error)] } }),
  );
}

function info({ code }: GatewayError) {
  return { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: code, domain: 'agentgateway' };
}

/** google.rpc.Code by HTTP status, as google/rpc/code.proto pairs them. */
const STATUSES: Readonly<Record<number, string>> = {
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  429: 'RESOURCE_EXHAUSTED',
  499: 'CANCELLED',
  500: 'INTERNAL',
  502: 'UNAVAILABLE',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
};

function statusOf(http: number): string {
  return STATUSES[http] ?? (http < 500 ? 'INVALID_ARGUMENT' : 'INTERNAL');
}

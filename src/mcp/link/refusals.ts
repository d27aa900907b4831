/** What a failure says about the eras an upstream speaks. Pure. */
import { asGatewayError, type ErrorCode, type GatewayError } from '../../core/errors.ts';
import { parseObject } from '../../lib/json-value.ts';
import type { McpOutcome } from '../call.ts';

/**
 * Statuses of servers that do not know what was sent to them. A login that is wanted (401, 403) and trouble of the
 * server's own (5xx) say nothing about eras.
 */
const UNKNOWN_THERE: ReadonlySet<unknown> = new Set([400, 404, 405, 406, 415]);

/** Whether a greeting (server/discover, initialize) failed because the server does not speak its era. */
export function refusesEra(cause: unknown): boolean {
  const error = asGatewayError(cause);
  return error.code === 'UPSTREAM_PROTOCOL' || refusesPost(error);
}

/** Whether an HTTP server refused a message as one that is not for it, without a JSON-RPC answer. */
export function refusesPost({ code, detail }: GatewayError): boolean {
  return code === 'UPSTREAM_STATUS' && UNKNOWN_THERE.has(detail.data?.['upstreamStatus']);
}

const ENDINGS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'UPSTREAM_CONNECT',
  'PROCESS_START',
  'PROCESS_LIMIT',
  'TARGET_REMOVED',
  'SHUTTING_DOWN',
  'CANCELLED',
  'SESSION_UNKNOWN',
  'CREDENTIALS_UNAVAILABLE',
  'LOGIN_NEEDED',
]);

/** Whether a greeting failed in a way that another one, of the other era, would fail in as well. */
export function endsGreeting(cause: unknown): boolean {
  return ENDINGS.has(asGatewayError(cause).code);
}

const REVISION_UNSUPPORTED = -32022;
const REVISION_TEXT = String(REVISION_UNSUPPORTED);

/** Whether a modern server answered that it does not speak the revision of the request: it has done nothing then. */
export function refusesRevision({ kind, body }: McpOutcome): boolean {
  if (kind === 'result' || !body.includes(REVISION_TEXT)) return false;
  return parseObject(body)?.['code'] === REVISION_UNSUPPORTED;
}

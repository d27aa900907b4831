/**
 * What went wrong on the way to an upstream, in the gateway's words. Knows undici's and node's error codes, so that
 * nothing above has to.
 */
import { GatewayError } from '../core/errors.ts';

interface SystemError extends Error {
  readonly code?: unknown;
  readonly errors?: readonly unknown[];
}

const TIMEOUTS = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT']);
const PROTOCOL = new Set(['UND_ERR_HEADERS_OVERFLOW', 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH']);
const REFUSED = new Set([
  'UND_ERR_INVALID_ARG',
  'UND_ERR_NOT_SUPPORTED',
  'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH',
  'ERR_HTTP2_INVALID_CONNECTION_HEADERS',
]);
/** undici's own words when the upstream talks out of turn: an unexpected 1xx, an upgrade nobody asked for. */
const BAD_ANSWERS = new Set(['bad response', 'bad upgrade']);
const DROPPED = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE', 'ERR_HTTP2_STREAM_CANCEL']);

/** `written`: a connection existed and the request was handed to it. */
export function upstreamFailure(origin: string, error: Error, written: boolean): GatewayError {
  if (error instanceof GatewayError) return error;
  const code = codeOf(error);
  if (REFUSED.has(code))
    return new GatewayError('BAD_REQUEST', `request cannot be forwarded: ${error.message}`, { cause: error });
  if (TIMEOUTS.has(code))
    return new GatewayError('UPSTREAM_TIMEOUT', `${origin} did not answer in time`, { cause: error });
  if (code === 'ERR_HTTP2_ERROR')
    return new GatewayError('UPSTREAM_PROTOCOL', `${origin} does not speak HTTP/2: ${reason(error)}`, {
      cause: error,
    });
  if (PROTOCOL.has(code) || error.name === 'HTTPParserError' || BAD_ANSWERS.has(error.message)) {
    return new GatewayError(
      'UPSTREAM_PROTOCOL',
      `${origin} does not speak HTTP as expected: ${reason(error)}`,
      { cause: error },
    );
  }
  if (!written)
    return new GatewayError('UPSTREAM_CONNECT', `cannot connect to ${origin}: ${reason(error)}`, {
      cause: error,
    });
  return new GatewayError('UPSTREAM_CLOSED', `${origin} closed the connection: ${reason(error)}`, {
    cause: error,
  });
}

/** The connection went away under a request, as a stale keep-alive connection does; not a refusal, not a timeout. */
export function isDropped(error: Error): boolean {
  return DROPPED.has(codeOf(error)) && !BAD_ANSWERS.has(error.message);
}

/** The upstream says that it has not touched the request (RFC 9113 section 8.7): any method may be sent again. */
export function isUnprocessed(error: Error): boolean {
  return codeOf(error) === 'ERR_HTTP2_STREAM_ERROR' && error.message.includes('NGHTTP2_REFUSED_STREAM');
}

/** The system's reason. An AggregateError (both address families failed) has an empty message of its own. */
function reason(error: SystemError): string {
  const inner = error.errors?.find((each) => each instanceof Error);
  return error.message || (inner as Error | undefined)?.message || codeOf(error) || 'unknown reason';
}

function codeOf(error: SystemError): string {
  return typeof error.code === 'string' ? error.code : '';
}

/** What a legacy request's headers must say, before its body is read. */
import { GatewayError } from '../../../core/errors.ts';
import { type Exchange, header } from '../../../core/exchange.ts';
import { isLegacyRevision, LEGACY_REVISIONS } from '../../revisions.ts';

const JSON_TYPE = /^application\/json(?:\s*;|\s*$)/i;

/** A POST must carry JSON and accept both JSON and an event stream (streamable HTTP, "Sending Messages"). */
export function checkPost(exchange: Exchange): void {
  checkJson(exchange);
  const accept = header(exchange, 'accept');
  if (accepts(accept, 'application', 'json') && accepts(accept, 'text', 'event-stream')) return;
  throw new GatewayError(
    'NOT_ACCEPTABLE',
    'Not Acceptable: the Accept header must list application/json and text/event-stream',
  );
}

/** A client that names the event stream first gets one, even where plain JSON would do. */
export function prefersStream(exchange: Exchange): boolean {
  const accept = header(exchange, 'accept');
  if (accept === undefined || !accept.startsWith('text/event-stream')) return false;
  return accept.includes('application/json');
}

export function checkJson(exchange: Exchange): void {
  if (JSON_TYPE.test(header(exchange, 'content-type') ?? '')) return;
  throw new GatewayError(
    'UNSUPPORTED_MEDIA_TYPE',
    'Unsupported Media Type: Content-Type must be application/json',
  );
}

export function checkEventStream(exchange: Exchange): void {
  if (accepts(header(exchange, 'accept'), 'text', 'event-stream')) return;
  throw new GatewayError('NOT_ACCEPTABLE', 'Not Acceptable: the Accept header must list text/event-stream');
}

/**
 * Absent is fine (older clients do not send it); an unknown revision is not. The code is the one servers of these
 * revisions have always used, which newer clients take as the sign to begin with `initialize`; the newer revisions'
 * own code for this (-32022) would claim that they are spoken here, and clients give up on it.
 */
export function checkRevision(exchange: Exchange): void {
  const version = header(exchange, 'mcp-protocol-version');
  if (version === undefined || isLegacyRevision(version)) return;
  const requested = version.slice(0, 40);
  throw new GatewayError(
    'UNSUPPORTED_VERSION',
    `Bad Request: Unsupported protocol version: ${requested} (supported versions: ${LEGACY_REVISIONS.join(', ')})`,
    { data: { supported: LEGACY_REVISIONS, requested } },
  );
}

function accepts(accept: string | undefined, type: string, subtype: string): boolean {
  if (accept === undefined) return true;
  if (accept.includes(`${type}/${subtype}`)) return true;
  return accept
    .toLowerCase()
    .split(',')
    .some((part) =>
      [`${type}/${subtype}`, `${type}/*`, '*/*'].includes((part.split(';')[0] as string).trim()),
    );
}

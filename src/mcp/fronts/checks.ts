/** What the headers of a request must say in every era, before its body is read. */
import { GatewayError } from '../../core/errors.ts';
import { type Exchange, header } from '../../core/exchange.ts';

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

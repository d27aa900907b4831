/** What node's HTTP/1.1 parser lets through and should not, because the next reader may see the request end elsewhere. Pure. */
import type { IncomingMessage } from 'node:http';

/**
 * 0.9 and 2.0, framed like 1.0 (RFC 9110 section 15.6.6); any coding before chunked, which
 * it leaves in the body unsaid, and an empty one (RFC 9112 section 6.1); chunks in 1.0, whose readers know none.
 */
export function faultOf({ httpVersionMajor, httpVersionMinor, headers }: IncomingMessage): Error | undefined {
  if (httpVersionMajor !== 1) return OTHER_VERSION;
  const coding = headers['transfer-encoding'];
  if (coding === undefined || (coding.toLowerCase() === 'chunked' && httpVersionMinor === 1))
    return undefined;
  return OTHER_CODING;
}

const OTHER_VERSION = parseError('HPE_INVALID_VERSION', 'Invalid HTTP version');
const OTHER_CODING = parseError('HPE_INVALID_TRANSFER_ENCODING', 'Invalid Transfer-Encoding');

function parseError(code: string, message: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`Parse Error: ${message}`), { code });
}

/**
 * Which offers to change the protocol are taken (RFC 9110 section 7.8 lets a server ignore any), and how an offer is
 * taken off a request that is then served as if it had not been made.
 */
import type { IncomingMessage } from 'node:http';

/**
 * Not HTTP/2: RFC 9113 dropped that upgrade, yet Java's HTTP client offers it on every cleartext connection. Not with
 * a body either: what a tunnel would take for its first bytes is the body to everyone else.
 */
export function takesUpgrade({ headers }: IncomingMessage): boolean {
  if (/(?:^|,)\s*h2c\s*(?:,|$)/i.test(headers.upgrade ?? '')) return false;
  return headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0;
}

/**
 * The head of the request without its offer, as bytes. For Node before 22.21, which has no `shouldUpgradeCallback`:
 * there, once somebody listens for upgrades, each offer ends the parsing, and the request must be read a second time.
 */
export function withoutOffer({ method, url, rawHeaders, headers }: IncomingMessage): Buffer {
  let text = `${method} ${url} HTTP/1.1\r\n`;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    if (!OFFER.has(name.toLowerCase())) text += `${name}: ${rawHeaders[i + 1]}\r\n`;
  }
  const options = (headers.connection ?? '').split(',').map((option) => option.trim());
  const kept = options.filter((option) => option !== '' && !OFFER.has(option.toLowerCase()));
  if (kept.length > 0) text += `Connection: ${kept.join(', ')}\r\n`;
  return Buffer.from(`${text}\r\n`, 'latin1');
}

const OFFER = new Set(['connection', 'upgrade', 'http2-settings']);

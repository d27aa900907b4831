/**
 * Where clients that share one `clientId` may be sent after a login. The provider remembers who agreed to that client
 * and asks nobody again, so a stranger who could name his own address would get codes of people who never agreed to him
 * (the MCP specification's confused deputy). Hence: addresses of the person's own machine, and those that the operator
 * has written down. Pure.
 */
import { isLoopbackHost } from '../../lib/address.ts';

export function redirectAllowed(uri: unknown, listed: readonly string[]): uri is string {
  if (typeof uri !== 'string') return false;
  return listed.includes(uri) || isOwnMachine(uri);
}

/** RFC 8252 section 7.3, any port. Looked at as written too: what parsers repair, browsers and providers may read otherwise. */
function isOwnMachine(uri: string): boolean {
  if (!/^http:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?(?:\/[\x21\x24-\x5b\x5d-\x7e]*)?$/.test(uri))
    return false;
  if (!URL.canParse(uri)) return false;
  const { protocol, hostname, username, password, hash } = new URL(uri);
  return (
    protocol === 'http:' && isLoopbackHost(hostname) && username === '' && password === '' && hash === ''
  );
}

/** Schema of a server that is given by name: `host:port` or a URL without anything behind the host. */
import { z } from 'zod';
import { formatAddress, parseAddress } from '../lib/address.ts';

/** Becomes `http://host:port` or `https://host`. */
export const originSchema = z.string().transform((text, context) => {
  const url = originOf(text);
  if (url !== undefined) return url;
  const message = 'expected host:port, http://host:port or https://host';
  context.addIssue({ code: 'custom', message, input: text });
  return z.NEVER;
});

function originOf(text: string): string | undefined {
  if (!/^https?:\/\//i.test(text)) {
    const address = parseAddress(text);
    return address?.kind === 'tcp' && address.host !== undefined
      ? `http://${formatAddress(address)}`
      : undefined;
  }
  if (!URL.canParse(text)) return undefined;
  const { protocol, host, username, password, pathname, search, hash } = new URL(text);
  return `${username}${password}${search}${hash}` === '' && pathname === '/'
    ? `${protocol}//${host}`
    : undefined;
}

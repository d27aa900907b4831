/** The `host` key under `backends[]`: where plain HTTP traffic goes. */
import { z } from 'zod';
import { formatAddress, parseAddress } from '../../lib/address.ts';

export const hostSchema = z
  .string()
  .transform((text, context) => {
    const place = hostPlace(text);
    if (typeof place !== 'string') return place;
    context.addIssue({ code: 'custom', message: place, input: text });
    return z.NEVER;
  })
  .meta({ description: '`host:port`, `http://host:port`, `https://host`, or `unix:/path/of/a/socket`.' });

export interface HostConfig {
  /** undefined: http, or https where the policy backendTLS is. */
  readonly scheme: 'http' | 'https' | undefined;
  /** `host:port` as a URL has it; `localhost` for a Unix socket. */
  readonly authority: string;
  readonly unixSocket: string | undefined;
}

/** The place, or what is wrong with the text. */
function hostPlace(text: string): HostConfig | string {
  if (/^https?:\/\//i.test(text)) return urlPlace(text);
  const address = parseAddress(text);
  if (address?.kind === 'unix')
    return { scheme: undefined, authority: 'localhost', unixSocket: address.path };
  if (!address || address.host === undefined)
    return 'expected host:port, an http:// or https:// URL, or unix:<path>';
  return { scheme: undefined, authority: formatAddress(address), unixSocket: undefined };
}

function urlPlace(text: string): HostConfig | string {
  if (!URL.canParse(text)) return 'not a valid URL';
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') return 'give no credentials in the URL';
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '')
    return 'give no path: requests keep their own';
  const scheme = url.protocol === 'https:' ? 'https' : 'http';
  return { scheme, authority: url.host, unixSocket: undefined };
}

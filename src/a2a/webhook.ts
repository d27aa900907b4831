/**
 * Where an agent may be told to send push notifications. The agent opens the connection, with its own place in the
 * network: whoever may name any address can make it ask there (SSRF). Pure: who calls it looks names up.
 */
import { parseNetwork, plainIp } from '../lib/authority.ts';
import { type Cidr, containsIp, parseIp } from '../lib/ip.ts';
import { isPrivateHost } from '../lib/private-host.ts';

export interface WebhookRules {
  /** Allowed whatever they are. */
  readonly hosts: readonly HostPattern[];
  /** Whether others are, as long as they are on the Internet. */
  readonly others: 'public' | 'none';
}

export type HostPattern =
  | { readonly kind: 'name'; readonly name: string }
  /** Names below it. */
  | { readonly kind: 'below'; readonly suffix: string }
  | { readonly kind: 'network'; readonly network: Cidr };

/** A name, `*.name`, an IP address or a network; undefined: none of these. */
export function parseHostPattern(text: string): HostPattern | undefined {
  const lower = text.toLowerCase();
  const network = parseNetwork(lower.replace(/^\[([^/]*)\]$/, '$1'));
  if (network) return { kind: 'network', network };
  const [, star, name] = /^(\*\.)?([a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?)$/.exec(lower) ?? [];
  if (name === undefined || name.includes('..')) return undefined;
  return star === undefined ? { kind: 'name', name } : { kind: 'below', suffix: `.${name}` };
}

/** Why a webhook is refused by what it says; undefined: it is not, as far as that tells. */
export function webhookFault(text: string, { hosts, others }: WebhookRules): string | undefined {
  // Agents read URLs with parsers of their own; only what all of them read alike is let through.
  if (!/^https?:\/\/[\x21-\x5b\x5d-\x7e]+$/i.test(text) || !URL.canParse(text))
    return 'is no absolute http or https URL in plain ASCII';
  const { username, password } = new URL(text);
  if (username !== '' || password !== '' || /^[^/]*\/\/[^/?#]*@/.test(text)) return 'has a user in its URL';
  const host = hostOf(text);
  if (hosts.some((pattern) => fits(pattern, host))) return undefined;
  if (others === 'none') return 'leads to a host that is not in the list';
  return isWithin(host) ? 'leads into a private network' : undefined;
}

/** The name, of a webhook without fault, that only the DNS can tell more of; undefined: there is none. */
export function unknownName(text: string, { hosts }: WebhookRules): string | undefined {
  const host = hostOf(text);
  return parseIp(host) || hosts.some((pattern) => fits(pattern, host)) ? undefined : host;
}

/** Whether all that such a name leads to is on the Internet, or in a network that is allowed. */
export function areOutside(addresses: readonly string[], { hosts }: WebhookRules): boolean {
  const isOutside = (address: string): boolean =>
    !isPrivateHost(address) || hosts.some((pattern) => fits(pattern, address));
  return addresses.length > 0 && addresses.every(isOutside);
}

function hostOf(url: string): string {
  return new URL(url).hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
}

function fits(pattern: HostPattern, host: string): boolean {
  switch (pattern.kind) {
    case 'name':
      return host === pattern.name;
    case 'below':
      return host.endsWith(pattern.suffix) && host.length > pattern.suffix.length;
    default: {
      const address = parseIp(host);
      return address !== undefined && containsIp(pattern.network, plainIp(address));
    }
  }
}

/** Names of one label are of the network around: containers, a Kubernetes namespace, an office. */
function isWithin(host: string): boolean {
  return isPrivateHost(host) || (parseIp(host) === undefined && !host.includes('.'));
}

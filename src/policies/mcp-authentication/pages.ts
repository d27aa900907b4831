/** The well-known places of an endpoint: which request is for which of them. */
import type { IssuerMetadata } from '../../auth/issuer-metadata.ts';
import type { RemoteText } from '../../auth/remote-text.ts';
import {
  AUTHORIZATION_SERVER,
  behind,
  OPENID_CONFIGURATION,
  PROTECTED_RESOURCE,
  wellKnownOf,
} from '../../auth/well-known.ts';
import type { Exchange, Reply } from '../../core/exchange.ts';
import { AUTHORIZATION, type Fronting, REGISTRATION, TOKEN } from './fronting.ts';
import { json, place } from './replies.ts';
import type { ProtectedResource } from './resource.ts';

type Page = (exchange: Exchange) => Promise<Reply>;

export interface PagesOptions {
  readonly resource: ProtectedResource;
  readonly metadata: RemoteText<IssuerMetadata>;
  /** Where a provider is named. */
  readonly fronting: Fronting | undefined;
}

/** What answers a request that is for one of the places. */
export function pageFor({ resource, metadata, fronting }: PagesOptions): (path: string) => Page | undefined {
  const endpoints = fronting ? endpointsOf(fronting) : [];
  const server = (path: string): Page => place('GET', (exchange) => describe(exchange, path));
  const describe = async (exchange: Exchange, path: string): Promise<Reply> => {
    // For clients of 2025-03-26, which look for it here; it goes by its own name then.
    if (!fronting) return json(200, (await metadata.current()).document);
    const issuer = resource.url(exchange, path);
    const base = wellKnownOf(AUTHORIZATION_SERVER, issuer);
    return fronting.describe({
      issuer,
      registration: `${base}${REGISTRATION}`,
      authorization: `${base}${AUTHORIZATION}`,
      token: `${base}${TOKEN}`,
    });
  };
  return (path) => {
    // Nearly every request ends here.
    if (!path.includes('/.well-known/')) return undefined;
    const ofResource = behind(path, PROTECTED_RESOURCE);
    if (ofResource !== undefined)
      return place('GET', (exchange) => json(200, resource.metadata(exchange, ofResource)));
    const ofServer = behind(path, AUTHORIZATION_SERVER);
    if (ofServer !== undefined)
      return endpoints.find(([end]) => ofServer.endsWith(end))?.[1] ?? server(ofServer);
    const inserted = behind(path, OPENID_CONFIGURATION);
    if (inserted !== undefined) return server(inserted);
    return path.endsWith(OPENID_CONFIGURATION)
      ? server(path.slice(0, -OPENID_CONFIGURATION.length))
      : undefined;
  };
}

function endpointsOf(fronting: Fronting): (readonly [string, Page])[] {
  return [
    ...(fronting.registers
      ? [[REGISTRATION, place('POST', (exchange) => fronting.register(exchange))] as const]
      : []),
    ...(fronting.relays
      ? [
          [AUTHORIZATION, place('GET', (exchange) => fronting.authorize(exchange))] as const,
          [TOKEN, place('POST', (exchange) => fronting.token(exchange))] as const,
        ]
      : []),
  ];
}

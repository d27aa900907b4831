/**
 * The endpoint as a protected resource (RFC 9728): what it is called, its metadata, and the challenge that leads there.
 * Pure.
 */
import {
  bearerChallenge,
  changedChallenges,
  isBearer,
  metadataOf,
  withMetadata,
} from '../../auth/challenge.ts';
import {
  canonicalResource,
  onlyPath,
  originOf,
  PROTECTED_RESOURCE,
  wellKnownOf,
} from '../../auth/well-known.ts';
import type { Exchange } from '../../core/exchange.ts';
import type { RouteMatch } from '../../core/plan.ts';
import type { McpAuthenticationConfig } from './schema.ts';

type Config = Pick<
  McpAuthenticationConfig,
  'issuer' | 'location' | 'members' | 'provider' | 'resource' | 'scopes'
>;

export class ProtectedResource {
  readonly #config: Config;
  readonly #root: string;

  constructor(config: Config, matches: readonly RouteMatch[]) {
    this.#config = config;
    this.#root = onlyPath(matches) ?? '';
  }

  /** What the gateway calls the resource at `path`; where that is none: at the root of its metadata. */
  url(exchange: Exchange, path: string): string {
    const { resource } = this.#config;
    // `OPTIONS *` and CONNECT have something else there, which would become part of the host.
    return resource ?? canonicalResource(`${originOf(exchange)}${path.startsWith('/') ? path : this.#root}`);
  }

  metadata(exchange: Exchange, path: string): Record<string, unknown> {
    const { issuer, location, members, provider, scopes } = this.#config;
    const resource = this.url(exchange, path);
    const inHeader = location.kind === 'header' && location.name === 'authorization';
    return {
      resource,
      // A provider that is adapted is served under the name of the resource itself.
      authorization_servers: [provider === undefined ? issuer.issuer : resource],
      ...(scopes.length === 0 ? {} : { scopes_supported: scopes }),
      ...(inHeader ? { bearer_methods_supported: ['header'] } : {}),
      ...members,
    };
  }

  challenge(exchange: Exchange, problem: string | undefined): string {
    return bearerChallenge({ metadata: this.#place(exchange), scopes: this.#config.scopes, problem });
  }

  /** Headers of a reply to the exchange: challenges that rules have added lead to the metadata, too. */
  completed(exchange: Exchange, headers: readonly string[]): readonly string[] {
    return changedChallenges(headers, (challenge) =>
      isBearer(challenge) && metadataOf(challenge) === undefined
        ? withMetadata(challenge, this.#place(exchange))
        : challenge,
    );
  }

  #place(exchange: Exchange): string {
    return wellKnownOf(PROTECTED_RESOURCE, this.url(exchange, exchange.path));
  }
}

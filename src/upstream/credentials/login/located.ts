/** Credentials that depend on which upstream they are for: who connects to it says so once. */
import type { UpstreamCredentials } from '../../../core/outgoing.ts';
import type { UpstreamTls } from '../../tls.ts';

export interface UpstreamServer {
  /** As people know it. */
  readonly name: string;
  readonly url: URL;
  readonly tls?: UpstreamTls | undefined;
}

export interface LocatedCredentials extends UpstreamCredentials {
  /** The same for the same server. */
  at(server: UpstreamServer): UpstreamCredentials;
}

/** `credentials` as they are for this upstream. */
export function credentialsAt<C extends UpstreamCredentials | undefined>(
  credentials: C,
  server: UpstreamServer,
) {
  return credentials && isLocated(credentials) ? credentials.at(server) : credentials;
}

function isLocated(credentials: UpstreamCredentials): credentials is LocatedCredentials {
  return 'at' in credentials;
}

/** Credentials that depend on where they are for: who connects says so once. */
import type { UpstreamCredentials } from '../../../core/outgoing.ts';
import type { UpstreamTls } from '../../tls.ts';

export interface UpstreamPlace {
  /** As people know it. */
  readonly name: string;
  readonly url: URL;
  readonly tls?: UpstreamTls | undefined;
}

export interface PlacedCredentials extends UpstreamCredentials {
  /** The same for the same URL. */
  at(place: UpstreamPlace): UpstreamCredentials;
}

/** `credentials` for this upstream. */
export function placed<C extends UpstreamCredentials | undefined>(credentials: C, place: UpstreamPlace) {
  return credentials && isPlaced(credentials) ? credentials.at(place) : credentials;
}

function isPlaced(credentials: UpstreamCredentials): credentials is PlacedCredentials {
  return 'at' in credentials;
}

/**
 * What an authorization server says of itself (RFC 8414, OpenID Connect Discovery): where that stands, and what of it is
 * believed. The text may be whatever somebody put behind the address. Does no IO.
 */
import { GatewayError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { Ports } from '../core/ports.ts';
import { isPrivateHost } from '../lib/private-host.ts';
import { type FetchText, RETRY_MS, RemoteText } from './remote-text.ts';
import { AUTHORIZATION_SERVER, OPENID_CONFIGURATION, wellKnownOf } from './well-known.ts';

export interface IssuerMetadata {
  readonly issuer: string;
  /** All of it, as it came. */
  readonly document: Readonly<Record<string, unknown>>;
}

export interface IssuerPlaces {
  /** Whom the document has to be of, letter for letter. */
  readonly issuer: string;
  /** Addresses, the likeliest first. */
  readonly places: readonly string[];
}

/** RFC 8414 section 3.1 and 5, in the order the MCP specification has. */
export function issuerPlaces(issuer: string): IssuerPlaces {
  const appended = `${issuer.replace(/\/$/, '')}${OPENID_CONFIGURATION}`;
  const inserted = [AUTHORIZATION_SERVER, OPENID_CONFIGURATION].map((place) => wellKnownOf(place, issuer));
  return { issuer, places: [...new Set([...inserted, appended])] };
}

export interface MetadataDeps {
  readonly ports: Pick<Ports, 'clock' | 'log'>;
  textAt(url: string): FetchText;
}

/** Rejects with ISSUER_UNAVAILABLE. */
export function remoteMetadata(
  { issuer, places }: IssuerPlaces,
  { ports, textAt }: MetadataDeps,
): RemoteText<IssuerMetadata> {
  const asked = places.map((url) => textAt(url));
  const parse = (text: string): IssuerMetadata => parseIssuerMetadata(text, issuer);
  return new RemoteText({
    url: issuer,
    what: 'metadata of an issuer',
    fetch: (cancel) => firstOf(asked.map((fetch) => () => fetch(cancel).then(checked(parse)))),
    ports,
    parse,
    describe: () => ({}),
    failure: (cause) =>
      new GatewayError('ISSUER_UNAVAILABLE', 'the metadata of the authorization server cannot be had', {
        cause,
        headers: ['retry-after', String(RETRY_MS / 1000)],
      }),
  });
}

/** Throws with what is wrong, in words that quote nothing of the text. */
export function parseIssuerMetadata(text: string, issuer: string): IssuerMetadata {
  if (Buffer.byteLength(text) > LIMITS.keySetBytes.value)
    throw new Error(`the metadata is longer than ${LIMITS.keySetBytes.value} bytes`);
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw new Error('the metadata is not JSON');
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document))
    throw new Error('the metadata is not an object');
  const known = document as Record<string, unknown>;
  // RFC 8414 section 3.3: otherwise anybody who can put a document there speaks for the issuer.
  if (known['issuer'] !== issuer) throw new Error('the metadata is of another issuer');
  return { issuer, document: known };
}

/**
 * An address that the metadata names, or undefined where it names none. Throws ISSUER_UNAVAILABLE for one that is less
 * protected than the issuer itself, or leads into a network that the issuer is not part of (SSRF).
 */
export function endpointOf({ issuer, document }: IssuerMetadata, name: string): string | undefined {
  const value = document[name];
  if (value === undefined || value === null) return undefined;
  const problem = endpointProblem(value, new URL(issuer));
  if (problem === undefined) return value as string;
  throw new GatewayError('ISSUER_UNAVAILABLE', `the ${name} of the authorization server ${problem}`);
}

function endpointProblem(value: unknown, issuer: URL): string | undefined {
  if (typeof value !== 'string' || !URL.canParse(value)) return 'is not a URL';
  const { protocol, username, password, hash, hostname } = new URL(value);
  if (protocol !== 'https:' && !(protocol === 'http:' && issuer.protocol === 'http:'))
    return 'is not an https:// URL';
  if (username !== '' || password !== '' || hash !== '') return 'has credentials or a fragment';
  if (isPrivateHost(hostname) && !isPrivateHost(issuer.hostname)) return 'lies in a private network';
  return undefined;
}

/** A page that answers every path with 200 is no document: the next place may have one. */
function checked(parse: (text: string) => unknown): (text: string) => string {
  return (text) => {
    parse(text);
    return text;
  };
}

/** The failures of all of them, where none succeeds. */
async function firstOf(attempts: readonly (() => Promise<string>)[]): Promise<string> {
  const reasons: string[] = [];
  for (const attempt of attempts) {
    try {
      return await attempt();
    } catch (error) {
      const reason = error instanceof Error ? error.message : 'unknown';
      if (!reasons.includes(reason)) reasons.push(reason);
    }
  }
  throw new Error(reasons.join('; '));
}

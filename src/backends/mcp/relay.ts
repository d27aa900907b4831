/**
 * What a single remote server says of logins, passed on under the gateway's name: its metadata (RFC 9728) at the
 * gateway's well-known places, and its challenges, which then lead there. Asks the server's own origin and no other,
 * whatever the server names.
 */
import { changedChallenges, isBearer, metadataOf, withMetadata } from '../../auth/challenge.ts';
import type { FetchText } from '../../auth/remote-text.ts';
import {
  AUTHORIZATION_SERVER,
  behind,
  canonicalResource,
  OPENID_CONFIGURATION,
  originOf,
  PROTECTED_RESOURCE,
  wellKnownMatches,
  wellKnownOf,
} from '../../auth/well-known.ts';
import { asGatewayError, GatewayError } from '../../core/errors.ts';
import { type Answer, type Exchange, isTunnel, type Reply } from '../../core/exchange.ts';
import type { RouteMatch } from '../../core/plan.ts';
import type { Service } from '../../core/service.ts';
import { Flow } from '../../lib/flow.ts';

export interface RelayOptions {
  /** Endpoint of the server. */
  readonly url: URL;
  /** The path of the route, where it has only one. */
  readonly path: string | undefined;
  readonly textAt: (url: string) => FetchText;
}

const PLACES = [PROTECTED_RESOURCE, AUTHORIZATION_SERVER, OPENID_CONFIGURATION] as const;
type Place = (typeof PLACES)[number];

/** Every origin may read it: it depends on nobody's cookies. */
const HEADERS = [
  'content-type',
  'application/json',
  'cache-control',
  'no-store',
  'access-control-allow-origin',
  '*',
];
const PREFLIGHT = [
  'access-control-allow-origin',
  '*',
  'access-control-allow-methods',
  'GET, HEAD, OPTIONS',
  'access-control-allow-headers',
  'content-type, authorization, mcp-protocol-version',
];

/** Of a route whose server's metadata is passed on. */
export function relayClaims(matches: readonly RouteMatch[]): readonly RouteMatch[] {
  return [
    ...wellKnownMatches([PROTECTED_RESOURCE], matches),
    ...wellKnownMatches([AUTHORIZATION_SERVER, OPENID_CONFIGURATION], matches).filter(
      ({ path: { value } }) => !(PLACES as readonly string[]).includes(value),
    ),
  ];
}

/** Which place a request is for, and what is behind it there. Undefined: it is for the endpoint. */
function wellKnownRequest(path: string): readonly [place: Place, rest: string] | undefined {
  if (!path.startsWith('/.well-known/')) return undefined;
  for (const place of PLACES) {
    const rest = behind(path, place);
    if (rest !== undefined) return [place, rest];
  }
  return undefined;
}

type Handle = Service<Exchange, Answer>;

/** Requests for well-known places are for nobody else: an endpoint would take them for messages. */
export function withWellKnown(handle: Handle, relay: MetadataRelay | undefined): Handle {
  return (exchange) => {
    const asked = wellKnownRequest(exchange.path);
    if (asked) return relay ? relay.answer(exchange, asked) : Promise.resolve(noMetadata());
    const answering = handle(exchange);
    return relay ? answering.then((answer) => relay.rewritten(exchange, answer)) : answering;
  };
}

function noMetadata(): Reply {
  return { status: 404, headers: HEADERS, body: Flow.of('{"error":"not_found"}') };
}

export class MetadataRelay {
  readonly #options: RelayOptions;
  /** Where the server last said that its metadata is, if not at a well-known place; on its own origin. */
  #announced: string | undefined;

  constructor(options: RelayOptions) {
    this.#options = options;
  }

  async answer(exchange: Exchange, [place, rest]: readonly [place: Place, rest: string]): Promise<Reply> {
    const { method } = exchange;
    if (method === 'OPTIONS') return { status: 204, headers: PREFLIGHT, body: Flow.empty() };
    if (method !== 'GET' && method !== 'HEAD')
      return { status: 405, headers: ['allow', 'GET, HEAD, OPTIONS'], body: Flow.empty() };
    const text = await this.#found(exchange, place, rest);
    if (text === undefined) return noMetadata();
    const document = objectOf(text);
    if (!document) throw new GatewayError('UPSTREAM_PROTOCOL', "the server's metadata is not a JSON object");
    const shown = place === PROTECTED_RESOURCE ? this.#renamed(exchange, rest, document) : document;
    return { status: 200, headers: HEADERS, body: Flow.of(JSON.stringify(shown)) };
  }

  /** With challenges of the server that lead to the gateway's places. */
  rewritten(exchange: Exchange, answer: Answer): Answer {
    if (isTunnel(answer) || (answer.status !== 401 && answer.status !== 403)) return answer;
    const headers = changedChallenges(answer.headers, (challenge) => this.#rewritten(exchange, challenge));
    return headers === answer.headers ? answer : { ...answer, headers };
  }

  #rewritten(exchange: Exchange, challenge: string): string {
    const named = isBearer(challenge) ? metadataOf(challenge) : undefined;
    if (named === undefined || !URL.canParse(named)) return challenge;
    const { origin, href, hash, username, password } = new URL(named);
    // What stands elsewhere the client can ask for itself, and decide whether to.
    if (origin !== this.#options.url.origin || hash !== '' || username !== '' || password !== '')
      return challenge;
    this.#announced = href;
    return withMetadata(challenge, wellKnownOf(PROTECTED_RESOURCE, `${originOf(exchange)}${exchange.path}`));
  }

  /** Undefined: the server has none. */
  async #found({ cancel }: Exchange, place: Place, rest: string): Promise<string | undefined> {
    for (const url of this.#places(place, rest)) {
      try {
        return await this.#options.textAt(url)(cancel);
      } catch (cause) {
        const error = asGatewayError(cause);
        if (error.code !== 'UPSTREAM_STATUS') throw error;
      }
    }
    return undefined;
  }

  #places(place: Place, rest: string): readonly string[] {
    const { url } = this.#options;
    const root = `${url.origin}${place}`;
    // The authorization server at the root is another one than that behind a path.
    if (place !== PROTECTED_RESOURCE) return [rest === '' ? root : wellKnownOf(place, url.href)];
    const announced = this.#announced === undefined ? [] : [this.#announced];
    return [...new Set([...announced, wellKnownOf(place, url.href), root])];
  }

  /**
   * Under the name by which the client knows the resource. Where the metadata is of another resource it stays as it
   * is: clients compare the two, and refuse (RFC 9728 section 3.3).
   */
  #renamed(exchange: Exchange, rest: string, document: Record<string, unknown>): Record<string, unknown> {
    const { url, path } = this.#options;
    if (!covers(document['resource'], url)) return document;
    // Signed, it says by what name the server knows itself.
    const { signed_metadata: _, ...kept } = document;
    const resource = canonicalResource(`${originOf(exchange)}${rest === '' ? (path ?? '') : rest}`);
    return { ...kept, resource };
  }
}

/** Whether it is the endpoint, or what the endpoint is part of: the rule of the official clients. */
function covers(resource: unknown, { origin, pathname }: URL): boolean {
  if (typeof resource !== 'string' || !URL.canParse(resource)) return false;
  const named = new URL(resource);
  const within = (path: string): string => (path.endsWith('/') ? path : `${path}/`);
  return named.origin === origin && within(pathname).startsWith(within(named.pathname));
}

function objectOf(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

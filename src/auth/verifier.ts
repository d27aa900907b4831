/** Verifiers of tokens that outlive a generation: made of what the configuration says of issuers and their keys. */

import { GatewayError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { PolicyDeps } from '../core/policy.ts';
import { type Lasting, Scope } from '../core/scope.ts';
import { canonicalJson } from '../lib/canonical-json.ts';
import { endpointOf, type IssuerMetadata, type IssuerPlaces, remoteMetadata } from './issuer-metadata.ts';
import { JwtVerifier } from './jwt.ts';
import { fileKeys, inlineKeys, type KeySource, RemoteKeys } from './key-source.ts';
import type { FetchText, RemoteText } from './remote-text.ts';
import type { Keys } from './schema.ts';

export interface IssuerConfig {
  readonly issuer: string;
  readonly audiences: readonly string[];
  readonly requiredClaims: readonly string[];
  /** Or: where the metadata stands that says where they are. */
  readonly jwks: Keys | { readonly metadata: IssuerPlaces };
}

export interface TextBounds {
  readonly maxBytes: number;
  readonly timeoutMs: number;
}

export interface VerifierDeps extends Pick<PolicyDeps, 'ports' | 'lasting' | 'scope'> {
  /** Key of the policy, for messages. */
  readonly policy: string;
  /** A text behind an address; `scope` owns the connection. */
  textAt(url: string, scope: Scope, bounds: TextBounds): FetchText;
}

export interface Verifier {
  verify: JwtVerifier['verify'];
}

/** What is known of tokens and keys stays known over reloads that do not change the issuers. Throws CONFIG_INVALID. */
export function lastingVerifier(issuers: readonly IssuerConfig[], deps: VerifierDeps): Verifier {
  const { lasting, scope } = deps;
  return lasting.hold(scope, `jwt:${canonicalJson(issuers)}`, () => ownedVerifier(issuers, deps));
}

/** As long as somebody holds it there is one for all who look into the same places. */
export function lastingMetadata(
  places: IssuerPlaces,
  deps: Pick<VerifierDeps, 'ports' | 'textAt'> & { readonly lasting: Lasting; readonly scope: Scope },
): RemoteText<IssuerMetadata> {
  const { lasting, scope, ports, textAt } = deps;
  const held = lasting.hold(scope, `issuer-metadata:${canonicalJson(places)}`, () => {
    const own = new Scope();
    const remote = own.own(
      remoteMetadata(places, { ports, textAt: (url) => textAt(url, own, KEY_SET_BOUNDS) }),
    );
    return { remote, close: () => own.close() };
  });
  return held.remote;
}

const { keySetBytes, keySetTime } = LIMITS;
const KEY_SET_BOUNDS: TextBounds = { maxBytes: keySetBytes.value, timeoutMs: keySetTime.value };

/** With a scope of its own: it outlives the generation that it is made for, and so must its connections. */
function ownedVerifier(issuers: readonly IssuerConfig[], deps: VerifierDeps) {
  const scope = new Scope();
  try {
    const providers = issuers.map(({ jwks, ...rest }) => ({
      ...rest,
      keys: keySource(jwks, { ...deps, scope }),
    }));
    const verifier = scope.own(new JwtVerifier(providers, deps.ports.clock));
    return { verify: (token: string) => verifier.verify(token), close: () => scope.close() };
  } catch (error) {
    void scope.close();
    throw error;
  }
}

function keySource(jwks: IssuerConfig['jwks'], deps: VerifierDeps): KeySource {
  const { ports, scope, policy, textAt } = deps;
  if (typeof jwks === 'string') return inlineKeys(jwks);
  if ('file' in jwks) return fileKeys(jwks.file, `${policy}.jwks`, ports);
  if ('url' in jwks) return new RemoteKeys(jwks.url, textAt(jwks.url, scope, KEY_SET_BOUNDS), ports);
  const metadata = lastingMetadata(jwks.metadata, deps);
  let last: { readonly url: string; readonly fetch: FetchText; readonly scope: Scope } | undefined;
  const fetch: FetchText = async (cancel) => {
    const url = endpointOf(await metadata.current(), 'jwks_uri');
    if (url === undefined)
      throw new GatewayError('ISSUER_UNAVAILABLE', 'the metadata of the issuer names no jwks_uri');
    if (last?.url !== url) {
      // One at a time: an issuer that names another address each time must not fill the memory.
      if (last) {
        scope.disown(last.scope);
        await last.scope.close();
      }
      const own = scope.own(new Scope());
      last = { url, scope: own, fetch: textAt(url, own, KEY_SET_BOUNDS) };
    }
    return last.fetch(cancel);
  };
  return new RemoteKeys(jwks.metadata.issuer, fetch, ports);
}

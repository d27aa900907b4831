/** The `jwtAuth` policy: nobody gets in without a token of an issuer that is trusted. */
import { JwtVerifier } from '../../auth/jwt.ts';
import { fileKeys, inlineKeys, type KeySource, RemoteKeys } from '../../auth/key-source.ts';
import { authenticationLayer, bearerChallenge } from '../../auth/layer.ts';
import { credentialPlace } from '../../auth/location.ts';
import { LIMITS } from '../../core/limits.ts';
import { definePolicy, type PolicyDeps } from '../../core/policy.ts';
import { Scope } from '../../core/scope.ts';
import { canonicalJson } from '../../lib/canonical-json.ts';
import { textAt } from '../../upstream/text.ts';
import { jwtAuthSchema, type ProviderConfig } from './schema.ts';

export const jwtAuth = definePolicy({
  key: 'jwtAuth',
  phase: 'authenticate',
  attach: ['listener', 'route'],
  schema: jwtAuthSchema,
  build({ mode, location, providers }, deps) {
    for (const { issuer, audiences } of providers) {
      if (audiences.length === 0)
        deps.ports.log.warn(
          { issuer },
          'jwtAuth: without audiences, tokens that are for others are accepted',
        );
    }
    // What is known of tokens and keys stays known over reloads that do not change the providers.
    const verifier = deps.lasting.hold(deps.scope, `jwt:${canonicalJson(providers)}`, () =>
      verifierOf(providers, deps),
    );
    return {
      exchange: authenticationLayer({
        kind: 'jwt',
        place: credentialPlace(location),
        mode,
        what: 'a token',
        challenge: bearerChallenge,
        verify: (token) => verifier.verify(token),
      }),
    };
  },
});

interface OwnedVerifier {
  verify: JwtVerifier['verify'];
  close(): Promise<void>;
}

/** With a scope of its own: it outlives the generation that it is made for, and so must its connections. */
function verifierOf(providers: readonly ProviderConfig[], deps: PolicyDeps): OwnedVerifier {
  const scope = new Scope();
  try {
    const sources = providers.map(({ jwks, ...rest }) => ({
      ...rest,
      keys: keySource(jwks, { ...deps, scope }),
    }));
    const verifier = scope.own(new JwtVerifier(sources, deps.ports.clock));
    return { verify: (token) => verifier.verify(token), close: () => scope.close() };
  } catch (error) {
    void scope.close();
    throw error;
  }
}

function keySource(jwks: ProviderConfig['jwks'], { lasting, scope, ports }: PolicyDeps): KeySource {
  if (typeof jwks === 'string') return inlineKeys(jwks);
  if ('file' in jwks) return fileKeys(jwks.file, 'jwtAuth.jwks', ports);
  const { keySetBytes, keySetTime } = LIMITS;
  const { clock } = ports;
  const bounds = { maxBytes: keySetBytes.value, timeoutMs: keySetTime.value };
  return new RemoteKeys(jwks.url, textAt(jwks.url, { lasting, scope, clock, ...bounds }), ports);
}

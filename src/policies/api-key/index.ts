/** The `apiKey` policy: nobody gets in without one of the keys that were given out. */
import { ApiKeys, digestOf } from '../../auth/api-keys.ts';
import { bearerChallenge } from '../../auth/challenge.ts';
import { authenticationLayer } from '../../auth/layer.ts';
import { credentialPlace, type Location } from '../../auth/location.ts';
import { secretAs } from '../../auth/secret.ts';
import { definePolicy } from '../../core/policy.ts';
import type { Ports } from '../../core/ports.ts';
import type { Secret } from '../../core/schema.ts';
import { apiKeySchema } from './schema.ts';

export const apiKey = definePolicy({
  key: 'apiKey',
  phase: 'authenticate',
  attach: ['listener', 'route'],
  schema: apiKeySchema,
  build({ keys, mode, location }, { ports }) {
    const known = new ApiKeys(
      keys.map(({ key, metadata }) => ({
        digest: 'digest' in key ? key.digest : digestIn(key, ports),
        metadata,
      })),
    );
    return {
      exchange: authenticationLayer({
        kind: 'apiKey',
        place: credentialPlace(location),
        mode,
        what: 'an API key',
        challenge: isBearer(location) ? (problem) => bearerChallenge({ problem }) : () => 'ApiKey',
        verify: (key) => known.verify(key),
      }),
    };
  },
});

/** Of the key in a file; the key itself is not kept. */
function digestIn(file: Secret, ports: Ports): () => string {
  return secretAs(file, { what: 'apiKey.keys[].key', ports, parse: digestOf });
}

/** A key elsewhere has no scheme of its own; a 401 needs a challenge all the same (RFC 9110 section 15.5.2). */
function isBearer(location: Location): boolean {
  return (
    location.kind === 'header' && location.name === 'authorization' && /^bearer $/i.test(location.prefix)
  );
}

/** The `jwtAuth` policy: nobody gets in without a token of an issuer that is trusted. */
import { bearerChallenge } from '../../auth/challenge.ts';
import { authenticationLayer } from '../../auth/layer.ts';
import { credentialPlace } from '../../auth/location.ts';
import { lastingVerifier } from '../../auth/verifier.ts';
import { definePolicy } from '../../core/policy.ts';
import { textAt } from '../../upstream/text.ts';
import { jwtAuthSchema } from './schema.ts';

export const jwtAuth = definePolicy({
  key: 'jwtAuth',
  phase: 'authenticate',
  attach: ['listener', 'route'],
  schema: jwtAuthSchema,
  build({ mode, location, providers }, { ports, lasting, scope }) {
    for (const { issuer, audiences } of providers) {
      if (audiences.length === 0)
        ports.log.warn({ issuer }, 'jwtAuth: without audiences, tokens that are for others are accepted');
    }
    const { clock } = ports;
    const verifier = lastingVerifier(providers, {
      policy: 'jwtAuth',
      ports,
      lasting,
      scope,
      textAt: (url, owner, bounds) => textAt(url, { lasting, scope: owner, clock, ...bounds }),
    });
    return {
      exchange: authenticationLayer({
        kind: 'jwt',
        place: credentialPlace(location),
        mode,
        what: 'a token',
        challenge: (problem) => bearerChallenge({ problem }),
        verify: (token) => verifier.verify(token),
      }),
    };
  },
});

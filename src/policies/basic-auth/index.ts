/** The `basicAuth` policy: nobody gets in without a user name and its password. */
import { createHash } from 'node:crypto';
import { quotedString } from '../../auth/challenge.ts';
import { CheckedFile } from '../../auth/checked-file.ts';
import { type Htpasswd, parseHtpasswd } from '../../auth/htpasswd.ts';
import { authenticationLayer } from '../../auth/layer.ts';
import { credentialPlace } from '../../auth/location.ts';
import { Passwords } from '../../auth/passwords.ts';
import { definePolicy } from '../../core/policy.ts';
import type { Ports } from '../../core/ports.ts';
import { canonicalJson } from '../../lib/canonical-json.ts';
import { basicAuthSchema } from './schema.ts';

export const basicAuth = definePolicy({
  key: 'basicAuth',
  phase: 'authenticate',
  attach: ['listener', 'route'],
  schema: basicAuthSchema,
  build({ htpasswd, realm, mode, authorizationLocation }, { ports, lasting, scope }) {
    const challenge = `Basic realm=${quotedString(realm ?? 'Restricted')}, charset="UTF-8"`;
    // What is known to be right stays known over reloads that do not change the list.
    const name = createHash('sha256').update(canonicalJson(htpasswd)).digest('hex');
    const passwords = lasting.hold(scope, `htpasswd:${name}`, () => {
      return new Passwords({ users: usersOf(htpasswd, ports), random: ports.random });
    });
    return {
      exchange: authenticationLayer({
        kind: 'basicAuth',
        place: credentialPlace(authorizationLocation),
        mode,
        what: 'a user name with its password',
        challenge: () => challenge,
        verify: (credentials) => passwords.verify(credentials),
      }),
    };
  },
});

function usersOf(
  htpasswd: string | { readonly file: string },
  ports: Ports,
): () => Htpasswd | Promise<Htpasswd> {
  if (typeof htpasswd === 'string') {
    const list = parseHtpasswd(htpasswd);
    return () => list;
  }
  const file = new CheckedFile({
    path: htpasswd.file,
    what: 'basicAuth.htpasswd',
    ports,
    parse: parseHtpasswd,
  });
  return () => file.current();
}

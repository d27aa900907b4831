/** A key of the gateway for an upstream, as configured: nothing is fetched, a file is read again when it has changed. */
import { secretAs, secretName } from '../../auth/secret.ts';
import type { UpstreamCredentials } from '../../core/outgoing.ts';
import type { PolicyDeps } from '../../core/policy.ts';
import { canonicalJson } from '../../lib/canonical-json.ts';
import { type KeyConfig, keyProblem } from './schema.ts';

export function keyCredentials(
  { secret, location }: KeyConfig,
  { ports }: Pick<PolicyDeps, 'ports'>,
): UpstreamCredentials {
  const { kind, name } = location;
  const prefix = kind === 'header' ? location.prefix : '';
  const current = secretAs(secret, {
    what: 'backendAuth.key',
    ports,
    parse: (text): readonly string[] => {
      const problem = keyProblem(text, location);
      if (problem !== undefined) throw new Error(problem);
      return [name, `${prefix}${text}`];
    },
  });
  return {
    key: `key ${secretName(secret)} ${canonicalJson(location)}`,
    personal: false,
    names: [name],
    place: kind === 'header' ? undefined : kind,
    ready: () => current(),
    fetch: async () => current(),
    // The file may have changed since.
    refused: (_owner, [, refused]) => current()[1] !== refused,
  };
}

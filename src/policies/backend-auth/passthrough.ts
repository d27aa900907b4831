/**
 * What a client has proved itself with, taken out of its request by authentication, goes on to the upstream; where
 * nothing was proved to the gateway, its own Authorization header does. Only because the configuration says so.
 */
import { type Exchange, header } from '../../core/exchange.ts';
import type { Credential } from '../../core/identity.ts';
import type { HeaderMapping } from '../../core/outgoing.ts';
import { canonicalJson } from '../../lib/canonical-json.ts';
import type { PassthroughConfig } from './schema.ts';

/** Of several proofs the one that says most about who it is, as for identities. */
const RANK: readonly Credential['kind'][] = ['jwt', 'basicAuth', 'apiKey'];
const NONE: readonly string[] = [];

export function passthroughMapping({ location }: PassthroughConfig): HeaderMapping {
  const name = location?.name ?? 'authorization';
  return {
    key: `passthrough ${canonicalJson(location ?? {})}`,
    names: [name],
    map: (exchange) => {
      const proof = proofOf(exchange);
      if (proof) return [name, `${location?.prefix ?? schemeOf(proof)}${proof.value}`];
      const own = header(exchange, 'authorization');
      if (own === undefined) return NONE;
      if (!location) return [name, own];
      // Elsewhere stands the token alone: with another scheme before it, it would be something else.
      const token = /^bearer +(\S.*)$/i.exec(own)?.[1];
      return token === undefined ? NONE : [name, `${location.prefix}${token}`];
    },
  };
}

function proofOf({ credentials }: Exchange): Credential | undefined {
  for (const wanted of RANK) {
    const found = credentials?.find(({ kind }) => kind === wanted);
    if (found) return found;
  }
  return undefined;
}

function schemeOf({ kind }: Credential): string {
  return kind === 'basicAuth' ? 'Basic ' : 'Bearer ';
}

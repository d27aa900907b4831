/** Notes on an exchange who it is from: the one place that sets identity and principal. */
import type { Exchange } from '../core/exchange.ts';
import type { Credential, Identity } from '../core/identity.ts';
import type { CredentialPlace } from './location.ts';

type Kind = Credential['kind'];

/** Who somebody is by several proofs at once: a person before the program it uses before the machine it comes from. */
const RANK: readonly (keyof Identity)[] = ['jwt', 'basicAuth', 'apiKey'];

/** A credential of this kind in the request, or one that an outer layer has validated and taken out. */
export function findCredential(exchange: Exchange, kind: Kind, place: CredentialPlace): string | undefined {
  const here = place.find(exchange);
  if (here !== undefined) return here;
  return exchange.credentials?.find((one) => one.kind === kind && one.place === place.name)?.value;
}

/** `value`, found at `place`, proves `identity`. */
export function authenticated(
  exchange: Exchange,
  identity: Identity,
  by: { readonly kind: Kind; readonly place: CredentialPlace; readonly value: string },
): void {
  const { kind, place, value } = by;
  const taken = exchange.credentials?.some((one) => one.kind === kind && one.place === place.name);
  if (!taken) {
    exchange.credentials ??= [];
    exchange.credentials.push({ kind, place: place.name, value });
    place.remove(exchange);
  }
  exchange.identity = joinedIdentity(exchange.identity, identity);
  exchange.principal = exchange.identity.principal;
  exchange.record.user = exchange.principal;
}

/** Who somebody is who has proved to be both. */
export function joinedIdentity(before: Identity | undefined, identity: Identity): Identity {
  if (!before) return identity;
  const { principal } = rank(before) < rank(identity) ? before : identity;
  return { ...before, ...identity, principal };
}

/** Lower is better; who is known by a connection alone comes last. */
function rank(identity: Identity): number {
  const at = RANK.findIndex((kind) => identity[kind] !== undefined);
  return at < 0 ? RANK.length : at;
}

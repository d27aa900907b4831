/** What the policies about authentication do with an exchange: find, verify, take out, note who it is, or refuse. */
import { type ErrorDetail, GatewayError } from '../core/errors.ts';
import type { Answer, Exchange } from '../core/exchange.ts';
import type { Credential, Identity } from '../core/identity.ts';
import type { Layer } from '../core/service.ts';
import { authenticated, findCredential } from './authenticated.ts';
import type { CredentialPlace } from './location.ts';

export type Mode = 'strict' | 'optional' | 'permissive';

export interface Authentication {
  /** Key of the policy it is of; default: the one of that kind. */
  readonly policy?: string;
  readonly kind: Credential['kind'];
  readonly place: CredentialPlace;
  readonly mode: Mode;
  /** What is missing, for the message: `a token`. */
  readonly what: string;
  /** Value of WWW-Authenticate; `problem` is what is wrong with the credential, undefined when there is none. */
  challenge(problem: string | undefined, exchange: Exchange): string;
  /** Throws, or rejects with, UNAUTHENTICATED. */
  verify(credential: string): Identity | Promise<Identity>;
}

export function authenticationLayer(authentication: Authentication): Layer<Exchange, Answer> {
  return (next) => async (exchange) => {
    await authenticate(authentication, exchange);
    return next(exchange);
  };
}

async function authenticate(authentication: Authentication, exchange: Exchange): Promise<void> {
  const { kind, place, mode, what, challenge, verify } = authentication;
  let refused = true;
  try {
    const value = findCredential(exchange, kind, place);
    if (value !== undefined) {
      const identity = await verify(value);
      authenticated(exchange, identity, { kind, place, value });
      tell(authentication, exchange, { outcome: 'proved', identity });
      return;
    }
    refused = false;
    tell(authentication, exchange, { outcome: 'absent' });
    if (mode !== 'strict') return;
    const detail = challenging(place, challenge(undefined, exchange));
    throw new GatewayError('UNAUTHENTICATED', `${what} is needed (${place.name})`, detail);
  } catch (error) {
    if (refused && isAboutCredential(error))
      tell(authentication, exchange, { outcome: 'refused', message: error.message });
    if (mode === 'permissive' && isAboutCredential(error)) {
      // It may be valid, and good at this gateway: a server must not come by it whenever its issuer is out of reach.
      if (error.code === 'KEYS_UNAVAILABLE') place.remove(exchange);
      return;
    }
    throw error instanceof GatewayError && error.code === 'UNAUTHENTICATED'
      ? challenged(error, place, (problem) => challenge(problem, exchange))
      : error;
  }
}

type Outcome =
  | { readonly outcome: 'proved'; readonly identity: Identity }
  | { readonly outcome: 'absent' }
  | { readonly outcome: 'refused'; readonly message: string };

function tell({ policy, kind, place, mode }: Authentication, { witness }: Exchange, outcome: Outcome): void {
  witness?.authenticated({ policy: policy ?? POLICY_OF[kind], place: place.name, mode, ...outcome });
}

const POLICY_OF: Readonly<Record<Credential['kind'], string>> = {
  jwt: 'jwtAuth',
  apiKey: 'apiKey',
  basicAuth: 'basicAuth',
};

function isAboutCredential(error: unknown): error is GatewayError {
  return (
    error instanceof GatewayError && (error.code === 'UNAUTHENTICATED' || error.code === 'KEYS_UNAVAILABLE')
  );
}

function challenged(
  error: GatewayError,
  place: CredentialPlace,
  challenge: (problem: string) => string,
): GatewayError {
  if (error.detail.headers) return error;
  const detail = { ...error.detail, ...challenging(place, challenge(error.message)) };
  return new GatewayError(error.code, error.message, detail);
}

/** Programs give their credentials to a proxy when it asks as one (RFC 9110 section 11.7). */
function challenging({ name }: CredentialPlace, challenge: string): ErrorDetail {
  if (name !== 'header proxy-authorization') return { headers: ['www-authenticate', challenge] };
  return { http: 407, headers: ['proxy-authenticate', challenge] };
}

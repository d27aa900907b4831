/**
 * Verifies tokens of clients (JWT, RFC 7519, with the advice of RFC 8725). jose does the cryptography; what is decided
 * here is whose keys count and what is kept: verifying costs 125 us and more, a token seen before 2.
 */
import { hash } from 'node:crypto';
import type { JWTPayload } from 'jose';
import { GatewayError } from '../core/errors.ts';
import type { Identity } from '../core/identity.ts';
import { LIMITS } from '../core/limits.ts';
import type { Clock } from '../core/ports.ts';
import type { Closable } from '../core/scope.ts';
import { isSignatureAlgorithm, type KeySet } from './key-set.ts';
import type { KeySource } from './key-source.ts';
import { RecentlyUsed } from './recently-used.ts';

export interface JwtProvider {
  readonly issuer: string;
  /** One of them must be among the token's; empty: whomever it is for. */
  readonly audiences: readonly string[];
  /** Beside those that issuer and audiences imply. */
  readonly requiredClaims: readonly string[];
  readonly keys: KeySource;
}

interface Verified {
  readonly identity: Identity;
  readonly provider: JwtProvider;
  /** As they were then: other keys, another verdict. */
  readonly keys: KeySet;
  readonly validUntil: number;
}

interface Head {
  readonly alg: string;
  readonly kid: string | undefined;
}

const SKEW_SECONDS = LIMITS.clockSkew.value / 1000;
/** jose decodes forgivingly (blanks, padding); one token has one spelling, or the list of known ones could be flooded. */
const COMPACT = /^[\w-]+\.[\w-]+\.[\w-]+$/;
/** Signed by the same issuers for other purposes; a token of one purpose must not serve another (RFC 8725 section 2.8). */
const OTHER_PURPOSES =
  /^(?:application\/)?(?:logout|secevent|dpop|oauth-authz-req|client-authentication)\+jwt$/i;

export class JwtVerifier implements Closable {
  readonly #providers: readonly JwtProvider[];
  readonly #clock: Clock;
  /** By a hash: whoever gets to see this memory does not get tokens. */
  readonly #known = new RecentlyUsed<Verified>(LIMITS.verifiedTokens.value);

  constructor(providers: readonly JwtProvider[], clock: Clock) {
    this.#providers = providers;
    this.#clock = clock;
  }

  /** Tokens that are kept. */
  get known(): number {
    return this.#known.size;
  }

  /** Rejects with UNAUTHENTICATED, saying what is wrong without quoting the token, or with KEYS_UNAVAILABLE. */
  async verify(token: string): Promise<Identity> {
    if (token.length > LIMITS.token.value)
      throw refused(`the token is longer than ${LIMITS.token.value} bytes`);
    const digest = hash('sha256', token, 'base64url');
    const known = this.#known.get(digest);
    if (known) {
      const keys = await known.provider.keys.current();
      if (keys === known.keys && this.#clock.now() < known.validUntil) return known.identity;
      this.#known.delete(digest);
    }
    const verified = await this.#verify(token, digest);
    this.#known.set(digest, verified);
    return verified.identity;
  }

  close(): void {
    for (const { keys } of this.#providers) void keys.close();
  }

  async #verify(token: string, digest: string): Promise<Verified> {
    const { head, issuer } = await readUnverified(token);
    const providers = this.#providers.filter((one) => one.issuer === issuer);
    let failure = refused('the token is of an issuer that is not accepted');
    for (const provider of providers) {
      try {
        const { claims, keys } = await this.#verifyBy(provider, token, head);
        const validUntil =
          claims.exp === undefined ? Number.POSITIVE_INFINITY : (claims.exp + SKEW_SECONDS) * 1000;
        return { identity: claimsIdentity(claims, digest), provider, keys, validUntil };
      } catch (error) {
        if (!(error instanceof GatewayError)) throw error;
        // Of several reasons the one that says nothing about the token: it may be valid.
        if (failure.code !== 'KEYS_UNAVAILABLE') failure = error;
      }
    }
    throw failure;
  }

  async #verifyBy(
    provider: JwtProvider,
    token: string,
    head: Head,
  ): Promise<{ claims: JWTPayload; keys: KeySet }> {
    const keys = await provider.keys.current();
    const claims = await this.#tryKeys(provider, token, keys.candidates(head));
    if (claims) return { claims, keys };
    // Signed with a key that came after we asked, or forged: only the issuer knows.
    const renewed = await provider.keys.renewed();
    const again =
      renewed === keys ? undefined : await this.#tryKeys(provider, token, renewed.candidates(head));
    if (again) return { claims: again, keys: renewed };
    const candidates = renewed.candidates(head).length;
    if (candidates > 0) throw refused('the signature of the token is wrong');
    throw refused(
      head.kid === undefined
        ? 'the token does not say which key it is signed with'
        : 'the token is signed with a key that its issuer does not publish',
    );
  }

  /** The claims, or undefined when no key fits the signature. */
  async #tryKeys(
    { issuer, audiences, requiredClaims }: JwtProvider,
    token: string,
    candidates: ReturnType<KeySet['candidates']>,
  ): Promise<JWTPayload | undefined> {
    const { jwtVerify, errors } = await import('jose');
    const options = {
      issuer,
      ...(audiences.length === 0 ? {} : { audience: [...audiences] }),
      requiredClaims: [...requiredClaims],
      clockTolerance: SKEW_SECONDS,
      currentDate: new Date(this.#clock.now()),
    };
    for (const { key, algorithms } of candidates) {
      try {
        return (await jwtVerify(token, key, { ...options, algorithms: [...algorithms] })).payload;
      } catch (error) {
        if (error instanceof errors.JWSSignatureVerificationFailed) continue;
        if (error instanceof errors.JWTExpired) throw refused('the token has expired');
        if (error instanceof errors.JWTClaimValidationFailed) throw refused(claimProblem(error));
        throw refused('the token is malformed', error);
      }
    }
    return undefined;
  }
}

/** What decides whose keys are asked; nothing of it is believed before the signature is. */
async function readUnverified(token: string): Promise<{ head: Head; issuer: unknown }> {
  if (!COMPACT.test(token)) throw refused('not a token (JWT)');
  const { decodeJwt, decodeProtectedHeader } = await import('jose');
  let head: ReturnType<typeof decodeProtectedHeader>;
  let issuer: unknown;
  try {
    head = decodeProtectedHeader(token);
    issuer = decodeJwt(token).iss;
  } catch (error) {
    throw refused('not a token (JWT)', error);
  }
  const { alg, kid, typ } = head;
  if (!isSignatureAlgorithm(alg)) throw refused(`tokens signed with ${shown(alg)} are not accepted`);
  if (kid !== undefined && typeof kid !== 'string') throw refused('the token is malformed');
  if (typeof typ === 'string' && OTHER_PURPOSES.test(typ)) throw refused('the token is for another purpose');
  return { head: { alg, kid }, issuer };
}

function claimProblem({ claim, reason }: { readonly claim: string; readonly reason: string }): string {
  if (reason === 'missing') return `the token has no claim "${claim}"`;
  if (claim === 'aud') return 'the token is for another audience';
  if (claim === 'nbf' && reason === 'check_failed') return 'the token is not valid yet';
  return `the token has a wrong claim "${claim}"`;
}

/**
 * Two clients never share a name: sessions and everything else kept per client goes by it. A token that names nobody
 * stands for itself.
 */
export function claimsIdentity(claims: JWTPayload, digest: string): Identity {
  const { iss, sub, client_id: client } = claims;
  if (sub !== undefined && typeof sub !== 'string') throw refused('the token has a wrong claim "sub"');
  const issuer = String(iss).replaceAll('%', '%25').replaceAll('|', '%7C');
  const jwt = Object.freeze(claims);
  if (sub !== undefined && sub !== '') return { principal: `jwt:${issuer}|${sub}`, jwt };
  if (typeof client === 'string' && client !== '')
    return { principal: `jwt-client:${issuer}|${client}`, jwt };
  return { principal: `jwt-token:${digest}`, jwt };
}

/** Only what an algorithm can be called: the rest is the sender's. */
function shown(alg: unknown): string {
  return typeof alg === 'string' && /^[A-Za-z0-9-]{1,16}$/.test(alg) ? `algorithm ${alg}` : 'that algorithm';
}

function refused(message: string, cause?: unknown): GatewayError {
  return new GatewayError('UNAUTHENTICATED', message, { cause });
}

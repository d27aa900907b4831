/**
 * Public keys of an issuer (JWKS, RFC 7517) and which of them may have signed a token. Pure. A key decides which
 * algorithms it is for, the token only picks among them: otherwise a public key could be used as an HMAC secret
 * (RFC 8725 section 3.1).
 */
import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { LIMITS } from '../core/limits.ts';

export interface VerificationKey {
  readonly kid: string | undefined;
  readonly algorithms: ReadonlySet<string>;
  readonly key: KeyObject;
}

const RSA = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'];
const CURVES: ReadonlyMap<unknown, readonly string[]> = new Map([
  ['P-256', ['ES256']],
  ['P-384', ['ES384']],
  ['P-521', ['ES512']],
  ['Ed25519', ['EdDSA', 'Ed25519']],
]);
const SIGNATURES = new Set([...RSA, ...[...CURVES.values()].flat()]);
/** Weaker ones are refused by RFC 7518 section 3.3; longer ones take seconds to verify with. */
const RSA_BITS = { least: 2048, most: 16_384 };

export class KeySet {
  readonly #keys: readonly VerificationKey[];
  /** Why others were passed over, for the log. */
  readonly ignored: readonly string[];

  constructor(keys: readonly VerificationKey[], ignored: readonly string[]) {
    this.#keys = keys;
    this.ignored = ignored;
  }

  get size(): number {
    return this.#keys.length;
  }

  /** Keys for a token's head. A token without `kid` has to fit exactly one: trying them all is work a stranger chooses. */
  candidates({ alg, kid }: { readonly alg: string; readonly kid: string | undefined }): VerificationKey[] {
    const fitting = this.#keys.filter((one) => one.algorithms.has(alg));
    if (kid !== undefined) return fitting.filter((one) => one.kid === kid);
    return fitting.length === 1 ? fitting : [];
  }
}

export function isSignatureAlgorithm(alg: unknown): alg is string {
  return typeof alg === 'string' && SIGNATURES.has(alg);
}

/** Throws with what is wrong, in words that quote nothing of the text. */
export function parseKeySet(text: string): KeySet {
  if (Buffer.byteLength(text) > LIMITS.keySetBytes.value)
    throw new Error(`the key set is longer than ${LIMITS.keySetBytes.value} bytes`);
  const list = keyList(text);
  if (list.length > LIMITS.keySetKeys.value)
    throw new Error(`the key set has more than ${LIMITS.keySetKeys.value} keys`);
  const keys: VerificationKey[] = [];
  const ignored: string[] = [];
  for (const [index, jwk] of list.entries()) {
    try {
      keys.push(verificationKey(jwk));
    } catch (error) {
      ignored.push(`key ${index + 1}: ${error instanceof Error ? error.message : 'unreadable'}`);
    }
  }
  if (keys.length === 0) throw new Error(`no key can verify tokens${reasons(ignored)}`);
  return new KeySet(keys, ignored);
}

function keyList(text: string): readonly unknown[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error('the key set is not JSON');
  }
  const keys = isObject(value) ? value['keys'] : undefined;
  if (!Array.isArray(keys)) throw new Error('a key set is an object with a list `keys`');
  return keys;
}

function verificationKey(jwk: unknown): VerificationKey {
  if (!isObject(jwk)) throw new Error('not an object');
  const { kid, kty, use, key_ops: operations, alg } = jwk;
  if (kty === 'oct') throw new Error('a shared secret: anybody who can verify with it can sign');
  if ('d' in jwk) throw new Error('a private key: publish its public half only');
  if (use !== undefined && use !== 'sig') throw new Error('not for signatures');
  if (Array.isArray(operations) && !operations.includes('verify')) throw new Error('not for signatures');
  if (kid !== undefined && typeof kid !== 'string') throw new Error('`kid` is not text');
  const possible = kty === 'RSA' ? RSA : (CURVES.get(jwk['crv']) ?? []);
  const algorithms = possible.filter((one) => alg === undefined || one === alg);
  if (algorithms.length === 0) throw new Error('not of a kind that is supported');
  return { kid, algorithms: new Set(algorithms), key: publicKey(jwk) };
}

function publicKey(jwk: Record<string, unknown>): KeyObject {
  const key = imported(jwk);
  const bits = key.asymmetricKeyDetails?.modulusLength;
  if (bits !== undefined && (bits < RSA_BITS.least || bits > RSA_BITS.most))
    throw new Error(`an RSA key of ${bits} bits; ${RSA_BITS.least} to ${RSA_BITS.most} are accepted`);
  return key;
}

function imported(jwk: Record<string, unknown>): KeyObject {
  try {
    return createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' });
  } catch {
    throw new Error('its numbers make no key');
  }
}

function reasons(ignored: readonly string[]): string {
  return ignored.length === 0 ? '' : ` (${ignored.slice(0, 3).join('; ')})`;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

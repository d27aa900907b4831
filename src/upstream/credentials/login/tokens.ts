/** What is kept of a login, as text in the vault and as headers at hand. */
import { createHash } from 'node:crypto';
import { isObject, parseObject } from '../../../lib/json-value.ts';
import type { ClientIdentity, TokenSet } from './oauth.ts';

export interface Tokens {
  readonly issuer: string;
  readonly resource: string;
  readonly client: ClientIdentity;
  readonly access: string;
  readonly refresh: string | undefined;
  /** Epoch milliseconds; undefined: the server does not say. */
  readonly expiresAt: number | undefined;
  /** From then on it is renewed before it is used. */
  readonly renewAt: number | undefined;
  /** Scopes that it was asked for with. */
  readonly asked?: string | undefined;
  /** Epoch milliseconds: an upstream had refused the one before. */
  readonly refusedBefore?: number | undefined;
}

export interface Held {
  readonly tokens: Tokens;
  /** Flat list. */
  readonly headers: readonly string[];
}

const MARGIN_MS = 30_000;

export function tokensFrom(
  { access, refresh, expiresInMs }: TokenSet,
  {
    now,
    ...of
  }: Pick<Tokens, 'issuer' | 'resource' | 'client' | 'asked' | 'refusedBefore'> & { now: number },
): Tokens {
  const known = expiresInMs !== undefined;
  return {
    ...of,
    access,
    refresh,
    expiresAt: known ? now + expiresInMs : undefined,
    renewAt: known ? now + expiresInMs - Math.min(MARGIN_MS, expiresInMs / 10) : undefined,
  };
}

export function held(tokens: Tokens): Held {
  return { tokens, headers: ['authorization', `Bearer ${tokens.access}`] };
}

/** Undefined for a text that is none of ours: an older version's, for instance. */
export function readTokens(text: string | undefined): Held | undefined {
  const value = text === undefined ? undefined : parseObject(text);
  if (!value || typeof value['access'] !== 'string' || typeof value['issuer'] !== 'string') return undefined;
  if (!isObject(value['client']) || typeof value['resource'] !== 'string') return undefined;
  return held(value as unknown as Tokens);
}

/** In the vault: says nothing of whom or what, and cannot be made to look like another one's. */
export function vaultKey(...parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url');
}

/**
 * The kinds of hashes that htpasswd files hold, and whether a password is behind one. bcrypt is what people should
 * use; APR1 (1000 rounds of MD5) and SHA (one unsalted round) are there for the files that exist.
 */
import { createHash, timingSafeEqual } from 'node:crypto';

export type PasswordHash =
  | { readonly kind: 'bcrypt'; readonly text: string; readonly cost: number }
  | { readonly kind: 'apr1'; readonly salt: string; readonly digest: string }
  | { readonly kind: 'sha'; readonly digest: string };

const BCRYPT = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/;
const APR1 = /^\$apr1\$([./A-Za-z0-9]{1,8})\$([./A-Za-z0-9]{22})$/;
const SHA = /^\{SHA\}([A-Za-z0-9+/]{27}=)$/;
/** Each step doubles the time; 14 takes a second. */
const COSTS = { least: 4, most: 14 };
const HINT = 'make the line with `htpasswd -nB <user>`';

/** The hash, or what is wrong with the text. */
export function readPasswordHash(text: string): PasswordHash | string {
  const bcrypt = BCRYPT.exec(text);
  if (bcrypt) {
    const cost = Number(bcrypt[1]);
    if (cost < COSTS.least || cost > COSTS.most)
      return `a bcrypt cost of ${cost}; ${COSTS.least} to ${COSTS.most} are accepted`;
    return { kind: 'bcrypt', text, cost };
  }
  const apr1 = APR1.exec(text);
  if (apr1) return { kind: 'apr1', salt: apr1[1] as string, digest: apr1[2] as string };
  const sha = SHA.exec(text);
  if (sha) return { kind: 'sha', digest: sha[1] as string };
  if (/^\$2[abxy]?\$/.test(text)) return `a damaged bcrypt hash; ${HINT}`;
  if (/^\$\w+\$/.test(text)) return `a hash of a kind that is not supported; ${HINT}`;
  return `not a hash: passwords in plain text (and of crypt) are not accepted; ${HINT}`;
}

/** What comparing costs, for comparison alone. */
export function strength(hash: PasswordHash): number {
  if (hash.kind === 'bcrypt') return 1 + hash.cost;
  return hash.kind === 'apr1' ? 1 : 0;
}

export async function matches(hash: PasswordHash, password: string): Promise<boolean> {
  if (hash.kind === 'bcrypt') {
    const { compare } = await import('bcryptjs');
    return compare(password, hash.text);
  }
  const digest =
    hash.kind === 'apr1'
      ? apr1(password, hash.salt)
      : createHash('sha1').update(password, 'utf8').digest('base64');
  return timingSafeEqual(Buffer.from(digest), Buffer.from(hash.digest));
}

/** Apache's variant of the MD5 crypt of FreeBSD (apr_md5_encode in apr-util, crypto/apr_md5.c). */
function apr1(password: string, salt: string): string {
  const secret = Buffer.from(password, 'utf8');
  const inner = md5(secret, salt, secret);
  const first: (string | Buffer)[] = [secret, '$apr1$', salt];
  for (let left = secret.length; left > 0; left -= 16) first.push(inner.subarray(0, Math.min(left, 16)));
  // A bug of the first implementation that everybody has to repeat: a zero byte, or the password's first, per bit.
  for (let bits = secret.length; bits > 0; bits >>= 1)
    first.push((bits & 1) === 1 ? Buffer.alloc(1) : secret.subarray(0, 1));
  let digest = md5(...first);
  for (let round = 0; round < 1000; round += 1) {
    const odd = round % 2 === 1;
    const parts: (string | Buffer)[] = [odd ? secret : digest];
    if (round % 3 !== 0) parts.push(salt);
    if (round % 7 !== 0) parts.push(secret);
    digest = md5(...parts, odd ? digest : secret);
  }
  return cryptBase64(digest);
}

function md5(...parts: readonly (string | Buffer)[]): Buffer {
  const sum = createHash('md5');
  for (const part of parts) sum.update(part);
  return sum.digest();
}

const DIGITS = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** Which bytes of the digest make a group of four digits, the highest first. */
const GROUPS = [
  [0, 6, 12],
  [1, 7, 13],
  [2, 8, 14],
  [3, 9, 15],
  [4, 10, 5],
];

function cryptBase64(digest: Buffer): string {
  const byte = (at: number | undefined) => digest[at ?? 0] ?? 0;
  const groups = GROUPS.map(([high, middle, low]) =>
    digits((byte(high) << 16) | (byte(middle) << 8) | byte(low), 4),
  );
  return groups.join('') + digits(byte(11), 2);
}

function digits(value: number, count: number): string {
  let text = '';
  for (let at = 0; at < count; at += 1) text += DIGITS[(value >> (6 * at)) & 63];
  return text;
}

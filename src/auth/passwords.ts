/** Users and passwords of HTTP's Basic scheme (RFC 7617) against an htpasswd list. */
import { createHmac } from 'node:crypto';
import { GatewayError } from '../core/errors.ts';
import type { Identity } from '../core/identity.ts';
import { LIMITS } from '../core/limits.ts';
import type { Ports } from '../core/ports.ts';
import type { Closable } from '../core/scope.ts';
import type { Htpasswd } from './htpasswd.ts';
import { PasswordChecks } from './password-checks.ts';
import { RecentlyUsed } from './recently-used.ts';

export interface PasswordOptions {
  /** The users now; another object once they have changed. */
  users(): Htpasswd | Promise<Htpasswd>;
  readonly random: Ports['random'];
}

export class Passwords implements Closable {
  readonly #options: PasswordOptions;
  readonly #checks = new PasswordChecks();
  readonly #secret: Buffer;
  /** What was right, with the list it was right by. By a keyed hash: no fast way from this memory to a password. */
  readonly #right = new RecentlyUsed<Htpasswd>(LIMITS.verifiedPasswords.value);

  constructor(options: PasswordOptions) {
    this.#options = options;
    this.#secret = options.random(32);
  }

  /**
   * `credentials`: base64 of `user:password`. Rejects with UNAUTHENTICATED, the same and after the same work whether
   * the user or the password is wrong, or with OVERLOADED.
   */
  async verify(credentials: string): Promise<Identity> {
    const { user, password } = readCredentials(credentials);
    const list = await this.#options.users();
    const digest = createHmac('sha256', this.#secret).update(`${user}:${password}`).digest('base64');
    const known = this.#right.get(digest) === list;
    if (!known) {
      const hash = list.users.get(user);
      const right = await this.#checks.matches(hash ?? list.decoy, password);
      if (!right || !hash) throw refused('unknown user or wrong password');
      this.#right.set(digest, list);
    }
    return { principal: `basic:${user}`, basicAuth: { username: user } };
  }

  close(): Promise<void> {
    return this.#checks.close();
  }
}

/** Two thirds of what base64 adds. */
const MOST_CHARACTERS = Math.ceil((LIMITS.password.value * 4) / 3);

function readCredentials(credentials: string): { user: string; password: string } {
  if (credentials.length > MOST_CHARACTERS)
    throw refused(`user and password are longer than ${LIMITS.password.value} bytes`);
  const text = utf8(Buffer.from(credentials, 'base64'));
  const colon = text?.indexOf(':') ?? -1;
  // RFC 7617 section 2: no control characters.
  if (text === undefined || colon < 0 || /\p{Cc}/u.test(text)) throw refused('not a user and a password');
  return { user: text.slice(0, colon), password: text.slice(colon + 1) };
}

function utf8(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function refused(message: string): GatewayError {
  return new GatewayError('UNAUTHENTICATED', message);
}

/** The htpasswd format: users and the hashes of their passwords. Pure; comparing them is password-hash.ts. */
import { type PasswordHash, readPasswordHash, strength } from './password-hash.ts';

export interface Htpasswd {
  readonly users: ReadonlyMap<string, PasswordHash>;
  /** For users that do not exist: comparing with it takes as long, so that time does not tell who exists. */
  readonly decoy: PasswordHash;
}

/** Throws with the number of the line that is wrong; quotes nothing of it. */
export function parseHtpasswd(text: string): Htpasswd {
  const users = new Map<string, PasswordHash>();
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const colon = line.indexOf(':');
    const problem = (what: string) => new Error(`line ${index + 1}: ${what}`);
    if (colon < 1) throw problem('expected user:hash');
    const user = line.slice(0, colon);
    if (users.has(user)) throw problem('this user has a line already');
    const hash = readPasswordHash(line.slice(colon + 1));
    if (typeof hash === 'string') throw problem(hash);
    users.set(user, hash);
  }
  const [strongest] = [...users.values()].sort((one, other) => strength(other) - strength(one));
  if (!strongest) throw new Error('no users');
  return { users, decoy: decoyOf(strongest) };
}

/** Of the same kind and cost, and of no password that anybody knows. */
function decoyOf(hash: PasswordHash): PasswordHash {
  switch (hash.kind) {
    case 'bcrypt':
      return {
        kind: 'bcrypt',
        text: `$2b$${String(hash.cost).padStart(2, '0')}$${'.'.repeat(53)}`,
        cost: hash.cost,
      };
    case 'apr1':
      return { kind: 'apr1', salt: '........', digest: '.'.repeat(22) };
    case 'sha':
      return { kind: 'sha', digest: `${'A'.repeat(27)}=` };
  }
}

/**
 * The thread in which passwords are compared: bcrypt takes a processor 50 ms and more, during which the gateway would
 * answer nobody. Only password-checks.ts starts it.
 */
import { parentPort } from 'node:worker_threads';
import { matches, type PasswordHash } from './password-hash.ts';

export interface Question {
  readonly id: number;
  readonly hash: PasswordHash;
  readonly password: string;
}

export interface Verdict {
  readonly id: number;
  readonly right: boolean;
}

parentPort?.on('message', ({ id, hash, password }: Question) => {
  void matches(hash, password).then((right) => parentPort?.postMessage({ id, right } satisfies Verdict));
});

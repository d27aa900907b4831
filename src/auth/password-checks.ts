/** Compares passwords in a thread of its own, which lives from the first one to `close`. */
import { Worker } from 'node:worker_threads';
import { GatewayError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { Closable } from '../core/scope.ts';
import type { PasswordHash } from './password-hash.ts';
import type { Question, Verdict } from './password-thread.ts';

interface Waiting {
  resolve(right: boolean): void;
  reject(error: Error): void;
}

export class PasswordChecks implements Closable {
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #count = 0;
  #closed = false;

  /** Rejects with OVERLOADED when too many wait: strangers decide how much work there is. */
  matches(hash: PasswordHash, password: string): Promise<boolean> {
    if (this.#closed) return Promise.reject(ended());
    if (this.#waiting.size >= LIMITS.passwordsWaiting.value) {
      const detail = { headers: ['retry-after', '1'] };
      return Promise.reject(new GatewayError('OVERLOADED', 'too many passwords wait to be checked', detail));
    }
    const worker = this.#started();
    this.#count += 1;
    const question: Question = { id: this.#count, hash, password };
    return new Promise((resolve, reject) => {
      this.#waiting.set(question.id, { resolve, reject });
      worker.postMessage(question);
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    const worker = this.#worker;
    this.#over(ended());
    await worker?.terminate();
  }

  #started(): Worker {
    if (this.#worker) return this.#worker;
    const worker = new Worker(new URL('./password-thread.js', import.meta.url), { execArgv: [], env: {} });
    worker.unref();
    worker.on('message', ({ id, right }: Verdict) => {
      this.#waiting.get(id)?.resolve(right);
      this.#waiting.delete(id);
    });
    const failed = (cause: unknown) => {
      if (this.#worker === worker) this.#over(new GatewayError('INTERNAL', 'internal error', { cause }));
    };
    worker.on('error', failed);
    worker.on('exit', () => failed(new Error('the thread that checks passwords has ended')));
    this.#worker = worker;
    return worker;
  }

  /** The next password gets a new thread. */
  #over(error: GatewayError): void {
    this.#worker = undefined;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of waiting) reject(error);
  }
}

function ended(): GatewayError {
  return new GatewayError('SHUTTING_DOWN', 'passwords are no longer checked here');
}

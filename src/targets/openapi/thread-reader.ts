/** Reads API descriptions in a thread, one at a time: each has its memory, and the next one waits for it. */
import { Worker } from 'node:worker_threads';
import { asGatewayError, GatewayError } from '../../core/errors.ts';
import { MIB } from '../../core/limits/limit.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Closable } from '../../core/scope.ts';
import { Cancel } from '../../lib/cancel.ts';
import type { DocumentReader, Reading, ReadingTask, Turn } from './reading.ts';
import type { Fetched, Said, ThreadTask } from './reading-thread.ts';

const ENDED = new GatewayError('SHUTTING_DOWN', 'API descriptions are no longer read here');

export class ThreadReader implements DocumentReader, Closable {
  readonly #ended = new Cancel();
  /** For each reading, in bytes. */
  readonly #memory: number;
  #last: Promise<unknown> = Promise.resolve();

  constructor(memory: number = LIMITS.apiReading.value) {
    this.#memory = memory;
  }

  read(task: ReadingTask, { cancel, begun }: Turn): Promise<Reading> {
    const reading = this.#last.then(() => {
      const reason = cancel.reason ?? this.#ended.reason;
      if (reason) throw reason;
      begun?.();
      return readInThread(task, { memory: this.#memory / MIB, cancels: [cancel, this.#ended] });
    });
    this.#last = reading.catch(() => undefined);
    return unlessCancelled(reading, cancel);
  }

  close(): void {
    this.#ended.cancel(ENDED);
  }
}

/** Also while it waits for those before it. */
function unlessCancelled(reading: Promise<Reading>, cancel: Cancel): Promise<Reading> {
  return new Promise((resolve, reject) => {
    const forget = cancel.onCancel(reject);
    reading.then(resolve, reject).finally(forget);
  });
}

async function readInThread(
  { bytes, tools, surroundings }: ReadingTask,
  { memory, cancels }: { readonly memory: number; readonly cancels: readonly Cancel[] },
): Promise<Reading> {
  const workerData: ThreadTask = { bytes, tools, base: surroundings?.base.href };
  const worker = new Worker(new URL('./reading-thread.js', import.meta.url), {
    workerData,
    execArgv: [],
    env: {},
    resourceLimits: { maxOldGenerationSizeMb: memory },
  });
  const forget: (() => void)[] = [];
  try {
    return await new Promise((resolve, reject) => {
      for (const cancel of cancels) forget.push(cancel.onCancel(reject));
      worker.on('message', (said: Said) => {
        if (said.kind === 'read') resolve(said.reading);
        else if (said.kind === 'failed') reject(new GatewayError(said.refused.code, said.refused.message));
        else void fetched(said.address, surroundings).then((answer) => worker.postMessage(answer));
      });
      worker.on('error', (cause) => reject(failure(cause, memory)));
      worker.on('exit', () =>
        reject(failure(new Error('the thread that reads API descriptions has ended'), memory)),
      );
    });
  } finally {
    for (const each of forget) each();
    await worker.terminate();
  }
}

async function fetched(address: string, surroundings: ReadingTask['surroundings']): Promise<Fetched> {
  try {
    return { text: (await surroundings?.read(new URL(address))) ?? '' };
  } catch (cause) {
    const { code, message } = asGatewayError(cause);
    return { refused: { code, message } };
  }
}

function failure(cause: unknown, memory: number): GatewayError {
  if ((cause as NodeJS.ErrnoException).code === 'ERR_WORKER_OUT_OF_MEMORY') {
    const most = `more than ${memory} MiB of memory`;
    return new GatewayError('CONFIG_INVALID', `the API description cannot be used: to read it takes ${most}`);
  }
  return new GatewayError('INTERNAL', 'internal error', { cause });
}

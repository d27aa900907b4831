/**
 * The thread in which an API description is read: parsing and converting a large one takes more than a second, during
 * which the gateway would answer nobody, and a hostile one may take all memory there is. Only thread-reader.ts starts it.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { asGatewayError, GatewayError } from '../../core/errors.ts';
import type { Surroundings } from '../../openapi/bundle.ts';
import { type Reading, type ReadingTask, readDescription } from './reading.ts';

export interface ThreadTask extends Omit<ReadingTask, 'surroundings'> {
  /** Where the description is, if files beside it may be read. */
  readonly base: string | undefined;
}

/** A file beside the description, which this thread does not read itself. */
export interface Wanted {
  readonly kind: 'wanted';
  readonly address: string;
}

export interface Fetched {
  readonly text?: string;
  readonly refused?: Refused;
}

interface Refused {
  readonly code: GatewayError['code'];
  readonly message: string;
}

export type Said =
  | Wanted
  | { readonly kind: 'read'; readonly reading: Reading }
  | { readonly kind: 'failed'; readonly refused: Refused };

const task = workerData as ThreadTask;

readDescription({ ...task, surroundings: surroundings(task) }).then(
  (reading) => {
    const { buffer: listing } = reading.listing;
    parentPort?.postMessage({ kind: 'read', reading } satisfies Said, [listing, reading.plans.buffer]);
  },
  (cause: unknown) => {
    const { code, message } = asGatewayError(cause);
    parentPort?.postMessage({ kind: 'failed', refused: { code, message } } satisfies Said);
  },
);

/** One file after the other, as bundling asks for them. */
function surroundings({ base }: ThreadTask): Surroundings | undefined {
  if (base === undefined) return undefined;
  const read = (address: URL): Promise<string> =>
    new Promise((resolve, reject) => {
      parentPort?.once('message', ({ text, refused }: Fetched) => {
        if (text !== undefined) resolve(text);
        else reject(new GatewayError(refused?.code ?? 'INTERNAL', refused?.message ?? 'internal error'));
      });
      parentPort?.postMessage({ kind: 'wanted', address: address.href } satisfies Said);
    });
  return { base: new URL(base), read };
}

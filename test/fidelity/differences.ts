/**
 * Every difference the gateway is meant to make, with its reason. Whatever is not listed is a defect, and an entry
 * that explains nothing in a whole run of our own upstream is stale: both fail the run.
 */
import type { Case } from './cases.ts';
import type { Mismatch } from './compare.ts';
import { compact } from './members.ts';

export type Way = 'http' | 'sse' | 'stdio';

export interface Difference {
  readonly name: string;
  readonly reason: string;
  /** Absent: all. */
  readonly ways?: readonly Way[];
  /** Whether a mismatch is exactly this difference. */
  explains(mismatch: Mismatch, one: Case): boolean;
}

export const differences: readonly Difference[] = [
  {
    name: 'white space between tokens',
    reason:
      'stdio and SSE carry one message per line, and a line end inside forwarded text would smuggle in a second message: ' +
      'white space between tokens is taken out, strings and numbers stay as they are',
    explains: ({ direct, through }) =>
      direct !== undefined && through !== undefined && compact(direct) === compact(through),
  },
];

/** What an entry in the list of differences is. */
import type { Case, Pair, Place, Way } from './case.ts';
import type { Mismatch, Pairing } from './outcome.ts';

export interface Context {
  readonly one: Case;
  readonly place: Place;
  /** All that came of the case. */
  readonly pairing: Pairing;
}

export interface Difference {
  readonly name: string;
  readonly reason: string;
  /** Absent: all. */
  readonly pairs?: readonly Pair[];
  /** Absent: all. */
  readonly ways?: readonly Way[];
  /** The mismatch without this difference; the same texts when it has no part in it. */
  without(mismatch: Mismatch, context: Context): Mismatch;
}

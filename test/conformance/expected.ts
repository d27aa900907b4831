/**
 * Failures we know, by leg: `suite via upstream`, or `suite direct`. An unexpected failure fails the run, and so does
 * an entry that no longer fails: the list may only shrink. A check that passes directly and is not reached through the
 * gateway counts as a failure too.
 */
export interface KnownFailure {
  /** `scenario:check-id`, as the table of failures prints it. */
  readonly check: string;
  readonly reason: string;
}

export const expected: Readonly<Record<string, readonly KnownFailure[]>> = {};

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

/** The fixture's tool closes the stream of its call in mid-call; only streamable HTTP has such a stream. */
const nothingToClose: KnownFailure = {
  check: 'server-sse-polling:server-sse-disconnect-resume',
  reason:
    'over this transport the upstream has no stream of the call to close, so the client has nothing to resume',
};

export const expected: Readonly<Record<string, readonly KnownFailure[]>> = {
  '2025-11-25 via stdio': [nothingToClose],
  '2025-11-25 via sse': [nothingToClose],
};

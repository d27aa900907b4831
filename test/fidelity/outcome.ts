/** What came of a case, labelled, and what differs between two of them. Texts are latin1. */

/** By label: status, result or error, id, events; for lists their entries. Texts are latin1. */
export type Outcome = Map<string, string>;

/** What the client is meant to see or the server to receive, and what it does. */
export interface Pairing {
  readonly direct: Outcome;
  readonly through: Outcome;
}

export const AS_SENT = 'as sent';

export interface Mismatch {
  readonly label: string;
  /** undefined: missing on that side. */
  readonly direct: string | undefined;
  readonly through: string | undefined;
}

export function mismatches({ direct, through }: Pairing): Mismatch[] {
  const labels = new Set([...direct.keys(), ...through.keys()]);
  return (
    [...labels]
      .map((label) => ({ label, direct: direct.get(label), through: through.get(label) }))
      // An id that comes back as sent is right even where the server itself spells it otherwise.
      .filter((pair) => pair.direct !== pair.through && !(pair.label === 'id' && pair.through === AS_SENT))
  );
}

/** Both texts around the first place where they differ, readable. */
export function excerpt({ direct, through }: Pick<Mismatch, 'direct' | 'through'>): string {
  if (direct === undefined || through === undefined) return `${show(direct)} became ${show(through)}`;
  let at = 0;
  while (at < direct.length && direct[at] === through[at]) at++;
  const start = Math.max(0, at - 30);
  return `at byte ${at}: ${show(direct.slice(start, at + 60))} became ${show(through.slice(start, at + 60))}`;
}

const show = (text: string | undefined): string =>
  text === undefined ? 'nothing' : JSON.stringify(Buffer.from(text, 'latin1').toString('utf8').slice(0, 200));

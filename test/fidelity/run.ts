/** Runs cases against two endpoints of the same server and sorts what differs into meant and not meant. */
import type { Case, Place } from './case.ts';
import { type Clients, pairingOf } from './compare.ts';
import type { Context, Difference } from './difference.ts';
import { differences, exposed } from './differences.ts';
import { excerpt, type Mismatch, mismatches } from './outcome.ts';

export interface Finding {
  readonly one: Case;
  readonly place: Place;
  readonly text: string;
}

export interface Tally {
  readonly place: Place;
  /** By group: cases, and how many came out the same, and how many with meant differences only. */
  readonly groups: Map<string, { cases: number; same: number; meant: number }>;
  readonly undocumented: Finding[];
  readonly documented: Map<Difference, Finding[]>;
}

export async function compareAll(clients: Clients, cases: readonly Case[], place: Place): Promise<Tally> {
  const tally: Tally = { place, groups: new Map(), undocumented: [], documented: new Map() };
  await clients.direct.open();
  await clients.through.open();
  await clients.direct.listen([clients.watched]);
  await clients.through.listen([place.way === 'merged' ? `raw+${clients.watched}` : clients.watched]);
  for (const one of cases) {
    if (one.notVia?.includes(place.way)) continue;
    const group = tally.groups.get(one.group) ?? { cases: 0, same: 0, meant: 0 };
    tally.groups.set(one.group, group);
    group.cases++;
    const verdict = await compareOne(clients, one, tally);
    if (verdict !== 'other') group[verdict]++;
  }
  return tally;
}

async function compareOne(clients: Clients, one: Case, tally: Tally): Promise<'same' | 'meant' | 'other'> {
  const { place } = tally;
  const seen = place.way === 'merged' ? exposed(one) : one;
  try {
    const pairing = await pairingOf(clients, one, seen);
    const found = mismatches(pairing);
    const context = { one, place, pairing };
    const unmeant = found.filter((mismatch) => !isMeant(mismatch, context, tally));
    if (unmeant.length > 0) return 'other';
    return found.length === 0 ? 'same' : 'meant';
  } catch (error) {
    tally.undocumented.push({ one, place, text: (error as Error).stack ?? String(error) });
    return 'other';
  }
}

/** Takes each difference in turn out of the mismatch: it is meant when nothing is left. */
function isMeant(found: Mismatch, context: Context, tally: Tally): boolean {
  const { one, place } = context;
  const involved: Difference[] = [];
  let mismatch = found;
  for (const difference of differences) {
    const { pairs, ways } = difference;
    if (pairs?.includes(place.pair) === false || ways?.includes(place.way) === false) continue;
    if (mismatch.direct === mismatch.through) break;
    const { direct, through } = difference.without(mismatch, context);
    if (direct === mismatch.direct && through === mismatch.through) continue;
    involved.push(difference);
    mismatch = { label: found.label, direct, through };
  }
  const finding = (left: Mismatch): Finding => ({ one, place, text: `${left.label}: ${excerpt(left)}` });
  if (mismatch.direct !== mismatch.through) {
    tally.undocumented.push(finding(mismatch));
    return false;
  }
  for (const difference of involved)
    tally.documented.set(difference, [...(tally.documented.get(difference) ?? []), finding(found)]);
  return true;
}

/** Runs cases against two endpoints of the same server and sorts what differs into meant and not meant. */
import type { Case, Way } from './case.ts';
import type { RawClient } from './client.ts';
import { excerpt, type Mismatch, mismatches, outcomeOf } from './compare.ts';
import { type Difference, differences, exposed } from './differences.ts';

export interface Finding {
  readonly one: Case;
  readonly way: string;
  readonly text: string;
}

export interface Tally {
  readonly way: string;
  /** By group: cases, and how many came out the same. */
  readonly groups: Map<string, { cases: number; same: number }>;
  readonly undocumented: Finding[];
  readonly documented: Map<Difference, Finding[]>;
}

const INITIALIZE = JSON.stringify({
  protocolVersion: '2025-11-25',
  capabilities: {},
  clientInfo: { name: 'fidelity', version: '1' },
});

export async function compareAll(
  clients: { direct: RawClient; through: RawClient },
  cases: readonly Case[],
  way: Way,
): Promise<Tally> {
  const tally: Tally = { way, groups: new Map(), undocumented: [], documented: new Map() };
  await clients.direct.open(INITIALIZE);
  await clients.through.open(INITIALIZE);
  await clients.direct.listen();
  await clients.through.listen();
  for (const one of cases) {
    if (one.notVia?.includes(way)) continue;
    const found = await compareOne(clients, one, way).catch((error: Error) => error);
    const group = tally.groups.get(one.group) ?? { cases: 0, same: 0 };
    tally.groups.set(one.group, group);
    group.cases++;
    if (found instanceof Error) tally.undocumented.push({ one, way, text: found.message });
    else if (found.length === 0) group.same++;
    else for (const mismatch of found) file(tally, { one, way, mismatch });
  }
  return tally;
}

async function compareOne(
  { direct, through }: { direct: RawClient; through: RawClient },
  one: Case,
  way: Way,
): Promise<Mismatch[]> {
  const seen = way === 'merged' ? { ...one, params: exposed(one.params) } : one;
  return mismatches(await outcomeOf(direct, one), await outcomeOf(through, seen));
}

function file(tally: Tally, { one, way, mismatch }: { one: Case; way: Way; mismatch: Mismatch }): void {
  const finding: Finding = { one, way, text: `${mismatch.label}: ${excerpt(mismatch)}` };
  const reason = differences.find(
    ({ ways, explains }) => (ways?.includes(way) ?? true) && explains(mismatch, one),
  );
  if (!reason) tally.undocumented.push(finding);
  else tally.documented.set(reason, [...(tally.documented.get(reason) ?? []), finding]);
}

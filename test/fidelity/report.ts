/** What a run found, for people: same by group, the meant differences with their reasons, and everything else. */
import { PAIRS, type Pair } from './case.ts';
import type { Difference } from './difference.ts';
import { differences } from './differences.ts';
import type { Finding, Tally } from './run.ts';

/** Says what was found and returns the exit code. `whole`: everything of our own upstream, where stale entries count. */
export function report(
  tallies: readonly Tally[],
  { verbose, whole }: { verbose: boolean; whole: boolean },
): number {
  for (const pair of PAIRS) {
    const ofPair = tallies.filter(({ place }) => place.pair === pair);
    if (ofPair.length > 0) printPair(pair, ofPair);
  }
  for (const difference of differences) printDifference(difference, tallies, verbose);
  const undocumented = tallies.flatMap((tally) => tally.undocumented);
  if (undocumented.length > 0) console.log('\nUndocumented differences');
  for (const finding of undocumented) console.log(`  ${line(finding)}`);
  const stale = whole ? staleEntries(tallies) : [];
  for (const text of stale)
    console.log(`\nSTALE: ${text} does not occur any more, take it from differences.ts`);
  const groups = tallies.flatMap((tally) => [...tally.groups.values()]);
  const same = sum(groups.map((group) => group.same));
  const meant = sum(groups.map((group) => group.meant));
  console.log(
    `\n${same} same, ${meant} with documented differences only, ${undocumented.length} undocumented, ${stale.length} stale`,
  );
  return undocumented.length + stale.length === 0 ? 0 : 1;
}

/** Each difference must be seen in every pair it is listed for. */
function staleEntries(tallies: readonly Tally[]): string[] {
  return differences.flatMap((difference) =>
    (difference.pairs ?? PAIRS)
      .filter(
        (pair) => !tallies.some(({ place, documented }) => place.pair === pair && documented.has(difference)),
      )
      .map((pair) => `"${difference.name}" (${pair})`),
  );
}

function printPair(pair: Pair, tallies: readonly Tally[]): void {
  const groups = [...new Set(tallies.flatMap((tally) => [...tally.groups.keys()]))];
  console.log(`\n${pair.replace('-', ' client, ')} server: same + documented, of all`);
  console.log(`| cases | ${tallies.map(({ place }) => place.way).join(' | ')} |`);
  console.log(`|---|${tallies.map(() => '---:').join('|')}|`);
  for (const group of groups) {
    const cells = tallies.map((tally) => {
      const { same = 0, meant = 0, cases = 0 } = tally.groups.get(group) ?? {};
      return `${same} + ${meant} of ${cases}`;
    });
    console.log(`| ${group} | ${cells.join(' | ')} |`);
  }
}

function printDifference(difference: Difference, tallies: readonly Tally[], verbose: boolean): void {
  const findings = tallies.flatMap((tally) => tally.documented.get(difference) ?? []);
  if (findings.length === 0) return;
  console.log(`\n${difference.name} (${findings.length} times): ${difference.reason}`);
  if (verbose) for (const finding of findings) console.log(`  ${line(finding)}`);
}

const line = ({ place, one, text }: Finding): string =>
  `${place.pair} via ${place.way}, ${one.group}, ${one.name}: ${text}`;
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** What a run found, for people: same by group, the meant differences with their reasons, and everything else. */
import { type Difference, differences } from './differences.ts';
import type { Finding, Tally } from './run.ts';

/** Says what was found and returns the exit code. `own`: our own upstream, where stale entries count. */
export function report(
  tallies: readonly Tally[],
  { verbose, own }: { verbose: boolean; own: boolean },
): number {
  const groups = [...new Set(tallies.flatMap((tally) => [...tally.groups.keys()]))];
  console.log(`| cases | ${tallies.map(({ way }) => `same via ${way}`).join(' | ')} |`);
  console.log(`|---|${tallies.map(() => '---:').join('|')}|`);
  for (const group of groups) {
    const cells = tallies.map(
      (tally) => `${tally.groups.get(group)?.same ?? 0} of ${tally.groups.get(group)?.cases}`,
    );
    console.log(`| ${group} | ${cells.join(' | ')} |`);
  }
  for (const difference of differences) printDifference(difference, tallies, verbose);
  const undocumented = tallies.flatMap((tally) => tally.undocumented);
  if (undocumented.length > 0) console.log('\nUndocumented differences');
  for (const finding of undocumented) console.log(`  ${line(finding)}`);
  const stale = own ? differences.filter((each) => !tallies.some((tally) => tally.documented.has(each))) : [];
  for (const { name } of stale)
    console.log(`\nSTALE: "${name}" does not occur any more, take it from differences.ts`);
  const same = sum(tallies.flatMap((tally) => [...tally.groups.values()].map((group) => group.same)));
  const documented = sum(
    tallies.flatMap((tally) => [...tally.documented.values()].map((found) => found.length)),
  );
  console.log(
    `\n${same} same, ${documented} documented, ${undocumented.length + stale.length} undocumented or stale`,
  );
  return undocumented.length + stale.length === 0 ? 0 : 1;
}

function printDifference(difference: Difference, tallies: readonly Tally[], verbose: boolean): void {
  const findings = tallies.flatMap((tally) => tally.documented.get(difference) ?? []);
  if (findings.length === 0) return;
  console.log(`\n${difference.name} (${findings.length} times): ${difference.reason}`);
  if (verbose) for (const finding of findings) console.log(`  ${line(finding)}`);
}

const line = ({ way, one, text }: Finding): string => `via ${way}, ${one.group}, ${one.name}: ${text}`;
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** What a verdict is worth: which failures were expected, which expectations are stale, and the cells of the matrix. */
import type { KnownFailure } from './expected.ts';
import type { Row, Way } from './rows.ts';
import type { Verdict } from './suite.ts';

export interface Judged {
  /** Failures that nobody expected, and expectations that no longer hold. */
  readonly counted: number;
  readonly lines: readonly string[];
  readonly cell: string;
}

export interface Question {
  readonly verdict: Verdict;
  /** The same suite without a gateway. */
  readonly direct: Verdict | undefined;
  readonly known: readonly KnownFailure[];
  /** The only scenarios that count, and that the cell counts; absent: all, and the cell counts checks. */
  readonly required: readonly string[] | undefined;
}

export function judge({ verdict, direct, known, required }: Question): Judged {
  const scored = (check: string): boolean => required === undefined || required.includes(scenarioOf(check));
  const reasons = new Map(known.map(({ check, reason }) => [check, reason]));
  const failures = new Map([...notReached(verdict, direct), ...verdict.failures].filter(([c]) => scored(c)));
  const lines: string[] = [];
  let counted = 0;
  for (const [check, message] of failures) {
    const reason = reasons.get(check);
    if (reason === undefined) counted++;
    lines.push(reason === undefined ? `FAILED ${check}: ${message}` : `known  ${check}: ${reason}`);
  }
  for (const check of reasons.keys()) {
    if (failures.has(check)) continue;
    counted++;
    lines.push(`STALE  ${check}: does not fail any more, take it from expected.ts`);
  }
  for (const [check, message] of verdict.warnings)
    if (scored(check)) lines.push(`warned ${check}: ${message}`);
  return { counted, lines, cell: cell(verdict, failures, required) };
}

const scenarioOf = (check: string): string => check.slice(0, check.indexOf(':'));

/** A check may be skipped rather than fail, when the suite meets what is optional: what passes directly must pass. */
function notReached({ passed, failures }: Verdict, direct: Verdict | undefined): [string, string][] {
  const missing = [...(direct?.passed ?? [])].filter((check) => !passed.has(check) && !failures.has(check));
  return missing.map((check) => [check, 'passes directly, was not reached here']);
}

function cell(verdict: Verdict, failures: ReadonlyMap<string, string>, required?: readonly string[]): string {
  if (required === undefined) return `${verdict.passed.size}/${failures.size}`;
  const reached = new Set([...verdict.passed].map(scenarioOf));
  const failed = new Set([...failures.keys()].map(scenarioOf));
  const good = required.filter((scenario) => reached.has(scenario) && !failed.has(scenario));
  return `${good.length} of ${required.length}`;
}

/** `cells` by the name of the leg. */
export function table(chosen: readonly Row[], cellOf: (row: Row, way: Way) => string): string {
  const ways: readonly Way[] = ['direct', 'http', 'stdio', 'sse'];
  const heads = ways.map((way) => (way === 'direct' ? way : `through, over ${way}`));
  const lines = [
    `| client | server | suite | ${heads.join(' | ')} |`,
    `|---|---|---|${ways.map(() => '---').join('|')}|`,
  ];
  for (const row of chosen) {
    const cells = ways.map((way) => cellOf(row, way));
    lines.push(`| ${row.client} | ${row.server} | ${described(row)} | ${cells.join(' | ')} |`);
  }
  return lines.join('\n');
}

function described(row: Row): string {
  if (row.kind === 'client' && row.requirements !== undefined)
    return `required of a client at ${row.requirements}, the gateway logs in`;
  if (row.kind === 'client') return `client scenarios of ${row.revision}`;
  if (row.scenarios) return `${row.version} tasks and skills extensions`;
  if (row.requirements !== undefined) return `required of a server at ${row.requirements}`;
  return `${row.version} ${row.args.slice(1).join(' ').replace('--spec-version ', 'of ')}`;
}

/**
 * `npm run conformance [-- --direct] [--via http,stdio,sse] [--suite NAME,...]`: the official suite against our
 * fixture, and our client against the suite, directly and through the gateway, for each pair of eras: one matrix.
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gatewayIsBuilt } from '../fixtures/gateway.ts';
import { expected } from './expected.ts';
import { judge, table } from './judge.ts';
import { runLeg } from './legs.ts';
import { directName, legName, type Row, rows, type Way } from './rows.ts';
import { installSuite, requiredScenarios, type Suite, type Verdict } from './suite.ts';

const cache = fileURLToPath(new URL('../../../.cache/conformance', import.meta.url));

/** As many legs as have a core each: what they measure is time, but hardly any of it is spent computing. */
const AT_ONCE = 2;

interface Leg {
  readonly name: string;
  readonly row: Row;
  readonly way: Way;
  readonly suite: Suite;
  outcome?: Verdict | Error;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      direct: { type: 'boolean', default: false },
      via: { type: 'string', default: 'http,stdio,sse' },
      suite: { type: 'string' },
    },
  });
  const through = values.direct ? [] : values.via.split(',');
  const names = values.suite?.split(',') ?? rows.map(({ name }) => name);
  refuseUnknown('--via', through, ['http', 'stdio', 'sse']);
  refuseUnknown(
    '--suite',
    names,
    rows.map(({ name }) => name),
  );
  if (through.length > 0 && !gatewayIsBuilt())
    throw new Error('the gateway is not built: npm run build, or --direct');
  const chosen = rows.filter(({ name }) => names.includes(name));
  const suites = new Map<string, Suite>();
  for (const { version } of chosen)
    if (!suites.has(version)) suites.set(version, await installSuite(cache, version));
  const legs = new Map<string, Leg>();
  for (const row of chosen) {
    const suite = suites.get(row.version);
    for (const way of ['direct' as const, ...row.through.filter((each) => through.includes(each))]) {
      const name = way === 'direct' ? directName(row) : legName(row, way);
      if (suite && !legs.has(name)) legs.set(name, { name, row, way, suite });
    }
  }
  await runAll([...legs.values()]);
  return await report(legs, chosen);
}

function refuseUnknown(option: string, given: readonly string[], known: readonly string[]): void {
  const unknown = given.filter((each) => !known.includes(each));
  if (unknown.length > 0) throw new Error(`${option} knows ${known.join(', ')}, not ${unknown.join(', ')}`);
}

async function runAll(legs: readonly Leg[]): Promise<void> {
  const waiting = [...legs];
  const work = async (): Promise<void> => {
    for (let leg = waiting.shift(); leg; leg = waiting.shift()) {
      console.log(`${leg.name} ...`);
      leg.outcome = await runLeg(leg.suite, leg.row, leg.way).catch((error: unknown) =>
        error instanceof Error ? error : new Error(String(error)),
      );
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

async function report(legs: ReadonlyMap<string, Leg>, chosen: readonly Row[]): Promise<number> {
  const cells = new Map<string, string>();
  let passed = 0;
  let failed = 0;
  for (const { name, row, suite, outcome } of legs.values()) {
    if (!outcome || outcome instanceof Error) {
      console.log(`\n${name}: could not run\n  ${outcome?.message}`);
      cells.set(name, 'error');
      failed++;
      continue;
    }
    const { kind, requirements: revision } = row;
    // A gateway that logs in by itself asks in an order of its own, and refuses as early as it can.
    const logsIn = kind === 'client' && revision !== undefined;
    const direct = logsIn ? undefined : legs.get(directName(row))?.outcome;
    const { counted, lines, cell } = judge({
      verdict: outcome,
      direct: direct instanceof Error ? undefined : direct,
      known: expected[name] ?? [],
      required: revision === undefined ? undefined : await requiredScenarios(suite, revision, kind),
    });
    if (lines.length > 0) console.log(`\n${name}\n  ${lines.join('\n  ')}`);
    cells.set(name, cell);
    passed += outcome.passed.size;
    failed += counted;
  }
  console.log('\nchecks passed/failed, or scenarios passed of those required\n');
  const cellOf = (row: Row, way: Way) =>
    cells.get(way === 'direct' ? directName(row) : legName(row, way)) ?? '–';
  console.log(table(chosen, cellOf));
  console.log(`\n${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

/**
 * `npm run conformance [-- --direct] [--via http,stdio,sse] [--suite NAME]`: the official suite against our fixture,
 * directly and through the gateway over each upstream transport, side by side.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startHttpFixture } from '../fixtures/everything-server/http.ts';
import { startSseFixture } from '../fixtures/everything-server/sse.ts';
import { gatewayIsBuilt, startGateway } from '../fixtures/gateway.ts';
import { expected } from './expected.ts';
import { installSuite, nodeForSuite, runSuite, type Suite, type Verdict } from './suite.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const cache = join(root, '.cache', 'conformance');
const results = join(root, 'results', 'conformance');
const fixture = fileURLToPath(new URL('../fixtures/everything-server/main.js', import.meta.url));

const suites: readonly Suite[] = [
  { name: '2025-11-25', version: '0.2.0-alpha.12', args: ['--suite', 'all', '--spec-version', '2025-11-25'] },
  { name: 'stable', version: '0.1.16', args: ['--suite', 'all'] },
];

type Way = 'direct' | 'http' | 'stdio' | 'sse';

interface Served {
  readonly url: string;
  close(): Promise<void>;
}

interface Leg {
  readonly suite: Suite;
  readonly way: Way;
  readonly outcome: Verdict | Error;
}

const serve: Readonly<Record<Way, () => Promise<Served>>> = {
  direct: () => startHttpFixture({ port: 0 }),
  http: async () => {
    const upstream = await startHttpFixture({ port: 0 });
    return await behindGateway({ mcp: { host: upstream.url } }, upstream);
  },
  sse: async () => {
    const upstream = await startSseFixture({ port: 0 });
    return await behindGateway({ sse: { host: upstream.url } }, upstream);
  },
  stdio: () => behindGateway({ stdio: { cmd: process.execPath, args: [fixture, '--stdio'] } }),
};

async function behindGateway(target: Record<string, unknown>, upstream?: Served): Promise<Served> {
  try {
    const gateway = await startGateway({ mcp: { targets: [{ name: 'fixture', ...target }] } });
    return {
      url: gateway.url,
      close: async () => {
        await gateway.stop();
        await upstream?.close();
      },
    };
  } catch (error) {
    await upstream?.close();
    throw error;
  }
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      direct: { type: 'boolean', default: false },
      via: { type: 'string', default: 'http,stdio,sse' },
      suite: { type: 'string' },
    },
  });
  const through = values.direct ? [] : (values.via.split(',') as Way[]);
  const unknown = through.filter((way) => !(way in serve));
  if (unknown.length > 0) throw new Error(`--via knows http, stdio and sse, not ${unknown.join(', ')}`);
  if (through.length > 0 && !gatewayIsBuilt())
    throw new Error('the gateway is not built: npm run build, or --direct');
  const chosen = suites.filter(({ name }) => values.suite === undefined || name === values.suite);
  const node = await nodeForSuite(cache);
  const legs: Leg[] = [];
  for (const suite of chosen) {
    const program = await installSuite(cache, suite);
    for (const way of ['direct' as const, ...through]) {
      legs.push({ suite, way, outcome: await runLeg({ suite, way, node, program }) });
    }
  }
  return report(legs, chosen, ['direct', ...through]);
}

async function runLeg(leg: {
  suite: Suite;
  way: Way;
  node: string;
  program: string;
}): Promise<Verdict | Error> {
  const { suite, way, node, program } = leg;
  console.log(`${suite.name} ${way === 'direct' ? way : `via ${way}`} ...`);
  let served: Served | undefined;
  try {
    served = await serve[way]();
    const into = join(results, `${suite.name}-${way}`);
    return await runSuite({ node, program, args: suite.args, url: served.url, results: into });
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  } finally {
    await served?.close();
  }
}

const legName = ({ suite, way }: Leg): string => `${suite.name} ${way === 'direct' ? way : `via ${way}`}`;

function report(legs: readonly Leg[], chosen: readonly Suite[], ways: readonly Way[]): number {
  let passed = 0;
  let failed = 0;
  for (const leg of legs) {
    if (leg.outcome instanceof Error) {
      console.log(`\n${legName(leg)}: could not run\n  ${leg.outcome.message}`);
      failed++;
      continue;
    }
    passed += leg.outcome.passed.size;
    const direct = legs.find(({ suite, way }) => suite === leg.suite && way === 'direct')?.outcome;
    failed += judge(legName(leg), leg.outcome, direct instanceof Error ? undefined : direct);
  }
  printTable(legs, chosen, ways);
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

/** How many failures count: those nobody expected, and expectations that no longer hold. */
function judge(name: string, verdict: Verdict, direct: Verdict | undefined): number {
  const known = new Map((expected[name] ?? []).map(({ check, reason }) => [check, reason]));
  const failures = new Map([...notReached(verdict, direct), ...verdict.failures]);
  const lines: string[] = [];
  let counted = 0;
  for (const [check, message] of failures) {
    const reason = known.get(check);
    if (reason === undefined) counted++;
    lines.push(reason === undefined ? `FAILED ${check}: ${message}` : `known  ${check}: ${reason}`);
  }
  for (const check of known.keys()) {
    if (failures.has(check)) continue;
    counted++;
    lines.push(`STALE  ${check}: does not fail any more, take it from expected.ts`);
  }
  for (const [check, message] of verdict.warnings) lines.push(`warned ${check}: ${message}`);
  if (lines.length > 0) console.log(`\n${name}\n  ${lines.join('\n  ')}`);
  return counted;
}

/** A check may be skipped rather than fail, when the suite meets what is optional: what passes directly must pass. */
function notReached({ passed, failures }: Verdict, direct: Verdict | undefined): [string, string][] {
  const missing = [...(direct?.passed ?? [])].filter((check) => !passed.has(check) && !failures.has(check));
  return missing.map((check) => [check, 'passes directly, was not reached here']);
}

function printTable(legs: readonly Leg[], chosen: readonly Suite[], ways: readonly Way[]): void {
  const cell = (suite: Suite, way: Way): string => {
    const outcome = legs.find((leg) => leg.suite === suite && leg.way === way)?.outcome;
    return outcome && !(outcome instanceof Error)
      ? `${outcome.passed.size}/${outcome.failures.size}`
      : 'error';
  };
  console.log('\npassed/failed checks of the official suite\n');
  console.log(
    `| suite | ${ways.map((way) => (way === 'direct' ? way : `via ${way} upstream`)).join(' | ')} |`,
  );
  console.log(`|---|${ways.map(() => '---').join('|')}|`);
  for (const suite of chosen) {
    console.log(`| ${suite.version} ${suite.name} | ${ways.map((way) => cell(suite, way)).join(' | ')} |`);
  }
  console.log('');
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

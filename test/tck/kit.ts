/** A checkout of the official test kit (a2aproject/a2a-tck): which line it is of, and one run of its tests. */
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { run } from '../fixtures/programs.ts';
import type { Line } from './agent.ts';

export const TRANSPORTS = ['jsonrpc', 'rest', 'grpc'] as const;
export type Transport = (typeof TRANSPORTS)[number];

export interface Kit {
  readonly folder: string;
  readonly line: Line;
  readonly python: string;
}

/** Outcomes by test: `passed`, `failed`, `skipped`, `error`, `xfailed`, `xpassed`. */
export type Outcomes = ReadonlyMap<string, string>;

/** What the kit waits for events, in seconds; tasks that are to be met at work last twice as long. */
export const STREAMING_SECONDS = 2;
const RUN_MS = 900_000;
const INSTALL_MS = 600_000;
/** Beside its requirements.txt, which does not name all of them. */
const PACKAGES = ['python-dotenv', 'pyOpenSSL', 'aiohttp', 'grpcio-status', 'proto-plus', 'pytest-timeout'];

/** `python`: one that has the kit's packages; else they are installed into a virtual environment below `cache`. */
export async function kitAt(path: string, python: string | undefined, cache: string): Promise<Kit> {
  const folder = resolve(path);
  const stubs = join(folder, 'tck/grpc_stubs/a2a_pb2.py');
  if (!existsSync(stubs)) throw new Error(`${folder} is no checkout of a2aproject/a2a-tck`);
  const line = (await readFile(stubs, 'utf8')).includes('lf.a2a.v1') ? '1.0' : '0.3';
  return { folder, line, python: python ?? (await environment(folder, cache)) };
}

async function environment(folder: string, cache: string): Promise<string> {
  const python = join(cache, 'bin/python');
  await mkdir(cache, { recursive: true });
  const requirements = ['-r', join(folder, 'requirements.txt'), ...PACKAGES];
  for (const [command, args] of [
    ['python3', ['-m', 'venv', cache]],
    [python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...requirements]],
  ] as const) {
    const { code, output } = await run(command, [...args], { deadline: INSTALL_MS });
    if (code !== 0) throw new Error(`the kit's packages could not be installed:\n${output.slice(-2_000)}`);
  }
  return python;
}

export interface Trial {
  readonly url: string;
  readonly transport: Transport;
  /** File that pytest writes. */
  readonly report: string;
}

export async function runKit({ folder, python }: Kit, { url, transport, report }: Trial): Promise<Outcomes> {
  const args = [
    ...['-m', 'pytest', 'tests/mandatory', 'tests/optional', '-q', '--timeout=60', '-p', 'no:cacheprovider'],
    ...[`--sut-url=${url}`, '--test-scope=all', `--transports=${transport}`, '--tb=short'],
    ...['--json-report', `--json-report-file=${report}`],
  ];
  const env = {
    ...process.env,
    TCK_STREAMING_TIMEOUT: String(STREAMING_SECONDS),
    PYTHONDONTWRITEBYTECODE: '1',
  };
  const { output } = await run(python, args, { cwd: folder, env, deadline: RUN_MS });
  if (!existsSync(report)) throw new Error(`the kit did not run:\n${output.slice(-2_000)}`);
  const { tests = [] } = JSON.parse(await readFile(report, 'utf8')) as {
    tests?: { nodeid: string; outcome: string }[];
  };
  if (tests.length === 0) throw new Error(`the kit ran no tests:\n${output.slice(-2_000)}`);
  return new Map(tests.map(({ nodeid, outcome }) => [nodeid, outcome]));
}

/** What it takes to read the largest description that is public: from the start of the process, and what stays of it. */
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startGateway } from '../test/fixtures/gateway.ts';
import { installPackage } from '../test/fixtures/packages.ts';
import { recordsDescription } from './api-description.ts';
import { listBody, withConnection } from './lanes.ts';
import { cache } from './processes.ts';
import { median } from './report.ts';
import { cpuSeconds, measuredCore, peakMegabytes, rssMegabytes } from './sample.ts';
import type { ReportScenario } from './scenarios.ts';
import { endpoint, exchange, openSession, request } from './session.ts';

interface Described {
  readonly file: string;
  readonly tools: number;
}

interface Load {
  readonly seconds: number;
  readonly cpu: number | undefined;
  readonly rss: number | undefined;
  readonly peak: number | undefined;
}

/** Throws where fewer tools than `tools` came of it. */
async function load({ file, tools }: Described): Promise<Load> {
  const target = { name: 'api', openapi: { host: 'http://127.0.0.1:9', schema: { file } } };
  const begun = performance.now();
  const { url, pid, stop } = await startGateway({
    mcp: { targets: [target] },
    prefix: measuredCore,
    settings: { logging: { level: 'warn' } },
  });
  try {
    const seconds = (performance.now() - begun) / 1_000;
    const loaded = { seconds, cpu: cpuSeconds(pid), rss: rssMegabytes(pid), peak: peakMegabytes(pid) };
    const listed = (await wholeList(url)).split('"inputSchema"').length - 1;
    if (listed < tools) throw new Error(`${listed} tools of a description with ${tools} operations or more`);
    return loaded;
  } finally {
    await stop();
  }
}

function wholeList(url: string): Promise<string> {
  const to = endpoint(url);
  return withConnection(to, async (connection) => {
    const session = await openSession(connection, to);
    const { body } = await exchange(connection, request(to, listBody(), session), '"result"');
    return body.toString('utf8');
  });
}

function row(name: string, loads: readonly Load[]): string {
  const figure = (of: (load: Load) => number | undefined, digits: number): string =>
    median(loads.map((load) => of(load) ?? Number.NaN)).toFixed(digits);
  const cells = [
    figure(({ seconds }) => seconds, 2),
    figure(({ cpu }) => cpu, 2),
    figure(({ rss }) => rss, 0),
    figure(({ peak }) => peak, 0),
  ];
  return `| ${name} | ${cells.join(' | ')} |`;
}

export const apiLoad: ReportScenario = {
  kind: 'report',
  name: 'openapi-load',
  about: 'from the start of the process until a description is read; @octokit/openapi 23.0.2',
  async run(rounds) {
    const folder = await mkdtemp(join(tmpdir(), 'bench-'));
    try {
      const small = { file: join(folder, 'records.json'), tools: 1 };
      const large = { file: join(folder, 'github.json'), tools: 1_000 };
      await writeFile(small.file, recordsDescription(small.tools));
      const octokit = await installPackage(cache, '@octokit/openapi', '23.0.2');
      await copyFile(join(octokit, 'generated', 'api.github.com.json'), large.file);
      const loads: Record<'one operation' | 'GitHub', Load[]> = { 'one operation': [], GitHub: [] };
      for (let round = 0; round < rounds; round++) {
        loads['one operation'].push(await load(small));
        loads.GitHub.push(await load(large));
      }
      const rows = Object.entries(loads).map(([name, each]) => row(name, each));
      const heading = ['| description | s | CPU s | RSS MB | peak MB |', '|---|---:|---:|---:|---:|'];
      return { table: [...heading, ...rows].join('\n'), results: loads };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};

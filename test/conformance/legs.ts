/** Runs one leg: starts the fixture, the gateway before it where there is one, and the suite. Does not judge. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startHttpFixture } from '../fixtures/everything-server/http.ts';
import type { Eras } from '../fixtures/everything-server/server.ts';
import { startSseFixture } from '../fixtures/everything-server/sse.ts';
import { startGateway } from '../fixtures/gateway.ts';
import { type ClientRow, legName, type Row, type ServerRow, type Way } from './rows.ts';
import {
  clientScenarios,
  requiredScenarios,
  runClientScenario,
  runServerSuite,
  type Suite,
  type Verdict,
} from './suite.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const results = join(root, 'results', 'conformance');
const server = fileURLToPath(new URL('../fixtures/everything-server/main.js', import.meta.url));
const client = fileURLToPath(new URL('../fixtures/everything-client/main.js', import.meta.url));

interface Served {
  readonly url: string;
  close(): Promise<void>;
}

/** The suite waits 600 ms for some first messages; on a busy machine a child may take longer to start. */
const SPARES = 3;

const serve: Readonly<Record<Way, (eras: Eras) => Promise<Served>>> = {
  direct: () => startHttpFixture({ port: 0 }),
  http: async (eras) => {
    const upstream = await startHttpFixture({ port: 0, eras });
    return await behindGateway({ mcp: { host: upstream.url } }, upstream);
  },
  sse: async () => {
    const upstream = await startSseFixture({ port: 0 });
    return await behindGateway({ sse: { host: upstream.url } }, upstream);
  },
  stdio: (eras) => {
    const args = [server, '--stdio', '--eras', eras];
    return behindGateway({ stdio: { cmd: process.execPath, args, warm: SPARES } });
  },
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

export async function runLeg(suite: Suite, row: Row, way: Way): Promise<Verdict> {
  const into = join(results, legName(row, way).replaceAll(' ', '-'));
  const place = { way, into };
  return row.kind === 'server' ? await serverLeg(suite, row, place) : await clientLeg(suite, row, place);
}

interface Place {
  readonly way: Way;
  /** Folder of the suite's own reports. */
  readonly into: string;
}

async function serverLeg(suite: Suite, row: ServerRow, { way, into }: Place): Promise<Verdict> {
  const served = await serve[way](row.eras);
  try {
    if (!row.scenarios) return await runServerSuite(suite, served.url, { args: row.args, results: into });
    const verdicts: Verdict[] = [];
    for (const scenario of row.scenarios) {
      const args = [...row.args, '--scenario', scenario];
      verdicts.push(await runServerSuite(suite, served.url, { args, results: join(into, scenario) }));
    }
    return joined(verdicts);
  } finally {
    await served.close();
  }
}

/** One scenario after the other: each starts a client and, where it stands between, a gateway of its own. */
async function clientLeg(suite: Suite, row: ClientRow, { way, into }: Place): Promise<Verdict> {
  const { revision, requirements } = row;
  const login = requirements === undefined ? [] : ['--login'];
  const command = [process.execPath, client, ...(way === 'direct' ? [] : ['--gateway', ...login])].join(' ');
  const scenarios =
    requirements === undefined
      ? await clientScenarios(suite, revision)
      : await requiredScenarios(suite, requirements, 'client');
  const verdicts: Verdict[] = [];
  for (const scenario of scenarios) {
    const leg = { command, scenario, revision, results: join(into, scenario) };
    verdicts.push(await runClientScenario(suite, leg));
  }
  return joined(verdicts);
}

function joined(verdicts: readonly Verdict[]): Verdict {
  return {
    passed: new Set(verdicts.flatMap(({ passed }) => [...passed])),
    failures: new Map(verdicts.flatMap(({ failures }) => [...failures])),
    warnings: new Map(verdicts.flatMap(({ warnings }) => [...warnings])),
  };
}

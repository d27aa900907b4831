/**
 * `npm run tck -- --tck FOLDER [--python PYTHON] [--transports jsonrpc,rest,grpc] [--direct]`: the official test kit of A2A
 * against an agent of the official SDK, directly and through the gateway. Fails where the gateway makes a difference. The
 * kit is not in a package registry, so its checkout (github.com/a2aproject/a2a-tck) has to be there, and CI does not run it.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type GatewayProcess, startGateway } from '../fixtures/gateway.ts';
import { startTriedAgent, type TriedAgent } from './agent.ts';
import { type Kit, kitAt, type Outcomes, runKit, STREAMING_SECONDS, TRANSPORTS } from './kit.ts';

const CACHE = fileURLToPath(new URL('../../../.cache/tck', import.meta.url));

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      tck: { type: 'string' },
      python: { type: 'string' },
      transports: { type: 'string', default: TRANSPORTS.join(',') },
      direct: { type: 'boolean', default: false },
    },
  });
  if (values.tck === undefined) throw new Error('say where the kit is: --tck FOLDER');
  const asked = values.transports.split(',');
  const transports = TRANSPORTS.filter((each) => asked.includes(each));
  if (transports.length !== asked.length) throw new Error(`--transports knows ${TRANSPORTS.join(', ')}`);
  const kit = await kitAt(values.tck, values.python, CACHE);
  console.log(`the kit of A2A ${kit.line}`);
  let differences = 0;
  for (const transport of transports) {
    const direct = await tried(kit, transport, false);
    console.log(`${transport.padEnd(8)} direct   ${counts(direct)}`);
    if (values.direct) continue;
    const through = await tried(kit, transport, true);
    console.log(`${transport.padEnd(8)} through  ${counts(through)}`);
    for (const test of new Set([...direct.keys(), ...through.keys()])) {
      const [before, after] = [direct.get(test), through.get(test)];
      if (before === after) continue;
      differences += 1;
      console.log(`  ${test}: ${before} directly, ${after} through the gateway`);
    }
  }
  if (!values.direct) console.log(`\n${differences} differences`);
  return differences === 0 ? 0 : 1;
}

/** With an agent of its own, which knows no task yet. */
async function tried(kit: Kit, transport: (typeof TRANSPORTS)[number], through: boolean): Promise<Outcomes> {
  const folder = await mkdtemp(join(tmpdir(), 'tck-'));
  const agent = await startTriedAgent({ line: kit.line, longMs: STREAMING_SECONDS * 2_000 });
  let gateway: GatewayProcess | undefined;
  try {
    if (through) gateway = await startGateway({ config: configFor(agent) });
    const url = gateway ? new URL(gateway.url).origin : `http://127.0.0.1:${agent.port}`;
    return await runKit(kit, { url, transport, report: join(folder, 'report.json') });
  } finally {
    await gateway?.stop();
    await agent.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** The kit gives webhooks on this machine and at example.com, which need not resolve. */
function configFor({ port, grpcPort }: TriedAgent): string {
  const policies = {
    a2a: { webhooks: { hosts: ['localhost', '127.0.0.1', 'example.com', '*.example.com'] } },
  };
  const services = ['/lf.a2a.v1.A2AService', '/a2a.v1.A2AService'];
  const routes = [
    {
      matches: services.map((pathPrefix) => ({ path: { pathPrefix } })),
      policies,
      backends: [{ host: `127.0.0.1:${grpcPort}` }],
    },
    { policies, backends: [{ host: `127.0.0.1:${port}` }] },
  ];
  return `binds:\n  - port: 3000\n    listeners: ${JSON.stringify([{ routes }])}\n`;
}

function counts(outcomes: Outcomes): string {
  const by = new Map<string, number>();
  for (const outcome of outcomes.values()) by.set(outcome, (by.get(outcome) ?? 0) + 1);
  return [...by]
    .sort()
    .map(([outcome, count]) => `${count} ${outcome}`)
    .join(', ');
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

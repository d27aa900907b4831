/**
 * `npm run fidelity [-- --via http,sse,stdio,merged] [--verbose]`: everything our upstream says and is told, directly and
 * through the gateway, compared byte for byte.
 *
 * `npm run fidelity -- --upstream URL --gateway URL [--header 'name: value'] [--call 'tool={"a":1}']`: the same for a
 * server and a gateway that run somewhere, with requests that change nothing and the calls that are asked for.
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type GatewayProcess, startGateway } from '../fixtures/gateway.ts';
import { type RawServer, startRawServer } from '../fixtures/raw-server/http.ts';
import type { Case, Way } from './case.ts';
import { allCases, harmlessCases } from './cases.ts';
import { RawClient } from './client.ts';
import { report } from './report.ts';
import { compareAll, type Tally } from './run.ts';
import { neighbourOptions, upstreamOptions } from './upstream.ts';

async function compareOurs(way: Way): Promise<Tally> {
  const upstream = await startRawServer(upstreamOptions);
  const neighbour = await startRawServer(neighbourOptions);
  let gateway: GatewayProcess | undefined;
  try {
    gateway = await startGateway({ mcp: { targets: targetsOf(way, upstream, neighbour) } });
    const clients = { direct: new RawClient(upstream.url), through: new RawClient(gateway.url) };
    const tally = await compareAll(clients, allCases, way);
    clients.direct.close();
    clients.through.close();
    return tally;
  } finally {
    await gateway?.stop();
    await upstream.close();
    await neighbour.close();
  }
}

function targetsOf(way: Way, upstream: RawServer, neighbour: RawServer): unknown[] {
  const stdio = fileURLToPath(new URL('../fixtures/raw-server/stdio.js', import.meta.url));
  const name = 'raw';
  switch (way) {
    case 'http':
      return [{ name, mcp: { host: upstream.url } }];
    case 'sse':
      return [{ name, sse: { host: upstream.sseUrl } }];
    case 'stdio':
      return [{ name, stdio: { cmd: process.execPath, args: [stdio, JSON.stringify(upstreamOptions)] } }];
    case 'merged':
      return [
        { name, mcp: { host: upstream.url } },
        { name: 'neighbour', mcp: { host: neighbour.url } },
      ];
  }
}

async function compareTheirs(
  upstream: string,
  gateway: string,
  options: { header: string[]; call: string[] },
) {
  const headers = Object.fromEntries(
    options.header.map((text) => [
      text.slice(0, text.indexOf(':')).trim(),
      text.slice(text.indexOf(':') + 1).trim(),
    ]),
  );
  const calls = options.call.map((text): Case => {
    const at = text.indexOf('=');
    const name = at < 0 ? text : text.slice(0, at);
    const params = `{"name":${JSON.stringify(name)},"arguments":${at < 0 ? '{}' : text.slice(at + 1)}}`;
    return { group: 'calls', name, method: 'tools/call', params, compare: 'answer' };
  });
  const clients = { direct: new RawClient(upstream, headers), through: new RawClient(gateway, headers) };
  const tally = await compareAll(clients, [...harmlessCases, ...calls], 'http');
  clients.direct.close();
  clients.through.close();
  return tally;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      via: { type: 'string', default: 'http,sse,stdio,merged' },
      verbose: { type: 'boolean', default: false },
      upstream: { type: 'string' },
      gateway: { type: 'string' },
      header: { type: 'string', multiple: true, default: [] },
      call: { type: 'string', multiple: true, default: [] },
    },
  });
  const { verbose, upstream, gateway } = values;
  if ((upstream === undefined) !== (gateway === undefined))
    throw new Error('--upstream and --gateway go together');
  if (upstream !== undefined && gateway !== undefined) {
    return report([await compareTheirs(upstream, gateway, values)], { verbose, own: false });
  }
  const tallies: Tally[] = [];
  for (const way of values.via.split(',') as Way[]) tallies.push(await compareOurs(way));
  return report(tallies, { verbose, own: true });
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

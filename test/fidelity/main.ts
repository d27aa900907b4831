/**
 * `npm run fidelity [-- --pair legacy-modern,... --via http,sse,stdio,merged] [--verbose]`: everything our upstream says
 * and is told, compared byte for byte, for the four pairs of eras: clients of either era with servers that speak one. What
 * a client of the server's own era sees directly is the measure; what is sent, for requests.
 *
 * `npm run fidelity -- --upstream URL --gateway URL [--header 'name: value'] [--call 'tool={"a":1}'] [--pair ...]`: the
 * same for a server and a gateway that run somewhere, with requests that change nothing and the calls that are asked for.
 */
import { parseArgs } from 'node:util';
import { type Case, erasOf, PAIRS, type Pair, type Place, type Way, waysOf } from './case.ts';
import { casesOf, harmlessCases } from './cases.ts';
import { report } from './report.ts';
import { compareAll, type Tally } from './run.ts';
import { sdkCases } from './sdk-cases.ts';
import { clientOf, openWorld } from './world.ts';

async function compareOurs(place: Place): Promise<Tally> {
  const world = await openWorld(place);
  try {
    const cases = place.way === 'sdk' ? sdkCases(place.pair) : casesOf(place.pair);
    return await compareAll(world.clients, cases, place);
  } finally {
    await world.close();
  }
}

interface Theirs {
  readonly pair: Pair;
  readonly upstream: string;
  readonly gateway: string;
  readonly header: readonly string[];
  readonly call: readonly string[];
}

async function compareTheirs({ pair, upstream, gateway, header, call }: Theirs): Promise<Tally> {
  const headers = Object.fromEntries(
    header.map((text) => [text.slice(0, text.indexOf(':')).trim(), text.slice(text.indexOf(':') + 1).trim()]),
  );
  const calls = call.map((text): Case => {
    const at = text.indexOf('=');
    const name = at < 0 ? text : text.slice(0, at);
    const params = `{"name":${JSON.stringify(name)},"arguments":${at < 0 ? '{}' : text.slice(at + 1)}}`;
    return { group: 'calls', name, method: 'tools/call', params, compare: 'answer' };
  });
  const { client, server } = erasOf(pair);
  const clients = {
    direct: clientOf(server, upstream, headers),
    through: clientOf(client, gateway, headers),
    headers: () => undefined,
    watched: 'fidelity://nothing',
  };
  try {
    return await compareAll(clients, [...harmlessCases(client), ...calls], { pair, way: 'http' });
  } finally {
    clients.direct.close();
    clients.through.close();
  }
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      pair: { type: 'string' },
      via: { type: 'string' },
      verbose: { type: 'boolean', default: false },
      upstream: { type: 'string' },
      gateway: { type: 'string' },
      header: { type: 'string', multiple: true, default: [] },
      call: { type: 'string', multiple: true, default: [] },
    },
  });
  const { verbose, upstream, gateway } = values;
  const pairs = values.pair === undefined ? undefined : listed(values.pair, PAIRS);
  if ((upstream === undefined) !== (gateway === undefined))
    throw new Error('--upstream and --gateway go together');
  if (upstream !== undefined && gateway !== undefined) {
    const [pair = 'legacy-legacy'] = pairs ?? [];
    return report([await compareTheirs({ ...values, pair, upstream, gateway })], { verbose, whole: false });
  }
  const ways = values.via === undefined ? undefined : listed(values.via, waysOf('legacy-legacy'));
  const tallies: Tally[] = [];
  for (const pair of pairs ?? PAIRS) {
    for (const way of waysOf(pair))
      if (ways?.includes(way) ?? true) tallies.push(await compareOurs({ pair, way }));
  }
  return report(tallies, { verbose, whole: pairs === undefined && ways === undefined });
}

function listed<T extends Pair | Way>(text: string, known: readonly T[]): T[] {
  return text.split(',').map((name) => {
    const found = known.find((each) => each === name);
    if (found === undefined) throw new Error(`"${name}" is none of ${known.join(', ')}`);
    return found;
  });
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

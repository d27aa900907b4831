/** Where the gateway spends its time: the functions with the most of their own, from a CPU profile that Node wrote. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** Idle time is left out: a pinned gateway waits for the generator, which is no work of its own. */
export async function hotFunctions(folder: string, count = 40): Promise<string> {
  const spent = new Map<string, number>();
  for (const file of await readdir(folder)) {
    if (!file.endsWith('.cpuprofile')) continue;
    const profile = JSON.parse(await readFile(join(folder, file), 'utf8')) as Profile;
    const names = new Map(profile.nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
    profile.samples.forEach((id, index) => {
      const name = names.get(id) ?? '?';
      if (name !== '(idle)') spent.set(name, (spent.get(name) ?? 0) + (profile.timeDeltas[index] ?? 0));
    });
  }
  const total = [...spent.values()].reduce((sum, value) => sum + value, 0);
  const top = [...spent].sort(([, a], [, b]) => b - a).slice(0, count);
  const lines = top.map(([name, time]) => `| ${((100 * time) / total).toFixed(1)} | ${name} |`);
  return ['| % of busy time | function |', '|---:|---|', ...lines].join('\n');
}

function nameOf({ functionName, url, lineNumber }: Profile['nodes'][number]['callFrame']): string {
  if (url === '') return functionName;
  const place = url.replace(/^.*\/(?=(?:src|node_modules)\/)/, '').replace(/^file:\/\//, '');
  return `${functionName === '' ? '(anonymous)' : functionName} ${place}:${lineNumber + 1}`;
}
